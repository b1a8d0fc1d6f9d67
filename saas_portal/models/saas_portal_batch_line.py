from odoo import api, fields, models

from ..const import OP_CANCELLED, OPERATION_STATES


class SaasPortalBatchLine(models.Model):
    """What came of an order for one client."""

    _name = "saas_portal.batch.line"
    _description = "Result of an Order to One SaaS Client"
    _order = "id"
    _rec_name = "client_name"

    batch_id = fields.Many2one(
        "saas_portal.batch", required=True, readonly=True, ondelete="cascade", index=True
    )
    client_id = fields.Many2one("saas_portal.client", readonly=True, ondelete="set null")
    company_id = fields.Many2one(related="client_id.company_id", store=True)
    client_name = fields.Char(string="Database", required=True, readonly=True)
    operation_id = fields.Many2one("saas_portal.operation", readonly=True, ondelete="set null")
    refusal = fields.Text(readonly=True, help="Why nothing was begun.")
    state = fields.Selection(
        [*OPERATION_STATES, ("refused", "Not Begun")], compute="_compute_result"
    )
    message = fields.Text(compute="_compute_result")

    @api.depends("operation_id.state", "operation_id.error", "operation_id.result", "refusal")
    def _compute_result(self):
        for line in self:
            operation = line.operation_id
            if operation:
                line.state = operation.state
                line.message = (
                    operation.error
                    or line._get_remarks(operation.result)
                    or operation.step_ids[-1:].result
                )
            else:
                line.state = "refused" if line.refusal else OP_CANCELLED
                line.message = line.refusal

    def _get_remarks(self, result):
        """What the client reports of a configuration: apps not found and the like."""
        lists = [value for value in (result or {}).values() if isinstance(value, list)]
        return "\n".join(str(remark) for remarks in lists for remark in remarks)

    def action_open_operation(self):
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "res_model": "saas_portal.operation",
            "res_id": self.operation_id.id,
            "view_mode": "form",
            "views": [(False, "form")],
        }
