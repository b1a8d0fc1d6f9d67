from odoo import fields, models
from odoo.exceptions import UserError


class SaasPortalRemoveDatabase(models.TransientModel):
    """Shows what will be dropped for good, and asks for it by name."""

    _name = "saas_portal.remove_database"
    _description = "Remove Unknown Database"

    deviation_id = fields.Many2one(
        "saas_portal.deviation",
        required=True,
        readonly=True,
        ondelete="cascade",
        default=lambda self: self.env.context.get("active_id"),
    )
    name = fields.Char(related="deviation_id.name")
    key = fields.Char(related="deviation_id.key")
    confirmation = fields.Char(string="Type Its Name")

    def action_apply(self):
        self.ensure_one()
        if (self.confirmation or "").strip() != self.name:
            raise UserError(self.env._("Type “%(name)s” to remove it.", name=self.name))
        self.deviation_id._remove()
        return {"type": "ir.actions.client", "tag": "soft_reload"}
