import contextlib
import logging
import uuid
from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError

from ..errors import told_to_user
from ..lib.portainer_api import (
    Container,
    DeployFailed,
    PortainerError,
    StackStatus,
    UnknownOutcome,
    normalise_name,
    validate_compose,
)
from ..stack_calls import CALLS, Seen, Target, find_own, look
from ..transactions import Busy, in_own_transaction, locked

_logger = logging.getLogger(__name__)

DRAFT, DEPLOYING, ACTIVE, INACTIVE = "draft", "deploying", "active", "inactive"
ERROR, UNKNOWN = "error", "unknown"
#: action → states from which it is offered
ALLOWED = {
    "create": (DRAFT, ERROR, UNKNOWN),
    "update": (ACTIVE, INACTIVE, ERROR, UNKNOWN),
    "start": (ACTIVE, INACTIVE, ERROR, UNKNOWN),
    "stop": (ACTIVE, INACTIVE, ERROR, UNKNOWN),
    "delete": (ACTIVE, INACTIVE, ERROR, UNKNOWN),
}
#: After this time whatever a server was told has happened, or never will.
PATIENCE = timedelta(minutes=20)


class SadeemPortainerStack(models.Model):
    """A compose project that we keep in an environment, and what was last seen of it.

    What is asked of the server is written down first, in ``pending_action``, then done, then judged
    by what the server shows: a crash in between leaves a stack that a check puts right.
    """

    _name = "sadeem.portainer.stack"
    _description = "Portainer Stack"
    _inherit = ["mail.thread"]
    _order = "name, id"

    name = fields.Char(
        required=True,
        tracking=True,
        help="Small letters, digits, dashes and underscores; Portainer leaves out all else.",
    )
    environment_id = fields.Many2one(
        "sadeem.portainer.environment",
        required=True,
        index=True,
        ondelete="restrict",
        tracking=True,
    )
    portainer_id = fields.Many2one(
        related="environment_id.portainer_id", store=True, index=True, string="Server"
    )
    environment_type = fields.Selection(related="environment_id.environment_type")
    remote_id = fields.Integer(
        string="Stack ID", readonly=True, copy=False, help="The number that Portainer gave it."
    )
    operation = fields.Char(
        readonly=True,
        required=True,
        copy=False,
        default=lambda self: str(uuid.uuid4()),
        help="Marks what this record has made on the server, so that it is found again.",
    )
    compose = fields.Text(string="Compose File", required=True)
    variable_ids = fields.One2many("sadeem.portainer.stack.variable", "stack_id")
    sent_names = fields.Json(readonly=True, copy=False)
    state = fields.Selection(
        [
            (DRAFT, "Draft"),
            (DEPLOYING, "Deploying"),
            (ACTIVE, "Active"),
            (INACTIVE, "Stopped"),
            (ERROR, "Error"),
            (UNKNOWN, "Unknown"),
        ],
        default=DRAFT,
        required=True,
        readonly=True,
        copy=False,
        tracking=True,
    )
    pending_action = fields.Selection(
        [
            ("create", "Deploy"),
            ("update", "Update"),
            ("start", "Start"),
            ("stop", "Stop"),
            ("delete", "Delete"),
        ],
        readonly=True,
        copy=False,
        help="What was asked of the server and not seen to be done yet.",
    )
    attempted_at = fields.Datetime(readonly=True, copy=False)
    remove_volumes = fields.Boolean(
        readonly=True, copy=False, help="Whether the deletion that was asked for takes them too."
    )
    checked_at = fields.Datetime(string="Last Check", readonly=True, copy=False)
    containers = fields.Json(readonly=True, copy=False)
    container_count = fields.Integer(compute="_compute_container_counts")
    running_count = fields.Integer(compute="_compute_container_counts")
    last_error = fields.Text(readonly=True, copy=False)

    _name_unique = models.Constraint(
        "UNIQUE (environment_id, name)", "The environment has a stack of this name already."
    )

    # === COMPUTE METHODS === #

    @api.depends("containers")
    def _compute_container_counts(self):
        for stack in self:
            rows = stack.containers or []
            stack.container_count = len(rows)
            stack.running_count = len([row for row in rows if row["state"] == "running"])

    # === CRUD METHODS === #

    @api.model_create_multi
    def create(self, vals_list):
        for vals in vals_list:
            if vals.get("name"):
                vals["name"] = self._normalise(vals["name"])
        return super().create(vals_list)

    def write(self, vals):
        if vals.get("name"):
            vals = {**vals, "name": self._normalise(vals["name"])}
        for stack in self.filtered(lambda stack: stack.state != DRAFT):
            if vals.get("name", stack.name) != stack.name or (
                vals.get("environment_id", stack.environment_id.id) != stack.environment_id.id
            ):
                raise UserError(
                    self.env._(
                        "%(stack)s is on the server: its name and environment are settled until it"
                        " is deleted there.",
                        stack=stack.name,
                    )
                )
        return super().write(vals)

    @api.ondelete(at_uninstall=False)
    def _unlink_except_deployed(self):
        if deployed := self.filtered(lambda stack: stack.state != DRAFT):
            raise UserError(
                self.env._(
                    "Delete %(stacks)s on the server first: its containers would run on unseen.",
                    stacks=", ".join(deployed.mapped("name")),
                )
            )

    @api.model
    def _normalise(self, name: str) -> str:
        try:
            return normalise_name(name)
        except ValueError as error:
            raise ValidationError(str(error)) from error

    # === ACTION METHODS === #

    def action_create(self):
        return self._act("create")

    def action_update(self):
        return self._act("update")

    def action_update_pull(self):
        return self._act("update", pull=True)

    def action_start(self):
        return self._act("start")

    def action_stop(self):
        return self._act("stop")

    def action_check(self):
        """See how the stack is, and put right what an interrupted action has left."""
        self.check_access("write")
        failed = {stack.name: error for stack in self if (error := stack._check())}
        return self.env["sadeem.portainer"]._get_notification(
            self.env._("The state is up to date."), failed
        )

    def action_validate(self):
        """Look for mistakes in the compose text without sending it."""
        self.ensure_one()
        self.check_access("read")
        with told_to_user():
            validate_compose(self.compose, self.variable_ids.mapped("name"))
        return self.env["sadeem.portainer"]._get_notification(
            self.env._("No mistake found in the compose text."), {}
        )

    def _act(self, verb: str, **options):
        """A button: what went wrong is shown beside the state that it led to."""
        self.check_access("write")
        failed = {stack.name: error for stack in self if (error := stack._perform(verb, **options))}
        return self.env["sadeem.portainer"]._get_notification(self.env._("Done."), failed)

    # === PERFORMING === #

    def _perform(self, verb: str, **options) -> str:
        """Do it on the server and write down what came of it; returns what went wrong, or ''.

        :raises UserError: when it was not even tried
        """
        self.ensure_one()
        with self._told_who_is_busy(), locked(self):
            return self._perform_alone(verb, **options)

    def _perform_alone(self, verb: str, **options) -> str:
        """The same for a caller who holds the lock."""
        client, target = in_own_transaction(self, lambda stack: stack._prepare(verb, **options))
        with client:
            return self._carry_out(client, target, verb)

    @contextlib.contextmanager
    def _told_who_is_busy(self):
        try:
            yield
        except Busy as error:
            # The record may be younger than this transaction.
            name = in_own_transaction(self, lambda stack: stack.exists().name or "")
            raise UserError(
                self.env._(
                    "Somebody else is at work on %(stack)s. Wait until that is done.", stack=name
                )
            ) from error

    def _prepare(self, verb: str, **options) -> tuple:
        if not self.exists():
            raise UserError(self.env._("Save the stack first."))
        if self.state not in ALLOWED[verb] and self.pending_action != verb:
            labels = self._fields["state"]._description_selection(self.env)
            raise UserError(
                self.env._(
                    "%(stack)s cannot do this in state %(state)s.",
                    stack=self.name,
                    state=dict(labels)[self.state],
                )
            )
        self.environment_id._check_usable()
        with told_to_user():
            if verb in ("create", "update"):
                validate_compose(self.compose, self.variable_ids.mapped("name"))
        return self.portainer_id._get_client(), self._prepare_target(**options)

    def _prepare_target(self, **options) -> Target:
        return Target(
            environment_id=self.environment_id.portainer_environment_id,
            name=self.name,
            remote_id=self.remote_id,
            operation=self.operation,
            compose=self.compose,
            env={variable.name: variable._get_secret("value") for variable in self.variable_ids},
            sent_names=frozenset(self.sent_names or ()),
            swarm=self.environment_type == "swarm",
            secrets=self._prepare_secrets(),
            **options,
        )

    def _prepare_secrets(self) -> dict[str, str]:
        """Name → content of what the text takes from the swarm's secrets; serves as a hook."""
        return {}

    def _carry_out(self, client, target: Target, verb: str) -> str:
        try:
            # Nothing is noted for a server that does not answer, or a stack that is not ours.
            find_own(client, target)
        except PortainerError as error:
            text = target.without_secrets(str(error))
            in_own_transaction(self, lambda stack: stack.write({"last_error": text}))
            return text
        in_own_transaction(self, lambda stack: stack._note_attempt(verb, target))
        text, lost, failed = "", False, False
        try:
            CALLS[verb](client, target)
        except PortainerError as error:
            text = target.without_secrets(str(error))
            lost, failed = isinstance(error, UnknownOutcome), isinstance(error, DeployFailed)
            _logger.info("%s %s: %s", verb, self, text)
        seen = None
        if not lost:
            try:
                seen = look(client, target)
            except PortainerError as error:
                text = text or target.without_secrets(str(error))
        return in_own_transaction(self, lambda stack: stack._note_outcome(seen, text, failed))

    def _check(self) -> str:
        """Look at the server and note what is seen; returns what went wrong, or ''."""
        self.ensure_one()
        try:
            with locked(self):
                client, target = in_own_transaction(self, lambda stack: stack._prepare_check())
                with client:
                    seen = look(client, target)
                return in_own_transaction(self, lambda stack: stack._note_seen(seen))
        except Busy:
            # Whoever is at work on it notes what it sees.
            return ""
        except (PortainerError, UserError) as error:
            text = str(error)
            in_own_transaction(self, lambda stack: stack.write({"last_error": text}))
            return text

    def _prepare_check(self) -> tuple:
        if not self.exists():
            raise UserError(self.env._("Save the stack first."))
        return self.portainer_id._get_client(), self._prepare_target()

    # === NOTING === #

    def _note_attempt(self, verb: str, target: Target):
        vals = {
            "pending_action": verb,
            "attempted_at": fields.Datetime.now(),
            "last_error": False,
        }
        if verb in ("create", "update", "start"):
            vals["state"] = DEPLOYING
        if verb in ("create", "update"):
            vals["sent_names"] = sorted(target.env)
        if verb == "delete":
            vals["remove_volumes"] = target.remove_volumes
        self.write(vals)

    def _note_outcome(self, seen: Seen | None, text: str, failed: bool) -> str:
        """After an action: ``seen`` is None when its outcome is not known."""
        if seen is None:
            self.write({"state": UNKNOWN, "last_error": text})
            return text
        verb = self.pending_action
        if failed or (text and verb == "create" and not seen.stack):
            self._note_failure(seen, text)
            return text
        error = self._note_seen(seen, done=not text)
        if text and not self._is_reached(verb):
            self.write({"last_error": text})
            return text
        return error

    def _is_reached(self, verb: str) -> bool:
        """Whether the server has done what it called a failure; of an update nobody can tell."""
        wanted = {"create": ACTIVE, "start": ACTIVE, "stop": INACTIVE, "delete": DRAFT}
        return self.state == wanted.get(verb) and not self.pending_action

    def _note_failure(self, seen: Seen, text: str):
        """Compose failed, or refused: what it has left may still be there."""
        self.write(
            {
                "state": ERROR,
                "pending_action": False,
                "remote_id": seen.stack.id if seen.stack else self.remote_id,
                "containers": self._prepare_containers(seen.containers),
                "checked_at": fields.Datetime.now(),
                "last_error": text,
            }
        )

    def _note_seen(self, seen: Seen, done: bool = False) -> str:
        """Write down what the server shows, and tell what is wrong with it.

        :param done: whether the server said that the pending action is done
        """
        verb = self.pending_action
        late = not self.attempted_at or self.attempted_at < fields.Datetime.now() - PATIENCE
        if not seen.stack:
            return self._note_gone(verb, done, late)
        state, error = self._judge(seen)
        reached = {
            "stop": seen.stack.status is StackStatus.INACTIVE,
            "delete": False,
        }.get(verb, state != DEPLOYING)
        self.write(
            {
                "state": state,
                "remote_id": seen.stack.id,
                "pending_action": False if done or reached or late else verb,
                "containers": self._prepare_containers(seen.containers),
                "checked_at": fields.Datetime.now(),
                "last_error": error or False,
            }
        )
        return error

    def _note_gone(self, verb: str | bool, done: bool, late: bool) -> str:
        """The server has no such stack: as wanted, not yet, or to our surprise."""
        settled = done or late
        vals = {"checked_at": fields.Datetime.now(), "containers": []}
        if verb == "delete" and self.remove_volumes and not done:
            error = self.env._(
                "Its containers are gone; whether its volumes are too is not known. Delete it"
                " again."
            )
            vals |= {"state": ERROR, "last_error": error}
        elif verb == "delete" or self.state == DRAFT:
            # Its successor is another one.
            vals |= {"state": DRAFT, "pending_action": False, "remote_id": 0, "last_error": False}
            vals |= {"operation": str(uuid.uuid4()), "sent_names": [], "remove_volumes": False}
        elif verb == "create" and not self.remote_id:
            error = self.env._("It did not come into being; deploy it again.")
            if not settled:
                error = self.env._("The server does not list it yet; check again in a while.")
            vals |= {"state": ERROR if settled else UNKNOWN, "last_error": error}
            vals |= {"pending_action": False} if settled else {}
        else:
            error = self.env._("It is gone from the server; deploy it again to bring it back.")
            vals |= {"state": ERROR, "pending_action": False, "remote_id": 0, "last_error": error}
        self.write(vals)
        return vals["last_error"] or ""

    def _judge(self, seen: Seen) -> tuple[str, str]:
        """State and complaint: the server calls active what was started once, whatever runs."""
        status, running = seen.stack.status, [row for row in seen.containers if row.is_running]
        if status is StackStatus.DEPLOYING:
            return DEPLOYING, ""
        if status is StackStatus.ERROR:
            return ERROR, seen.stack.error or self.env._("Its deployment failed.")
        if status is StackStatus.INACTIVE:
            return INACTIVE, ""
        problems = "\n".join(seen.problems)
        if not seen.containers:
            return ERROR, problems or self.env._(
                "Portainer calls it active, but it has no container."
            )
        if not running:
            return ERROR, problems or self.env._("None of its containers runs.")
        if problems:
            return ACTIVE, problems
        if ill := [row.name for row in running if row.health == "unhealthy"]:
            return ACTIVE, self.env._("Unhealthy: %(containers)s.", containers=", ".join(ill))
        return ACTIVE, ""

    @api.model
    def _prepare_containers(self, containers: tuple[Container, ...]) -> list[dict]:
        return [
            {
                "id": row.id,
                "name": row.name,
                "service": row.service,
                "image": row.image,
                "state": row.state,
                "status": row.status,
                "health": row.health,
                "node": row.node,
                "is_task": row.is_task,
                "ports": [
                    {"host_port": port.host_port, "container_port": port.container_port}
                    for port in {(p.host_port, p.protocol): p for p in row.ports}.values()
                ],
            }
            for row in sorted(containers, key=lambda row: row.name)
        ]
