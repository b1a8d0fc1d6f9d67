from odoo import api, fields, models
from odoo.exceptions import UserError


class SaasPortalDuplicateClient(models.TransientModel):
    """Asks for the name and the owner of a copy."""

    _name = "saas_portal.duplicate_client"
    _description = "Duplicate SaaS Client"

    client_id = fields.Many2one(
        "saas_portal.client",
        required=True,
        readonly=True,
        ondelete="cascade",
        default=lambda self: self.env.context.get("active_id"),
    )
    name = fields.Char(string="Database", required=True)
    user_id = fields.Many2one(
        "res.users",
        string="Owner",
        compute="_compute_user_id",
        store=True,
        readonly=False,
    )
    notify_user = fields.Boolean(string="Send the Welcome Mail")

    @api.depends("client_id")
    def _compute_user_id(self):
        for wizard in self:
            wizard.user_id = wizard.client_id.owner_id

    def action_apply(self):
        """Start copying and show the new client, whose form tells how far it is."""
        self.ensure_one()
        if not self.client_id.exists():
            raise UserError(self.env._("The client to copy has been removed."))
        self.client_id.check_access("write")
        owner = self.user_id
        if not owner:
            raise UserError(self.env._("Choose the owner of the copy."))
        same = owner == self.client_id.owner_id
        partner = self.client_id.partner_id if same else owner.partner_id
        client = self.client_id._duplicate(self.name.strip(), partner, owner, self.notify_user)
        return client._get_form_action()
