import logging
import time
from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import UserError

from ..lib import portainer_api, root_ssh
from ..transactions import Busy, in_own_transaction, locked

_logger = logging.getLogger(__name__)

STATES = [
    ("pending", "Waiting"),
    ("running", "Running"),
    ("done", "Done"),
    ("failed", "Failed"),
    ("cancelled", "Cancelled"),
]
OPEN_STATES = ("pending", "running")
#: Seconds until a step of an installation is repeated when something did not answer. The first
#: time it is waited for, later the scheduled action comes back; then it is a failure.
_BACK_OFF = (5, 60, 120)
_LONGEST_WAIT = 5
_LANES = 2
#: What apt-get and dpkg say while another one of them is at work.
_APT_IS_BUSY = ("Could not get lock", "lock was locked by another process")


class _Cancelled(Exception):
    """Somebody cancelled the operation while a command of it ran."""


class SadeemRootServerOperation(models.Model):
    """Something done on a root server, step by step.

    pending → running → done, or failed (→ pending by *Retry*), or cancelled. A step is safe to
    repeat and has three parts: a transaction that reads what it needs, the work on the machine
    outside of any transaction, and a transaction that notes the result. Whoever is at work holds
    the lock of the root server; an operation that is *running* while nobody holds the lock was
    cut off, and the next round of the scheduled action goes on with it.
    """

    _name = "sadeem.root.server.operation"
    _description = "Root Server Operation"
    _order = "id desc"

    root_server_id = fields.Many2one(
        "sadeem.root.server", required=True, readonly=True, index=True, ondelete="cascade"
    )
    kind = fields.Selection(
        [
            ("confirm", "Confirm"),
            ("test", "Test Connection"),
            ("install_agent", "Install Portainer"),
            ("install_master", "Install Portainer Master"),
        ],
        string="Operation",
        required=True,
        readonly=True,
    )
    state = fields.Selection(STATES, required=True, default="pending", readonly=True)
    user_id = fields.Many2one("res.users", string="Asked by", readonly=True)
    arguments = fields.Json(readonly=True)
    notes = fields.Json(readonly=True, help="What a step found out for later ones.")
    error = fields.Text(string="Cause", readonly=True)
    step_ids = fields.One2many("sadeem.root.server.operation.step", "operation_id", readonly=True)
    output_ids = fields.One2many(
        "sadeem.root.server.operation.output", "operation_id", readonly=True
    )
    progress = fields.Float(compute="_compute_progress", help="Per cent of the steps done.")
    background = fields.Boolean(readonly=True, help="Nobody waits for the answer.")
    attempts = fields.Integer(readonly=True)
    next_attempt_at = fields.Datetime(readonly=True)
    started_at = fields.Datetime(readonly=True)
    finished_at = fields.Datetime(readonly=True)

    _one_open = models.UniqueIndex(
        "(root_server_id) WHERE state IN ('pending', 'running')",
        "Something else is being done on this root server.",
    )

    def _register_hook(self):
        """A server that starts goes on at once with what was cut off when it ended."""
        super()._register_hook()
        if self.search_count([("state", "in", OPEN_STATES)], limit=1):
            self._trigger()

    # === COMPUTE METHODS === #

    @api.depends("kind", "root_server_id.name")
    def _compute_display_name(self):
        for operation in self:
            operation.display_name = f"{operation._get_title()}: {operation.root_server_id.name}"

    @api.depends("step_ids.state")
    def _compute_progress(self):
        for operation in self:
            steps = operation.step_ids
            done = steps.filtered(lambda step: step.state == "done")
            operation.progress = 100 * len(done) / len(steps) if steps else 0

    # === ACTION METHODS === #

    def action_retry(self):
        """Go on with the step that failed."""
        self.ensure_one()
        self.root_server_id.check_access("write")
        in_own_transaction(self, lambda operation: operation._retry())
        return True

    def action_cancel(self):
        """Give up; a command that runs on the machine is not waited for any more."""
        self.ensure_one()
        self.root_server_id.check_access("write")
        in_own_transaction(self, lambda operation: operation._cancel())
        return True

    # === BUSINESS METHODS === #

    def get_progress(self, after: int = 0) -> dict:
        """What the form shows while it watches.

        :param after: id of the last piece of output that the caller has
        """
        self.ensure_one()
        self.check_access("read")
        now = fields.Datetime.now()
        pause = (self.next_attempt_at - now).total_seconds() if self.next_attempt_at else 0
        return {
            "id": self.id,
            "name": self._get_title(),
            "user": self.user_id.name or "",
            "state": self.state,
            "progress": round(self.progress),
            "error": self.error or "",
            "again": bool(self.next_attempt_at),
            "again_in": max(round(pause), 0),
            "can_retry": self._can_be_retried(),
            "steps": [step._get_progress() for step in self.step_ids],
            "output": [
                {"id": piece.id, "text": piece.text}
                for piece in self.output_ids.filtered(lambda piece: piece.id > after)
            ],
        }

    def _get_title(self) -> str:
        return dict(self._fields["kind"]._description_selection(self.env)).get(self.kind, "")

    def _can_be_retried(self) -> bool:
        return self.state == "failed" and self == self.root_server_id.operation_id

    def _retry(self):
        self.root_server_id._lock_row()
        if not self._can_be_retried():
            raise UserError(
                self.env._(
                    "%(operation)s cannot be retried: it did not fail, or something else was done"
                    " afterwards.",
                    operation=self.display_name,
                )
            )
        self.root_server_id._check_operation_possible(self.kind)
        self.step_ids.filtered(lambda step: step.state == "failed").write(
            {"state": "pending", "error": False, "finished_at": False}
        )
        self.write(
            {
                "state": "pending",
                "error": False,
                "attempts": 0,
                "next_attempt_at": False,
                "finished_at": False,
                "background": True,
            }
        )
        # The row of the server stands for the question whether anything is open on it.
        self.root_server_id.operation_id = self
        self._trigger()

    def _cancel(self):
        if self.state not in OPEN_STATES:
            raise UserError(
                self.env._(
                    "%(operation)s has ended; it cannot be cancelled.",
                    operation=self.display_name,
                )
            )
        now = fields.Datetime.now()
        self.step_ids.filtered(lambda step: step.state in OPEN_STATES).state = "cancelled"
        self.write({"state": "cancelled", "finished_at": now, "next_attempt_at": False})
        self.root_server_id._on_operation_ended(self)

    # === BUSINESS METHODS - RUNNING === #

    @api.model
    def _trigger(self, at=None):
        """Wake the scheduled actions."""
        for lane in range(1, _LANES + 1):
            self.env.ref(f"sadeem_portainer.ir_cron_operations_{lane}").sudo()._trigger(at)

    @api.model
    def _cron_run_operations(self):
        """Run what waits and go on with what was cut off; several lanes do it side by side."""
        waiting = self.search(
            [
                ("state", "in", OPEN_STATES),
                "|",
                ("next_attempt_at", "=", False),
                ("next_attempt_at", "<=", fields.Datetime.now()),
            ],
            order="id",
        ).ids
        remaining = len(waiting)
        self.env["ir.cron"]._commit_progress(remaining=remaining)
        for operation_id in waiting:
            self.browse(operation_id)._run()
            remaining -= 1
            if not self.env["ir.cron"]._commit_progress(1, remaining=remaining):
                break

    def _run(self, wait: float = 0) -> bool:
        """Run to the end; False when somebody else is at work on the root server.

        :param wait: seconds to wait for him
        """
        self.ensure_one()
        server = self.env["sadeem.root.server"].browse(
            in_own_transaction(self, lambda operation: operation.exists().root_server_id.id)
        )
        try:
            if server:
                with locked(server, wait):
                    self._process()
        except Busy:
            return False
        return True

    def _process(self):
        """Step by step to the end; the caller holds the lock."""
        while step_id := in_own_transaction(self, lambda operation: operation._begin_step()):
            try:
                self._perform_step(step_id)
            except _Cancelled:
                _logger.info("Operation %d was cancelled in step %d", self.id, step_id)
                return
            except Exception as error:
                pause = self._give_up_or_wait(step_id, error)
                if not pause or pause > _LONGEST_WAIT:
                    return
                # The machine says to nobody when it is back; the next step looks if it is.
                time.sleep(pause)

    def _begin_step(self) -> int | bool:
        """Mark the next step as running, or the operation as done; returns the step's id."""
        if not self.exists() or self.state not in OPEN_STATES:
            return False
        now = fields.Datetime.now()
        step = self.step_ids.filtered(lambda step: step.state != "done")[:1]
        if not step:
            self.write({"state": "done", "finished_at": now, "error": False})
            self.root_server_id._on_operation_ended(self)
            return False
        self.write(
            {
                "state": "running",
                "started_at": self.started_at or now,
                "next_attempt_at": False,
                "error": False,
            }
        )
        step.write({"state": "running", "started_at": now, "error": False})
        return step.id

    def _perform_step(self, step_id: int):
        """Read, work on the machine, note the result; only reading and noting are transactions."""
        work, secrets = in_own_transaction(self, lambda operation: operation._prepare_step(step_id))
        output = root_ssh.LiveOutput(self._write_output, secrets)
        try:
            result = work(output)
        finally:
            output.finish()
        in_own_transaction(self, lambda operation: operation._note_step(step_id, result))

    def _prepare_step(self, step_id: int):
        server = self.root_server_id
        key = self.step_ids.browse(step_id).key
        return server._begin_step(self, key), server._get_known_secrets()

    def _note_step(self, step_id: int, result):
        step = self.step_ids.browse(step_id)
        told = self._as_asker(self.root_server_id)._end_step(self, step.key, result)
        step.write({"state": "done", "finished_at": fields.Datetime.now(), "result": told})
        if self.attempts:
            self.attempts = 0

    def _as_asker(self, record):
        """The record for whoever asked for the operation, so that the chatter names him."""
        return record.with_user(self.user_id or self.env.user).sudo()

    def _write_output(self, text: str):
        """Keep what a command wrote, and learn if it shall be waited for any longer."""

        def write(operation):
            if text:
                operation.output_ids._add(operation, text)
            return operation.state == "cancelled"

        if in_own_transaction(self, write):
            raise _Cancelled()

    def _note(self, **notes):
        self.notes = {**(self.notes or {}), **notes}

    def _give_up_or_wait(self, step_id: int, error: Exception) -> int:
        """Note why a step failed; seconds until it is repeated, 0 for never."""
        expected = isinstance(error, root_ssh.SshError | portainer_api.PortainerError | UserError)
        if not expected:
            _logger.exception("Operation %d failed in step %d", self.id, step_id)
        cause = str(error) if expected else f"{type(error).__name__}: {str(error)[:500]}"
        temporary = self._is_temporary(error)
        return in_own_transaction(self, lambda op: op._record_failure(step_id, cause, temporary))

    @api.model
    def _is_temporary(self, error: Exception) -> bool:
        """Whether it may go well in a minute without anybody's doing."""
        if isinstance(error, root_ssh.CommandFailed):
            # A machine that has just started updates itself.
            return any(words in error.output for words in _APT_IS_BUSY)
        gone = (root_ssh.Unavailable, portainer_api.Unavailable, portainer_api.UnknownOutcome)
        return isinstance(error, gone)

    def _record_failure(self, step_id: int, cause: str, temporary: bool) -> int:
        if not self.exists() or self.state not in OPEN_STATES:
            return 0
        now = fields.Datetime.now()
        step = self.step_ids.browse(step_id)
        attempts = self.attempts + 1
        installs = self.kind in ("install_agent", "install_master")
        if temporary and installs and self.background and attempts <= len(_BACK_OFF):
            pause = _BACK_OFF[attempts - 1]
            at = now + timedelta(seconds=pause)
            step.write({"state": "pending", "error": cause})
            self.write(
                {"state": "pending", "error": cause, "attempts": attempts, "next_attempt_at": at}
            )
            self._trigger(at)
            return pause
        step.write({"state": "failed", "error": cause, "finished_at": now})
        self.write({"state": "failed", "error": cause, "finished_at": now})
        self.root_server_id._on_operation_ended(self)
        _logger.warning("%s (#%d) failed: %s", self.display_name, self.id, cause)
        return 0
