from odoo import fields, models


class SaasPortalRenameClient(models.TransientModel):
    """Asks for the new name of a client."""

    _name = "saas_portal.rename_client"
    _description = "Rename SaaS Client"

    client_id = fields.Many2one(
        "saas_portal.client",
        required=True,
        ondelete="cascade",
        default=lambda self: self.env.context.get("active_id"),
    )
    old_name = fields.Char(related="client_id.name")
    name = fields.Char(string="New Name", required=True)

    def action_apply(self):
        self.ensure_one()
        self.client_id.rename_database(self.name.strip())
        return {"type": "ir.actions.client", "tag": "soft_reload"}
