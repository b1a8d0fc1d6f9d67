"""A specification as the text of a compose file."""

from . import options, swarm, traefik, yaml_text
from .checks import check_spec
from .names import (
    ADDONS_FOLDER,
    ADDONS_VOLUME,
    DATA_FOLDER,
    DATA_VOLUME,
    DATABASE_FOLDER,
    DATABASE_SERVICE,
    DATABASE_VOLUME,
    GEVENT_PORT,
    HTTP_PORT,
    IN_STACK_ROLE,
    LABEL_IMAGE,
    LABEL_KEY,
    LABEL_NAME,
    LABEL_PORTAL,
    MAINTENANCE_DATABASE,
    ODOO_SERVICE,
    PASSWORD_VARIABLE,
    POSTGRESQL_PORT,
    STAGING_PREFIX,
)
from .types import ExternalDatabase, InStackDatabase, Resources, StackSpec
from .yaml_text import Variable

#: The part of the client's resources that PostgreSQL gets when it is in the stack.
DATABASE_SHARE = 0.25
_PROXY_NETWORK = "proxy"


def render(spec: StackSpec) -> str:
    """The compose file of a client's stack. The variable DB_PASSWORD is the stack's.

    :raises InvalidSpec: when it cannot be deployed as it is described
    """
    return yaml_text.write(compose_data(spec))


def compose_data(spec: StackSpec) -> dict:
    """The same as data, in which variables are `yaml_text.Variable`.

    :raises InvalidSpec: when it cannot be deployed as it is described
    """
    check_spec(spec)
    services = {ODOO_SERVICE: _odoo(spec)}
    volumes = {DATA_VOLUME: {}, ADDONS_VOLUME: {}}
    if isinstance(spec.database, InStackDatabase):
        services[DATABASE_SERVICE] = _database(spec)
        volumes[DATABASE_VOLUME] = {}
    data = {"services": services, "volumes": volumes}
    if spec.routing.network:
        data["networks"] = {_PROXY_NETWORK: {"external": True, "name": spec.routing.network}}
    return swarm.adapt(data, spec) if spec.target == "swarm" else data


def _odoo(spec: StackSpec) -> dict:
    in_stack = isinstance(spec.database, InStackDatabase)
    service = {
        "image": spec.image,
        "command": ["odoo", *options.arguments(spec.odoo)],
        "environment": {**_connection(spec), **options.module_variables(spec)},
        "volumes": [f"{DATA_VOLUME}:{DATA_FOLDER}", f"{ADDONS_VOLUME}:{ADDONS_FOLDER}"],
        "labels": {**_labels(spec), **_image_label(spec), **traefik.labels(spec)},
        # Each look costs some tenths of a second of CPU: not often. A start may update modules.
        "healthcheck": _healthcheck(
            f"curl -fsS -m 5 -o /dev/null http://127.0.0.1:{HTTP_PORT}/web/health", "120s"
        ),
        **_common(_share(spec.resources, 1 - DATABASE_SHARE if in_stack else 1)),
    }
    if in_stack:
        # Odoo's image waits for PostgreSQL itself, and sooner than a health check would tell.
        service["depends_on"] = [DATABASE_SERVICE]
    if spec.ports:
        service["ports"] = _ports(spec)
    if spec.routing.network:
        service["networks"] = {"default": {}, _PROXY_NETWORK: {"aliases": [spec.host]}}
    return service


def _connection(spec: StackSpec) -> dict:
    """The variables of Odoo's official image, and libpq's."""
    database = spec.database
    variables = {
        "HOST": DATABASE_SERVICE,
        "PORT": str(POSTGRESQL_PORT),
        "USER": IN_STACK_ROLE,
        "PASSWORD": Variable(PASSWORD_VARIABLE),
    }
    if isinstance(database, ExternalDatabase):
        variables.update(
            HOST=database.host,
            PORT=str(database.port),
            USER=database.role,
            PGSSLMODE=database.sslmode,
            # What Odoo does not list: a database on its way. PostgreSQL's own mark for templates
            # would let the other clients of the server copy it.
            PGDATABASE_TEMPLATE=f"{STAGING_PREFIX}{spec.key}",
        )
    return variables


def _database(spec: StackSpec) -> dict:
    return {
        "image": spec.database.image,
        "environment": {
            "POSTGRES_USER": IN_STACK_ROLE,
            "POSTGRES_PASSWORD": Variable(PASSWORD_VARIABLE),
            "POSTGRES_DB": MAINTENANCE_DATABASE,
        },
        "volumes": [f"{DATABASE_VOLUME}:{DATABASE_FOLDER}"],
        "labels": _labels(spec),
        "healthcheck": _healthcheck(
            f"pg_isready -q -h 127.0.0.1 -U {IN_STACK_ROLE} -d {MAINTENANCE_DATABASE}", "60s"
        ),
        **_common(_share(spec.resources, DATABASE_SHARE)),
        # The image begins as root, to give the volume to its own user.
        "cap_add": ["CHOWN", "DAC_OVERRIDE", "FOWNER", "SETGID", "SETUID"],
    }


def _labels(spec: StackSpec) -> dict:
    return {LABEL_KEY: spec.key, LABEL_NAME: spec.name, LABEL_PORTAL: spec.portal_uuid}


def _image_label(spec: StackSpec) -> dict:
    return {LABEL_IMAGE: spec.image_id} if spec.image_id else {}


def _healthcheck(command: str, start_period: str) -> dict:
    return {
        "test": ["CMD", *command.split()],
        "interval": "10s",
        "timeout": "6s",
        "retries": 3,
        "start_period": start_period,
    }


def _common(limits: dict) -> dict:
    """What both services have in common."""
    return {
        "restart": "unless-stopped",
        "init": True,
        "stop_grace_period": "30s",
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges:true"],
        "logging": {"driver": "json-file", "options": {"max-size": "10m", "max-file": "3"}},
        **({"deploy": {"resources": {"limits": limits}}} if limits else {}),
    }


def _share(resources: Resources, share: float) -> dict:
    """A part of the client's resources as compose writes limits."""
    limits = {}
    if resources.cpus is not None:
        limits["cpus"] = f"{resources.cpus * share:.3f}"
    if resources.memory_mb is not None:
        limits["memory"] = f"{int(resources.memory_mb * share)}M"
    if resources.pids is not None:
        limits["pids"] = resources.pids
    return limits


def _ports(spec: StackSpec) -> list[dict]:
    wanted = {HTTP_PORT: spec.ports.http}
    if spec.odoo.workers:
        wanted[GEVENT_PORT] = spec.ports.gevent
    return [
        {
            "target": inside,
            "published": str(outside),
            "host_ip": spec.ports.bind_ip,
            "protocol": "tcp",
            "mode": "host",
        }
        for inside, outside in wanted.items()
    ]
