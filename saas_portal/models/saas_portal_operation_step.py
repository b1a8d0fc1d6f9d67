from odoo import api, fields, models

from ..const import OPERATION_STATES


class SaasPortalOperationStep(models.Model):
    """One step of an operation: what it did, when, and why it failed."""

    _name = "saas_portal.operation.step"
    _description = "SaaS Operation Step"
    _order = "operation_id, sequence, id"

    operation_id = fields.Many2one(
        "saas_portal.operation", required=True, ondelete="cascade", index=True
    )
    sequence = fields.Integer(required=True)
    name = fields.Char(required=True)
    method = fields.Char(required=True)
    state = fields.Selection(OPERATION_STATES, required=True, default="pending")
    started_at = fields.Datetime()
    finished_at = fields.Datetime()
    duration = fields.Float(compute="_compute_duration", help="Seconds.")
    result = fields.Text()
    error = fields.Text()

    @api.depends("started_at", "finished_at")
    def _compute_duration(self):
        for step in self:
            ended = step.finished_at or step.started_at
            step.duration = (ended - step.started_at).total_seconds() if ended else 0
