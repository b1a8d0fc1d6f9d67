from odoo import api, fields, models
from odoo.tools import SQL

_KEPT_DAYS = 730


class SaasPortalClientUsage(models.Model):
    """What one client used on one day: the last figures that were read of it."""

    _name = "saas_portal.client.usage"
    _description = "Usage of SaaS Clients"
    _order = "date desc, client_id"
    _rec_name = "date"
    _log_access = False

    client_id = fields.Many2one(
        "saas_portal.client", required=True, readonly=True, ondelete="cascade"
    )
    date = fields.Date(required=True, readonly=True)
    plan_id = fields.Many2one(
        "saas_portal.plan", readonly=True, ondelete="set null", help="As it was on that day."
    )
    server_id = fields.Many2one("saas_portal.server", readonly=True, ondelete="set null")
    company_id = fields.Many2one("res.company", readonly=True, ondelete="set null")
    users = fields.Integer(readonly=True, aggregator="avg")
    database_mb = fields.Float(
        string="Database (MB)", readonly=True, digits=(12, 1), aggregator="avg"
    )
    files_mb = fields.Float(string="Files (MB)", readonly=True, digits=(12, 1), aggregator="avg")
    total_mb = fields.Float(string="Storage (MB)", readonly=True, digits=(12, 1), aggregator="avg")

    _client_date_unique = models.Constraint(
        "UNIQUE (client_id, date)", "There are figures of this client and day."
    )
    _date_index = models.Index("(date)")

    @api.model
    def _record(self, clients):
        """Keep what the records of these clients show as the figures of today."""
        if not clients:
            return
        rows = [self._prepare_row(client) for client in clients]
        names = [SQL.identifier(name) for name in rows[0]]
        self.env.cr.execute(
            SQL(
                "INSERT INTO saas_portal_client_usage (%s) VALUES %s"
                " ON CONFLICT (client_id, date) DO UPDATE SET %s",
                SQL(", ").join(names),
                SQL(", ").join(tuple(row.values()) for row in rows),
                SQL(", ").join(SQL("%s = EXCLUDED.%s", name, name) for name in names),
            )
        )
        self.invalidate_model()

    def _prepare_row(self, client):
        return {
            "client_id": client.id,
            "date": fields.Date.today(),
            "plan_id": client.plan_id.id or None,
            "server_id": client.server_id.id or None,
            "company_id": client.company_id.id or None,
            "users": client.users_len,
            "database_mb": client.db_storage,
            "files_mb": client.file_storage,
            "total_mb": client.db_storage + client.file_storage,
        }

    @api.autovacuum
    def _gc_samples(self):
        """Forget what is older than ``saas_portal.usage_days`` days (two years)."""
        parameters = self.env["ir.config_parameter"].sudo()
        text = parameters.get_param("saas_portal.usage_days", "")
        days = int(text) if text.isdecimal() else _KEPT_DAYS
        oldest = fields.Date.subtract(fields.Date.today(), days=days)
        self.search([("date", "<", oldest)], limit=10000).unlink()
