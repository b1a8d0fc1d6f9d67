"""Brings stacks up and takes them away."""

import re
import time
from collections import Counter
from collections.abc import Callable, Sequence

from odoo.addons.saas_portal.lib.saas_driver import DriverUnavailable
from odoo.addons.sadeem_portainer import stack_calls
from odoo.addons.sadeem_portainer.lib.portainer_api import (
    Conflict,
    Container,
    PortainerClient,
    Stack,
    with_operation_key,
)

from .fleet import Deployment
from .pinning import check_pinned

#: Seconds for containers to run once compose has made them, and the pause between two looks.
PATIENCE = 180
PAUSE = 0.5
#: So often a container may be found ended, although it was started each time.
FALLS = 10
_FALLEN = ("exited", "restarting", "dead")
#: What compose calls a container until it has the place of the one with this id.
_LEFT = re.compile(r"[0-9a-f]{12}_.+")
#: What brings a container from this state to running; others get there by themselves.
_VERBS = {"exited": "start", "created": "start", "dead": "start", "paused": "unpause"}


def deploy(
    client: PortainerClient,
    deployment: Deployment,
    about: str,
    sleep: Callable[[float], None] = time.sleep,
    tell: Callable[[str], None] = lambda text: None,
) -> tuple[Stack, Container]:
    """The stack as it should be, all its containers running, and Odoo's container.

    :raises DriverUnavailable: a container does not run after all
    :raises DriverRejected: it would not find its data again in this swarm
    """
    target = deployment.target
    if target.swarm:
        check_pinned(client, target, about)
    _clear_leftovers(client, target)
    doubtful = not deployment.settled and _has_text(client, target)
    stack = stack_calls.create(client, target)
    present = {row.service for row in _containers(client, deployment)}
    if doubtful or not set(deployment.containers) <= present:
        # Somebody has removed containers, or a deployment was cut off after its text was written
        # down; the server believes that all is well.
        stack = client.update_stack(stack.id, target.environment_id)
    return stack, run(client, deployment, about, sleep, tell)


def _clear_leftovers(client: PortainerClient, target: stack_calls.Target) -> None:
    """Remove what compose was about to put in a container's place when it was cut off.

    It would stumble over the name. Data is in volumes, which stay.
    """
    for row in client.list_containers(target.environment_id, target.name):
        if not row.is_task and _LEFT.fullmatch(row.name):
            client.container_action(target.environment_id, row.id, "remove", force=True)


def _has_text(client: PortainerClient, target: stack_calls.Target) -> bool:
    """Whether the server has the stack with this text already."""
    found = stack_calls.find_own(client, target)
    wanted = with_operation_key(target.compose, target.operation)
    return bool(found) and client.get_stack_file(found.id).strip() == wanted.strip()


def run(
    client: PortainerClient,
    deployment: Deployment,
    about: str,
    sleep: Callable[[float], None] = time.sleep,
    tell: Callable[[str], None] = lambda text: None,
) -> Container:
    """Start what does not run of a stack, and wait for it; Odoo's container.

    :param tell: called with what is waited for, '' when that has come
    :raises DriverUnavailable: it does not run, or ends whenever it is started
    """
    deadline, falls = time.monotonic() + PATIENCE, Counter()
    while True:
        rows = {row.service: row for row in _containers(client, deployment)}
        missing = [name for name in deployment.containers if name not in rows]
        lame = [rows[name] for name in deployment.containers if name in rows]
        lame = [row for row in lame if not row.is_running]
        if not missing and not lame:
            tell("")
            return rows[deployment.odoo]
        falls.update(row.id for row in lame if row.state in _FALLEN and not row.is_task)
        states = [f"{name} is missing" for name in missing]
        states += [f"{row.service} is {row.state} ({row.status})" for row in lame]
        tell("; ".join(states))
        if time.monotonic() > deadline or any(falls[row.id] > FALLS for row in lame):
            raise DriverUnavailable(
                f"{client.server} could not run the stack of {about}: {', '.join(states)}."
                " Look at the log of that container, then try again."
            )
        start(client, deployment.target.environment_id, lame)
        sleep(PAUSE)


def start(client: PortainerClient, environment_id: int, rows: Sequence[Container]) -> None:
    for row in rows:
        # A swarm starts its tasks itself.
        if not row.is_task and (verb := _VERBS.get(row.state)):
            client.container_action(environment_id, row.id, verb)


def stop(client: PortainerClient, environment_id: int, rows: Sequence[Container]) -> None:
    """Stop containers and keep them; Odoo's is the first of them.

    A swarm would replace them: there the stack is stopped, which leaves its volumes.
    """
    if any(row.is_task for row in rows):
        if stack := client.find_stack(environment_id, rows[0].project):
            client.stop_stack(stack.id, environment_id)
        return
    for row in rows:
        if row.state in ("running", "restarting", "paused"):
            client.container_action(environment_id, row.id, "stop")


def remove(client: PortainerClient, environment_id: int, name: str, swarm: bool = False) -> None:
    """Remove a stack and all that carries its name, also what a former try has left.

    :param swarm: whether it belongs on a swarm, as far as is known
    """
    if stack := client.find_stack(environment_id, name):
        swarm = swarm or stack.is_swarm
        client.delete_stack(stack.id, environment_id)
    orphans = client.list_containers(environment_id, name)
    if any(row.is_task for row in orphans):
        client.remove_foreign_stack(environment_id, name)
        swarm, orphans = True, []
    if swarm:
        stack_calls.remove_secrets(client, environment_id, name)
    for row in orphans:
        client.container_action(environment_id, row.id, "remove", force=True)
    # Also without containers: what a deployment makes first is its network.
    _remove_networks(client, environment_id, name)
    for volume in client.list_volumes(environment_id, name):
        try:
            client.delete_volume(environment_id, volume.name)
        except Conflict as error:
            raise DriverUnavailable(f"{error} Something still uses it: try again.") from error


def _remove_networks(client: PortainerClient, environment_id: int, name: str) -> None:
    """A host has room for some thirty networks."""
    docker = client.docker_client(environment_id)
    filters = {"label": f"com.docker.compose.project={name}"}
    for network in docker.networks(filters=filters):
        docker.remove_network(network["Id"])


def _containers(client: PortainerClient, deployment: Deployment) -> list[Container]:
    target = deployment.target
    return client.list_containers(target.environment_id, target.name)
