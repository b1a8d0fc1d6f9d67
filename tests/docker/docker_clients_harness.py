"""A portal whose plan makes Docker stacks, and what is really in the engine."""

import contextlib
import itertools
import json
import os
import socket
from urllib.parse import quote

import requests
from portainer_harness import PROJECT, remove_project

from harness.rpc import Fault

PLAN, CLIENT, SERVER = "saas_portal.plan", "saas_portal.client", "saas_portal.server"
TEMPLATE = "saas_portal.database"
ENVIRONMENT = "sadeem.portainer.environment"
PORTS = itertools.count(10000 + os.getpid() % 150 * 100, 50)


class DockerPortal:
    """Calls of the portal's XML-RPC, made as its administrator."""

    def __init__(self, world, portainer, image, postgres_image):
        self.world, self.admin, self.portainer = world, world.admin, portainer
        self.engine = portainer.engine
        #: Engines of further environments, by the number of the environment's record.
        self.engines = {}
        self.environment_id = self.connect("Double", portainer, portainer.endpoint)
        self.server_id = self._make_server(image, postgres_image)

    def connect(self, name, portainer, endpoint):
        """The number of the record of a Portainer's environment, whose server is confirmed."""
        vals = {"name": name, "ip": "127.0.0.1", "portainer_link": portainer.url}
        portainer_id = self.admin.call(
            "sadeem.portainer", "create", {**vals, "access_token": portainer.key}
        )
        self.admin.call("sadeem.portainer", "action_confirm", [portainer_id])
        domain = [("portainer_id", "=", portainer_id), ("portainer_environment_id", "=", endpoint)]
        (environment_id,) = self.admin.call(ENVIRONMENT, "search", domain)
        # Engines do not see each other's ports, nor those of another run of the tests.
        next_port = next(PORTS)
        self.admin.call(ENVIRONMENT, "write", [environment_id], {"next_port": next_port})
        return environment_id

    def _make_server(self, image, postgres_image):
        admin = self.admin
        name, tag = image.split(":")
        tag_id = admin.call("sadeem.portainer.image.tag", "create", {"name": tag})
        self.image_id = admin.call(
            "sadeem.portainer.image",
            "create",
            {
                "name": name,
                "odoo_version": tag,
                "tag_ids": [(4, tag_id)],
                "environment_id": self.environment_id,
            },
        )
        return admin.call(
            SERVER,
            "create",
            {
                "name": "Docker",
                "driver": "portainer",
                "docker_image_id": self.image_id,
                "docker_image_tag_id": tag_id,
                "docker_postgresql_image": postgres_image,
            },
        )

    def make_plan(self, name, **vals):
        plan_id = self.admin.call(
            PLAN, "create", {"name": name, "server_id": self.server_id, **vals}
        )
        return plan_id, self.admin.call(PLAN, "create_template", [plan_id])

    def make_external_plan(self, shared):
        """The id of a plan of the same template whose databases are on a server of their own."""
        vals = shared.prepare_record_vals()
        self.postgresql_id = self.admin.call("sadeem.postgresql.server", "create", vals)
        self.admin.call("sadeem.postgresql.server", "action_test_connection", [self.postgresql_id])
        assert not self.admin.read("sadeem.postgresql.server", self.postgresql_id, "last_error")
        template_id = self.admin.read(PLAN, self.plan_id, "template_id")[0]
        vals = {"template_id": template_id, "docker_postgresql_server_id": self.postgresql_id}
        plan_id = self.admin.call(
            PLAN, "create", {"name": "External", "server_id": self.server_id, **vals}
        )
        self.admin.call(PLAN, "write", [plan_id], {"retention_days": 0})
        return plan_id

    def create(self, plan_id, dbname, **arguments):
        """The record of a client of the seed API."""
        answer = self.admin.call(PLAN, "create_new_database", [plan_id], dbname=dbname, **arguments)
        return Client(self, answer["id"])

    def find(self, name):
        (client_id,) = self.admin.call(
            CLIENT, "search", [("name", "=", name)], context={"active_test": False}
        )
        return Client(self, client_id)

    def upgrade(self, client, **payload):
        return self.admin.call("saas.config", "do_upgrade_database", payload, client.id)

    def suspend(self, client, suspended=True):
        value = "1" if suspended else "0"
        self.upgrade(
            client, params=[{"key": "saas_client.suspended", "value": value, "hidden": False}]
        )

    def stacks(self):
        """Names of the stacks of this portal's clients and templates that Portainer has."""
        return self._own(self.portainer.names())

    def _own(self, names):
        """Those of clients and templates of this portal; others use the engine too."""
        archived = {"context": {"active_test": False}}
        rows = self.admin.call(CLIENT, "search_read", [], ["client_id"], **archived)
        keys = [row["client_id"] for row in rows]
        rows = self.admin.call(TEMPLATE, "search_read", [], ["uuid"], **archived)
        keys += [row["uuid"] for row in rows]
        return {name for name in names if any(key in name for key in keys)}

    def remains(self):
        """What of this portal's stacks is in the engine, by kind."""
        found = {}
        for kind, path in (
            ("containers", "/containers/json?all=1"),
            ("networks", "/networks"),
            ("volumes", "/volumes"),
        ):
            rows = self.engine.request("GET", path)[1]
            rows = (rows["Volumes"] or []) if kind == "volumes" else rows
            projects = {(row.get("Labels") or {}).get(PROJECT, "") for row in rows}
            found[kind] = self._own(projects)
        return found

    def ports_taken(self):
        return self.admin.call(
            "sadeem.portainer.port",
            "search_count",
            [("environment_id", "=", self.environment_id), ("released", "=", False)],
        )

    def ports_set_aside(self, environment_id=None):
        """What the host refused, and nobody has released since."""
        here = environment_id or self.environment_id
        domain = [("environment_id", "=", here), ("set_aside", "=", True)]
        return self.admin.call(
            "sadeem.portainer.port", "search_read", domain, ["port", "purpose"], order="port"
        )

    def release(self, *ports, environment_id=None):
        here = environment_id or self.environment_id
        self.admin.call(ENVIRONMENT, "release_ports", [here], list(ports))

    def next_ports(self, count, environment_id=None):
        """The ports that will be given out next, when none is released before."""
        here = environment_id or self.environment_id
        ports = self.admin.call(ENVIRONMENT, "allocate_ports", [here], count)
        self.release(*ports, environment_id=here)
        return ports

    @contextlib.contextmanager
    def listening(self, *ports):
        """A program beside Docker has these ports of the host."""
        with contextlib.ExitStack() as stack:
            for port in ports:
                stack.enter_context(socket.create_server(("127.0.0.1", port)))
            yield

    @contextlib.contextmanager
    def full_of_ports(self):
        """The environment has one port left, which is too little for a client."""
        here = [self.environment_id]
        next_port = self.admin.read(ENVIRONMENT, self.environment_id, "next_port")
        self.admin.call(ENVIRONMENT, "write", here, {"next_port": 65534})
        # Released ones are free from when the environment shows no container with them any more,
        # which may be while the test runs: without their records they never are.
        self.world.query(
            "DELETE FROM sadeem_portainer_port WHERE released AND environment_id = %s", here
        )
        try:
            yield
        finally:
            self.admin.call(ENVIRONMENT, "write", here, {"next_port": next_port})

    @contextlib.contextmanager
    def proxy_network(self, name):
        """New texts of stacks are in this network of a reverse proxy."""
        self.engine.docker("network", "create", name)
        self.admin.call(SERVER, "write", [self.server_id], {"docker_proxy_network": name})
        try:
            yield
        finally:
            self.admin.call(SERVER, "write", [self.server_id], {"docker_proxy_network": False})
            self.engine.docker("network", "rm", name, check=False)

    def clear(self):
        """Let no client of one module be in the way of the next, also when its tests failed."""
        archived = {"context": {"active_test": False}}
        for client_id in self.admin.call(
            CLIENT, "search", [("docker_stack_id", "!=", False)], **archived
        ):
            with contextlib.suppress(Fault):
                Client(self, client_id).remove()

    def remove_all(self):
        for name in set.union(*self.remains().values()):
            remove_project(self.engine, name)


