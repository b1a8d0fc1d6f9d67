"""Docker Swarm, through Portainer's proxy: what its manager knows, and waiting for it."""

import base64
import json
from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar
from urllib.parse import quote

from .calls import Calls, rows_of
from .convergence import Progress, judge
from .errors import (
    Conflict,
    DeployFailed,
    InvalidRequest,
    NotFound,
    ServerFailed,
    StillDeploying,
    Unavailable,
    UnknownOutcome,
)
from .polling import pauses
from .swarm_types import Node, Service, SwarmObject, Task
from .types import NAMESPACE_LABEL, Capacity, Stack

#: What only another node, or another text, can change.
_HOPELESS = ("scheduling constraints", "unsupported platform", "missing plugin")
#: How long tasks may count as outdated that only look so, in seconds.
_COMPARING = 30
#: How long services have to run, in seconds: what ends at once is seen to run between two attempts.
_SETTLING = 2
#: Docker's words for a network whose last task has just ended, or ends.
_STILL_USED = "is in use by task"
KINDS = ("secret", "config")

T = TypeVar("T")


class SwarmCalls(Calls):
    #: How long a deployment may take, pulling images included, in seconds.
    deploy_timeout: float
    #: How long containers may take to stop, in seconds.
    removal_timeout: float = 180
    #: How long no node may fit a service before it is called broken: another container may be
    #: about to stop there; shorter where nothing of the kind can help. In seconds.
    placement_patience: float = 60
    hopeless_patience: float = 10

    # --- Reading -----------------------------------------------------------------------

    def swarm_id(self, environment_id: int) -> str:
        """The cluster's id.

        :raises InvalidRequest: when the Docker host is not a manager of a swarm
        """
        action = f"read the swarm of environment {int(environment_id)}"
        try:
            return self._docker_json(environment_id, "/swarm", action, lambda data: data["ID"])
        except Unavailable as error:
            # Docker's refusal looks like a proxy's.
            if "swarm" not in error.reason:
                raise
            raise InvalidRequest(
                self.server,
                action,
                "its Docker host is no manager of a swarm",
                "Read the environments of this server in again.",
            ) from error

    def list_services(self, environment_id: int, project: str | None = None) -> list[Service]:
        """:param project: the name of a stack, to see its services only"""
        return self._swarm_rows(
            environment_id, "/services", "list services", Service.from_json, project
        )

    def list_tasks(self, environment_id: int, project: str | None = None) -> list[Task]:
        """The tasks that the swarm remembers, ended ones included; see :meth:`list_services`."""
        return self._swarm_rows(environment_id, "/tasks", "list tasks", Task.from_json, project)

    def list_nodes(self, environment_id: int) -> list[Node]:
        return self._swarm_rows(environment_id, "/nodes", "list nodes", Node.from_json)

    def swarm_progress(self, environment_id: int, project: str, strict: bool = False) -> Progress:
        """What is missing of a stack that was deployed; see :func:`.convergence.judge`."""
        services = self.list_services(environment_id, project)
        return judge(services, self.list_tasks(environment_id, project), strict)

    def swarm_capacity(self, environment_id: int, disk: bool = False) -> Capacity:
        """What all the nodes have, and what runs on them.

        Containers that no service made are counted where Portainer sees them: on its own node, or
        with an agent on each node everywhere.
        """
        capacity = self.capacity(environment_id, disk=disk)
        nodes = [node for node in self.list_nodes(environment_id) if node.is_up]
        tasks = [task for task in self.list_tasks(environment_id) if task.is_running]
        others = [row for row in self.list_containers(environment_id) if not row.is_task]
        running = len(tasks) + sum(row.is_running for row in others)
        return replace(
            capacity,
            running=running,
            total=running + capacity.stopped + capacity.paused,
            cores=sum(node.cores for node in nodes),
            ram_bytes=sum(node.ram_bytes for node in nodes),
            ports=frozenset(
                port.host_port
                for service in self.list_services(environment_id)
                for port in service.ports
            ),
        )

    def _swarm_rows(self, environment_id, path, action, parse, project=None) -> list:
        filters = {"label": [f"{NAMESPACE_LABEL}={project}"]} if project else {}
        return self._docker_json(
            environment_id, path, action, rows_of(parse), params={"filters": json.dumps(filters)}
        )

    # --- Changing ----------------------------------------------------------------------

    def restart_service(self, environment_id: int, service: str) -> None:
        """Have the swarm replace the containers of a service, given by id or name."""
        path = f"/services/{quote(service, safe='')}"
        action = f"restart the service {service}"
        spec, version = self._docker_json(environment_id, path, action, _forced)
        params = {"version": version}
        self._docker(environment_id, f"{path}/update", "POST", action, params=params, payload=spec)

    def list_swarm_objects(
        self, environment_id: int, kind: str, label: str = ""
    ) -> list[SwarmObject]:
        """The secrets or the configs of a swarm.

        :param kind: one of :data:`KINDS`
        :param label: ``name=value``, to see only what carries it
        """
        filters = {"label": [label]} if label else {}
        return self._docker_json(
            environment_id,
            f"/{_known(kind)}s",
            f"list {kind}s",
            rows_of(SwarmObject.from_json),
            params={"filters": json.dumps(filters)},
        )

    def ensure_swarm_object(
        self, environment_id: int, kind: str, name: str, content: bytes, labels: dict[str, str]
    ) -> None:
        """Make a secret or a config unless there is one of this name, whose content stays."""
        payload = {"Name": name, "Data": base64.b64encode(content).decode(), "Labels": labels}
        action = f"make the {_known(kind)} {name}"
        try:
            self._docker(environment_id, f"/{kind}s/create", "POST", action, payload=payload)
        except Conflict as error:
            if "already exists" not in error.reason:
                raise

    def delete_swarm_object(self, environment_id: int, kind: str, object_id: str) -> None:
        """Delete a secret or a config; succeeds when it is gone."""
        path = f"/{_known(kind)}s/{quote(object_id, safe='')}"
        try:
            self._docker(environment_id, path, "DELETE", f"delete the {kind} {object_id}")
        except NotFound as error:
            if f"{kind} {object_id} not found" not in error.reason.lower():
                raise

    # --- Waiting -----------------------------------------------------------------------

    def _wait_running(self, stack: Stack, action: str) -> None:
        """Until each service runs as it was deployed: the swarm does it after the answer.

        :raises DeployFailed: when one of them never will
        """
        begun = self._transport.clock()
        settled = begun + _SETTLING
        stuck: dict[str, float] = {}
        for pause in pauses():
            now = self._transport.clock()
            progress = self._looked_at(
                action,
                lambda strict=now - begun < _COMPARING: self.swarm_progress(
                    stack.environment_id, stack.name, strict
                ),
            )
            if not progress.is_done:
                settled = now + _SETTLING
            elif now >= settled:
                return
            stuck = {text: stuck.get(text, now) for text in progress.waiting}
            hopeless = [text for text in stuck if now - stuck[text] >= self._patience_with(text)]
            if broken := [*progress.broken, *hopeless]:
                hint = "Correct the text, the image or the nodes of the swarm, then deploy again."
                raise DeployFailed(self.server, action, "; ".join(broken), hint)
            if now - begun >= self.deploy_timeout:
                raise StillDeploying(self.server, action, "; ".join(progress.waiting))
            self._transport.sleep(pause)

    def _patience_with(self, text: str) -> float:
        if any(words in text for words in _HOPELESS):
            return self.hopeless_patience
        return self.placement_patience if "no suitable node" in text else float("inf")

    def _wait_removed(self, environment_id: int, name: str, action: str) -> None:
        """Until nothing of the stack is left but its volumes: the swarm stops it afterwards."""
        deadline = self._transport.clock() + self.removal_timeout
        for pause in pauses():
            if not self._looked_at(action, lambda: self._is_left(environment_id, name)):
                return
            if self._transport.clock() >= deadline:
                raise StillDeploying(self.server, action, "its containers are still being stopped")
            self._transport.sleep(pause)

    def _once_unused(self, remove: Callable[[], T]) -> T:
        """What ``remove`` returns, as soon as the swarm lets go of what shall go.

        It holds on to a network for a while after the last task in it; whoever removes it then
        gets an error, and has to ask again, which does no harm.
        """
        deadline, until_next = self._transport.clock() + self.removal_timeout, pauses()
        while True:
            try:
                return remove()
            except ServerFailed as error:
                if _STILL_USED not in error.reason or self._transport.clock() >= deadline:
                    raise
            self._transport.sleep(next(until_next))

    def _is_left(self, here: int, name: str) -> bool:
        return bool(
            self.list_tasks(here, name)
            or self.list_containers(here, name)
            or self._swarm_rows(here, "/networks", "list networks", lambda row: row["Id"], name)
        )

    def _looked_at(self, action: str, look):
        """The swarm is at work, although a look at it fails."""
        try:
            return look()
        except Unavailable as error:
            raise UnknownOutcome(self.server, action, error.reason) from error


def _forced(data: dict) -> tuple[dict, int]:
    """What to send to have the tasks of a service replaced: its description and its version."""
    template = data["Spec"]["TaskTemplate"]
    template["ForceUpdate"] = int(template.get("ForceUpdate") or 0) + 1
    return data["Spec"], int(data["Version"]["Index"])


def _known(kind: str) -> str:
    if kind not in KINDS:
        raise ValueError(f"A swarm has no {kind}.")
    return kind
