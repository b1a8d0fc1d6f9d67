"""What comes out of the calls. ``from_json`` reads the API's words, the fields are ours."""

import re
from dataclasses import dataclass, field
from enum import IntEnum

from .dotenv import read_value

PROJECT_LABEL = "com.docker.compose.project"
SERVICE_LABEL = "com.docker.compose.service"
#: What a swarm marks its tasks with: the stack, the service as ``<stack>_<service>``, and so on.
NAMESPACE_LABEL = "com.docker.stack.namespace"
_SWARM_SERVICE_LABEL = "com.docker.swarm.service.name"
_SWARM_SERVICE_ID_LABEL = "com.docker.swarm.service.id"
_SWARM_NODE_LABEL = "com.docker.swarm.node.id"
_SWARM_TASK_LABEL = "com.docker.swarm.task.id"
_SWARM_NAME_LABEL = "com.docker.swarm.task.name"
_SIZES = {"B": 1, "kB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}


@dataclass(frozen=True)
class ServerStatus:
    version: str
    instance_id: str

    @property
    def version_info(self) -> tuple[int, ...]:
        return tuple(int(part) for part in re.findall(r"\d+", self.version)[:3])


@dataclass(frozen=True)
class User:
    id: int
    username: str
    is_admin: bool

    @classmethod
    def from_json(cls, data: dict) -> "User":
        return cls(int(data["Id"]), data.get("Username") or "", data.get("Role") == 1)


@dataclass(frozen=True)
class ApiKey:
    """A lasting access token. ``raw`` is the secret; Portainer shows it this once."""

    id: int
    description: str
    raw: str = field(repr=False)

    @classmethod
    def from_json(cls, data: dict, raw: str = "") -> "ApiKey":
        return cls(int(data["id"]), data.get("description") or "", raw)


class EnvironmentType(IntEnum):
    DOCKER = 1
    AGENT = 2
    AZURE = 3
    EDGE_AGENT = 4
    KUBERNETES = 5
    KUBERNETES_AGENT = 6
    KUBERNETES_EDGE_AGENT = 7
    UNKNOWN = 0

    @classmethod
    def _missing_(cls, value):
        return cls.UNKNOWN


@dataclass(frozen=True)
class Snapshot:
    """What Portainer saw at ``time`` (Unix seconds) when it last looked."""

    time: int
    docker_version: str
    is_swarm: bool
    cores: int
    ram_bytes: int
    total: int
    running: int
    stopped: int
    volumes: int
    images: int
    stacks: int

    @classmethod
    def from_json(cls, data: dict) -> "Snapshot":
        return cls(
            time=data.get("Time") or 0,
            docker_version=data.get("DockerVersion") or "",
            is_swarm=bool(data.get("Swarm")),
            cores=data.get("TotalCPU") or 0,
            ram_bytes=data.get("TotalMemory") or 0,
            total=data.get("ContainerCount") or 0,
            running=data.get("RunningContainerCount") or 0,
            stopped=data.get("StoppedContainerCount") or 0,
            volumes=data.get("VolumeCount") or 0,
            images=data.get("ImageCount") or 0,
            stacks=data.get("StackCount") or 0,
        )


@dataclass(frozen=True)
class Environment:
    """A Docker host inside Portainer. ``is_up``: whether the last snapshot worked, not live."""

    id: int
    name: str
    type: EnvironmentType
    url: str
    public_url: str
    is_up: bool
    snapshot: Snapshot | None = None

    @property
    def is_docker(self) -> bool:
        return self.type in (
            EnvironmentType.DOCKER,
            EnvironmentType.AGENT,
            EnvironmentType.EDGE_AGENT,
        )

    @classmethod
    def from_json(cls, data: dict) -> "Environment":
        snapshots = data.get("Snapshots") or []
        return cls(
            id=int(data["Id"]),
            name=data.get("Name") or "",
            type=EnvironmentType(data.get("Type")),
            url=data.get("URL") or "",
            public_url=data.get("PublicURL") or "",
            is_up=data.get("Status") == 1,
            snapshot=Snapshot.from_json(snapshots[0]) if snapshots and snapshots[0] else None,
        )


@dataclass(frozen=True)
class Capacity:
    """What a Docker host has and runs right now. Disk sizes are None where Docker knows none.

    ``ports``: what a swarm publishes on each of its nodes.
    """

    running: int
    stopped: int
    paused: int
    total: int
    cores: int
    ram_bytes: int
    docker_version: str = ""
    disk_used_bytes: int | None = None
    disk_total_bytes: int | None = None
    disk_free_bytes: int | None = None
    ports: frozenset[int] = frozenset()

    @classmethod
    def from_json(cls, data: dict) -> "Capacity":
        """From what ``docker info`` says."""
        storage = dict(pair for pair in data.get("DriverStatus") or [] if len(pair) == 2)
        return cls(
            running=data.get("ContainersRunning") or 0,
            stopped=data.get("ContainersStopped") or 0,
            paused=data.get("ContainersPaused") or 0,
            total=data.get("Containers") or 0,
            cores=data.get("NCPU") or 0,
            ram_bytes=data.get("MemTotal") or 0,
            docker_version=data.get("ServerVersion") or "",
            disk_total_bytes=_size(storage.get("Data Space Total")),
            disk_free_bytes=_size(storage.get("Data Space Available")),
        )


def disk_used(usage: dict) -> int:
    """Bytes that images, containers, volumes and build cache occupy: ``docker system df``."""
    volumes = [volume.get("UsageData") or {} for volume in usage.get("Volumes") or []]
    return (
        (usage.get("LayersSize") or 0)
        + sum(container.get("SizeRw") or 0 for container in usage.get("Containers") or [])
        + sum(max(volume.get("Size") or 0, 0) for volume in volumes)
        + sum(cache.get("Size") or 0 for cache in usage.get("BuildCache") or [])
    )


def _size(text: str | None) -> int | None:
    """Bytes of "107.4GB"."""
    found = re.fullmatch(r"([\d.]+) ?([kMGT]?B)", text or "")
    return int(float(found[1]) * _SIZES[found[2]]) if found else None


class StackStatus(IntEnum):
    """The outcome of the last command on a stack; it says nothing about its containers."""

    ACTIVE = 1
    INACTIVE = 2
    DEPLOYING = 3
    ERROR = 4
    UNKNOWN = 0

    @classmethod
    def _missing_(cls, value):
        return cls.UNKNOWN


class StackType(IntEnum):
    SWARM = 1
    COMPOSE = 2
    KUBERNETES = 3
    UNKNOWN = 0

    @classmethod
    def _missing_(cls, value):
        return cls.UNKNOWN


@dataclass(frozen=True)
class Stack:
    """A compose project or a swarm's stack that Portainer knows.

    ``raw_env``: its variables as Portainer keeps them. ``name`` is the normalised one, which is
    also what its containers are labelled with.
    """

    id: int
    name: str
    environment_id: int
    status: StackStatus
    type: StackType
    raw_env: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    error: str = ""
    from_git: bool = False
    created: int = 0
    updated: int = 0
    created_by: str = ""

    @property
    def is_active(self) -> bool:
        return self.status is StackStatus.ACTIVE

    @property
    def is_swarm(self) -> bool:
        return self.type is StackType.SWARM

    @property
    def env(self) -> dict[str, str]:
        """The variables as the deployment will read them; a swarm's are not quoted."""
        if self.is_swarm:
            return dict(self.raw_env)
        return {name: read_value(value) for name, value in self.raw_env}

    @classmethod
    def from_json(cls, data: dict) -> "Stack":
        status = StackStatus(data.get("Status"))
        deployment = data.get("DeploymentStatus") or []
        return cls(
            id=int(data["Id"]),
            name=str(data["Name"]),
            environment_id=data.get("EndpointId") or 0,
            status=status,
            type=StackType(data.get("Type")),
            raw_env=tuple(
                (pair["name"], pair.get("value") or "") for pair in data.get("Env") or []
            ),
            error=(deployment[-1].get("Message") or "")
            if status is StackStatus.ERROR and deployment
            else "",
            from_git=bool(data.get("GitConfig")),
            created=data.get("CreationDate") or 0,
            updated=data.get("UpdateDate") or 0,
            created_by=data.get("CreatedBy") or "",
        )


@dataclass(frozen=True)
class Port:
    """A published port."""

    host_ip: str
    host_port: int
    container_port: int
    protocol: str


@dataclass(frozen=True)
class Container:
    """A row of ``docker ps -a``. ``state``: created, running, paused, restarting, exited, dead."""

    id: str
    name: str
    image: str
    state: str
    status: str
    project: str = ""
    service: str = ""
    created: int = 0
    ports: tuple[Port, ...] = ()
    labels: dict[str, str] = field(default_factory=dict, hash=False)
    #: The swarm's node that it lives on, by name where that is known.
    node: str = ""
    #: What it was made of, whatever its image's name means by now.
    image_id: str = ""

    @property
    def is_running(self) -> bool:
        return self.state == "running"

    @property
    def is_task(self) -> bool:
        """Whether a swarm made it, which replaces it when it ends or is removed."""
        return _SWARM_TASK_LABEL in self.labels

    @property
    def node_id(self) -> str:
        return self.labels.get(_SWARM_NODE_LABEL, "")

    @property
    def service_id(self) -> str:
        """The service of the swarm that it is a task of."""
        return self.labels.get(_SWARM_SERVICE_ID_LABEL, "")

    @property
    def slot(self) -> str:
        """The place in its service that it fills, which its successor will have."""
        task = self.labels.get(_SWARM_TASK_LABEL, "")
        return self.labels.get(_SWARM_NAME_LABEL, self.id).removesuffix(f".{task}")

    @property
    def health(self) -> str:
        """healthy, unhealthy, starting, or '' without a health check."""
        found = re.search(r"\((?:health: )?(healthy|unhealthy|starting)\)", self.status)
        return found[1] if found else ""

    @classmethod
    def from_json(cls, data: dict) -> "Container":
        labels = data.get("Labels") or {}
        project = labels.get(PROJECT_LABEL) or labels.get(NAMESPACE_LABEL, "")
        service = labels.get(_SWARM_SERVICE_LABEL, "").removeprefix(f"{project}_")
        return cls(
            id=data["Id"],
            # Legacy links add names with a second slash; the container's own has one.
            name=min(data.get("Names") or [""], key=lambda name: name.count("/")).lstrip("/"),
            image=data.get("Image") or "",
            state=data.get("State") or "",
            status=data.get("Status") or "",
            project=project,
            service=labels.get(SERVICE_LABEL) or service,
            created=data.get("Created") or 0,
            ports=tuple(
                Port(
                    host_ip=p.get("IP") or "",
                    host_port=p["PublicPort"],
                    container_port=p.get("PrivatePort") or 0,
                    protocol=p.get("Type") or "tcp",
                )
                for p in data.get("Ports") or []
                if p.get("PublicPort")
            ),
            labels=labels,
            node=node_of(data),
            image_id=data.get("ImageID") or "",
        )


def node_of(data: dict) -> str:
    """The node that Portainer's agents found a thing on; '' without agents."""
    return ((data.get("Portainer") or {}).get("Agent") or {}).get("NodeName") or ""


@dataclass(frozen=True)
class ContainerDetails:
    """What ``docker inspect`` says; the whole answer is in ``raw``."""

    id: str
    name: str
    image: str
    state: str
    exit_code: int
    started_at: str
    finished_at: str
    health: str
    restart_count: int
    labels: dict[str, str] = field(default_factory=dict, hash=False)
    raw: dict = field(default_factory=dict, repr=False, hash=False)

    @property
    def is_running(self) -> bool:
        return self.state == "running"

    @classmethod
    def from_json(cls, data: dict) -> "ContainerDetails":
        state = data.get("State") or {}
        config = data.get("Config") or {}
        return cls(
            id=data["Id"],
            name=(data.get("Name") or "").lstrip("/"),
            image=config.get("Image") or "",
            state=state.get("Status") or "",
            exit_code=state.get("ExitCode") or 0,
            started_at=state.get("StartedAt") or "",
            finished_at=state.get("FinishedAt") or "",
            health=(state.get("Health") or {}).get("Status") or "",
            restart_count=data.get("RestartCount") or 0,
            labels=config.get("Labels") or {},
            raw=data,
        )


@dataclass(frozen=True)
class ExecResult:
    """What a command in a container did. ``exit_code`` is None if it was left running."""

    exit_code: int | None
    stdout: str
    stderr: str
    truncated: bool = False


@dataclass(frozen=True)
class Volume:
    name: str
    driver: str
    project: str = ""
    created: str = ""
    node: str = ""

    @classmethod
    def from_json(cls, data: dict) -> "Volume":
        labels = data.get("Labels") or {}
        return cls(
            name=data["Name"],
            driver=data.get("Driver") or "",
            project=labels.get(PROJECT_LABEL) or labels.get(NAMESPACE_LABEL, ""),
            created=data.get("CreatedAt") or "",
            node=node_of(data),
        )
