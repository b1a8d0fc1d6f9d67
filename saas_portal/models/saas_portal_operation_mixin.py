from odoo import api, fields, models
from odoo.exceptions import UserError

from ..const import OPEN_OPERATION_STATES, OPERATION_STATES


class SaasPortalOperationMixin(models.AbstractModel):
    """What operations work on: a record with steps for each kind of operation."""

    _name = "saas_portal.operation.mixin"
    _description = "Subject of SaaS Operations"

    #: The field of saas_portal.operation that points at this model.
    _operation_link = None

    current_operation_id = fields.Many2one(
        "saas_portal.operation",
        compute="_compute_current_operation_id",
        help="What is being done right now, or what failed last.",
    )
    operation_state = fields.Selection(
        OPERATION_STATES, string="State of the Operation", compute="_compute_current_operation_id"
    )
    operation_progress = fields.Float(string="Progress", compute="_compute_current_operation_id")
    operation_step = fields.Char(string="Step", compute="_compute_current_operation_id")
    operation_error = fields.Text(string="Cause", compute="_compute_current_operation_id")

    @api.depends("operation_ids.state", "operation_ids.step_ids.state", "operation_ids.error")
    def _compute_current_operation_id(self):
        current = self._get_current_operations()
        for record in self:
            operation = current.get(record.id, self.env["saas_portal.operation"])
            record.current_operation_id = operation
            record.operation_state = operation.state
            record.operation_progress = operation.progress
            record.operation_step = operation.current_step
            record.operation_error = operation.error

    def _get_current_operations(self):
        """id → its oldest open operation, else its latest when that failed."""
        link, operations = self._operation_link, self.env["saas_portal.operation"]
        mine = [(link, "in", self.ids)]
        latest = operations._read_group(mine, [link], ["id:max"])
        failed = operations.browse([operation_id for _record, operation_id in latest])
        opened = operations._read_group(
            [*mine, ("state", "in", OPEN_OPERATION_STATES)], [link], ["id:min"]
        )
        found = operations.browse(
            [
                *failed.filtered(lambda op: op.state == "failed").ids,
                *(operation_id for _record, operation_id in opened),
            ]
        )
        # What is open comes last: it counts more. One set of records, so that all are read at once.
        return {operation[link].id: operation for operation in found}

    def _get_operation_steps(self, kind: str) -> list[tuple[str, str]]:
        """The steps of an operation: (name of a method of this record, title for people).

        A step method takes the operation, may return a sentence about what it did, is safe to
        repeat, and runs in a transaction of its own.
        """
        raise UserError(self.env._("Nothing is known of an operation %(kind)s.", kind=kind))

    def _on_operation_failed(self, operation):
        """Clean up after the operation gave up; its evidence is already stored."""

    def _explain_failure(self, operation, cause):
        """What to tell of an operation that gives up; serves as a hook to add what helps."""
        return cause

    def _on_operation_retried(self, operation):
        """Make the record ready for the steps to go on."""

    def _start_operation(self, kind, arguments=None, secrets=None, background=True):
        """Write an operation.

        :param background: have the cron workers run it soon after this transaction, and again
            later when a server does not answer; otherwise the caller runs it himself
        """
        self.ensure_one()
        keyring = self.env["saas_portal.keyring"]
        operation = (
            self.env["saas_portal.operation"]
            .sudo()
            .create(
                {
                    self._operation_link: self.id,
                    "kind": kind,
                    "user_id": self.env.uid,
                    "arguments": arguments or {},
                    "background": background,
                    "in_batch": bool(self.env.context.get("saas_in_batch")),
                    "secrets": keyring._encrypt_json(secrets) if secrets else False,
                    "step_ids": [
                        fields.Command.create({"method": method, "name": title, "sequence": number})
                        for number, (method, title) in enumerate(self._get_operation_steps(kind))
                    ],
                }
            )
        )
        if background and not operation.in_batch:
            operation._trigger()
        return operation

    def _perform_operation(self, kind, arguments=None, secrets=None):
        """Write an operation and run it to its end, here and now; returns its result.

        :raises UserError: with the cause, when it failed or something else runs for too long
        """
        self.ensure_one()
        return self.env["saas_portal.operation"]._write_and_run(
            self, lambda record: record._start_operation(kind, arguments, secrets, background=False)
        )
