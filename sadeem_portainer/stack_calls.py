"""What is done to a stack on its server: plain calls of the client, without a database."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from .lib.portainer_api import (
    KINDS,
    Conflict,
    Container,
    InvalidRequest,
    NoSuchRoute,
    NotFound,
    PortainerClient,
    Stack,
    WrongEnvironment,
    operation_key,
    with_operation_key,
)

#: Marks the secrets and configs of a stack; docker's own label would have a stop remove them.
STACK_LABEL = "sadeem.stack"
#: How long a lost answer is waited for, in seconds; what comes later is found by a check.
SETTLE = 15
SHORTEST_SECRET = 6


@dataclass(frozen=True)
class Target:
    """A stack as its record knows it. ``remote_id`` is 0 while the server's number is unknown.

    ``swarm``: deploy it as services of the environment's swarm; ``secrets``, ``configs``: what to
    lay down there before, by name. They outlive a stop and go with the stack; of one that is there
    the content stays as it is.
    """

    environment_id: int
    name: str
    remote_id: int
    operation: str
    compose: str
    env: Mapping[str, str] = field(repr=False)
    sent_names: frozenset[str] = frozenset()
    pull: bool = False
    remove_volumes: bool = False
    swarm: bool = False
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    configs: Mapping[str, str] = field(default_factory=dict, repr=False)

    def without_secrets(self, text: str) -> str:
        """A complaint without the values of the variables, which compose likes to quote.

        Short values are words and numbers that would be missed and give nothing away.
        """
        values = [*self.env.values(), *self.secrets.values()]
        for value in sorted(values, key=len, reverse=True):
            if len(value) >= SHORTEST_SECRET:
                text = text.replace(value, "…")
        return text


@dataclass(frozen=True)
class Seen:
    """What the server says of a stack; ``stack`` is None when it has no such stack.

    ``problems``: what a swarm has not brought to run, in words.
    """

    stack: Stack | None
    containers: tuple[Container, ...] = ()
    problems: tuple[str, ...] = ()


def find_own(client: PortainerClient, target: Target) -> Stack | None:
    """The stack of this record, by number or else by name and operation; None if there is none.

    :raises Conflict: when something else has the name
    :raises WrongEnvironment: when the number belongs to a stack in another environment
    """
    action = f"find the stack {target.name}"
    if target.remote_id:
        try:
            stack = client.get_stack(target.remote_id)
        except NoSuchRoute:
            raise
        except NotFound:
            return None
        if stack.environment_id != target.environment_id:
            raise WrongEnvironment(
                client.server,
                action,
                f"stack {stack.id} lives in environment {stack.environment_id}, not in"
                f" {target.environment_id}",
            )
        return stack
    stack = client.find_stack(target.environment_id, target.name)
    if stack and operation_key(client.get_stack_file(stack.id)) != target.operation:
        raise Conflict(
            client.server,
            action,
            f"stack {stack.id} has this name and was made by something else",
            "Choose another name, or delete that stack in Portainer.",
        )
    return stack


def look(client: PortainerClient, target: Target) -> Seen:
    """The stack and its containers as they are."""
    stack = find_own(client, target)
    if not stack:
        return Seen(None)
    containers = tuple(client.list_containers(target.environment_id, stack.name))
    problems = ()
    if stack.is_swarm and stack.is_active:
        problems = client.swarm_progress(target.environment_id, stack.name).problems
    return Seen(replace(stack, error=target.without_secrets(stack.error)), containers, problems)


def create(client: PortainerClient, target: Target) -> Stack:
    """Deploy it, or go on with what an earlier attempt has left on the server."""
    text = with_operation_key(target.compose, target.operation)
    found = find_own(client, target)
    _lay_down(client, target)
    if found and client.get_stack_file(found.id).strip() != text.strip():
        # An attempt with another text left it: bring it to the present one.
        return client.update_stack(found.id, target.environment_id, text, dict(target.env))
    return client.ensure_stack(
        target.environment_id,
        target.name,
        text,
        dict(target.env),
        operation=target.operation,
        settle=SETTLE,
        swarm=target.swarm,
    )


def update(client: PortainerClient, target: Target) -> Stack:
    """Deploy the present text and variables; this would erase variables that others added."""
    present = client.get_stack(_number(client, target, "update"))
    strange = sorted(set(present.env) - target.sent_names - set(target.env))
    if strange:
        raise InvalidRequest(
            client.server,
            f"update the stack {target.name}",
            f"somebody gave it the variables {', '.join(strange)} in Portainer, which an update"
            " would erase",
            "Add them here, or remove them there.",
        )
    _lay_down(client, target)
    return client.update_stack(
        target.remote_id,
        target.environment_id,
        with_operation_key(target.compose, target.operation),
        dict(target.env),
        pull=target.pull,
    )


def start(client: PortainerClient, target: Target) -> Stack:
    """Bring it up, also where the server calls it active although nothing of it runs."""
    stack = client.start_stack(_number(client, target, "start"), target.environment_id)
    containers = client.list_containers(target.environment_id, stack.name)
    runs = any(row.state in ("running", "paused", "restarting") for row in containers)
    if not containers or (stack.is_swarm and not runs):
        return client.update_stack(stack.id, target.environment_id)
    if not runs:
        for row in containers:
            client.container_action(target.environment_id, row.id, "start")
    return stack


def stop(client: PortainerClient, target: Target) -> Stack:
    return client.stop_stack(_number(client, target, "stop"), target.environment_id)


def delete(client: PortainerClient, target: Target) -> None:
    """Remove the stack with its containers, and its volumes only when told so."""
    if found := find_own(client, target):
        client.delete_stack(found.id, target.environment_id)
    if target.swarm:
        remove_secrets(client, target.environment_id, target.name)
    if target.remove_volumes:
        for volume in client.list_volumes(target.environment_id, target.name):
            client.delete_volume(target.environment_id, volume.name)


def _lay_down(client: PortainerClient, target: Target) -> None:
    """The secrets and configs that the text takes from the swarm."""
    wanted = {"secret": target.secrets, "config": target.configs} if target.swarm else {}
    for kind, contents in wanted.items():
        for name, content in contents.items():
            client.ensure_swarm_object(
                target.environment_id, kind, name, content.encode(), {STACK_LABEL: target.name}
            )


def remove_secrets(client: PortainerClient, environment_id: int, name: str) -> None:
    """Remove the secrets and configs that were laid down for the stack of this name."""
    for kind in KINDS:
        for row in client.list_swarm_objects(environment_id, kind, f"{STACK_LABEL}={name}"):
            client.delete_swarm_object(environment_id, kind, row.id)


def _number(client: PortainerClient, target: Target, verb: str) -> int:
    if not target.remote_id:
        raise InvalidRequest(
            client.server,
            f"{verb} the stack {target.name}",
            "it was not deployed yet",
            "Deploy it first.",
        )
    return target.remote_id


CALLS: dict[str, Callable[[PortainerClient, Target], Stack | None]] = {
    "create": create,
    "update": update,
    "start": start,
    "stop": stop,
    "delete": delete,
}
