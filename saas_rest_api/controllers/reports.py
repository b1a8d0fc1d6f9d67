"""Records as PDF."""

from odoo import http
from odoo.http import Response, content_disposition, request

from ..dispatcher import current_call
from ..lib.saas_rest.doc import Doc, Param
from ..lib.saas_rest.reply import Reply
from ..routing import rest_route

PDF = "application/pdf"


class SaasRestReports(http.Controller):
    """Printing."""

    @rest_route(
        "/api/v1/reports",
        methods=["GET"],
        doc=Doc(
            "List what can be printed",
            "list_reports",
            ("reports",),
            params=(Param("model", {"type": "string"}, "Only the reports of this model."),),
            response="Reports",
            problems=("not-found",),
        ),
    )
    def list_reports(self):
        call = current_call()
        call.check_query("model")
        return Reply(request.env["saas_rest.reports"]._list(call.access, call.query.get("model")))

    @rest_route(
        "/api/v1/<model>/<int:record_id>/report/<report>.pdf",
        methods=["GET"],
        # Printing may store the document as an attachment, as the report's action says.
        readonly=False,
        produces=(PDF,),
        doc=Doc(
            "Print a record",
            "get_report",
            ("reports",),
            response="Content",
            response_type=PDF,
            problems=("not-found", "report-unavailable", "user-error"),
        ),
    )
    def get_report(self, model, record_id, report):
        call = current_call()
        call.check_query()
        content, name = request.env["saas_rest.reports"]._render(
            call.access, model, record_id, report
        )
        headers = {"Content-Type": PDF, "Content-Disposition": content_disposition(name)}
        return Response(content, headers=headers)
