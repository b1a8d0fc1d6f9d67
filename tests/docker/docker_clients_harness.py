"""A portal whose plan makes Docker stacks, and what is really in the engine."""

import contextlib

import requests
from portainer_harness import PROJECT, remove_project

PLAN, CLIENT, SERVER = "saas_portal.plan", "saas_portal.client", "saas_portal.server"
TEMPLATE = "saas_portal.database"
ENVIRONMENT = "sadeem.portainer.environment"


class DockerPortal:
    """Calls of the portal's XML-RPC, made as its administrator."""

    def __init__(self, world, portainer, image, postgres_image):
        self.world, self.admin, self.portainer = world, world.admin, portainer
        self.engine = portainer.engine
        self.server_id = self._make_server(image, postgres_image)

    def _make_server(self, image, postgres_image):
        admin, portainer = self.admin, self.portainer
        vals = {"name": "Double", "ip": "127.0.0.1", "portainer_link": portainer.url}
        portainer_id = admin.call(
            "sadeem.portainer", "create", {**vals, "access_token": portainer.key}
        )
        admin.call("sadeem.portainer", "action_confirm", [portainer_id])
        domain = [("portainer_id", "=", portainer_id)]
        (self.environment_id,) = admin.call(
            ENVIRONMENT, "search", [*domain, ("portainer_environment_id", "=", portainer.endpoint)]
        )
        name, tag = image.split(":")
        tag_id = admin.call("sadeem.portainer.image.tag", "create", {"name": tag})
        image_id = admin.call(
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
                "docker_image_id": image_id,
                "docker_image_tag_id": tag_id,
                "docker_postgresql_image": postgres_image,
            },
        )

    def make_plan(self, name, **vals):
        plan_id = self.admin.call(
            PLAN, "create", {"name": name, "server_id": self.server_id, **vals}
        )
        return plan_id, self.admin.call(PLAN, "create_template", [plan_id])

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

    @contextlib.contextmanager
    def full_of_ports(self):
        """The environment has one port left, which is too little for a client."""
        here = [self.environment_id]
        next_port = self.admin.read(ENVIRONMENT, self.environment_id, "next_port")
        self.admin.call(ENVIRONMENT, "write", here, {"next_port": 65534})
        released = [("environment_id", "=", self.environment_id), ("released", "=", True)]
        count = self.admin.call("sadeem.portainer.port", "search_count", released)
        taken = self.admin.call(ENVIRONMENT, "allocate_ports", here, count) if count else []
        try:
            yield
        finally:
            if taken:
                self.admin.call(ENVIRONMENT, "release_ports", here, taken)
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

    def sql(self, statement):
        container = self.portal.portainer.containers(self.stack)["db"]["Id"]
        return self.portal.engine.docker(
            "exec", container, "psql", "-U", "odoo", "-d", self.name, "-tAc", statement
        ).strip()

    def is_suspended(self):
        return "oe_login_form" not in self.get("/web/login").text

    def wait(self, wait_for, *states, timeout=300):
        """Until its newest operation has come to an end."""

        def ended():
            return self.read("operation_state") not in ("pending", "running")

        wait_for(ended, timeout, f"the operations of client {self.id}")
        if states:
            assert self.read("state") in states, self.read("operation_error")
