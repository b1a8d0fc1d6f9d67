from odoo import api, fields, models
from odoo.exceptions import UserError


class SadeemSaasDockerRemoveStack(models.TransientModel):
    """Says whose data goes with a stack that the portal does not know, and asks for it by name."""

    _name = "sadeem.saas.docker.remove_stack"
    _description = "Remove Unknown Stack"

    deviation_id = fields.Many2one(
        "sadeem.saas.docker.deviation",
        required=True,
        readonly=True,
        ondelete="cascade",
        default=lambda self: self.env.context.get("active_id"),
    )
    stack = fields.Char(related="deviation_id.stack")
    environment_id = fields.Many2one(related="deviation_id.environment_id")
    detail = fields.Char(
        related="deviation_id.detail", string="Client", help="Its host name, and what runs of it."
    )
    first_seen = fields.Datetime(related="deviation_id.create_date")
    expected = fields.Char(compute="_compute_expected")
    confirmation = fields.Char(string="Type It")

    @api.depends("deviation_id")
    def _compute_expected(self):
        """The client's host name; the stack's when nothing tells that."""
        for wizard in self:
            host = (wizard.detail or "").split(" ")[0]
            wizard.expected = wizard.stack if host.startswith("(") or not host else host

    def action_apply(self):
        self.ensure_one()
        if (self.confirmation or "").strip() != self.expected:
            raise UserError(self.env._("Type “%(name)s” to remove it.", name=self.expected))
        return self.deviation_id.action_remove()
