from odoo import fields, models
from odoo.exceptions import UserError


class SaasPortalRestoreBackup(models.TransientModel):
    """Says what going back to a backup undoes, and asks for it by name."""

    _name = "saas_portal.restore_backup"
    _description = "Restore Backup of SaaS Client"

    backup_id = fields.Many2one(
        "saas_portal.client.backup",
        required=True,
        readonly=True,
        ondelete="cascade",
        default=lambda self: self.env.context.get("active_id"),
    )
    client_id = fields.Many2one(related="backup_id.client_id")
    client_name = fields.Char(related="backup_id.client_id.name")
    made_at = fields.Datetime(related="backup_id.made_at")
    confirmation = fields.Char(string="Type It")

    def action_apply(self):
        """Start it and show the client, whose form tells how far it is."""
        self.ensure_one()
        if (self.confirmation or "").strip() != self.client_name:
            raise UserError(self.env._("Type “%(expected)s” to go on.", expected=self.client_name))
        self.client_id._restore_backup(self.backup_id)
        return self.client_id._get_form_action()
