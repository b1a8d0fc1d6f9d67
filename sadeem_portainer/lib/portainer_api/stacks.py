"""Stacks: compose projects, and stacks of a swarm, that Portainer keeps."""

import contextlib
import logging
import re
from collections.abc import Mapping

from .calls import Calls, rows_of
from .compose import operation_key, validate_compose, with_operation_key
from .dotenv import write_value
from .errors import (
    Conflict,
    DeployFailed,
    InvalidCompose,
    InvalidRequest,
    NoSuchRoute,
    NotFound,
    PortainerError,
    ServerFailed,
    StillDeploying,
    Unavailable,
    UnknownOutcome,
    WrongEnvironment,
)
from .polling import pauses
from .types import Stack, StackStatus, StackType

_logger = logging.getLogger(__name__)


def normalise_name(name: str) -> str:
    """The name that Portainer makes of ``name``, and compose uses as the project.

    :raises ValueError: when compose would not take it
    """
    normal = re.sub(r"[^-_a-z0-9]", "", name.lower())
    if not re.match(r"[a-z0-9]", normal):
        raise ValueError(f"{name!r} is no name for a stack: begin with a letter or a digit.")
    return normal


class StackCalls(Calls):
    #: How long a deployment may take, pulling images included, in seconds.
    deploy_timeout: float

    # --- Reading -----------------------------------------------------------------------

    def list_stacks(self, environment_id: int | None = None) -> list[Stack]:
        """The stacks of one environment, or of all; without those of environments that are gone."""
        known = {environment.id for environment in self.list_environments()}
        if environment_id is not None:
            known &= {int(environment_id)}
        # Its own filter for an environment leaves the stacks of a swarm out.
        stacks = self._json("GET", "/stacks", "list its stacks", rows_of(Stack.from_json))
        return [stack for stack in stacks if stack.environment_id in known]

    def get_stack(self, stack_id: int) -> Stack:
        action = f"read stack {int(stack_id)}"
        return self._json("GET", f"/stacks/{int(stack_id)}", action, Stack.from_json)

    def get_stack_file(self, stack_id: int) -> str:
        """The compose text that was last deployed."""
        action = f"read the compose text of stack {int(stack_id)}"
        path = f"/stacks/{int(stack_id)}/file"
        return self._json("GET", path, action, lambda data: str(data["StackFileContent"]))

    def find_stack(self, environment_id: int, name: str) -> Stack | None:
        """The stack that has this name there once it is normalised."""
        name = normalise_name(name)
        for stack in self.list_stacks(environment_id):
            if stack.name == name and stack.type in (StackType.COMPOSE, StackType.SWARM):
                return stack
        return None

    # --- Creating ----------------------------------------------------------------------

    def create_stack(
        self,
        environment_id: int,
        name: str,
        compose: str,
        env: Mapping[str, str] | None = None,
        *,
        swarm: bool = False,
    ) -> Stack:
        """Deploy a new stack and wait until it runs. See :meth:`ensure_stack` for a safe repeat.

        :param env: values for the text's variables, taken literally
        :param swarm: as services of the swarm that the environment manages
        :raises InvalidCompose: when the text cannot work; nothing was sent
        :raises Conflict: when the name is taken
        :raises DeployFailed: when compose failed, or the swarm cannot run it
        :raises UnknownOutcome: when the answer was lost: the stack may exist, now or soon
        """
        env = dict(env or {})
        validate_compose(compose, env)
        name = normalise_name(name)
        action = f"create the stack {name}"
        payload = {"Name": name, "StackFileContent": compose, "Env": _env_rows(env, swarm)}
        if swarm:
            payload["SwarmID"] = self.swarm_id(environment_id)
        options = {"parse": Stack.from_json, "payload": payload, "timeout": self.deploy_timeout}
        endpoint = {"endpointId": int(environment_id)}
        path = f"/stacks/create/{'swarm' if swarm else 'standalone'}/string"
        try:
            with self._swarm_complaints(swarm, action):
                try:
                    stack = self._json("POST", path, action, params=endpoint, **options)
                except NoSuchRoute:
                    # Before 2.19.
                    kind = StackType.SWARM if swarm else StackType.COMPOSE
                    params = endpoint | {"type": int(kind), "method": "string"}
                    stack = self._json("POST", "/stacks", action, params=params, **options)
        except DeployFailed:
            if swarm:
                self._clear_away(environment_id, name)
            raise
        return self._wait_deployed(stack, action)

    @contextlib.contextmanager
    def _swarm_complaints(self, swarm: bool, action: str):
        """What Docker says of a swarm's text comes without a word of Portainer's own."""
        try:
            yield
        except DeployFailed:
            raise
        except ServerFailed as error:
            if not swarm or error.reason.startswith("Unable to "):
                raise
            raise DeployFailed(self.server, action, error.reason) from error

    def _clear_away(self, environment_id: int, name: str) -> None:
        """Services of a failed creation, which would stand in the way of the next one."""
        try:
            if not self.find_stack(environment_id, name):
                self.remove_foreign_stack(environment_id, name)
        except PortainerError as error:
            _logger.warning("%s", error)

    def remove_foreign_stack(self, environment_id: int, name: str) -> None:
        """Remove a stack of a swarm that Portainer has no record of; its volumes stay.

        :raises InvalidRequest: when Portainer has a record with this name
        """
        action = f"remove the stack {name}, which Portainer does not know"
        params = {"external": "true", "endpointId": int(environment_id)}
        path = f"/stacks/{normalise_name(name)}"
        try:
            self._request("DELETE", path, action, params=params, timeout=self.deploy_timeout)
        except ServerFailed as error:
            # What a former call is removing still may be gone when Docker gets to it.
            if "not found" not in error.reason:
                raise
        self._wait_removed(int(environment_id), normalise_name(name), action)

    def ensure_stack(
        self,
        environment_id: int,
        name: str,
        compose: str,
        env: Mapping[str, str] | None = None,
        *,
        operation: str,
        settle: float = 60,
        swarm: bool = False,
    ) -> Stack:
        """Deploy a new stack, or adopt the one that an earlier try of this operation deployed.

        The text is marked with the operation's key. A stack of that name is adopted only if its
        text is this one with this key; one whose deployment failed is deployed again.

        :param operation: a key that no other operation has
        :param settle: how long to look for the stack after the answer was lost, in seconds
        :param swarm: as services of the swarm that the environment manages
        :raises Conflict: when the name belongs to something else
        """
        validate_compose(compose, env or {})
        compose = with_operation_key(compose, operation)
        if found := self.find_stack(environment_id, name):
            return self._adopt(found, compose, env, operation)
        try:
            return self.create_stack(environment_id, name, compose, env, swarm=swarm)
        except (DeployFailed, StillDeploying):
            raise
        except UnknownOutcome:
            if found := self._look_for(environment_id, name, settle):
                return self._adopt(found, compose, env, operation)
            raise
        except (Conflict, ServerFailed):
            # Another try of the same operation was quicker, or the failure came after the work.
            if found := self.find_stack(environment_id, name):
                return self._adopt(found, compose, env, operation)
            raise

    def _look_for(self, environment_id: int, name: str, settle: float) -> Stack | None:
        """The stack, as soon as it shows; older versions list it only when it is deployed."""
        deadline = self._transport.clock() + settle
        for pause in pauses():
            found = self.find_stack(environment_id, name)
            if found or self._transport.clock() >= deadline:
                return found
            self._transport.sleep(pause)
        return None

    def _adopt(self, stack: Stack, compose: str, env, operation: str) -> Stack:
        action = f"create the stack {stack.name}"
        text = self.get_stack_file(stack.id)
        if operation_key(text) != operation or text.strip() != compose.strip():
            raise Conflict(
                self.server,
                action,
                f"stack {stack.id} has this name and was made by something else",
                "Choose another name, or delete that stack.",
            )
        if stack.status is StackStatus.ERROR:
            return self.update_stack(stack.id, stack.environment_id, compose, env or {})
        return self._wait_deployed(stack, action)

    def _wait_deployed(self, stack: Stack, action: str) -> Stack:
        """Versions from 2.45 on answer at once and deploy in the background."""
        deadline = self._transport.clock() + self.deploy_timeout
        for pause in pauses():
            if stack.status is not StackStatus.DEPLOYING:
                break
            if self._transport.clock() >= deadline:
                raise StillDeploying(self.server, action, "it is still being deployed")
            self._transport.sleep(pause)
            try:
                stack = self.get_stack(stack.id)
            except Unavailable as error:
                # The server is at work, although this look at it failed.
                raise UnknownOutcome(self.server, action, error.reason) from error
        if stack.status is StackStatus.ERROR:
            raise DeployFailed(self.server, action, stack.error)
        if stack.is_swarm and stack.is_active:
            self._wait_running(stack, action)
        return stack

    # --- Changing ----------------------------------------------------------------------

    def update_stack(
        self,
        stack_id: int,
        environment_id: int,
        compose: str | None = None,
        env: Mapping[str, str] | None = None,
        *,
        pull: bool = False,
        prune: bool = False,
    ) -> Stack:
        """Deploy a stack again and wait until it runs; a stopped one is started by this.

        Doing it twice does no harm. If compose fails, the containers that ran are gone; a swarm
        keeps them as far as it can.

        :param compose: the new text; None keeps the present one
        :param env: all the variables, taken literally; None keeps the present ones
        :param pull: fetch the images anew
        :param prune: remove the containers of services that left the text (compose: from 2.36 on)
        """
        stack = self._stack_in(stack_id, environment_id, "update")
        action = f"update the stack {stack.name}"
        if stack.from_git:
            raise InvalidRequest(
                self.server, action, "it comes from a git repository", "Update it in Portainer."
            )
        if compose is None:
            compose = self.get_stack_file(stack.id)
        # Variables that are left out would be erased. Those kept are sent as they were read.
        rows = _env_rows(env, stack.is_swarm) if env is not None else _raw_rows(stack)
        validate_compose(compose, [row["name"] for row in rows])
        with self._swarm_complaints(stack.is_swarm, action):
            changed = self._json(
                "PUT",
                f"/stacks/{stack.id}",
                action,
                Stack.from_json,
                params={"endpointId": stack.environment_id},
                payload={
                    "StackFileContent": compose,
                    "Env": rows,
                    "Prune": prune,
                    # The name before 2.36, and the one since.
                    "PullImage": pull,
                    "RepullImageAndRedeploy": pull,
                },
                timeout=self.deploy_timeout,
            )
        return self._wait_deployed(changed, action)

    def start_stack(self, stack_id: int, environment_id: int) -> Stack:
        """Bring a stopped stack up again; one that is active already succeeds.

        Containers that were stopped one by one are started one by one.
        """
        stack = self._stack_in(stack_id, environment_id, "start")
        if stack.is_active:
            return stack
        action = f"start the stack {stack.name}"
        try:
            started = self._post(stack, "start", action)
        except (Conflict, InvalidRequest):
            stack = self.get_stack(stack.id)
            if stack.status is not StackStatus.INACTIVE:
                return self._wait_deployed(stack, action)
            # Left-over containers are in the way of a start, not of an update.
            return self.update_stack(stack.id, stack.environment_id)
        return self._wait_deployed(started, action)

    def stop_stack(self, stack_id: int, environment_id: int) -> Stack:
        """Remove a stack's containers and networks, keep its volumes; stopped already succeeds."""
        stack = self._stack_in(stack_id, environment_id, "stop")
        if stack.status is StackStatus.INACTIVE:
            return stack
        action = f"stop the stack {stack.name}"
        try:
            stopped = self._once_unused(lambda: self._post(stack, "stop", action))
        except InvalidRequest:
            stopped = self.get_stack(stack.id)
            if stopped.status is not StackStatus.INACTIVE:
                raise
        if stopped.is_swarm:
            self._wait_removed(stopped.environment_id, stopped.name, action)
        return stopped

    def delete_stack(self, stack_id: int, environment_id: int) -> None:
        """Remove a stack with its containers; succeeds when it is gone. Its volumes stay.

        :raises WrongEnvironment: when it lives elsewhere; the API would then take it out of its
            list and leave its containers running
        """
        try:
            stack = self._stack_in(stack_id, environment_id, "delete")
            action = f"delete the stack {stack.name}"
            params = {"endpointId": stack.environment_id}
            path, timeout = f"/stacks/{stack.id}", self.deploy_timeout
            self._once_unused(
                lambda: self._request("DELETE", path, action, params=params, timeout=timeout)
            )
        except NotFound as error:
            if not self._is_gone(stack_id):
                raise error
            return
        if stack.is_swarm:
            self._wait_removed(stack.environment_id, stack.name, action)

    def _is_gone(self, stack_id: int) -> bool:
        """Whether the stack itself is missing, not only its environment."""
        try:
            self.get_stack(stack_id)
        except NoSuchRoute:
            raise
        except NotFound:
            return True
        return False

    def _stack_in(self, stack_id: int, environment_id: int, verb: str) -> Stack:
        """The stack, which must live in this environment: the API would not mind."""
        stack = self.get_stack(stack_id)
        if stack.environment_id != int(environment_id):
            raise WrongEnvironment(
                self.server,
                f"{verb} the stack {stack.name}",
                f"it lives in environment {stack.environment_id}, not in {environment_id}",
            )
        return stack

    def _post(self, stack: Stack, verb: str, action: str) -> Stack:
        return self._json(
            "POST",
            f"/stacks/{stack.id}/{verb}",
            action,
            Stack.from_json,
            params={"endpointId": stack.environment_id},
            timeout=self.deploy_timeout,
        )


def _env_rows(env: Mapping[str, str], swarm: bool) -> list[dict[str, str]]:
    """A swarm's variables reach Docker as they stand, those of compose through a parser."""
    if spoiled := [name for name, value in env.items() if "\0" in str(value)]:
        raise InvalidCompose(
            [f"the variable {name} cannot hold a NUL character" for name in spoiled]
        )
    write = str if swarm else lambda value: write_value(str(value))
    return [{"name": name, "value": write(value)} for name, value in env.items()]


def _raw_rows(stack: Stack) -> list[dict[str, str]]:
    return [{"name": name, "value": value} for name, value in stack.raw_env]
