from odoo import fields, models
from odoo.exceptions import UserError


class SaasPortalGiveUpClient(models.TransientModel):
    """Says what giving a client up means, and asks for it by name."""

    _name = "saas_portal.give_up_client"
    _description = "Give Up SaaS Client"

    client_id = fields.Many2one(
        "saas_portal.client",
        required=True,
        readonly=True,
        ondelete="cascade",
        default=lambda self: self.env.context.get("active_id"),
    )
    name = fields.Char(related="client_id.name")
    server_id = fields.Many2one(related="client_id.server_id")
    unreachable_since = fields.Datetime(related="client_id.unreachable_since")
    confirmation = fields.Char(string="Type Its Name")

    def action_apply(self):
        self.ensure_one()
        if (self.confirmation or "").strip() != self.name:
            raise UserError(self.env._("Type “%(name)s” to give it up.", name=self.name))
        self.client_id._give_up()
        return self.client_id._notify_outcome(self.env._("Given Up"), {})
