"""Numbers for monitoring."""

from odoo import http
from odoo.http import Response, request

from ..dispatcher import current_call
from ..lib.saas_rest.doc import Doc
from ..routing import rest_route

TYPE = "text/plain"


class SaasRestMetrics(http.Controller):
    """Prometheus comes here, with a token of scope ``admin``."""

    @rest_route(
        "/api/v1/metrics",
        methods=["GET"],
        scope="admin",
        produces=(TYPE,),
        doc=Doc(
            "Numbers for Prometheus",
            "metrics",
            ("service",),
            response="Metrics",
            response_type=TYPE,
        ),
    )
    def metrics(self):
        current_call().check_query()
        text = request.env["saas_rest.metrics"]._get_text()
        return Response(text, headers={"Content-Type": f"{TYPE}; version=0.0.4; charset=utf-8"})
