"""Docker itself, through Portainer's proxy: containers, volumes, what a host has."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote

import docker
from docker.constants import DEFAULT_DOCKER_API_VERSION

from .archives import FileAsTar, FileTooLarge, unpack_file
from .calls import Calls, rows_of
from .errors import (
    Conflict,
    InvalidRequest,
    NoSuchRoute,
    NotFound,
    PortainerError,
    ServerFailed,
    UnknownOutcome,
)
from .streams import ContainerStats, demultiplex, demultiplex_merged
from .types import (
    NAMESPACE_LABEL,
    PROJECT_LABEL,
    Capacity,
    Container,
    ContainerDetails,
    ExecResult,
    Volume,
    disk_used,
)

ACTIONS = ("restart", "start", "stop", "pause", "unpause", "remove")
MAX_OUTPUT = 4 * 1024 * 1024
MAX_TAIL = 10_000
TARGET_HEADER = "X-PortainerAgent-Target"
#: Docker waits ten seconds before it kills a container that does not stop.
ACTION_TIMEOUT = 90
#: The engine looks at every file of every volume.
DISK_TIMEOUT = 120
#: For a file of any size on its way into a container or out of it.
TRANSFER_TIMEOUT = 4 * 3600
#: Bytes a second; what is slower than this is given up.
SLOWEST_UPLOAD = 256 * 1024
_REFERENCE = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]*")
#: What Docker says of a container that is so already.
_ALREADY = {"pause": "is already paused", "unpause": "is not paused"}


def _mapping(data: object) -> dict:
    if not isinstance(data, dict):
        raise TypeError("not a mapping")
    return data


class ContainerCalls(Calls):
    #: container, exec or volume → the node that Portainer's agents found it on
    _nodes: dict[str, str]

    def _docker(self, environment_id: int, path: str, method="GET", action="", **options):
        """One call of the Docker API, unversioned: the engine's own version answers."""
        options = self._to_its_node(path, options)
        path = f"/endpoints/{int(environment_id)}/docker{path}"
        return self._request(method, path, action, **options)

    def _docker_json(
        self, environment_id: int, path: str, action: str, parse=_mapping, method="GET", **options
    ):
        options = self._to_its_node(path, options)
        path = f"/endpoints/{int(environment_id)}/docker{path}"
        return self._json(method, path, action, parse, **options)

    def _to_its_node(self, path: str, options: dict) -> dict:
        """With the header by which an agent passes the call on to the node that it is about."""
        parts = path.split("/")
        node = self._nodes.get(parts[2]) if len(parts) > 2 else None
        if not node:
            return options
        return options | {"headers": {**(options.get("headers") or {}), TARGET_HEADER: node}}

    # --- Hosts ------------------------------------------------------------------------

    def docker_info(self, environment_id: int) -> dict:
        return self._docker_json(environment_id, "/info", "describe the Docker host")

    def docker_version(self, environment_id: int) -> dict:
        return self._docker_json(environment_id, "/version", "tell Docker's version")

    def capacity(self, environment_id: int, disk: bool = False) -> Capacity:
        """What the host has and runs right now.

        :param disk: also what images, containers and volumes occupy; this is slow
        """
        action = "describe the Docker host"
        capacity = self._docker_json(environment_id, "/info", action, Capacity.from_json)
        if not disk:
            return capacity
        used = self._docker_json(
            environment_id, "/system/df", "measure the disk", disk_used, timeout=DISK_TIMEOUT
        )
        return replace(capacity, disk_used_bytes=used)

    def docker_client(self, environment_id: int, timeout: float | None = None) -> docker.APIClient:
        """A docker-py client of the host, for what this library has no call for.

        Do not use ``exec_start`` or ``attach`` of it: they upgrade the connection, which the proxy
        of a socket environment cannot; :meth:`exec` does it in another way.
        """
        known = self._docker_json(
            environment_id,
            "/version",
            "tell Docker's version",
            lambda data: min(data["ApiVersion"], DEFAULT_DOCKER_API_VERSION, key=_version),
        )
        # The port must be there, and the version: else it asks before it has the token.
        scheme, _, rest = self.server.partition("://")
        host, slash, prefix = rest.partition("/")
        if not re.search(r":\d+$", host):
            host += ":443" if scheme == "https" else ":80"
        client = docker.APIClient(
            base_url=f"{scheme}://{host}{slash}{prefix}/api/endpoints/{int(environment_id)}/docker",
            version=known,
            timeout=timeout or self._transport.timeout,
        )
        client.headers.update(self._transport.token_headers)
        self._transport.configure_session(client)
        return client

    # --- Images ------------------------------------------------------------------------

    def find_image(self, environment_id: int, reference: str) -> str:
        """The id of the image that a host has under a name and tag, '' when it has none."""
        path = f"/images/{quote(reference, safe='/:@')}/json"
        action = f"look for the image {reference}"
        try:
            return self._docker_json(environment_id, path, action, lambda data: str(data["Id"]))
        except NoSuchRoute:
            raise
        except NotFound:
            return ""

    # --- Containers --------------------------------------------------------------------

    def list_containers(self, environment_id: int, project: str | None = None) -> list[Container]:
        """All containers, running or not; of a swarm's tasks the last one in each place.

        :param project: the name of a stack, to see its containers only
        """
        rows = self._labelled(
            environment_id,
            "/containers/json",
            "list containers",
            rows_of(Container.from_json),
            project,
            {"all": "1"},
        )
        self._nodes |= {row.id: row.node for row in rows if row.node}
        return latest(rows)

    def _labelled(self, environment_id, path, action, parse, project, params=None) -> list:
        """What carries the label of a compose project of this name, or else of a swarm's stack."""
        labels = [f"{PROJECT_LABEL}={project}", f"{NAMESPACE_LABEL}={project}"]
        for filters in [{"label": [label]} for label in labels] if project else [{}]:
            sent = {**(params or {}), "filters": json.dumps(filters)}
            if rows := self._docker_json(environment_id, path, action, parse, params=sent):
                return rows
        return []

    def get_container(self, environment_id: int, container: str) -> ContainerDetails:
        path = self._container_path(environment_id, container)
        action = f"read the container {container}"
        return self._docker_json(environment_id, f"{path}/json", action, ContainerDetails.from_json)

    def container_action(
        self, environment_id: int, container: str, action: str, force: bool = False
    ) -> None:
        """Do one of :data:`ACTIONS`; what is started, paused or gone already succeeds.

        :param force: remove a container although it runs
        """
        if action not in ACTIONS:
            raise InvalidRequest(
                self.server, f"{action} a container", f"choose one of {', '.join(ACTIONS)}"
            )
        path = self._container_path(environment_id, container)
        told = f"{action} the container {container}"
        if action != "remove":
            try:
                self._docker(
                    environment_id, f"{path}/{action}", "POST", told, timeout=ACTION_TIMEOUT
                )
            except (Conflict, ServerFailed) as error:
                # Docker refuses these where it says of others that nothing changed.
                if not re.search(_ALREADY.get(action, "$^"), error.reason):
                    raise
            return
        # v: with its anonymous volumes, which nothing else would ever remove.
        params = {"v": "true", "force": "true" if force else "false"}
        try:
            self._docker(
                environment_id, path, "DELETE", told, params=params, timeout=ACTION_TIMEOUT
            )
        except NotFound as error:
            if "No such container" not in error.reason:
                raise

    def logs(
        self, environment_id: int, container: str, tail: int = 100, timestamps: bool = False
    ) -> str:
        """The last ``tail`` lines that the container wrote."""
        params = {
            "stdout": "1",
            "stderr": "1",
            "tail": str(min(max(int(tail), 1), MAX_TAIL)),
            "timestamps": "1" if timestamps else "0",
        }
        path = self._container_path(environment_id, container)
        action = f"read the log of {container}"
        answer = self._docker(environment_id, f"{path}/logs", action=action, params=params)
        return demultiplex_merged(answer.content).decode("utf-8", "replace")

    def stats(self, environment_id: int, container: str) -> ContainerStats:
        """What the container uses; takes the engine a second or two."""
        path = self._container_path(environment_id, container)
        return self._docker_json(
            environment_id,
            f"{path}/stats",
            f"measure the container {container}",
            ContainerStats.from_json,
            params={"stream": "false"},
        )

    def exec(
        self,
        environment_id: int,
        container: str,
        command: Sequence[str],
        *,
        user: str = "",
        workdir: str = "",
        env: Mapping[str, str] | None = None,
        timeout: float = 60,
        max_bytes: int = MAX_OUTPUT,
    ) -> ExecResult:
        """Run a command in a running container and wait for it; no shell is in between.

        :param command: the program and its arguments
        :raises UnknownOutcome: when it takes longer than ``timeout``; it goes on running
        """
        if isinstance(command, str) or not command:
            raise TypeError("A command is a list: the program and its arguments.")
        payload = {"AttachStdout": True, "AttachStderr": True, "Tty": False, "Cmd": list(command)}
        payload |= {"User": user} if user else {}
        payload |= {"WorkingDir": workdir} if workdir else {}
        payload |= {"Env": [f"{name}={value}" for name, value in env.items()]} if env else {}
        action = f"run a command in {container}"
        path = self._container_path(environment_id, container)
        path = self._docker_json(
            environment_id,
            f"{path}/exec",
            action,
            lambda data: f"/exec/{quote(data['Id'], safe='')}",
            "POST",
            payload=payload,
        )
        if container in self._nodes:
            self._nodes[path.split("/")[2]] = self._nodes[container]
        # Without `Connection: Upgrade`, which the proxy of a socket environment cannot pass on.
        answer = self._docker(
            environment_id,
            f"{path}/start",
            "POST",
            action,
            payload={"Detach": False, "Tty": False},
            timeout=timeout,
            max_bytes=max_bytes,
            truncate=True,
        )
        stdout, stderr = demultiplex(answer.content)
        return ExecResult(
            None if answer.truncated else self._exit_code(environment_id, path, action),
            stdout.decode("utf-8", "replace"),
            stderr.decode("utf-8", "replace"),
            answer.truncated,
        )

    def _exit_code(self, environment_id: int, path: str, action: str) -> int | None:
        for _attempt in range(10):
            try:
                state = self._docker_json(environment_id, f"{path}/json", action)
            except PortainerError as error:
                # It has run, although this look at it failed.
                raise UnknownOutcome(self.server, action, error.reason) from error
            if not state.get("Running"):
                return state.get("ExitCode")
            # The output ends a moment before the engine has noted the exit.
            self._transport.sleep(0.1)
        return None

    # --- Files in containers -------------------------------------------------------------

    def put_file(
        self,
        environment_id: int,
        container: str,
        source: Path,
        folder: str,
        name: str,
        *,
        mode: int = 0o644,
    ) -> None:
        """Copy a file of this machine into a folder of a container, piece by piece.

        It belongs to root there. Doing it twice does no harm. How long it may take depends on its
        size, so that an answer that never comes is not waited for all day.

        :raises NotFound: there is no such container or folder
        """
        path = self._container_path(environment_id, container)
        size = source.stat().st_size
        with open(source, "rb") as file:
            body = FileAsTar(file, name, size, mode)
            self._docker(
                environment_id,
                f"{path}/archive",
                "PUT",
                f"copy a file into {container}",
                params={"path": folder, "noOverwriteDirNonDir": "true"},
                data=body,
                headers={"Content-Type": "application/x-tar"},
                timeout=ACTION_TIMEOUT + size / SLOWEST_UPLOAD,
            )

    def get_file(
        self,
        environment_id: int,
        container: str,
        path: str,
        target: Path,
        *,
        max_bytes: int,
        timeout: float = TRANSFER_TIMEOUT,
    ) -> int:
        """Copy a file of a container into a file of this machine, piece by piece.

        :returns: its size; ``target`` holds a part of it when this raises
        :raises NotFound: there is no such container or file
        :raises ServerFailed: it has more than ``max_bytes``
        """
        place = self._container_path(environment_id, container)
        action = f"copy a file from {container}"
        try:
            with open(target, "wb") as file:
                return self._transport.download(
                    f"/endpoints/{int(environment_id)}/docker{place}/archive",
                    action,
                    lambda body: unpack_file(body, file, max_bytes),
                    timeout=timeout,
                    **self._to_its_node(place, {"params": {"path": path}}),
                )
        except FileTooLarge as error:
            raise ServerFailed(self.server, action, f"the file is too large: {error}") from error

    def _container_path(self, environment_id: int, container: str) -> str:
        if not isinstance(container, str) or not _REFERENCE.fullmatch(container):
            raise InvalidRequest(self.server, "find the container", f"{container!r} is no name")
        if container == "edge":
            # Portainer takes an address with /edge/ for one of its edge agents.
            found = [
                row.id for row in self.list_containers(environment_id) if row.name == container
            ]
            if not found:
                raise NotFound(self.server, f"find the container {container}", "there is none")
            container = found[0]
        return f"/containers/{container}"

    # --- Volumes -----------------------------------------------------------------------

    def list_volumes(self, environment_id: int, project: str | None = None) -> list[Volume]:
        """:param project: the name of a stack, to see its volumes only"""
        parse_rows = rows_of(Volume.from_json)
        rows = self._labelled(
            environment_id,
            "/volumes",
            "list volumes",
            lambda data: parse_rows(data.get("Volumes")),
            project,
        )
        self._nodes |= {row.name: row.node for row in rows if row.node}
        return rows

    def delete_volume(self, environment_id: int, name: str) -> None:
        """Delete a volume with its data; succeeds when it is gone already.

        :raises Conflict: while a container uses it
        """
        path = f"/volumes/{quote(name, safe='')}"
        try:
            self._docker(environment_id, path, "DELETE", f"delete the volume {name}")
        except NotFound as error:
            if "no such volume" not in error.reason.lower():
                raise


def latest(rows: list[Container]) -> list[Container]:
    """Without the tasks of a swarm whose place another one has taken."""
    newest: dict[str, Container] = {}
    for row in rows:
        before = newest.get(row.slot)
        if not before or (row.created, row.is_running) >= (before.created, before.is_running):
            newest[row.slot] = row
    return list(newest.values())


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split("."))