class Client:
    """A client of the portal and its stack."""

    def __init__(self, portal, client_id):
        self.portal, self.id = portal, client_id

    def read(self, *fields):
        return self.portal.admin.read(CLIENT, self.id, *fields)

    def call(self, method, *args, **kwargs):
        return self.portal.admin.call(CLIENT, method, [self.id], *args, **kwargs)

    @property
    def stack(self):
        return f"saas-{self.read('client_id')}"

    @property
    def name(self):
        return self.read("name")

    def get(self, path, host=None):
        """The answer at the published port under the client's (or another) host name."""
        with requests.Session() as session:
            session.trust_env = False
            return session.get(
                f"http://127.0.0.1:{self.read('docker_http_port')}{path}",
                headers={"Host": host or self.name},
                timeout=120,
                allow_redirects=False,
            )

    @property
    def engine(self):
        (environment_id, _name) = self.read("docker_environment_id")
        return self.portal.engines.get(environment_id, self.portal.engine)

    def containers(self):
        """Its containers that run, by service; on a swarm they have no compose project."""
        filters = quote(json.dumps({"label": [f"saas.client.key={self.read('client_id')}"]}))
        rows = self.engine.request("GET", f"/containers/json?filters={filters}")[1]
        return {_service(row["Labels"]): row["Id"] for row in rows}

    def run(self, *command, check=True):
        """What a command in Odoo's container prints."""
        return self.engine.docker("exec", self.containers()["odoo"], *command, check=check).strip()

    def sql(self, statement, database=None):
        """What PostgreSQL answers to the client's own role."""
        script = (
            'export PGPASSWORD="${PASSWORD:-$(cat "$PASSWORD_FILE" 2>&-)}";'
            ' exec psql -h "$HOST" -p "$PORT" -U "$USER" -d "$0" -qtAc "$1"'
        )
        return self.run("sh", "-c", script, database or self.name, statement)

    def _tell_operations(self):
        fields = ["display_name", "state", "current_step", "attempts", "next_attempt_at", "error"]
        return self.portal.admin.call(
            "saas_portal.operation", "search_read", [("client_id", "=", self.id)], fields
        )

    def remove(self):
        """Delete it for good, also when its plan would keep it."""
        if self.read("state") != "deleted":
            self.call("delete_database")
        if self.read("trash_name"):
            self.call("action_purge")

    def restore(self, backup_id):
        vals = {"backup_id": backup_id, "confirmation": self.name}
        wizard = self.portal.admin.call("saas_portal.restore_backup", "create", vals)
        self.portal.admin.call("saas_portal.restore_backup", "action_apply", [wizard])

    def backup(self, wait_for):
        """The number of a new backup."""
        self.call("action_backup")
        self.wait(wait_for, "open")
        domain = [("client_id", "=", self.id)]
        (backup,) = self.portal.admin.call("saas_portal.client.backup", "search", domain, limit=1)
        return backup

    def is_suspended(self):
        return "oe_login_form" not in self.get("/web/login").text

    def wait(self, wait_for, *states, timeout=300):
        """Until its newest operation has come to an end."""

        def ended():
            return self.read("operation_state") not in ("pending", "running")

        try:
            wait_for(ended, timeout, f"the operations of client {self.id}")
        except TimeoutError as error:
            raise TimeoutError(f"{error}: {self._tell_operations()}") from None
        if states:
            assert self.read("state") in states, self.read("operation_error")


def _service(labels):
    if service := labels.get("com.docker.compose.service"):
        return service
    return labels["com.docker.swarm.service.name"].rpartition("_")[2]
