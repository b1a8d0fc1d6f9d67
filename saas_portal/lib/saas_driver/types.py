"""What goes into a driver and comes out of it."""

from collections.abc import Mapping
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
class Owner:
    """The first person of a client, as Odoo stores one; texts that are not known are empty.

    ``subject``: by what name the portal vouches for him.
    """

    login: str
    name: str
    email: str
    email_normalized: str
    password_hash: str
    lang: str
    tz: str
    subject: str


@dataclass(frozen=True)
class Setup:
    """What a client is told before anybody gets in.

    ``parameters``: key → text; ``hidden``: keys of those that nobody in the client may read.
    """

    owner: Owner
    portal_url: str
    parameters: Mapping[str, str]
    hidden: frozenset[str] = frozenset()


@dataclass(frozen=True)
class ClientSpec:
    """A client that should exist: a copy of the database ``template`` with an identity.

    ``spare``: key of a copy that was made before; one that is gone is no mistake. ``setup``: what
    may be written into the copy before it is a client, where the driver can.
    """

    ref: ClientRef
    template: str
    identity: Identity
    spare: str = ""
    setup: Setup | None = None


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
    """A copy that waits for a client.

    ``template_key``: of what it was copied; ``portal``: uuid of who made it; '' when unknown.
    """

    key: str
    template_key: str
    portal: str = ""


@dataclass(frozen=True)
class Usage:
    """Internal users, MB of database and of files, and whether the client is suspended."""

    users: int
    database_mb: float
    files_mb: float
    suspended: bool
