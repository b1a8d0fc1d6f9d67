"""Refuses what compose, Docker or Odoo would refuse, or would read as something else."""

import contextlib
import ipaddress
import re
from collections.abc import Iterable

from .errors import InvalidSpec
from .names import DATABASE_SERVICE, ODOO_SERVICE, stack_name
from .types import (
    ExternalDatabase,
    InStackDatabase,
    OdooOptions,
    Ports,
    Resources,
    Routing,
    StackSpec,
    SwarmOptions,
)

#: The levels that make sense for a service; Odoo knows more, for tests.
LOG_LEVELS = ("info", "debug_rpc", "debug_sql", "warn", "error", "critical")
SSL_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
#: What the containers of a client need to start, in MiB: Odoo alone, Odoo and PostgreSQL.
LEAST_MEMORY_MB, LEAST_MEMORY_WITH_DATABASE_MB = 256, 512
MOST_MEMORY_MB = 4 * 1024 * 1024
MOST_CPUS = 1024
#: Docker allows 0.01 at least; Odoo does not start in a useful time with so little.
LEAST_CPUS = 0.1
MOST_WORKERS = 64
#: A year in seconds, and as good as no limit for whatever is counted.
LONG = 365 * 24 * 3600
PRIVATE_NETWORKS = tuple(
    ipaddress.ip_network(network)
    for network in (
        "127.0.0.0/8",
        "10.0.0.0/8",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "100.64.0.0/10",  # between providers and in VPNs, not routed in the Internet
        "::1/128",
        "fc00::/7",
    )
)

_KEY = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,43}[a-z0-9])?")
_UUID = re.compile(r"[A-Za-z0-9-]{0,64}")
_HOST_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9_-]*[a-z0-9])?")
_MODULE = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]{0,62}")
_ROLE = re.compile(r"[a-z_][a-z0-9_-]{0,62}")
_FOLDER = re.compile(r"(?:/[A-Za-z0-9_][A-Za-z0-9_.-]*)+")
_DOCKER_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]{0,63}")
_TRAEFIK_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
# Docker's grammar of references: [registry[:port]/]path[:tag][@digest].
_DOMAIN = r"[a-zA-Z0-9](?:[a-zA-Z0-9.-]*[a-zA-Z0-9])?(?::[0-9]{1,5})?"
_PATH_PART = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_IMAGE = re.compile(
    rf"(?:{_DOMAIN}/)?{_PATH_PART}(?:/{_PATH_PART})*"
    r"(?::[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?(?:@sha256:[0-9a-f]{64})?"
)
_IMAGE_ID = re.compile(r"(?:sha256:[0-9a-f]{64})?")
_CONSTRAINT = re.compile(
    r"(?:node\.(?:id|hostname|role|platform\.os|platform\.arch)"
    r"|(?:node|engine)\.labels\.[A-Za-z0-9][A-Za-z0-9_.-]{0,63})"
    r" ?(?:==|!=) ?[A-Za-z0-9][A-Za-z0-9_.:-]{0,127}"
)
_SERVICES = (ODOO_SERVICE, DATABASE_SERVICE)


def check_spec(spec: StackSpec) -> None:
    """Check every field of a specification.

    :raises InvalidSpec: for the first that is wrong
    """
    _matches("key", spec.key, _KEY, "use up to 45 small letters, digits and inner hyphens.")
    _matches("portal_uuid", spec.portal_uuid, _UUID, "use letters, digits and hyphens.")
    check_host("name", spec.name)
    check_host("host", spec.host)
    check_image("image", spec.image)
    _matches("image_id", spec.image_id, _IMAGE_ID, "use what the engine calls it: sha256:….")
    _one_of("target", spec.target, ("standalone", "swarm"))
    _odoo(spec.odoo)
    _database(spec.database)
    _resources(spec.resources, isinstance(spec.database, InStackDatabase))
    _ports(spec.ports, spec.odoo.workers)
    _routing(spec.routing, spec.host)
    _swarm(spec)


def check_host(field: str, value: object) -> None:
    """Check a host name that is a database name too.

    :raises InvalidSpec: when it is none, or one of the names inside the stack
    """
    _text(field, value)
    if not value or len(value) > 63 or not all(map(_HOST_LABEL.fullmatch, value.split("."))):
        raise InvalidSpec(
            field,
            f"{_shown(value)} is not a host name: use up to 63 small letters, digits and hyphens,"
            " with dots between the parts.",
        )
    if value in _SERVICES:
        # As an alias in the proxy's network it would answer for other clients' services.
        raise InvalidSpec(field, f"the name {value} has a meaning inside the stack.")


