from odoo import fields, models

from .sadeem_root_server_operation import STATES


class SadeemRootServerOperationStep(models.Model):
    """One step of an operation on a root server: what came of it, when, and why it failed."""

    _name = "sadeem.root.server.operation.step"
    _description = "Step of a Root Server Operation"
    _order = "operation_id, sequence, id"

    operation_id = fields.Many2one(
        "sadeem.root.server.operation", required=True, readonly=True, index=True, ondelete="cascade"
    )
    sequence = fields.Integer(required=True, readonly=True)
    key = fields.Char(required=True, readonly=True, help="What the step is called in the code.")
    name = fields.Char(string="Step", required=True, readonly=True)
    state = fields.Selection(STATES, required=True, default="pending", readonly=True)
    result = fields.Char(readonly=True)
    error = fields.Text(string="Cause", readonly=True)
    started_at = fields.Datetime(readonly=True)
    finished_at = fields.Datetime(readonly=True)
    duration = fields.Float(compute="_compute_duration", help="Seconds.")

    def _compute_duration(self):
        now = fields.Datetime.now()
        for step in self:
            ended = step.finished_at or (now if step.state == "running" else step.started_at)
            step.duration = (ended - step.started_at).total_seconds() if step.started_at else 0

    def _get_progress(self) -> dict:
        self.ensure_one()
        return {
            "id": self.id,
            "name": self.name,
            "state": self.state,
            "result": self.result or "",
            "seconds": round(self.duration),
        }
