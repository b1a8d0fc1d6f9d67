from odoo import api, models

from ..lib.saas_rest.access import Access
from ..lib.saas_rest.problems import Problem
from ..lib.saas_rest.selection import Selection
from ..lib.saas_rest.text import _lt
from ..lib.saas_rest.uploads import safe_name

PRINTABLE = ("qweb-pdf",)


class SaasRestReports(models.AbstractModel):
    """Prints records, with the rights of the environment's user."""

    _name = "saas_rest.reports"
    _description = "REST reports"

    @api.model
    def _list(self, access: Access, model_name: str | None) -> list[dict]:
        """The reports that the user may print, of one model or of all that he may read."""
        policy = self.env["saas_rest.policy"]
        if model_name:
            names = [policy._get_model(access, model_name, "read")._name]
        else:
            names = [model._name for model in policy._get_models(access)]
        # Odoo shows actions to whoever sees their button; which one does, their groups say.
        reports = (
            self.env["ir.actions.report"]
            .sudo()
            .search(
                [("model", "in", names), ("report_type", "in", PRINTABLE)], order="model, name, id"
            )
        )
        xmlids = reports.get_external_id()
        return [
            {"name": report.name, "model": report.model, "report": xmlids[report.id]}
            for report in reports
            if xmlids[report.id] and self._may_print(report)
        ]

    @api.model
    def _render(
        self, access: Access, model_name: str, record_id: int, xmlid: str
    ) -> tuple[bytes, str]:
        """The PDF of a record, and a name for it.

        :raises Problem: ``not-found`` for records and reports that the user may not use,
            ``report-unavailable`` when this server cannot print
        """
        record_id = self.env["saas_rest.operations"]._checked_id(model_name, record_id)
        self.env["saas_rest.reader"]._read(access, model_name, record_id, Selection.of("id"))
        report = self._get_report(model_name, xmlid)
        state = report.get_wkhtmltopdf_state()
        if state not in ("ok", "workers"):
            text = _lt("This server cannot print: the program wkhtmltopdf is not installed on it.")
            raise Problem("report-unavailable", text)
        renderer = self.env["ir.actions.report"].with_context(force_report_rendering=True)
        content, kind = renderer._render_qweb_pdf(report.report_name, [record_id])
        if kind != "pdf":
            raise Problem("report-unavailable", _lt("This report is no PDF."))
        name = self.env[model_name].browse(record_id).display_name or report.name
        return content, safe_name(f"{name}.pdf")

    def _get_report(self, model_name: str, xmlid: str):
        found = self.env["ir.model.data"]._xmlid_to_res_model_res_id(xmlid) if "." in xmlid else ()
        model, report_id = found or (None, None)
        report = self.env["ir.actions.report"].sudo().browse(report_id or ())
        if (
            model != "ir.actions.report"
            or not report.exists()
            or report.model != model_name
            or report.report_type not in PRINTABLE
            or not self._may_print(report)
        ):
            text = _lt(
                "%(model)s has no report '%(report)s'.", model=model_name, report=xmlid[:100]
            )
            raise Problem("not-found", text)
        return report

    def _may_print(self, report) -> bool:
        groups = report.group_ids
        return not groups or bool(groups & self.env.user.all_group_ids)
