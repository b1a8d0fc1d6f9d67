import logging

from markupsafe import Markup
from werkzeug.exceptions import ServiceUnavailable, abort

from odoo import SUPERUSER_ID, models
from odoo.http import Response, SessionExpiredException, request
from odoo.service import security
from odoo.tools.misc import get_lang

_logger = logging.getLogger(__name__)

# The doors of the database: closed to everybody, whether logged in or not.
DOORS = frozenset(
    {
        "/web",
        "/odoo",
        "/web/login",
        "/web/login/totp",
        "/web/signup",
        "/web/reset_password",
        "/auth_oauth/signin",
    }
)
# Files that a page may still show.
ASSETS = ("/web/assets/", "/web/static/")


class IrHttp(models.AbstractModel):
    """A suspended database answers its users with one page and anonymous visitors as before.

    The test stands before Odoo's own authentication and needs no addon's error handling, so
    that an installed website neither styles it nor turns it into an error.
    """

    _inherit = "ir.http"

    @classmethod
    def _authenticate(cls, endpoint):
        suspended = request.env["ir.config_parameter"]._saas_is_suspended()
        if suspended:
            routes = endpoint.routing.get("routes", ())
            if any(route.startswith(ASSETS) for route in routes):
                return super()._authenticate(endpoint)
            if not DOORS.isdisjoint(routes) or request.session.uid is not None:
                cls._saas_refuse_suspended(endpoint.routing["type"])
        result = super()._authenticate(endpoint)
        # whoever got in without a session (a key, a signed link) is a user all the same
        if suspended and request.env.uid not in (None, *cls._get_public_users()):
            cls._saas_refuse_suspended(endpoint.routing["type"])
        return result

    @classmethod
    def _serve_fallback(cls):
        if (
            request.session.uid is not None
            and request.env["ir.config_parameter"]._saas_is_suspended()
            and not cls._saas_is_operator()
        ):
            return cls._saas_suspended_response()
        return super()._serve_fallback()

    @classmethod
    def _saas_is_operator(cls):
        """Whether the session is one that the operator opened during the suspension.

        Sessions from before have lost their validity, and no password opens a new one.
        """
        admin = request.env.ref("base.user_admin", raise_if_not_found=False)
        return (
            admin
            and request.session.uid == admin.id
            and security.check_session(request.session, request.env)
        )

    @classmethod
    def _saas_refuse_suspended(cls, routing_type):
        if cls._saas_is_operator():
            return
        if routing_type == "http":
            abort(cls._saas_suspended_response())
        if routing_type == "jsonrpc":
            # the web client answers this by loading the page anew
            raise SessionExpiredException(request.env._("This database is suspended."))
        raise ServiceUnavailable(request.env._("This database is suspended."))

    @classmethod
    def _saas_suspended_response(cls):
        lang = request.env["res.lang"].sudo()._get_data(code=request.default_lang()).code
        env = request.env(user=SUPERUSER_ID, context={"lang": lang or get_lang(request.env).code})
        try:
            page = env["ir.qweb"]._render(
                "saas_client.suspended",
                cls._saas_prepare_suspended_values(env),
                minimal_qcontext=True,
            )
        except Exception:
            # an administrator may have broken the view; the answer must not depend on it
            _logger.exception("The page of a suspended database cannot be rendered")
            page = env._("This database is suspended. Please contact your provider.")
        page = Markup("<!DOCTYPE html>\n") + page
        response = Response(page, status=503, content_type="text/html; charset=utf-8")
        response.headers["Cache-Control"] = "no-store"
        response.headers["X-Frame-Options"] = "DENY"
        response.headers["X-Robots-Tag"] = "noindex"
        return response

    @classmethod
    def _saas_prepare_suspended_values(cls, env):
        support_url = env["ir.config_parameter"].get_param("saas_client.support_url") or ""
        return {
            "company_name": env.ref("base.main_company").name,
            "lang": env.context["lang"].replace("_", "-"),
            # the parameter is the operator's, yet a link must never run a script
            "support_url": support_url if support_url.startswith(("https://", "http://")) else "",
        }
