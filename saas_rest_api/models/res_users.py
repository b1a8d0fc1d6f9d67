"""Users and their tokens."""

from odoo import api, fields, models
from odoo.exceptions import AccessError

from odoo.addons.base.models.res_users import check_identity

TOKENS = "saas_rest.token"
GROUP = "saas_rest_api.group_rest_user"
MANAGER = "saas_rest_api.group_rest_manager"


class ResUsers(models.Model):
    """What ends a user's access ends his tokens too."""

    _inherit = "res.users"

    rest_token_ids = fields.One2many(TOKENS, "user_id", string="Access Tokens", readonly=True)
    may_have_rest_tokens = fields.Boolean(compute="_compute_may_have_rest_tokens")

    @property
    def SELF_READABLE_FIELDS(self):
        return super().SELF_READABLE_FIELDS + ["rest_token_ids", "may_have_rest_tokens"]

    @api.depends("all_group_ids")
    @api.depends_context("uid")
    def _compute_may_have_rest_tokens(self):
        manages = self.env.user.has_group(MANAGER)
        for user in self:
            mine = user._origin == self.env.user or manages
            user.may_have_rest_tokens = bool(user._origin) and mine and user.has_group(GROUP)

    # --- what ends tokens -------------------------------------------------------

    def write(self, vals):
        result = super().write(vals)
        if vals.get("active") is False:
            self._revoke_rest_tokens()
        elif {"group_ids", "role", "share"} & set(vals):
            self.filtered(lambda user: not user.has_group(GROUP))._revoke_rest_tokens()
        return result

    def _set_password(self):
        result = super()._set_password()
        self._revoke_rest_tokens([("source", "=", "password")])
        return result

    def _revoke_rest_tokens(self, domain=()):
        tokens = self.env[TOKENS].sudo()
        tokens.search([("user_id", "in", self.ids), *domain])._revoke()

    # --- actions ----------------------------------------------------------------

    def action_create_rest_token(self):
        """Opens the wizard that makes a token for this user."""
        self.ensure_one()
        self._check_manages_rest_tokens()
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Create Token"),
            "res_model": "saas_rest.token.create",
            "views": [(False, "form")],
            "target": "new",
            "context": {"default_user_id": self.id},
        }

    @check_identity
    def action_revoke_rest_tokens(self):
        """Revokes all tokens of this user."""
        self.ensure_one()
        self._check_manages_rest_tokens()
        self._revoke_rest_tokens()
        return {"type": "ir.actions.client", "tag": "soft_reload"}

    def _check_manages_rest_tokens(self):
        """Tokens are made and revoked by their owner and by managers.

        :raises AccessError: for anybody else
        """
        if self != self.env.user and not self.env.user.has_group(MANAGER):
            raise AccessError(self.env._("You may manage your own access tokens only."))
