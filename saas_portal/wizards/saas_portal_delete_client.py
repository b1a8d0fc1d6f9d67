from odoo import Command, api, fields, models
from odoo.exceptions import UserError


class SaasPortalDeleteClient(models.TransientModel):
    """Shows what will be deleted, and asks for it by name."""

    _name = "saas_portal.delete_client"
    _description = "Delete SaaS Clients"

    client_ids = fields.Many2many(
        "saas_portal.client",
        readonly=True,
        default=lambda self: [Command.set(self.env.context.get("active_ids", []))],
    )
    expected = fields.Char(compute="_compute_expected")
    confirmation = fields.Char(string="Type It")

    @api.depends("client_ids")
    def _compute_expected(self):
        for wizard in self:
            one = len(wizard.client_ids) == 1
            wizard.expected = (
                wizard.client_ids.name
                if one
                else self.env._("delete %(count)s", count=len(wizard.client_ids))
            )

    def action_apply(self):
        """Delete the client; several are deleted in the background, one result for each."""
        self.ensure_one()
        if not self.client_ids:
            raise UserError(self.env._("Choose at least one client."))
        if (self.confirmation or "").strip() != self.expected:
            raise UserError(self.env._("Type “%(expected)s” to delete.", expected=self.expected))
        if len(self.client_ids) > 1:
            return self.client_ids._start_batch_delete()
        self.client_ids.delete_database()
        return self.client_ids._notify_outcome(self.env._("Deleted"), {})
