from odoo import api, fields, models


class SaasPortalRotateKeys(models.TransientModel):
    """Shows with which keys the portal signs, and changes them. For administrators of Odoo only."""

    _name = "saas_portal.rotate_keys"
    _description = "Signing Keys of the SaaS Portal"

    current_key = fields.Char(compute="_compute_keys")
    former_key = fields.Char(compute="_compute_keys")
    behind_count = fields.Integer(compute="_compute_keys")
    public_keys = fields.Text(compute="_compute_keys")

    def _compute_keys(self):
        keyring = self.env["saas_portal.keyring"]
        current, former = keyring._get_signing_key(), keyring._get_former_key()
        behind = self.env["saas_portal.client"]._find_behind(current.key_id) if former else []
        for wizard in self:
            wizard.current_key = current.key_id
            wizard.former_key = former and former.key_id
            wizard.behind_count = len(behind)
            wizard.public_keys = keyring._get_public_keys()

    @api.depends("current_key")
    def _compute_display_name(self):
        for wizard in self:
            wizard.display_name = self.env._("Signing Keys")

    def action_rotate_keys(self):
        """Make a new key; every client is told, and accepts both for a while."""
        self.check_access("write")
        self.env["saas_portal.keyring"]._change_key()
        return self._reopen()

    def action_drop_former_key(self):
        """Have the clients refuse the former key from now on."""
        self.check_access("write")
        self.env["saas_portal.keyring"]._drop_former_key()
        return self._reopen()

    def _reopen(self):
        return self.env["ir.actions.act_window"]._for_xml_id(
            "saas_portal.saas_portal_rotate_keys_action"
        )
