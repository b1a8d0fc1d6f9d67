from odoo import api, fields, models
from odoo.exceptions import UserError


class SadeemSaasDockerRevision(models.Model):
    """A compose text that a client's stack was deployed with, and the settings it was made of.

    Rows are written by operations only, and stay as they are but for the moment of deployment.
    """

    _name = "sadeem.saas.docker.revision"
    _description = "Revision of a Client's Stack"
    _order = "client_id, number desc"
    _rec_name = "number"

    client_id = fields.Many2one(
        "saas_portal.client", required=True, readonly=True, index=True, ondelete="cascade"
    )
    company_id = fields.Many2one(related="client_id.company_id", store=True)
    number = fields.Integer(required=True, readonly=True)
    compose = fields.Text(string="Compose File", required=True, readonly=True)
    settings = fields.Json(required=True, readonly=True)
    image = fields.Char(required=True, readonly=True)
    user_id = fields.Many2one("res.users", string="Who", readonly=True)
    create_date = fields.Datetime(string="When", readonly=True)
    reason = fields.Char(string="Why", required=True, readonly=True)
    deployed_at = fields.Datetime(
        readonly=True, help="When the stack first ran with it; empty: it has not yet."
    )
    is_current = fields.Boolean(string="Current", compute="_compute_is_current")

    _number_unique = models.Constraint(
        "UNIQUE (client_id, number)", "The client has a revision of this number already."
    )

    @api.depends("client_id.docker_revision_id")
    def _compute_is_current(self):
        for revision in self:
            revision.is_current = revision.client_id.docker_revision_id == revision

    @api.depends("number", "reason")
    def _compute_display_name(self):
        for revision in self:
            revision.display_name = f"{revision.number}: {revision.reason or ''}"

    def action_return(self):
        """Give the client the settings of this revision again, and rebuild its stack."""
        self.ensure_one()
        self.check_access("read")
        client = self.client_id
        client.check_access("write")
        if self.is_current:
            raise UserError(
                self.env._(
                    "%(name)s runs revision %(number)s already.",
                    name=client.name,
                    number=self.number,
                )
            )
        client._check_may_run(self.image)
        client._start_rebuild(self.env._("Return to revision %(number)s", number=self.number), self)
        return {"type": "ir.actions.client", "tag": "soft_reload"}
