import logging
import time
from datetime import timedelta

from odoo import api, fields, models

from ..const import LIVE_STATES
from ..lib.saas_oauth import RequestRefused, make_answer_url
from ..lib.saas_wire import LOGIN_LIFETIME, read_login

_logger = logging.getLogger(__name__)

#: A client that was made before there was this way in has its addon updated first.
_UPDATE_TIMEOUT = 1800


class SaasPortalClient(models.Model):
    """Logging in to a client via the portal: the portal is its OAuth provider."""

    _inherit = "saas_portal.client"

    login_portal_url = fields.Char(
        readonly=True,
        copy=False,
        help="Where the client sends people to log in via the portal; empty: never told.",
    )

    # === WHAT A CLIENT ASKS === #

    @api.model
    def _find_for_login(self, asked):
        """The client that asks for somebody to be logged in.

        :param AuthRequest asked: what stands in the address
        :raises RequestRefused: no client of this portal, or one that is not there now
        """
        client = self.sudo().search(
            [("client_id", "=", asked.client_id), ("state", "in", LIVE_STATES)], limit=1
        )
        if not client or not client.server_id.active:
            raise RequestRefused("client_id")
        return client

    def _check_login_target(self, asked):
        """The answer goes to the client's own address, whatever the request says.

        :raises RequestRefused: it says something else
        """
        self.ensure_one()
        if asked.redirect_uri not in ("", self._get_login_target()):
            _logger.warning(
                "Somebody asks to be sent to %r after a login for %s, whose address is %s",
                asked.redirect_uri[:200],
                self.name,
                self._get_login_target(),
            )
            raise RequestRefused("redirect_uri")

    def _may_log_in(self, user):
        """Whether this user of the portal has a user in the client: its owner has."""
        self.ensure_one()
        return bool(user) and user == self.owner_id and user.active

    def _make_login_answer(self, asked, user):
        """The address in the client that logs this user in, once and soon."""
        self.ensure_one()
        token = self._get_signing_key().sign_login(
            self.env["saas_portal.keyring"]._get_portal_uuid(),
            self.client_id,
            user._get_saas_subject(),
        )
        lifetime = int(LOGIN_LIFETIME / timedelta(seconds=1))
        return make_answer_url(self._get_login_target(), asked, token, lifetime)

    @api.model
    def _read_login_token(self, token):
        """Whom a token logs in where, in the words of OAuth; None when it does not any more."""
        keyring = self.env["saas_portal.keyring"]
        try:
            claims = read_login(token, keyring._get_keys(), keyring._get_portal_uuid())
        except ValueError:
            return None
        client = self.sudo().search(
            [("client_id", "=", claims["aud"]), ("state", "in", LIVE_STATES)], limit=1
        )
        users = self.env["res.users"].sudo()
        user = users.search([("saas_subject", "=", claims["sub"])], limit=1)
        if not (client and client._may_log_in(user)):
            return None
        return {
            "sub": claims["sub"],
            "user_id": claims["sub"],
            "aud": client.client_id,
            "client_id": client.client_id,
            "name": user.name,
            "email": user.email or user.login,
            "expires_in": max(0, int(claims["exp"] - time.time())),
        }

    # === ADDRESSES === #

    def _get_login_target(self):
        return f"{self.public_url}auth_oauth/signin"

    def _get_auth_url(self):
        """Leads the owner straight in, by way of the portal."""
        self.ensure_one()
        return f"{self.public_url}saas_client/login"

    def _get_open_url(self):
        return self._get_auth_url()

    # === WHAT A CLIENT IS TOLD === #

    def _get_portal_url(self):
        return self.get_base_url().rstrip("/")

    def _prepare_login_steps(self):
        """Tells a client where its people log in, and who its owner is there."""
        self.ensure_one()
        steps = {"portal_url": self._get_portal_url()}
        if self.owner_id:
            steps["owner_subject"] = self.owner_id._get_saas_subject()
        return steps

    def _get_operation_steps(self, kind):
        if kind == "login":
            return [("_step_set_up_login", self.env._("Let people log in via the portal"))]
        return super()._get_operation_steps(kind)

    def _step_set_up_login(self, operation):
        steps = self._prepare_login_steps()
        if not self.login_portal_url:
            steps = {"update_addons": ["saas_client"], **steps}
        self._apply_steps(steps, _UPDATE_TIMEOUT)
        self.login_portal_url = steps["portal_url"]

    def _follow_usage(self, usage):
        """A client is told again when the portal has moved, or when it was never told."""
        result = super()._follow_usage(usage)
        told = self.login_portal_url == self._get_portal_url()
        if not told and self.state in LIVE_STATES and not self._is_occupied():
            self._start_operation("login")
        return result

    def _is_occupied(self):
        """Something is being done, or failed last, or the client cannot be reached on purpose."""
        return bool(self.current_operation_id) or self.rung == "stopped"
