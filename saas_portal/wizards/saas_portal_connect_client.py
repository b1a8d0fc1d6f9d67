from odoo import fields, models


class SaasPortalConnectClient(models.TransientModel):
    """Asks an operator why he connects to a client."""

    _name = "saas_portal.connect_client"
    _description = "Connect to SaaS Client"

    client_id = fields.Many2one(
        "saas_portal.client",
        required=True,
        ondelete="cascade",
        default=lambda self: self.env.context.get("active_id"),
    )
    reason = fields.Char(string="Why", required=True)

    def action_connect(self):
        self.ensure_one()
        return self.client_id.action_connect(self.reason)
