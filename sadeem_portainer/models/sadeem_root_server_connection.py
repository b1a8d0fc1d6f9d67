from odoo import fields, models
from odoo.exceptions import UserError

from ..lib.root_ssh import HostFacts, fetch_host_key, probe
from ..transactions import in_own_transaction
from .sadeem_root_server_operation import OPEN_STATES

#: How long a caller waits when somebody else asked for the same a moment before, in seconds.
_WAIT_SECONDS = 120


class SadeemRootServer(models.Model):
    """What is done on the machine: operations in general, and those that only look at it.

    A step ``x`` of an operation is ``_begin_step_x(operation)``, which reads what the step needs
    and returns the work, a callable that takes a LiveOutput; and ``_end_step_x(operation,
    result)``, which notes what the work returned and may return a sentence about it.
    """

    _inherit = "sadeem.root.server"

    operation_ids = fields.One2many("sadeem.root.server.operation", "root_server_id")
    operation_id = fields.Many2one(
        "sadeem.root.server.operation",
        string="Last Operation",
        readonly=True,
        copy=False,
        ondelete="set null",
        index="btree_not_null",
    )

    # === ACTION METHODS === #

    def action_confirm(self):
        """Pin the host key that the machine shows now, log in, look around, and wait for it."""
        for server in self:
            server.check_access("write")
            if server.state != "confirmed":
                server._perform_operation("confirm")
        return True

    def action_confirm_in_background(self):
        """The same, watched in the form."""
        self.ensure_one()
        self.check_access("write")
        self._start_operation("confirm")
        return True

    def action_test_connection(self):
        """Log in and tell what the machine is and has."""
        self.ensure_one()
        self.check_access("write")
        self._perform_operation("test")
        told = in_own_transaction(self, lambda server: server._describe_machine())
        return self.env["sadeem.portainer"]._get_notification(told, {})

    def action_test_connection_in_background(self):
        """The same, watched in the form."""
        self.ensure_one()
        self.check_access("write")
        self._start_operation("test")
        return True

    # === BUSINESS METHODS - OPERATIONS === #

    def get_progress(self, operation_id: int = 0, after: int = 0) -> dict:
        """What the form shows of the last operation; empty when there was none.

        :param operation_id: the one that the caller watches
        :param after: id of the last piece of its output that the caller has
        """
        self.ensure_one()
        self.check_access("read")
        if not (operation := self.operation_id):
            return {}
        return operation.get_progress(after if operation.id == operation_id else 0)

    def _start_operation(self, kind: str, arguments: dict | None = None, background=True) -> int:
        """The id of a new operation, or of the present one when it is of the same kind.

        It is written down at once, whatever becomes of the present request.

        :param background: have the scheduled action run it; otherwise the caller does
        :raises UserError: when something else is being done on the machine
        """
        self.ensure_one()

        def start(server):
            server._lock_row()
            if running := server._find_open_operation():
                if running.kind != kind:
                    server._check_idle()
                return running.id
            server._check_operation_possible(kind)
            return server._create_operation(kind, arguments or {}, background).id

        return in_own_transaction(self, start)

    def _perform_operation(self, kind: str):
        """Have something done here and now.

        :raises UserError: with the cause, when it failed
        """
        number = self._start_operation(kind, background=False)
        operation = self.env["sadeem.root.server.operation"].browse(number)
        operation._run(wait=_WAIT_SECONDS)
        state, error = in_own_transaction(operation, lambda op: (op.state, op.error))
        self.env.invalidate_all()
        if state != "done":
            raise UserError(
                error
                or self.env._(
                    "%(operation)s has not ended yet; see the operations of the root server.",
                    operation=operation.display_name,
                )
            )

    def _create_operation(self, kind: str, arguments: dict, background: bool):
        operation = self.env["sadeem.root.server.operation"].create(
            {
                "root_server_id": self.id,
                "kind": kind,
                "user_id": self.env.uid,
                "arguments": arguments,
                "background": background,
                "step_ids": [
                    fields.Command.create({"key": key, "name": name, "sequence": number})
                    for number, (key, name) in enumerate(self._get_steps(kind, arguments))
                ],
            }
        )
        self.operation_id = operation
        if background:
            operation._trigger()
        return operation

    def _lock_row(self):
        """Make two who start something at once meet: the second begins anew and sees the first.

        Whoever goes on changes the row, namely ``operation_id``.
        """
        self.env.cr.execute(
            "SELECT id FROM sadeem_root_server WHERE id = %s FOR NO KEY UPDATE",
            [self.id],
            log_exceptions=False,
        )
        self.invalidate_recordset()

    def _find_open_operation(self):
        return (
            self.env["sadeem.root.server.operation"]
            .sudo()
            .search([("root_server_id", "in", self.ids), ("state", "in", OPEN_STATES)], limit=1)
        )

    def _check_idle(self):
        """:raises UserError: when something is being done on the machine"""
        if operation := self._find_open_operation():
            raise UserError(
                self.env._(
                    "%(operation)s is under way, asked for by %(user)s at %(time)s (UTC). Wait"
                    " until it has ended, or cancel it.",
                    operation=operation.display_name,
                    user=operation.user_id.name,
                    time=operation.create_date.strftime("%H:%M"),
                )
            )

    def _check_operation_possible(self, kind: str):
        if not self.has_secret:
            raise UserError(
                self.env._(
                    "%(server)s needs a password or a private key to log in.", server=self.name
                )
            )
        if kind == "confirm" and self.state == "confirmed":
            raise UserError(
                self.env._(
                    "%(server)s is confirmed already. Reset it to draft to pin its host key anew.",
                    server=self.name,
                )
            )
        if kind != "confirm" and self.state != "confirmed":
            raise UserError(
                self.env._("%(server)s is not confirmed. Confirm it first.", server=self.name)
            )

    def _get_steps(self, kind: str, arguments: dict) -> list[tuple[str, str]]:
        """The steps of an operation: (name in the code, name for people)."""
        looking = [
            ("login", self.env._("Log in and become root")),
            ("facts", self.env._("Look around")),
        ]
        if kind == "confirm":
            return [("host_key", self.env._("Read the host key")), *looking]
        return looking

    def _begin_step(self, operation, key: str):
        return getattr(self, f"_begin_step_{key}")(operation)

    def _end_step(self, operation, key: str, result) -> str | None:
        return getattr(self, f"_end_step_{key}")(operation, result)

    def _on_operation_ended(self, operation):
        """The operation is done, failed or cancelled."""

    def _get_known_secrets(self) -> list[str]:
        """What is taken out of everything that commands write."""
        return [self._get_secret(name) for name in self._secrets]

    def _in_session(self, work):
        """The work of a step: ``work(session, output)`` with the machine."""
        session = self._get_session()

        def run(output):
            session.on_wait = output.tick
            with session:
                return work(session, output)

        return run

    # === BUSINESS METHODS - STEPS === #

    def _begin_step_host_key(self, operation):
        host, port = self.host, self.port
        return lambda output: fetch_host_key(host, port)

    def _end_step_host_key(self, operation, host_key):
        self.host_key = host_key
        return host_key

    def _begin_step_login(self, operation):
        return self._in_session(lambda session, output: session.check_root())

    def _end_step_login(self, operation, result):
        return self.env._("As %(user)s", user=self.username)

    def _begin_step_facts(self, operation):
        return self._in_session(lambda session, output: probe(session))

    def _end_step_facts(self, operation, facts: HostFacts):
        self._note_facts(facts)
        if operation.kind == "confirm":
            self.state = "confirmed"
        return self._describe_machine()

    def _describe_machine(self) -> str:
        docker = (
            self.env._("Docker %(version)s", version=self.docker_version)
            if self.docker_version
            else self.env._("no Docker")
        )
        return self.env._(
            "%(os)s, %(cores)s cores, %(ram)s MB of RAM, %(free)s of %(disk)s GB of disk free,"
            " %(docker)s.",
            os=self.os_name,
            cores=self.cpu_cores,
            ram=self.total_ram_mb,
            free=round(self.disk_free_mb / 1024),
            disk=round(self.disk_total_mb / 1024),
            docker=docker,
        )
