import logging
import re

from odoo import models
from odoo.exceptions import UserError

from ..container_calls import (
    MAX_TEXT,
    act_on_task,
    check_seconds,
    check_tail,
    exec_report,
    split_command,
    stats_report,
)
from ..errors import told_to_user
from ..transactions import Busy, in_own_transaction, locked

_logger = logging.getLogger(__name__)


class SadeemPortainer(models.Model):
    """What other addons and programs do with stacks and containers of a server.

    ``environment_id`` and ``stack_id`` are ids of our records; Portainer's own number of a stack is
    ``remote_id``. Every answer can travel as JSON and over XML-RPC.
    """

    _inherit = "sadeem.portainer"

    # === STACKS === #

    def create_stack(self, environment_id, name, compose, env=None, operation=None):
        """Deploy a compose text as a new stack.

        The same call with the same ``operation`` goes on where an interrupted one ended; without
        one, only a name that is free, or that an earlier try left without a stack.
        """
        environment = self._get_own_environment(environment_id)
        self._check_operation(operation)
        self._check_env(env or {})
        stack, is_deployed = self._reserve_stack(environment, name, compose, operation)
        if is_deployed:
            return self.check_stack_status(stack.id)

        def fill(stack):
            # Another caller may have been quicker since.
            if stack._is_deployed_by(operation, compose):
                return True
            stack.write({"compose": compose} | ({"operation": operation} if operation else {}))
            if env is not None:
                stack._set_env(env)
            return False

        with stack._told_who_is_busy(), locked(stack):
            error = "" if in_own_transaction(stack, fill) else stack._perform_alone("create")
        if error:
            raise UserError(error)
        return self._report_on(stack.id)

    def update_stack(self, stack_id, compose=None, env=None, pull=False):
        """Deploy a stack again; a text or variables that are not given stay as they are."""
        stack = self._get_own_stack(stack_id)

        def prepare(stack):
            if compose is not None:
                stack.compose = compose
            if env is not None:
                stack._set_env(self._check_env(env))

        self._change_unlocked(stack, prepare)
        return self._perform_on(stack.id, "update", pull=bool(pull))

    def start_stack(self, stack_id):
        """Bring a stopped stack up; one that is up already succeeds."""
        return self._perform_on(self._get_own_stack(stack_id).id, "start")

    def stop_stack(self, stack_id):
        """Remove a stack's containers and keep its volumes; one that is stopped succeeds."""
        return self._perform_on(self._get_own_stack(stack_id).id, "stop")

    def delete_stack(self, stack_id, remove_volumes=False):
        """Remove a stack with its containers, and with its data only if told so.

        The record stays as a draft; one that is a draft already succeeds.
        """
        stack = self._get_own_stack(stack_id)
        if in_own_transaction(stack, lambda stack: stack.state == "draft"):
            return self._report_on(stack.id)
        return self._perform_on(stack.id, "delete", remove_volumes=bool(remove_volumes))

    def check_stack_status(self, stack_id):
        """How a stack and its containers are now; what is wrong stands in ``error``."""
        stack = self._get_own_stack(stack_id)
        stack._check()
        return self._report_on(stack.id)

    # === CONTAINERS === #

    def docker_action(self, environment_id, container, action, force=False):
        """restart, start, stop, pause, unpause or remove a container."""
        environment = self._get_own_environment(environment_id)
        number = environment.portainer_environment_id
        with told_to_user(), self._get_client() as client:
            if task := environment._find_task(client, container):
                act_on_task(self.env, client, number, task, action)
            else:
                client.container_action(number, container, action, force=bool(force))
        _logger.info("user #%d: %s of container %s in %s", self.env.uid, action, container, self)
        return {"container": container, "action": action, "done": True}

    def docker_exec(self, environment_id, container, command, user="", workdir="", timeout=60):
        """Run a command in a running container, and wait for it.

        :param command: program and arguments, as a list or as a text that is split like in a shell
        """
        environment = self._get_own_environment(environment_id)
        argv = split_command(self.env, command)
        with told_to_user(), self._get_client() as client:
            result = client.exec(
                environment.portainer_environment_id,
                container,
                argv,
                user=user or "",
                workdir=workdir or "",
                timeout=check_seconds(self.env, timeout),
                max_bytes=MAX_TEXT,
            )
        # Not the command: it may hold a secret.
        _logger.info("user #%d ran a command in container %s in %s", self.env.uid, container, self)
        return exec_report(result)

    def docker_state(self, environment_id, container):
        """State of a container, and the CPU and memory that it uses."""
        number = self._get_own_environment(environment_id).portainer_environment_id
        with told_to_user(), self._get_client() as client:
            details = client.get_container(number, container)
            report = {
                "container": details.name,
                "state": details.state,
                "health": details.health,
                "exit_code": details.exit_code,
                "restart_count": details.restart_count,
                "started_at": details.started_at,
                "running": details.is_running,
            }
            if details.is_running:
                report |= stats_report(client.stats(number, container))
        return report

    def docker_logs(self, environment_id, container, tail=100):
        """The last lines that a container wrote, at most 1000."""
        number = self._get_own_environment(environment_id).portainer_environment_id
        with told_to_user(), self._get_client() as client:
            text = client.logs(number, container, tail=check_tail(self.env, tail))
        return {"container": container, "log": text[-MAX_TEXT:]}

    # === HELPERS === #

    def _get_own_environment(self, environment_id):
        """The environment, which must be one of this server: ids are easily mixed up."""
        self.ensure_one()
        self.check_access("write")
        self._check_confirmed()
        environment = self.env["sadeem.portainer.environment"].browse(
            environment_id if type(environment_id) is int else []
        )
        if environment.exists().portainer_id != self:
            raise UserError(
                self.env._(
                    "%(server)s has no environment with the id %(id)s.",
                    server=self.name,
                    id=environment_id,
                )
            )
        return environment

    def _get_own_stack(self, stack_id):
        """The stack, also one that was made after this transaction began."""
        self.ensure_one()
        self.check_access("write")
        stack = self.env["sadeem.portainer.stack"].browse(stack_id)
        if not isinstance(stack_id, int) or not in_own_transaction(
            stack, lambda stack: stack.exists() and stack.portainer_id.id == self.id
        ):
            raise UserError(
                self.env._(
                    "%(server)s has no stack with the id %(id)s.", server=self.name, id=stack_id
                )
            )
        return stack

    def _check_env(self, env) -> dict:
        if not isinstance(env, dict):
            raise UserError(self.env._("The variables are a mapping from names to values."))
        return env

    def _check_operation(self, operation):
        if operation and not (
            isinstance(operation, str) and re.fullmatch(r"[\w.:-]{1,100}", operation, re.ASCII)
        ):
            raise UserError(
                self.env._("The key of an operation is made of letters, digits, dots and dashes.")
            )

    def _reserve_stack(self, environment, name, compose, operation) -> tuple:
        """The record for the stack, which is there whatever comes next; and if it is deployed."""
        if not isinstance(name, str) or not isinstance(compose, str):
            raise UserError(self.env._("A stack needs a name and a compose text."))
        project = self.env["sadeem.portainer.stack"]._normalise(name)

        def reserve(environment):
            domain = [("environment_id", "=", environment.id), ("name", "=", project)]
            stack = environment.env["sadeem.portainer.stack"].search(domain)
            if not stack:
                vals = {"environment_id": environment.id, "name": project, "compose": compose}
                stack = stack.create(vals)
            return stack.id, stack._is_deployed_by(operation, compose)

        try:
            with locked(environment, wait=10):
                stack_id, is_deployed = in_own_transaction(environment, reserve)
        except Busy as error:
            raise UserError(
                self.env._(
                    "%(environment)s is being read. Try again in a moment.",
                    environment=environment.name,
                )
            ) from error
        return self.env["sadeem.portainer.stack"].browse(stack_id), is_deployed

    def _change_unlocked(self, stack, change):
        """Change the record unless somebody is deploying it at this moment."""
        with stack._told_who_is_busy(), locked(stack):
            in_own_transaction(stack, change)

    def _perform_on(self, stack_id: int, verb: str, **options) -> dict:
        stack = self.env["sadeem.portainer.stack"].browse(stack_id)
        if error := stack._perform(verb, **options):
            raise UserError(error)
        return self._report_on(stack_id)

    def _report_on(self, stack_id: int) -> dict:
        stack = self.env["sadeem.portainer.stack"].browse(stack_id)
        return in_own_transaction(stack, lambda stack: stack._prepare_report())
