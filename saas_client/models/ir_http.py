import logging

from markupsafe import Markup
from werkzeug.exceptions import HTTPException, abort

from odoo import SUPERUSER_ID, models
from odoo.http import Response, SessionExpiredException, request
from odoo.service import security
from odoo.tools.misc import get_lang

from ..lib.client_rules import CLOSED
from ..policy import OPERATOR_IDS, mark_operator_request
from ..seats import check_seat

_logger = logging.getLogger(__name__)

# What stays open: files that a page shows, the sign of life for monitoring, and the doors at which
# the operator proves who he is.
OPEN_ROUTES = (
    "/web/assets/",
    "/web/static/",
    "/web/health",
    "/xmlrpc/",
    "/jsonrpc",
    "/saas_client/connect",
)
# The kinds of routes that give a finished answer out as it is.
ODOO_TYPES = ("http", "json2", "jsonrpc")
API_TYPES = ("application/json", "application/problem+json")


class DatabaseClosed(HTTPException):
    """For kinds of routes that other addons make: they take status and text for an answer."""

    def __init__(self, response, text):
        super().__init__(text, response)
        self.code = response.status_code


class IrHttp(models.AbstractModel):
    """A closed database answers with one page, whoever asks for whatever.

    The test stands before Odoo's own authentication and needs no addon's error handling, so
    that an installed website neither styles it nor turns it into an error.
    """

    _inherit = "ir.http"

    @classmethod
    def _authenticate(cls, endpoint):
        rung = request.env["ir.config_parameter"]._saas_get_rung()
        if rung != "open" and cls._saas_is_operator():
            mark_operator_request()
        elif rung == CLOSED:
            routes = endpoint.routing.get("routes", ())
            if not any(route.startswith(OPEN_ROUTES) for route in routes):
                cls._saas_refuse_closed(endpoint.routing["type"])
        result = super()._authenticate(endpoint)
        if request.session.uid is not None and request.session.uid == request.env.uid:
            check_seat(request.env, request.env.uid)
        return result

    @classmethod
    def _serve_fallback(cls):
        if request.env["ir.config_parameter"]._saas_is_suspended() and not cls._saas_is_operator():
            return cls._saas_make_closed_response()
        return super()._serve_fallback()

    def session_info(self):
        info = super().session_info()
        if self.env.user._is_internal():
            info["saas"] = self.env["saas_client.status"].get_usage()
        return info

    @classmethod
    def _saas_is_operator(cls):
        """Whether the session is one that the operator opened.

        Sessions from before a suspension have lost their validity, and no password opens one.
        """
        return request.session.uid in OPERATOR_IDS and security.check_session(
            request.session, request.env
        )

    @classmethod
    def _saas_refuse_closed(cls, routing_type):
        if routing_type == "jsonrpc" and request.session.uid is not None:
            # the web client answers this by loading the page anew
            raise SessionExpiredException(request.env["saas_client.status"]._explain_closed())
        response = cls._saas_make_closed_response(routing_type != "http")
        if routing_type in ODOO_TYPES:
            # without a status of its own, so that no website makes an error page of it
            abort(response)
        raise DatabaseClosed(response, request.env["saas_client.status"].sudo()._explain_closed())

    @classmethod
    def _saas_make_closed_response(cls, for_program=False):
        """The page for people, or the same in JSON for programs."""
        status = request.env["saas_client.status"].sudo()
        accepted = request.httprequest.accept_mimetypes
        if for_program or (accepted.best in API_TYPES and "text/html" not in accepted.values()):
            response = request.make_json_response(
                {
                    "error": "database_closed",
                    "reason": status._get_reason(),
                    "message": status._explain_closed(),
                },
                status=status._get_http_status(),
            )
        else:
            page = cls._saas_render_closed_page()
            response = Response(
                page, status=status._get_http_status(), content_type="text/html; charset=utf-8"
            )
        response.headers["Cache-Control"] = "no-store"
        response.headers["X-Frame-Options"] = "DENY"
        response.headers["X-Robots-Tag"] = "noindex"
        return response

    @classmethod
    def _saas_render_closed_page(cls):
        lang = request.env["res.lang"].sudo()._get_data(code=request.default_lang()).code
        env = request.env(user=SUPERUSER_ID, context={"lang": lang or get_lang(request.env).code})
        try:
            page = env["ir.qweb"]._render(
                "saas_client.suspended",
                cls._saas_prepare_closed_values(env),
                minimal_qcontext=True,
            )
        except Exception:
            # an administrator may have broken the view; the answer must not depend on it
            _logger.exception("The page of a suspended database cannot be rendered")
            page = env["saas_client.status"]._explain_closed()
        return Markup("<!DOCTYPE html>\n") + page

    @classmethod
    def _saas_prepare_closed_values(cls, env):
        status = env["saas_client.status"]
        heading, sentence = status._explain()
        return {
            "company_name": env.ref("base.main_company").name,
            "lang": env.context["lang"].replace("_", "-"),
            "heading": heading,
            "sentence": sentence,
            "notice": status._get_usage(False)["notice"],
            "payable": status._get_http_status() == 402,
            "manage_url": status._get_manage_url(),
            "support_url": status._get_support_url(),
        }
