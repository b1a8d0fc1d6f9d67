"""What a client's stack is made of. Checked when it is rendered, see `checks.check_spec`."""

from dataclasses import dataclass, field
from typing import Literal

Target = Literal["standalone", "swarm"]


@dataclass(frozen=True)
class OdooOptions:
    """Settings of the Odoo server.

    ``workers``: processes for requests, 0 for threads. ``limit_time_cpu``, ``limit_time_real``:
    seconds per request; ``limit_time_real_cron``: seconds per scheduled action, 0 for no limit.
    ``limit_request``: requests after which a process is replaced. ``log_level``: one of
    `options.LOG_LEVELS`. ``update_modules``, ``auto_install_modules``: technical names that the
    image's entry point updates and installs, once per change. ``server_wide_modules``: loaded in
    addition to the suite's. ``without_demo``: no demo data in what is installed. ``x_sendfile``:
    leave the delivery of files to the proxy. ``user_addons_path``: folders in the container,
    separated by commas. ``db_maxconn``: connections to PostgreSQL per process;
    ``max_cron_threads``: scheduled actions at once; None: Odoo's default.
    """

    workers: int = 0
    limit_time_cpu: int = 60
    limit_time_real: int = 120
    limit_time_real_cron: int = 0
    limit_request: int = 8192
    log_level: str = "info"
    update_modules: tuple[str, ...] = ()
    auto_install_modules: tuple[str, ...] = ()
    server_wide_modules: tuple[str, ...] = ()
    without_demo: bool = True
    x_sendfile: bool = False
    user_addons_path: str = ""
    db_maxconn: int | None = None
    max_cron_threads: int | None = None


@dataclass(frozen=True)
class InStackDatabase:
    """A PostgreSQL of the client's own. ``image``: full reference."""

    image: str = "postgres:16"


@dataclass(frozen=True)
class ExternalDatabase:
    """A database server elsewhere, where the client has the role ``role``.

    ``sslmode``: one of libpq's, see `checks.SSL_MODES`.
    """

    host: str
    port: int = 5432
    role: str = "odoo"
    sslmode: str = "prefer"


@dataclass(frozen=True)
class Resources:
    """What all containers of the client may use together; None is unlimited.

    ``cpus``: cores; ``memory_mb``: MiB; ``pids``: processes and threads, for each container.
    """

    cpus: float | None = None
    memory_mb: int | None = None
    pids: int | None = 1024


@dataclass(frozen=True)
class Ports:
    """Ports of the Docker host. ``gevent`` counts with workers only: threads need one port.

    ``bind_ip``: the loopback or private address that they are published on. Swarm cannot choose
    an address: there they are open on all of the node's, behind the node's firewall.
    """

    bind_ip: str
    http: int
    gevent: int | None = None


@dataclass(frozen=True)
class Routing:
    """How a reverse proxy finds the client.

    ``network``: an existing Docker network that the proxy is in, '' for none; Odoo has the host
    name there. ``traefik``: carry Traefik's labels; ``entrypoint``, ``tls_resolver``: names in
    Traefik's configuration, '' for all entry points and for no certificates.
    """

    network: str = ""
    traefik: bool = True
    entrypoint: str = ""
    tls_resolver: str = ""


@dataclass(frozen=True)
class SwarmOptions:
    """What only Swarm knows.

    ``constraints``: placement, as ``node.labels.saas == yes``; volumes stay on their node, so
    they should name one. ``password_secret``: a secret of the cluster with the password of the
    database role; '' for the stack's variable.
    """

    constraints: tuple[str, ...] = ()
    password_secret: str = ""


@dataclass(frozen=True)
class StackSpec:
    """One client as a stack.

    ``key``: the client's key, which names the stack; ``name``: the client's (a driver finds it by
    this label); ``host``: the host name that leads to it, the same for clients; ``image``:
    reference ``name:tag`` of Odoo's image; ``image_id``: what the engine has under that name, '' if
    that is not known; ``portal_uuid``: the portal that made it.
    """

    key: str
    name: str
    host: str
    image: str
    odoo: OdooOptions = field(default_factory=OdooOptions)
    database: InStackDatabase | ExternalDatabase = field(default_factory=InStackDatabase)
    resources: Resources = field(default_factory=Resources)
    ports: Ports | None = None
    routing: Routing = field(default_factory=Routing)
    portal_uuid: str = ""
    image_id: str = ""
    target: Target = "standalone"
    swarm: SwarmOptions = field(default_factory=SwarmOptions)
