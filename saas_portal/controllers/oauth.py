"""The portal as the OAuth provider of its clients."""

from urllib.parse import parse_qsl, urlencode, urlsplit

from odoo import http
from odoo.http import request

from odoo.addons.web.controllers.home import Home

from ..lib.saas_oauth import AuthRequest, RequestRefused


class OAuthProvider(http.Controller):
    """Who is logged in is the session's to say, and where to go the records': never the request's.

    The token travels in the fragment of the answer's address, which no server gets to see.
    """

    @http.route(
        "/oauth2/auth",
        type="http",
        auth="public",
        methods=["GET"],
        website=True,
        sitemap=False,
        readonly=False,
    )
    def auth(self, **params):
        """Log the present user in to the client that asks; ask him to log in here first."""
        client = request.env["saas_portal.client"]
        try:
            asked = AuthRequest.parse(params)
            client = client._find_for_login(asked)
            client._check_login_target(asked)
        except RequestRefused as refusal:
            return self._render(400, "saas_portal.oauth_refused", client, reason=refusal.reason)
        user = request.env.user
        if user._is_public():
            return request.redirect(f"/web/login?{urlencode({'redirect': asked.make_path()})}")
        if not client._may_log_in(user):
            return self._render(403, "saas_portal.oauth_stranger", client, asked=asked)
        if asked.ask:
            return self._render(200, "saas_portal.oauth_ask", client, asked=asked)
        answer = client._make_login_answer(asked, user)
        return self._seal(request.redirect(answer, code=303, local=False))

    @http.route(
        "/oauth2/tokeninfo",
        type="http",
        auth="public",
        methods=["GET", "POST"],
        csrf=False,
        save_session=False,
        sitemap=False,
    )
    def tokeninfo(self, access_token="", **_kw):
        """Whom a token logs in, and where: ``aud`` is the only database that may accept it."""
        scheme, _space, value = request.httprequest.headers.get("Authorization", "").partition(" ")
        token = value.strip() if scheme.lower() == "bearer" else access_token
        found = request.env["saas_portal.client"]._read_login_token(token)
        status = 200 if found else 401
        return self._seal(
            request.make_json_response(found or {"error": "invalid_token"}, status=status)
        )

    def _render(self, status, template, client, asked=None, **values):
        values.update(
            client_name=client.name,
            client_url=client.public_url,
            user=request.env.user,
            path=asked and asked.make_path(),
            disable_database_manager=True,
        )
        if asked:
            login = f"/web/login?{urlencode({'redirect': asked.make_path()})}"
            values["other_account"] = f"/web/session/logout?{urlencode({'redirect': login})}"
        return self._seal(request.render(template, values, status=status))

    def _seal(self, response):
        response.headers["Cache-Control"] = "no-store"
        response.headers["Referrer-Policy"] = "no-referrer"
        response.headers["X-Frame-Options"] = "DENY"
        response.headers["Content-Security-Policy"] = "frame-ancestors 'none'"
        return response


class LoginPage(Home):
    @http.route()
    def web_login(self, redirect=None, **kw):
        """Tells who comes from a client where he will go on to."""
        response = super().web_login(redirect=redirect, **kw)
        if response.is_qweb and (client := self._find_asking_client(redirect)):
            response.qcontext["saas_client_name"] = client.name
        return response

    def _find_asking_client(self, redirect):
        path = urlsplit(redirect or "")
        if path.path != "/oauth2/auth":
            return None
        try:
            asked = AuthRequest.parse(dict(parse_qsl(path.query)))
            return request.env["saas_portal.client"]._find_for_login(asked)
        except RequestRefused:
            return None
