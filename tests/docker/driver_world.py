"""A server for the driver of Docker stacks: real engine, agent and PostgreSQL, a small Odoo."""

import contextlib
import hashlib
import json
import os
import shutil
import tempfile
from pathlib import Path

import psycopg2
import pytest
from client_world import ClientWorld, Interrupted
from local_world import NEUTRALIZE, ODOO
from portainer_api import PortainerClient
from portainer_driver_import import (
    Deployment,
    ExternalServer,
    Place,
    PortainerDriver,
    Target,
    agent_calls,
    driver,
    external,
)
from portainer_harness import remove_project
from saas_driver import TemplateSpec
from saas_stack import (
    ExternalDatabase,
    InStackDatabase,
    Ports,
    Routing,
    StackSpec,
    render,
    stack_name,
)

from devkit.ports import free_port
from devkit.waiting import wait_for

SOURCES = Path(__file__).parent / "small_odoo"
SMALL, POSTGRES = "saas-test/small-odoo", "saas-test/small-postgres"
STRANGER = "saas-test.stranger"
PASSWORD = "p4ss-w0rd-of-a-role"
#: Others may use the engine at the same time: the driver under test sees what this process made.
PORTAL = f"portal-{os.getpid()}"


# --- images -----------------------------------------------------------------------


def build_images(engine):
    """(small Odoo, PostgreSQL): references of images on top of today's."""
    digest = hashlib.sha256()
    for tag in ("saas-client:19.0", "postgres:16"):
        digest.update(engine.request("GET", f"/images/{tag}/json")[1]["Id"].encode())
    for path in sorted(SOURCES.rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            digest.update(path.read_bytes())
    digest.update((ODOO + NEUTRALIZE).encode())
    version = digest.hexdigest()[:12]
    for name, dockerfile in ((SMALL, "Dockerfile"), (POSTGRES, "postgres.Dockerfile")):
        if engine.request("GET", f"/images/{name}:{version}/json")[0] == 404:
            _build(engine, f"{name}:{version}", dockerfile)
    return f"{SMALL}:{version}", f"{POSTGRES}:{version}"


def _build(engine, tag, dockerfile):
    with tempfile.TemporaryDirectory(dir=engine.folder) as folder:
        shutil.copytree(SOURCES, folder, dirs_exist_ok=True)
        sql = json.dumps({"ODOO": ODOO, "NEUTRALIZE": NEUTRALIZE})
        (Path(folder) / "sql.json").write_text(sql)
        options = ["--quiet", "--network=none", f"--tag={tag}", f"--file={folder}/{dockerfile}"]
        engine.docker("build", *options, folder)


# --- fleets -----------------------------------------------------------------------


class OwnView(PortainerClient):
    """Sees only what these tests made, on an engine that others use too."""

    def list_containers(self, environment_id, project=None):
        rows = super().list_containers(environment_id, project)
        return [row for row in rows if row.labels.get("saas.portal", "") == PORTAL]


class DictFleet:
    """Knows a stack for every client that is asked about.

    :param external: a shared PostgreSQL; None: each stack has its own
    """

    def __init__(self, place, image, postgres, shared=None):
        self.place, self.image, self.postgres, self.shared = place, image, postgres, shared
        self.ports, self.changes = {}, {}

    def spec(self, key, name, database):
        port = self.ports.setdefault(key, free_port(27000))
        values = {
            "image": self.image,
            "database": database,
            "ports": Ports("127.0.0.1", port),
            "routing": Routing(traefik=False),
            "portal_uuid": PORTAL,
            **self.changes,
        }
        return StackSpec(key=key, name=name, host=name, **values)

    def deployment(self, ref):
        server = self.shared and self.shared.server(f"role-{ref.key}")
        database = InStackDatabase(self.postgres)
        if server:
            database = ExternalDatabase(server.host, server.port, server.role)
        return self._deployment(ref.key, ref.name, database, server)

    def standing(self, ref):
        return self.deployment(ref)

    def builder(self, spec):
        return self._deployment(spec.key, spec.name, InStackDatabase(self.postgres))

    def _deployment(self, key, name, database, server=None):
        target = Target(
            environment_id=self.place.environment_id,
            name=stack_name(key),
            remote_id=0,
            operation=f"client-{key}",
            compose=render(self.spec(key, name, database)),
            env={"DB_PASSWORD": PASSWORD},
        )
        services = ("odoo",) if server else ("odoo", "db")
        return Deployment(self.place, target, services, server)

    def places(self):
        return [self.place]


class SharedPostgres:
    """A PostgreSQL that clients' containers and this process reach at one address."""

    def __init__(self, engine, image, name):
        self.engine, self.name = engine, name
        self.host = f"{engine.network.prefix}.0.1"
        self.port = free_port(27500, interface=self.host)
        self.remove()
        engine.docker(
            "run", "--detach", f"--name={name}", f"--publish={self.host}:{self.port}:5432",
            "--env=POSTGRES_USER=boss", f"--env=POSTGRES_PASSWORD={PASSWORD}",
            "--env=POSTGRES_DB=postgres", image,
        )  # fmt: skip
        wait_for(self._answers, 60, "the shared PostgreSQL")

    def _answers(self):
        with contextlib.suppress(psycopg2.OperationalError):
            self.connect("postgres").close()
            return True

    def connect(self, database, user="boss"):
        return psycopg2.connect(
            host=self.host, port=self.port, user=user, password=PASSWORD, dbname=database
        )

    def make_administrator(self, name):
        """A role that may make others and databases; from now on the portal uses it."""
        self.admin, self.password = name, PASSWORD
        self.query(f"CREATE ROLE {name} LOGIN CREATEROLE CREATEDB PASSWORD %s", PASSWORD)

    def prepare_record_vals(self):
        """What somebody enters into the form of a PostgreSQL server."""
        return {
            "name": "Shared",
            "host": self.host,
            "port": self.port,
            "login": self.admin,
            "password": self.password,
            "sslmode": "prefer",
        }

    def server(self, role):
        return ExternalServer(
            self.host, self.port, "boss", PASSWORD, role=role, role_password=PASSWORD, name="shared"
        )

    def query(self, statement, *params):
        return self.query_as("boss", "postgres", statement, *params)

    def query_as(self, user, database, statement, *params):
        with contextlib.closing(self.connect(database, user)) as connection:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute(statement, params or None)
                return cursor.fetchall() if cursor.description else []

    def kill(self):
        """As a power cut does; then it is there again."""
        self.engine.docker("kill", "--signal=KILL", self.name)
        self.engine.docker("start", self.name)
        wait_for(self._answers, 60, "the shared PostgreSQL")

    def remove(self):
        self.engine.docker("rm", "--force", "--volumes", self.name)


# --- the world of the contract ----------------------------------------------------


class FilesInContainers:
    """Stands where other worlds have a folder: looks in all containers of clients."""

    def __init__(self, world):
        self.world = world

    def rglob(self, name):
        found = []
        for row in self.world.containers("odoo"):
            text = self.world.engine.docker(
                "exec", row["Id"], "find", "/var/lib/odoo", "/tmp", "/mnt", "-name", name
            )
            found += text.split()
        return found


class DockerWorld(ClientWorld):
    def __init__(self, engine, portainer, fleet_of, folder):
        self.engine, self.portainer = engine, portainer
        self.place = Place(
            portainer=lambda: OwnView(portainer.url, portainer.key),
            environment_id=portainer.endpoint,
            host="127.0.0.1",
            name="local",
        )
        self.fleet = fleet_of(self.place)
        self.driver = PortainerDriver(self.fleet, folder / "templates")
        self.files = FilesInContainers(self)

    # --- what is there ------------------------------------------------------------

    def containers(self, service="odoo", name=None):
        rows = self.engine.request("GET", "/containers/json?all=1")[1]
        return [
            row
            for row in rows
            if row["Labels"].get("saas.portal") == PORTAL
            and row["Labels"].get("com.docker.compose.service") == service
            and name in (None, row["Labels"]["saas.client.name"])
        ]

    def run_strangers_client(self, name):
        self.engine.docker(
            "run", "--detach", f"--label=saas.client.name={name}", f"--label={STRANGER}=1",
            f"--label=saas.portal={PORTAL}",
            "--health-cmd=true", "--health-interval=1h", "saas-test/web:1",
        )  # fmt: skip

    def inside(self, name, *command):
        (row,) = self.containers(name=name)
        return self.engine.docker("exec", row["Id"], *command)

    def connect(self, name):
        if self.fleet.shared:
            return self.fleet.shared.connect(name)
        (row,) = self.containers("db", name)
        (network,) = row["NetworkSettings"]["Networks"].values()
        return psycopg2.connect(
            host=network["IPAddress"], user="odoo", password=PASSWORD, dbname=name
        )

    def query(self, name, statement, *params):
        with (
            contextlib.closing(self.connect(name)) as connection,
            connection,
            connection.cursor() as cursor,
        ):
            cursor.execute(statement, params or None)
            return cursor.fetchall() if cursor.description else []

    def write_file(self, name, text):
        folder = f"/var/lib/odoo/filestore/{name}/cd"
        script = 'mkdir -p "$1" && rm -f "$1/cdef" && printf %s "$2" >"$1/cdef"'
        self.inside(name, "sh", "-c", script, "-", folder, text)

    def read_file(self, name):
        return self.inside(name, "cat", f"/var/lib/odoo/filestore/{name}/cd/cdef")

    # --- interruptions ------------------------------------------------------------

    #: Where the portal's process can die: the calls of the verbs.
    POINTS = {
        "create": ("Agent.do", "Agent.start", "Agent._wait", "PortainerDriver._wait_ready"),
        "rename": ("Agent.do", "Agent._wait", "PortainerDriver._wait_ready"),
        "restore": ("Agent.start", "Agent._wait", "the container"),
        "copy": ("PortainerDriver.backup", "Agent.start", "Agent._wait"),
        "backup": ("Agent._wait", "PortainerClient.get_file", "os.replace"),
        "delete": ("PortainerClient.delete_stack", "PortainerClient.list_volumes", "drop"),
    }

    @contextlib.contextmanager
    def killed_at(self, point):
        """The portal dies where it calls this; `the container` dies with it."""
        owner, _dot, name = point.rpartition(".")
        owner = {
            "Agent": agent_calls.Agent,
            "PortainerDriver": driver.PortainerDriver,
            "PortainerClient": PortainerClient,
            "os": agent_calls.os,
            "": external.ExternalRoles,
        }[owner]
        if point == "the container":
            owner, name = agent_calls.Agent, "_wait"
        if point == "Agent.start":
            name = "_command"
        real = getattr(owner, name)

        def die(*args, **kwargs):
            if point == "Agent.start" and args[2] != "start":
                return real(*args, **kwargs)
            if point == "the container":
                self.engine.docker("kill", args[0]._container)
            raise Interrupted(point)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(owner, name, die)
            # The portal dies while the work goes on.
            patch.setattr(agent_calls, "_PIECE", 0)
            yield

    # --- between two tests --------------------------------------------------------

    def clean(self):
        self.portainer.faults.clear()
        listing = self.engine.request("GET", "/containers/json?all=1")[1]
        ours = [row["Id"] for row in listing if STRANGER in row["Labels"]]
        if ours:
            self.engine.docker("rm", "--force", "--volumes", *ours)
        for stack in self.portainer.api.get("/stacks").json():
            if stack["Name"].startswith("saas-"):
                remove_project(self.engine, stack["Name"])
                self.portainer.delete(stack)
        if self.fleet.shared:
            self._clean_shared(self.fleet.shared)

    def _clean_shared(self, shared):
        for (role,) in shared.query("SELECT rolname FROM pg_roles WHERE rolname LIKE 'role-%'"):
            external.ExternalRoles(shared.server(role)).drop()


def build_template(world):
    """The archive of a template, built by a real agent."""
    world.driver.build_template(TemplateSpec(world.template, "key-template-1"))
    return world.driver._templates.find(world.template)
