import logging
from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Domain
from odoo.service.model import PG_CONCURRENCY_EXCEPTIONS_TO_RETRY

from ..const import (
    LANES,
    OP_CANCELLED,
    OP_DONE,
    OP_FAILED,
    OP_PENDING,
    OP_RUNNING,
    OPEN_OPERATION_STATES,
    OPERATION_STATES,
)
from ..lib.saas_driver import DriverError, DriverUnavailable
from ..lib.saas_wire import ClientUnavailable, WireError, cut
from ..parallel import get_limit, side_by_side
from ..transactions import Busy, in_own_transaction, leave_to_later_commits, locked

_logger = logging.getLogger(__name__)

#: How long a caller waits for what is being done to the same client before him, in seconds.
_WAIT_SECONDS = 600
#: Minutes until the next attempt after a server did not answer; after the last one it is a failure.
_BACK_OFF_MINUTES = (0.2, 1, 5, 15)
#: Where a transaction notes that it will wake the cron workers.
_TRIGGERED = "saas_portal.operation.triggered"
_MANAGERS_KINDS = (
    "delete",
    "restore",
    "purge",
    "give_up",
    "restore_backup",
    "delete_template",
)


class SaasPortalOperation(models.Model):
    """One change carried out on a client or a template, step by step.

    pending → running → done, or failed (→ pending by *Retry*), or cancelled. Each step is a
    transaction of its own and safe to repeat. Whoever runs an operation holds a lock on its
    subject; an operation that is *running* while nobody holds the lock was cut off, and the next
    round of the cron goes on with it.
    """

    _name = "saas_portal.operation"
    _description = "SaaS Operation"
    _order = "id desc"

    kind = fields.Selection(
        [
            ("create", "Create"),
            ("configure", "Configure"),
            ("rename", "Rename"),
            ("delete", "Delete"),
            ("restore", "Restore"),
            ("purge", "Purge"),
            ("give_up", "Give Up"),
            ("sync", "Sync"),
            ("backup", "Back Up"),
            ("restore_backup", "Restore Backup of"),
            ("login", "Set Up Login"),
            ("keys", "Give Keys"),
            ("build_template", "Build Template"),
            ("delete_template", "Delete Template"),
        ],
        required=True,
        readonly=True,
    )
    client_id = fields.Many2one("saas_portal.client", readonly=True, ondelete="cascade")
    database_id = fields.Many2one(
        "saas_portal.database",
        string="Template",
        readonly=True,
        ondelete="cascade",
        index="btree_not_null",
    )
    company_id = fields.Many2one("res.company", compute="_compute_company_id", store=True)
    state = fields.Selection(OPERATION_STATES, required=True, default=OP_PENDING, readonly=True)
    user_id = fields.Many2one("res.users", string="Asked by", readonly=True)
    arguments = fields.Json(readonly=True)
    secrets = fields.Text(readonly=True, copy=False, groups=fields.NO_ACCESS)
    result = fields.Json(readonly=True)
    error = fields.Text(string="Cause", readonly=True)
    step_ids = fields.One2many("saas_portal.operation.step", "operation_id", readonly=True)
    current_step = fields.Char(compute="_compute_progress")
    progress = fields.Float(compute="_compute_progress", help="Per cent of the steps done.")
    background = fields.Boolean(readonly=True, help="Nobody waits for the answer.")
    in_batch = fields.Boolean(
        readonly=True, default=False, help="One of many, which let others go before."
    )
    attempts = fields.Integer(readonly=True)
    next_attempt_at = fields.Datetime(readonly=True)
    started_at = fields.Datetime(readonly=True)
    finished_at = fields.Datetime(readonly=True)

    _one_subject = models.Constraint(
        "CHECK (num_nonnulls(client_id, database_id) = 1)",
        "An operation works on one client or on one template.",
    )
    _client_index = models.Index("(client_id, id) WHERE client_id IS NOT NULL")
    _failed_index = models.Index("(id) WHERE state = 'failed'")
    _create_date_index = models.Index("(create_date)")
    _open_index = models.Index("(next_attempt_at, id) WHERE state IN ('pending', 'running')")

    def _register_hook(self):
        """A server that starts goes on at once with what was cut off when it ended."""
        super()._register_hook()
        if self.search_count([("state", "in", OPEN_OPERATION_STATES)], limit=1):
            self._trigger()

    # === COMPUTE METHODS === #

    @api.depends("client_id.company_id", "database_id.company_id")
    def _compute_company_id(self):
        for operation in self:
            operation.company_id = operation._get_subject().company_id

    @api.depends("kind", "client_id.name", "database_id.name")
    def _compute_display_name(self):
        kinds = dict(self._fields["kind"]._description_selection(self.env))
        for operation in self:
            name = operation._get_subject().display_name or ""
            operation.display_name = f"{kinds.get(operation.kind)} {name}"

    @api.depends("state", "step_ids.state")
    def _compute_progress(self):
        for operation in self:
            steps = operation.step_ids
            done = steps.filtered(lambda step: step.state == OP_DONE)
            waiting = (steps - done)[:1]
            operation.progress = 100 * len(done) / len(steps) if steps else 0
            open_or_failed = operation.state not in (OP_DONE, OP_CANCELLED)
            operation.current_step = waiting.name if open_or_failed else False

    # === ACTION METHODS === #

    def action_retry(self):
        """Go on with the step that failed."""
        self.check_access("read")
        self._check_operator()
        for operation in self.sudo():
            if operation.state != OP_FAILED:
                raise UserError(
                    self.env._(
                        "%(operation)s did not fail; there is nothing to retry.",
                        operation=operation.display_name,
                    )
                )
            operation._get_subject()._on_operation_retried(operation)
            operation.step_ids.filtered(lambda step: step.state == OP_FAILED).state = OP_PENDING
            operation.write(
                {
                    "state": OP_PENDING,
                    "error": False,
                    "attempts": 0,
                    "next_attempt_at": False,
                    "finished_at": False,
                    "background": True,
                }
            )
        self._trigger()
        return True

    def action_cancel(self):
        """Stop before the next step; what failed or was never begun is given up."""
        self.check_access("read")
        self._check_operator()
        for operation in self.sudo():
            if operation.state in (OP_DONE, OP_CANCELLED):
                raise UserError(
                    self.env._(
                        "%(operation)s has ended; it cannot be cancelled.",
                        operation=operation.display_name,
                    )
                )
            operation.write(
                {"state": OP_CANCELLED, "secrets": False, "finished_at": fields.Datetime.now()}
            )
            try:
                with locked(self.env, *operation._get_lock()):
                    operation._get_subject()._on_operation_failed(operation)
            except Busy:
                # Whoever is at work on it sees the new state after the present step, and cleans up.
                _logger.info("Operation %d is cancelled after its present step", operation.id)
        return True

    # === BUSINESS METHODS - RUNNING === #

    def _check_operator(self):
        """Who may begin an operation may also repeat and cancel it."""
        for operation in self:
            right = "unlink" if operation.kind in _MANAGERS_KINDS else "write"
            operation._get_subject().check_access(right)

    def _get_subject(self):
        self.ensure_one()
        return self.client_id or self.database_id

    def _get_secrets(self) -> dict:
        secrets = self.sudo().secrets
        return self.env["saas_portal.keyring"]._decrypt_json(secrets) if secrets else {}

    @api.model
    def _trigger(self):
        """Wake the cron workers, once for all that this transaction asks for."""
        hooks = self.env.cr.precommit
        if _TRIGGERED not in hooks.data:
            hooks.data[_TRIGGERED] = True
            hooks.add(self._trigger_lanes)

    @api.model
    def _trigger_lanes(self):
        for lane in range(1, LANES + 1):
            self.env.ref(f"saas_portal.ir_cron_run_operations_{lane}").sudo()._trigger()

    @api.model
    def _cron_run_operations(self):
        """Run what waits, and go on with what was cut off; several lanes do this side by side."""
        due = self._get_due_domain()
        remaining = self.search_count(due)
        self.env["ir.cron"]._commit_progress(remaining=remaining)
        outcomes = side_by_side(self._list_due(due), _run_in_turn, get_limit(self.env))
        for operation, _result, error in outcomes:
            if error:
                # It is open still: the next round takes it up.
                _logger.error("Operation %d could not be run: %s", operation.id, error)
            remaining = max(remaining - 1, 0)
            if not self.env["ir.cron"]._commit_progress(1, remaining=remaining):
                break

    @api.model
    def _get_due_domain(self):
        now = fields.Datetime.now()
        again = Domain("next_attempt_at", "=", False) | Domain("next_attempt_at", "<=", now)
        return Domain("state", "in", OPEN_OPERATION_STATES) & again

    @api.model
    def _list_due(self, due):
        """What waits, each once: what is asked for meanwhile comes before the rest of a batch."""
        seen = []
        while operation := self.search(
            due & Domain("id", "not in", seen), order="in_batch, id", limit=1
        ):
            seen.append(operation.id)
            yield operation

    def _run(self) -> bool:
        """Run to the end, after what was asked for earlier of the same subject.

        :return: False when somebody else is at work on the subject
        """
        self.ensure_one()
        try:
            with locked(self.env, *self._get_lock()) as env:
                self._process_queue(*self.with_env(env)._begin_queue())
        except Busy:
            return False
        return True

    def _run_to_end(self, lock=None) -> dict:
        """Run as `_run`, and return the result; a failure is raised in words.

        :param lock: that of the subject, for who knows it already
        """
        lock = lock or in_own_transaction(self, lambda op: op._get_lock())
        try:
            with locked(self.env, *lock, _WAIT_SECONDS) as env:
                operation = self.with_env(env)
                self._process_queue(*operation._begin_queue())
                operation.invalidate_recordset()
                outcome = operation._read_outcome()
        except Busy:
            outcome = in_own_transaction(self, lambda op: op._read_outcome(cancel=True))
        return _take_result(outcome)

    @api.model
    def _write_and_run(self, subject, write) -> dict:
        """Write an operation of the subject and run it to its end; the result, as `_run_to_end`.

        When nobody is at work on the subject, its first step is begun as it is written.

        :param write: called with the subject, again after a conflict; returns the operation
        """

        def write_and_begin(subject):
            operation = write(subject)
            if operation.kind == "configure" and subject.server_id._is_within():
                # Its end waits, and nothing but this PostgreSQL is written before.
                leave_to_later_commits(operation.env)
            queue = operation._get_queue()
            return operation.id, queue, operation.browse(queue[0])._begin_step()

        lock = subject._name, subject.id
        try:
            with locked(self.env, *lock) as env:
                operation_id, queue, begun = in_own_transaction(subject, write_and_begin)
                self._process_queue(queue, begun)
                outcome = self.with_env(env).browse(operation_id)._read_outcome()
        except Busy:
            operation_id = in_own_transaction(subject, lambda subject: write(subject).id)
            return self.browse(operation_id)._run_to_end(lock)
        return _take_result(outcome)

    def _process_queue(self, queue: list[int], begun: int | bool | None):
        """One after the other; ``begun`` as `_process` takes it for the first."""
        for operation_id in queue:
            self.browse(operation_id)._process(begun)
            begun = None

    def _get_lock(self) -> tuple[str, int]:
        subject = self._get_subject()
        return subject._name, subject.id

    def _get_queue(self) -> list[int]:
        """This operation, behind the earlier ones of its subject that are still open."""
        link = self._get_subject()._operation_link
        return self.search(
            [
                (link, "=", self[link].id),
                ("id", "<=", self.id),
                ("state", "in", OPEN_OPERATION_STATES),
            ],
            order="id",
        ).ids

    def _begin_queue(self) -> tuple[list[int], int | bool | None]:
        """Begin the first step in the transaction that reads the queue.

        :return: the queue, and the step that is begun, None when that has to be tried again
        """
        queue = self._get_queue()
        try:
            begun = self.browse(queue[0])._begin_step() if queue else None
            # What is not known to be begun is begun again.
            leave_to_later_commits(self.env)
            self.env.cr.commit()  # pylint: disable=invalid-commit
        except PG_CONCURRENCY_EXCEPTIONS_TO_RETRY:
            # Somebody has cancelled it at this very moment.
            self.env.cr.rollback()
            begun = None
        return queue, begun

    def _read_outcome(self, cancel=False) -> dict:
        if self.state == OP_DONE:
            return {"state": OP_DONE, "result": self.result or {}}
        if cancel and self.state == OP_PENDING:
            self.write({"state": OP_CANCELLED, "secrets": False})
            return {
                "state": OP_CANCELLED,
                "error": self.env._(
                    "%(name)s is busy with another operation; this one was not begun.",
                    name=self._get_subject().display_name,
                ),
            }
        error = self.error or self.env._(
            "%(operation)s was not finished; see the list of operations.",
            operation=self.display_name,
        )
        return {"state": self.state, "error": error}

    def _process(self, begun=None):
        """Step by step to the end; the caller holds the lock.

        :param begun: the step that is begun already, False when there is none to begin
        """
        step_id, state = self._ensure_begun(begun), None
        while step_id:
            try:
                step_id, state = in_own_transaction(
                    self, lambda op, step_id=step_id: op._perform_step(step_id)
                )
            except Exception as error:
                expected = isinstance(error, DriverError | WireError | UserError)
                if not expected:
                    _logger.exception("Operation %d failed in step %d", self.id, step_id)
                # Servers and clients have written parts of it.
                cause = cut(str(error) if expected else f"{type(error).__name__}: {error}")
                temporary = isinstance(error, DriverUnavailable | ClientUnavailable)
                self._give_up_or_wait(step_id, cause, temporary)
                return
        if state != OP_DONE and in_own_transaction(self, lambda op: op.state == OP_CANCELLED):
            self._clean_up()

    def _ensure_begun(self, begun):
        return in_own_transaction(self, lambda op: op._begin_step()) if begun is None else begun

    def _begin_step(self) -> int | bool:
        """Mark the next step as running, or the operation as done; returns the step's id."""
        if self.state not in OPEN_OPERATION_STATES:
            return False
        now = fields.Datetime.now()
        step = self.step_ids.filtered(lambda step: step.state != OP_DONE)[:1]
        if not step:
            self._set_done()
            return False
        self.write({"state": OP_RUNNING, "started_at": self.started_at or now})
        step.write({"state": OP_RUNNING, "started_at": now, "error": False})
        return step.id

    def _set_done(self):
        self.write(
            {
                "state": OP_DONE,
                "finished_at": fields.Datetime.now(),
                "error": False,
                "secrets": False,
            }
        )

    def _perform_step(self, step_id: int) -> tuple[int | bool, str]:
        """Carry a step out and begin the next one, as `_begin_step`; returns the state too."""
        step = self.step_ids.browse(step_id)
        if self.state != OP_RUNNING:
            # Somebody has cancelled it while the step before was carried out.
            step.write({"state": OP_PENDING, "started_at": False})
            return False, self.state
        user = self.user_id or self.env.user
        if self.kind != "give_up":
            self._get_subject().server_id._check_in_use()
        # What takes long looks now and then whether it is wanted still.
        subject = self._get_subject().with_user(user).sudo()
        subject = subject.with_context(saas_operation_id=self.id)
        result = getattr(subject, step.method)(self)
        step.write({"state": OP_DONE, "finished_at": fields.Datetime.now(), "result": result})
        # Whoever cancels meanwhile conflicts with the end of the last one: that is repeated, and
        # finds the operation cancelled.
        return self._begin_step(), self.state

    def _give_up_or_wait(self, step_id: int, cause: str, temporary: bool):
        failed = in_own_transaction(self, lambda op: op._record_failure(step_id, cause, temporary))
        if failed:
            self._clean_up()

    def _clean_up(self):
        try:
            in_own_transaction(self, lambda op: op._get_subject()._on_operation_failed(op))
        except Exception:
            _logger.exception("Cleaning up after operation %d failed", self.id)

    def _record_failure(self, step_id: int, cause: str, temporary: bool) -> bool:
        """Store the cause; True when the operation failed for good."""
        now = fields.Datetime.now()
        attempts = self.attempts + 1
        # Who waits for the answer is told at once; only work in the background is tried again.
        again = temporary and self.background and attempts <= len(_BACK_OFF_MINUTES)
        if temporary and not again:
            cause = self.env._("%(cause)s Check that the server runs, then retry.", cause=cause)
        elif not temporary:
            cause = self._get_subject()._explain_failure(self, cause)
        cancelled = self.state == OP_CANCELLED
        step = self.step_ids.browse(step_id)
        step.write({"state": OP_PENDING if again and not cancelled else OP_FAILED, "error": cause})
        self.write({"attempts": attempts, "error": cause})
        if cancelled:
            return True
        if again:
            delay = timedelta(minutes=_BACK_OFF_MINUTES[attempts - 1])
            self.write({"state": OP_PENDING, "next_attempt_at": now + delay})
            return False
        step.finished_at = now
        self.write({"state": OP_FAILED, "finished_at": now, "next_attempt_at": False})
        _logger.warning("%s (#%d) failed: %s", self.display_name, self.id, cause)
        return True


def _take_result(outcome: dict) -> dict:
    if outcome["state"] != OP_DONE:
        raise UserError(outcome["error"])
    return outcome["result"]


def _run_in_turn(operation):
    operation._run()
