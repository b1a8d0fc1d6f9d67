"""Brings stacks up and takes them away."""

import time
from collections.abc import Callable, Sequence

from odoo.addons.saas_portal.lib.saas_driver import DriverUnavailable
from odoo.addons.sadeem_portainer import stack_calls
from odoo.addons.sadeem_portainer.lib.portainer_api import (
    Conflict,
    Container,
    PortainerClient,
    Stack,
)

from .fleet import Deployment

#: Seconds for containers to run once compose has made them, and the pause between two looks.
PATIENCE = 180
PAUSE = 0.5
#: What brings a container from this state to running; others get there by themselves.
_VERBS = {"exited": "start", "created": "start", "dead": "start", "paused": "unpause"}


def deploy(
    client: PortainerClient,
    deployment: Deployment,
    about: str,
    sleep: Callable[[float], None] = time.sleep,
) -> tuple[Stack, Container]:
    """The stack as it should be, all its containers running, and Odoo's container.

    :raises DriverUnavailable: a container does not run after all
    """
    target = deployment.target
    stack = stack_calls.create(client, target)
    present = {row.service for row in _containers(client, deployment)}
    if not set(deployment.containers) <= present:
        # Somebody has removed containers; the server believes that all is well.
        stack = client.update_stack(stack.id, target.environment_id)
    return stack, run(client, deployment, about, sleep)


def run(
    client: PortainerClient,
    deployment: Deployment,
    about: str,
    sleep: Callable[[float], None] = time.sleep,
) -> Container:
    """Start what does not run of a stack, and wait for it; Odoo's container."""
    deadline = time.monotonic() + PATIENCE
    while True:
        rows = {row.service: row for row in _containers(client, deployment)}
        missing = [name for name in deployment.containers if name not in rows]
        lame = [rows[name] for name in deployment.containers if name in rows]
        lame = [row for row in lame if not row.is_running]
        if not missing and not lame:
            return rows[deployment.odoo]
        if time.monotonic() > deadline:
            states = [f"{name} is missing" for name in missing]
            states += [f"{row.service} is {row.state} ({row.status})" for row in lame]
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
    if orphans:
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
