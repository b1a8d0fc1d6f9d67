"""Passwords become tokens."""

import logging

from odoo import api, models
from odoo.exceptions import AccessDenied
from odoo.http import borrow_request

from ..lib.saas_rest.problems import Problem
from ..lib.saas_rest.text import _lt

_logger = logging.getLogger(__name__)


class SaasRestLogin(models.AbstractModel):
    """Logs in for clients that have no token yet.

    Nothing in the answer, its time included, tells an unknown login from a wrong password.
    """

    _name = "saas_rest.login"
    _description = "REST Login"

    @api.model
    def _mint_by_password(self, login, password, ip, values):
        """A new token for whoever knows the password (or an API key).

        :return: the token's record and value
        :raises Problem: ``credentials-invalid``, ``mfa-required``, ``login-throttled``, or what
            :meth:`~SaasRestToken._mint` raises
        """
        limiter = self.env["saas_rest.limiter"]
        limiter._check_login(login, ip)
        try:
            user = self._check_password(login, password)
        except AccessDenied:
            _logger.info("REST login failed for login:%s from %s", login, ip)
            limiter._login_failed(login, ip)
            raise Problem("credentials-invalid") from None
        limiter._login_succeeded(login, ip)
        if user._rpc_api_keys_only() and not self._is_api_key(user, password):
            raise Problem("mfa-required", _lt("Make a token on the user form, or use an API key."))
        tokens = self.env["saas_rest.token"].with_user(user).sudo()
        return tokens._mint(user, {**values, "source": "password"})

    @api.model
    def _check_password(self, login, password):
        """The user of these credentials.

        :raises AccessDenied: when they are wrong
        """
        users = self.env["res.users"].sudo()
        user = users.search(users._get_login_domain(login), order=users._get_login_order(), limit=1)
        if not user or not self._has_password(user):
            # As long as it takes to look at a real password.
            users._crypt_context().hash(password)
        if not user:
            raise AccessDenied
        # Who has a second factor is told so, but only if the first one is right.
        interactive = user._rpc_api_keys_only() and not self._is_api_key(user, password)
        credential = {"type": "password", "login": login, "password": password}
        # Without the request, as for XML-RPC: no session, and no counting of failures by address,
        # which a success on any other login would reset.
        with borrow_request():
            if interactive:
                acting = user.with_user(user).sudo()
                acting._check_credentials(credential, {"interactive": True})
            else:
                users.authenticate(credential, {"interactive": False})
        return user

    @api.model
    def _has_password(self, user):
        self.env.cr.execute(
            "SELECT COALESCE(password, '') <> '' FROM res_users WHERE id = %s", [user.id]
        )
        return self.env.cr.fetchone()[0]

    @api.model
    def _is_api_key(self, user, password):
        keys = self.env["res.users.apikeys"].sudo()
        return keys._check_credentials(scope="rpc", key=password) == user.id

    @api.model
    def _describe_login(self, token, value, extended):
        """The answer of the older token call: four keys, in this order, and more if wanted."""
        user = token.user_id
        answer = {
            "uid": user.id,
            "company_id": user.company_id.id,
            "partner_id": user.partner_id.id,
            "access_token": value,
        }
        if extended:
            details = token._describe()
            context = user.with_user(user).context_get()
            answer |= {
                "expires_in": details["expires_in"],
                "expires_at": details["expires_at"],
                "token_type": "Bearer",
                "user_context": dict(context),
                "company_ids": list(user._get_company_ids()),
            }
        return answer
