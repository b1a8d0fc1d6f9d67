from odoo import fields, models

from ..lib.saas_rules.payload import (
    EXPIRATION,
    MAX_USERS,
    STORAGE_LIMIT,
    SUSPENDED,
    TRIAL,
    VISIBLE_MODULES,
)


class SaasConfigParam(models.TransientModel):
    """A parameter that the wizard sets in clients."""

    _name = "saas.config.param"
    _description = "Parameter of SaaS Clients"

    config_id = fields.Many2one("saas.config", required=True, ondelete="cascade")
    key = fields.Selection(
        [
            (MAX_USERS, "User limit (0 is unlimited)"),
            (STORAGE_LIMIT, "Storage limit in MB (0 is unlimited)"),
            (SUSPENDED, "Suspended (1 or 0)"),
            (EXPIRATION, "Expiry (2030-01-31 12:00:00, UTC)"),
            (TRIAL, "Trial (1 or 0)"),
            (VISIBLE_MODULES, "Visible apps, with commas"),
        ],
        string="Parameter",
        required=True,
    )
    value = fields.Char()
    hidden = fields.Boolean(default=True, help="Nobody in the client can read it.")

    def _prepare_entry(self):
        self.ensure_one()
        return {"key": self.key, "value": self.value or "", "hidden": self.hidden}
