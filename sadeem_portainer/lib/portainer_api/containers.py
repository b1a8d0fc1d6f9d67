"""Docker itself, through Portainer's proxy: containers, volumes, what a host has."""

import json
import re
from collections.abc import Mapping, Sequence
from urllib.parse import quote

import docker
from docker.constants import DEFAULT_DOCKER_API_VERSION

from .calls import Calls
from .errors import InvalidRequest, NotFound
from .streams import ContainerStats, demultiplex, demultiplex_merged
from .types import PROJECT_LABEL, Capacity, Container, ContainerDetails, ExecResult, Volume

ACTIONS = ("restart", "start", "stop", "pause", "unpause", "remove")
MAX_OUTPUT = 4 * 1024 * 1024
MAX_TAIL = 10_000
#: Docker waits ten seconds before it kills a container that does not stop.
ACTION_TIMEOUT = 90
_REFERENCE = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]*")
_SIZES = {"B": 1, "kB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}


class ContainerCalls(Calls):
    def _docker(self, environment_id: int, path: str, method="GET", action="", **options):
        """One call of the Docker API, unversioned: the engine's own version answers."""
        path = f"/endpoints/{int(environment_id)}/docker{path}"
        return self._request(method, path, action, **options)

    def _docker_json(self, environment_id: int, path: str, method="GET", action="", **options):
        answer = self._docker(environment_id, path, method, action, **options)
        return self._transport.read_json(answer, action, reads=method == "GET")

    # --- Hosts ------------------------------------------------------------------------

    def docker_info(self, environment_id: int) -> dict:
        return self._docker_json(environment_id, "/info", action="describe the Docker host")

    def docker_version(self, environment_id: int) -> dict:
        return self._docker_json(environment_id, "/version", action="tell Docker's version")

    def capacity(self, environment_id: int, disk: bool = False) -> Capacity:
        """What the host has and runs right now.

        :param disk: also what images, containers and volumes occupy; this is slow
        """
        info = self.docker_info(environment_id)
        used = None
        if disk:
            usage = self._docker_json(
                environment_id, "/system/df", action="measure the disk", timeout=120
            )
            used = _disk_used(usage)
        storage = dict(pair for pair in info.get("DriverStatus") or [] if len(pair) == 2)
        return Capacity(
            running=info.get("ContainersRunning") or 0,
            stopped=info.get("ContainersStopped") or 0,
            paused=info.get("ContainersPaused") or 0,
            total=info.get("Containers") or 0,
            cores=info.get("NCPU") or 0,
            ram_bytes=info.get("MemTotal") or 0,
            docker_version=info.get("ServerVersion") or "",
            disk_used_bytes=used,
            disk_total_bytes=_size(storage.get("Data Space Total")),
            disk_free_bytes=_size(storage.get("Data Space Available")),
        )

    def docker_client(self, environment_id: int, timeout: float | None = None) -> docker.APIClient:
        """A docker-py client of the host, for what this library has no call for.

        Do not use ``exec_start`` or ``attach`` of it: they upgrade the connection, which the proxy
        of a socket environment cannot; :meth:`exec` does it in another way.
        """
        version = self.docker_version(environment_id)
        known = min(version["ApiVersion"], DEFAULT_DOCKER_API_VERSION, key=_version)
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

    # --- Containers --------------------------------------------------------------------

    def list_containers(self, environment_id: int, project: str | None = None) -> list[Container]:
        """All containers, running or not.

        :param project: the name of a stack, to see its containers only
        """
        filters = {"label": [f"{PROJECT_LABEL}={project}"]} if project else {}
        rows = self._docker_json(
            environment_id,
            "/containers/json",
            action="list containers",
            params={"all": "1", "filters": json.dumps(filters)},
        )
        return [Container.from_json(row) for row in rows]

    def get_container(self, environment_id: int, container: str) -> ContainerDetails:
        path = self._container_path(environment_id, container)
        action = f"read the container {container}"
        return ContainerDetails.from_json(
            self._docker_json(environment_id, f"{path}/json", action=action)
        )

    def container_action(
        self, environment_id: int, container: str, action: str, force: bool = False
    ) -> None:
        """Do one of :data:`ACTIONS`; what is started or gone already succeeds.

        :param force: remove a container although it runs
        """
        if action not in ACTIONS:
            raise InvalidRequest(
                self.server, f"{action} a container", f"choose one of {', '.join(ACTIONS)}"
            )
        path = self._container_path(environment_id, container)
        told = f"{action} the container {container}"
        if action != "remove":
            self._docker(environment_id, f"{path}/{action}", "POST", told, timeout=ACTION_TIMEOUT)
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
        data = self._docker_json(
            environment_id,
            f"{path}/stats",
            action=f"measure the container {container}",
            params={"stream": "false"},
        )
        return ContainerStats.from_json(data)

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
        created = self._docker_json(environment_id, f"{path}/exec", "POST", action, payload=payload)
        path = f"/exec/{quote(created['Id'], safe='')}"
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
            state = self._docker_json(environment_id, f"{path}/json", action=action)
            if not state.get("Running"):
                return state.get("ExitCode")
            # The output ends a moment before the engine has noted the exit.
            self._transport.sleep(0.1)
        return None

    def _container_path(self, environment_id: int, container: str) -> str:
        if not _REFERENCE.fullmatch(container):
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
        filters = {"label": [f"{PROJECT_LABEL}={project}"]} if project else {}
        data = self._docker_json(
            environment_id,
            "/volumes",
            action="list volumes",
            params={"filters": json.dumps(filters)},
        )
        return [Volume.from_json(row) for row in data.get("Volumes") or []]

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


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split("."))


def _size(text: str | None) -> int | None:
    """Bytes of "107.4GB"."""
    found = re.fullmatch(r"([\d.]+) ?([kMGT]?B)", text or "")
    return int(float(found[1]) * _SIZES[found[2]]) if found else None


def _disk_used(usage: dict) -> int:
    volumes = [volume.get("UsageData") or {} for volume in usage.get("Volumes") or []]
    return (
        (usage.get("LayersSize") or 0)
        + sum(container.get("SizeRw") or 0 for container in usage.get("Containers") or [])
        + sum(max(volume.get("Size") or 0, 0) for volume in volumes)
        + sum(cache.get("Size") or 0 for cache in usage.get("BuildCache") or [])
    )
