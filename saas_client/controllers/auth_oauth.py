import json
import secrets

from werkzeug.exceptions import BadRequest
from werkzeug.urls import url_encode

from odoo.http import request, route
from odoo.tools import consteq

from odoo.addons.auth_oauth.controllers.main import OAuthController as AuthOAuthController
from odoo.addons.auth_oauth.controllers.main import OAuthLogin as AuthOAuthLogin
from odoo.addons.web.controllers.utils import ensure_db

# In the session: binds an answer of the portal to the browser that asked for it.
NONCE = "saas_login_nonce"
# A cookie: its user has logged out, so the portal asks before it lets him in again. Not in the
# session: a request that was under way at the log-out brings the browser yet another session.
LOGGED_OUT = "saas_logged_out"


class OAuthLogin(AuthOAuthLogin):
    @route()
    def web_login(self, *args, **kw):
        response = super().web_login(*args, **kw)
        if response.is_qweb and request.params.get("oauth_error") == "saas":
            response.qcontext["error"] = request.env._(
                "This log-in was begun in another window, or too long ago. Please try again."
            )
        return response

    def list_providers(self):
        providers = super().list_providers()
        portal = request.env["auth.oauth.provider"]._saas_get_portal()
        for provider in providers:
            if provider["id"] != portal.id:
                continue
            provider["saas_portal"] = True
            if request.httprequest.cookies.get(LOGGED_OUT):
                provider["auth_link"] += "&" + url_encode({"prompt": "select_account"})
        return providers

    def get_state(self, provider):
        state = super().get_state(provider)
        if provider["id"] == request.env["auth.oauth.provider"]._saas_get_portal().id:
            if not request.session.get(NONCE):
                request.session[NONCE] = secrets.token_urlsafe(16)
            state["n"] = request.session[NONCE]
        return state

    @route("/saas_client/login", type="http", auth="none", readonly=False, sitemap=False)
    def saas_login(self, **_kw):
        """Straight in via the portal: the address that the portal gives to the owner."""
        ensure_db()
        if request.session.uid:
            return request.redirect("/odoo")
        portal = request.env["auth.oauth.provider"]._saas_get_portal()
        links = [
            provider["auth_link"]
            for provider in self.list_providers()
            if provider["id"] == portal.id
        ]
        return request.redirect(links[0], local=False) if links else request.redirect("/web/login")


class OAuthController(AuthOAuthController):
    # The nonce in the state does what the CSRF token does for other forms.
    @route(csrf=False)
    def signin(self, **kw):
        if not request.db:
            # The addon is loaded for the whole server: this is a host without a database.
            return super().signin(**kw)
        portal = request.env["auth.oauth.provider"]._saas_get_portal()
        if not set(kw) - {"debug"}:
            response = request.render("saas_client.signin", {"provider_id": portal.id})
            response.headers["Cache-Control"] = "no-store"
            response.headers["Referrer-Policy"] = "no-referrer"
            return response
        state = self._saas_read_state(kw.get("state"))
        if state["p"] == portal.id:
            nonce = request.session.pop(NONCE, None)
            if not nonce or not consteq(nonce, str(state.get("n"))):
                return request.redirect("/web/login?oauth_error=saas")
        response = super().signin(**kw)
        if request.session.uid:
            request.future_response.set_cookie(LOGGED_OUT, "", max_age=0, httponly=True)
        return response

    def _saas_read_state(self, text):
        """What auth_oauth takes for granted; anything else is no answer to a question of ours."""
        try:
            state = json.loads(text)
        except (TypeError, ValueError):
            state = None
        fits = isinstance(state, dict) and isinstance(state.get("d"), str) and "p" in state
        if not fits or type(state["p"]) is not int:
            raise BadRequest()
        return state
