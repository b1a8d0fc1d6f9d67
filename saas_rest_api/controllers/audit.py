"""The audit log by REST."""

from odoo import http
from odoo.http import request

from ..dispatcher import current_call
from ..lib.saas_rest.doc import Doc, Param
from ..lib.saas_rest.reply import Reply
from ..routing import rest_route

PARAMETERS = ("limit", "before", "status", "user_id", "request_id")


class SaasRestAuditLog(http.Controller):
    """Who called what."""

    @rest_route(
        "/api/v1/audit",
        methods=["GET"],
        scope="admin",
        doc=Doc(
            "Calls of this API, the newest first",
            operation="audit",
            tags=("service",),
            params=(
                Param("limit", {"type": "integer", "minimum": 1, "maximum": 1000}),
                Param("before", {"type": "integer", "minimum": 0}, "id of the last one seen"),
                Param("status", {"type": "integer", "minimum": 0}),
                Param("user_id", {"type": "integer", "minimum": 0}),
                Param("request_id", {"type": "string"}),
            ),
            response="AuditLog",
        ),
    )
    def audit(self):
        call = current_call()
        call.check_query(*PARAMETERS)
        rows, before = request.env["saas_rest.audit"]._list(call.query.to_dict())
        following = f"/api/v1/audit?before={before}" if before else None
        return Reply(rows, meta={"count": len(rows)}, links={"next": following})
