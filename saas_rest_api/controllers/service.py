"""The index, the health check, and answers to what nobody else answers."""

from odoo import http, release
from odoo.http import request

from ..dispatcher import current_call, wrong_address
from ..lib.saas_rest.doc import Doc
from ..lib.saas_rest.reply import Reply
from ..routing import rest_route

VERBS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


class SaasRestService(http.Controller):
    """What a client asks before it does anything."""

    @rest_route(
        "/api/v1",
        methods=["GET"],
        public=True,
        doc=Doc("What this API offers", operation="index", tags=("service",), public=True),
    )
    def index(self):
        call = current_call()
        return Reply(
            {
                "name": "saas_rest_api",
                "version": "v1",
                "odoo": release.version,
                "limits": vars(call.limits),
                "links": {
                    "tokens": "/api/v1/tokens",
                    "models": "/api/v1/models",
                    "openapi": "/api/v1/openapi.json",
                    "docs": "/api/v1/docs",
                    "health": "/api/v1/health",
                },
            }
        )

    @rest_route(
        "/api/v1/health",
        methods=["GET"],
        public=True,
        doc=Doc("Whether the database answers", operation="health", tags=("service",), public=True),
    )
    def health(self):
        request.env["saas_rest.gate"]._check_health()
        return Reply({"status": "ok"})

    @rest_route(
        "/api/v1/<path:path>",
        methods=VERBS,
        public=True,
        catch_all=True,
    )
    def nothing_there(self, path):
        """Odoo itself would answer a wrong verb or path with an HTML page."""
        raise wrong_address(request)

    @rest_route(
        "/api/v1",
        methods=[verb for verb in VERBS if verb not in ("GET", "HEAD")],
        public=True,
        catch_all=True,
    )
    def nothing_else_there(self):
        """Else the older addresses would take the version for a model."""
        raise wrong_address(request)