def check_image(field: str, value: object) -> None:
    """Check a reference to an image, with a tag or a digest.

    :raises InvalidSpec: when Docker would not read it, or would take whatever is `latest`
    """
    _text(field, value)
    if len(value) > 512 or not _IMAGE.fullmatch(value):
        raise InvalidSpec(field, f"{_shown(value)} is not an image; write name:tag.")
    if ":" not in value.rpartition("/")[2]:
        raise InvalidSpec(field, f"the image {_shown(value)} needs a tag; write name:tag.")


def check_address(field: str, value: object) -> None:
    """Check an address to publish ports on.

    :raises InvalidSpec: unless it is a loopback or private IP address
    """
    _text(field, value)
    try:
        address = ipaddress.ip_address(value)
    except ValueError:
        raise InvalidSpec(field, f"{_shown(value)} is not an IP address.") from None
    if "%" in value or not any(address in network for network in PRIVATE_NETWORKS):
        raise InvalidSpec(
            field, f"{_shown(value)} is public; ports open on loopback or private addresses only."
        )


def check_port(field: str, value: object) -> None:
    """:raises InvalidSpec: unless it is a port that needs no privileges."""
    check_number(field, value, 1024, 65535)


def check_number(field: str, value: object, least: int, most: int) -> None:
    """:raises InvalidSpec: unless it is a whole number within these limits."""
    if type(value) is not int or not least <= value <= most:
        raise InvalidSpec(field, f"{_shown(value)} is not a whole number from {least} to {most}.")


def _odoo(odoo: OdooOptions) -> None:
    _kind("odoo", odoo, OdooOptions)
    check_number("odoo.workers", odoo.workers, 0, MOST_WORKERS)
    for name in ("limit_time_cpu", "limit_time_real", "limit_request"):
        # 0 would end every process at its first request.
        check_number(f"odoo.{name}", getattr(odoo, name), 1, LONG)
    check_number("odoo.limit_time_real_cron", odoo.limit_time_real_cron, 0, LONG)
    _one_of("odoo.log_level", odoo.log_level, LOG_LEVELS)
    for name in ("update_modules", "auto_install_modules", "server_wide_modules"):
        _modules(f"odoo.{name}", getattr(odoo, name))
    if "all" in odoo.auto_install_modules or "all" in odoo.server_wide_modules:
        raise InvalidSpec("odoo.auto_install_modules", "name each module; all cannot be undone.")
    for name in ("without_demo", "x_sendfile"):
        _flag(f"odoo.{name}", getattr(odoo, name))
    _folders("odoo.user_addons_path", odoo.user_addons_path)
    if odoo.db_maxconn is not None:
        check_number("odoo.db_maxconn", odoo.db_maxconn, 2, 10000)
    if odoo.max_cron_threads is not None:
        check_number("odoo.max_cron_threads", odoo.max_cron_threads, 0, MOST_WORKERS)


def _database(database: InStackDatabase | ExternalDatabase) -> None:
    if isinstance(database, InStackDatabase):
        check_image("database.image", database.image)
        return
    _kind("database", database, ExternalDatabase)
    _server("database.host", database.host)
    check_number("database.port", database.port, 1, 65535)
    _matches("database.role", database.role, _ROLE, "use up to 63 small letters, digits, _ and -.")
    if database.role == "postgres" or database.role.startswith("pg_"):
        raise InvalidSpec("database.role", f"the role {database.role} is PostgreSQL's own.")
    _one_of("database.sslmode", database.sslmode, SSL_MODES)


def _resources(resources: Resources, with_database: bool) -> None:
    _kind("resources", resources, Resources)
    cpus = resources.cpus
    if cpus is not None and not (type(cpus) in (int, float) and LEAST_CPUS <= cpus <= MOST_CPUS):
        raise InvalidSpec(
            "resources.cpus", f"enter a number of cores from {LEAST_CPUS} to {MOST_CPUS}."
        )
    if resources.memory_mb is not None:
        least = LEAST_MEMORY_WITH_DATABASE_MB if with_database else LEAST_MEMORY_MB
        check_number("resources.memory_mb", resources.memory_mb, least, MOST_MEMORY_MB)
    if resources.pids is not None:
        check_number("resources.pids", resources.pids, 64, 100_000)


