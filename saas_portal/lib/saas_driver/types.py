"""What goes into a driver and comes out of it."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class ClientRef:
    """Points at a client. ``name``: database and host name; ``key``: its uuid, never changed."""

    name: str
    key: str


@dataclass(frozen=True)
class Identity:
    """What makes a copy of a template a database of its own.

    ``base_url`` has no slash at its end; ``portal_key`` is the portal's public key (PEM).
    """

    database_uuid: str
    base_url: str
    portal_uuid: str
    portal_key: str


@dataclass(frozen=True)
class ClientSpec:
    """A client that should exist: a copy of the database ``template`` with an identity.

    ``spare``: key of a copy that was made before; one that is gone is no mistake.
    """

    ref: ClientRef
    template: str
    identity: Identity
    spare: str = ""


@dataclass(frozen=True)
class TemplateSpec:
    """A template that should exist. ``addons``: technical names, ``languages``: locale codes."""

    name: str
    key: str
    addons: tuple[str, ...] = ()
    languages: tuple[str, ...] = field(default=("en_US",))
    demo: bool = False


@dataclass(frozen=True)
class ClientStatus:
    """What is really there. ``key``: uuid of the client that the database is, '' if none."""

    name: str
    exists: bool
    running: bool = False
    key: str = ""


@dataclass(frozen=True)
class Spare:
    """A copy that waits for a client. ``template_key``: of what it was copied, '' when unknown."""

    key: str
    template_key: str


@dataclass(frozen=True)
class Usage:
    """Internal users, MB of database and of files, and whether the client is suspended."""

    users: int
    database_mb: float
    files_mb: float
    suspended: bool
