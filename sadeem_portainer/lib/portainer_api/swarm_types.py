"""What a swarm's manager says of its services, tasks and nodes."""

from dataclasses import dataclass, field

from .types import NAMESPACE_LABEL, Port

#: What a service hands to its tasks unchanged.
_COMPARED = ("ContainerSpec", "Resources", "Placement", "ForceUpdate")


@dataclass(frozen=True)
class Service:
    """``replicas`` is None for a service that runs once on every node.

    ``version`` counts its changes; ``updating``: an update of it is under way; ``broken``: why the
    swarm has stopped an update.
    """

    id: str
    name: str
    stack: str = ""
    replicas: int | None = 1
    version: int = 0
    updating: bool = False
    broken: str = ""
    one_shot: bool = False
    ports: tuple[Port, ...] = ()
    template: dict = field(default_factory=dict, repr=False, hash=False)

    @property
    def short_name(self) -> str:
        """The name in the compose text."""
        return self.name.removeprefix(f"{self.stack}_")

    @classmethod
    def from_json(cls, data: dict) -> "Service":
        spec = data["Spec"]
        replicated = (spec.get("Mode") or {}).get("Replicated")
        update = data.get("UpdateStatus") or {}
        state = update.get("State") or ""
        template = spec.get("TaskTemplate") or {}
        return cls(
            id=data["ID"],
            name=spec["Name"],
            stack=(spec.get("Labels") or {}).get(NAMESPACE_LABEL, ""),
            replicas=None if replicated is None else replicated.get("Replicas") or 0,
            version=(data.get("Version") or {}).get("Index") or 0,
            updating=state in ("updating", "rollback_started"),
            broken=(update.get("Message") or state)
            if state in ("paused", "rollback_paused", "rollback_completed")
            else "",
            one_shot=(template.get("RestartPolicy") or {}).get("Condition") == "none",
            ports=tuple(
                Port(
                    host_ip="",
                    host_port=port["PublishedPort"],
                    container_port=port.get("TargetPort") or 0,
                    protocol=port.get("Protocol") or "tcp",
                )
                for port in (data.get("Endpoint") or {}).get("Ports") or []
                if port.get("PublishedPort")
            ),
            template=template,
        )


@dataclass(frozen=True)
class Task:
    """One attempt of a swarm to fill a place of a service.

    ``state`` runs from new over pending, assigned, preparing, starting to running, and ends as
    complete, failed, rejected, shutdown, orphaned or remove; ``wanted`` is where it shall go.
    """

    id: str
    service_id: str
    state: str
    wanted: str
    slot: str = ""
    node_id: str = ""
    error: str = ""
    created: str = ""
    template: dict = field(default_factory=dict, repr=False, hash=False)

    @property
    def is_running(self) -> bool:
        return self.state == "running"

    def is_up_to_date(self, service: Service) -> bool:
        """Whether it was made from what the service asks for now."""
        return all(self.template.get(key) == service.template.get(key) for key in _COMPARED)

    @property
    def has_failed(self) -> bool:
        return self.state in ("failed", "rejected")

    @classmethod
    def from_json(cls, data: dict) -> "Task":
        status = data.get("Status") or {}
        return cls(
            id=data["ID"],
            service_id=data.get("ServiceID") or "",
            state=status.get("State") or "",
            wanted=data.get("DesiredState") or "",
            slot=str(data.get("Slot") or data.get("NodeID") or ""),
            node_id=data.get("NodeID") or "",
            error=status.get("Err") or "",
            created=data.get("CreatedAt") or "",
            template=data.get("Spec") or {},
        )


@dataclass(frozen=True)
class Node:
    """A machine of a swarm.

    ``is_up``: its manager hears of it; ``is_active``: it takes tasks; ``role``: manager or worker.
    """

    id: str
    name: str
    is_up: bool
    is_active: bool
    cores: int
    ram_bytes: int
    role: str = ""
    labels: dict[str, str] = field(default_factory=dict, hash=False)

    @classmethod
    def from_json(cls, data: dict) -> "Node":
        description, spec = data.get("Description") or {}, data.get("Spec") or {}
        resources = description.get("Resources") or {}
        return cls(
            id=data["ID"],
            name=description.get("Hostname") or data["ID"],
            is_up=(data.get("Status") or {}).get("State") == "ready",
            is_active=spec.get("Availability") == "active",
            cores=(resources.get("NanoCPUs") or 0) // 10**9,
            ram_bytes=resources.get("MemoryBytes") or 0,
            role=spec.get("Role") or "",
            labels=spec.get("Labels") or {},
        )


@dataclass(frozen=True)
class SwarmObject:
    """A secret or a config, which is never changed but made anew; its content is not shown."""

    id: str
    name: str
    labels: dict[str, str] = field(default_factory=dict, hash=False)

    @classmethod
    def from_json(cls, data: dict) -> "SwarmObject":
        spec = data["Spec"]
        return cls(data["ID"], spec["Name"], spec.get("Labels") or {})