def _ports(ports: Ports | None, workers: int) -> None:
    if ports is None:
        return
    _kind("ports", ports, Ports)
    check_address("ports.bind_ip", ports.bind_ip)
    check_port("ports.http", ports.http)
    if ports.gevent is not None:
        check_port("ports.gevent", ports.gevent)
        if ports.gevent == ports.http:
            raise InvalidSpec("ports.gevent", f"the port {ports.http} is Odoo's HTTP port already.")
    elif workers:
        raise InvalidSpec("ports.gevent", "with workers a second port is needed for websockets.")


def _routing(routing: Routing, host: str) -> None:
    _kind("routing", routing, Routing)
    _flag("routing.traefik", routing.traefik)
    for name, pattern in (
        ("network", _DOCKER_NAME),
        ("entrypoint", _TRAEFIK_NAME),
        ("tls_resolver", _TRAEFIK_NAME),
    ):
        value = getattr(routing, name)
        if value != "":
            _matches(f"routing.{name}", value, pattern, "use letters, digits, _ and -.")
    if routing.network and "." not in host:
        # There it could be the name of a service: of the proxy, or of the portal.
        raise InvalidSpec(
            "host", f"in the network {routing.network} the name {host} needs a dot, as acme.local."
        )


def _swarm(spec: StackSpec) -> None:
    _kind("swarm", spec.swarm, SwarmOptions)
    constraints, secret = spec.swarm.constraints, spec.swarm.password_secret
    if not isinstance(constraints, list | tuple):
        raise InvalidSpec("swarm.constraints", "this must be a list of constraints.")
    for constraint in constraints:
        _matches("swarm.constraints", constraint, _CONSTRAINT, "write node.labels.name == value.")
    if secret != "":
        _matches("swarm.password_secret", secret, _DOCKER_NAME, "use letters, digits, _ . and -.")
    if spec.target != "swarm" and (constraints or secret):
        raise InvalidSpec("swarm", f"{stack_name(spec.key)} is not for a swarm.")


# --- Kinds of values -----------------------------------------------------------------


def _shown(value: object) -> str:
    """A value in a sentence: short, and on one line."""
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "…'"


def _kind(field: str, value: object, kind: type) -> None:
    if type(value) is not kind:
        raise InvalidSpec(field, f"this must be {kind.__name__}, not {type(value).__name__}.")


def _text(field: str, value: object) -> None:
    # Other classes of text are written as objects by YAML libraries.
    if type(value) is not str:
        raise InvalidSpec(field, f"this must be a text, not {type(value).__name__}.")


def _flag(field: str, value: object) -> None:
    if type(value) is not bool:
        raise InvalidSpec(field, f"this must be yes or no, not {_shown(value)}.")


def _one_of(field: str, value: object, known: tuple[str, ...]) -> None:
    if type(value) is not str or value not in known:
        raise InvalidSpec(field, f"{_shown(value)} is unknown; choose {', '.join(known)}.")


def _matches(field: str, value: object, pattern: re.Pattern, hint: str) -> None:
    _text(field, value)
    if not pattern.fullmatch(value):
        raise InvalidSpec(field, f"{_shown(value)} cannot be used: {hint}")


def _modules(field: str, values: Iterable[str]) -> None:
    if not isinstance(values, list | tuple):
        raise InvalidSpec(field, "this must be a list of technical names of modules.")
    for value in values:
        _matches(field, value, _MODULE, "a module's technical name has letters, digits and _.")


def _folders(field: str, value: object) -> None:
    _text(field, value)
    for folder in value.split(",") if value else ():
        _matches(field, folder, _FOLDER, "write absolute folders of the container.")
        if len(folder) > 255:
            raise InvalidSpec(field, f"the folder {_shown(folder)} is too long.")


def _server(field: str, value: object) -> None:
    """A host name or an IP address."""
    _text(field, value)
    with contextlib.suppress(ValueError):
        if "%" not in value:
            ipaddress.ip_address(value)
            return
    labels = value.lower().split(".")
    if len(value) > 253 or not all(len(e) <= 63 and _HOST_LABEL.fullmatch(e) for e in labels):
        raise InvalidSpec(field, f"{_shown(value)} is neither a host name nor an IP address.")
    if value in _SERVICES:
        raise InvalidSpec(field, f"the name {value} has a meaning inside the stack.")
