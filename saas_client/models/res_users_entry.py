import logging
import secrets

from odoo import api, models
from odoo.exceptions import AccessDenied

from ..lib.client_rules import TokenRefused, read_login_token

_logger = logging.getLogger(__name__)


class ResUsers(models.Model):
    """Logging in via the portal, with Odoo's auth_oauth.

    The portal's tokens are verified here, by signature and audience, without asking the portal:
    Odoo itself accepts for this database what was made for any other.
    """

    _inherit = "res.users"

    @api.model
    def auth_oauth(self, provider, params):
        """The session is tied to a secret of this database; the portal's token is not kept."""
        if not self._saas_is_portal(provider):
            return super().auth_oauth(provider, params)
        if not self.env.su:
            # The controller alone calls this as superuser; over RPC it would hand out the secret.
            raise AccessDenied()
        dbname, login, _token = super().auth_oauth(provider, params)
        user = self.search(self._get_login_domain(login), order=self._get_login_order(), limit=1)
        return dbname, login, user.sudo().oauth_access_token

    @api.model
    def _auth_oauth_validate(self, provider, access_token):
        if not self._saas_is_portal(provider):
            return super()._auth_oauth_validate(provider, access_token)
        try:
            login = read_login_token(access_token or "", **self._saas_get_trust())
            if not self.env["saas_client.used_token"]._use(login.jti, login.expires_at):
                raise TokenRefused("used already")
        except TokenRefused as reason:
            _logger.info("A login via the portal is refused: %s", reason)
            raise AccessDenied() from None
        return {"user_id": login.subject}

    @api.model
    def _auth_oauth_signin(self, provider, validation, params):
        """Let in whom the portal has named before, and make no user of anybody else."""
        if not self._saas_is_portal(provider):
            return super()._auth_oauth_signin(provider, validation, params)
        user = self.search(
            [("oauth_uid", "=", validation["user_id"]), ("oauth_provider_id", "=", provider)]
        )
        if len(user) != 1 or user in self._saas_get_operators():
            _logger.info("A login via the portal is refused: nobody here has this account")
            raise AccessDenied()
        if not user.oauth_access_token:
            # One for all devices: a new one would end the sessions on the others.
            user.oauth_access_token = secrets.token_urlsafe(32)
        return user.login

    @api.model
    def _saas_is_portal(self, provider):
        """Whether this is our portal's provider.

        :raises AccessDenied: it is no id; a text or number that only looks like one would pass by
        """
        if type(provider) is not int:
            raise AccessDenied()
        return provider == self.env["auth.oauth.provider"]._saas_get_portal().id

    def _saas_link_to_portal(self, subject):
        """Let the person whom the portal calls `subject`, and nobody else, in as this user."""
        self.ensure_one()
        provider = self.env["auth.oauth.provider"]._saas_get_portal()
        vals = {"oauth_provider_id": provider.id, "oauth_uid": subject}
        others = self.with_context(active_test=False).search(
            [("oauth_provider_id", "=", provider.id), ("oauth_uid", "=", subject)]
        )
        (others - self).write({"oauth_uid": False})
        if self.oauth_provider_id != provider or self.oauth_uid != subject:
            self.write({**vals, "oauth_access_token": False})
