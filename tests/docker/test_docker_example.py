"""The documented example, run unchanged against a portal whose plan makes Docker stacks.

It asks at the portal's address, and names the database in a header: the proxy of
docker-compose.yml leads it from there to the container of the client.
"""

import os
from types import SimpleNamespace

import addon_harness
import pytest
from compose_suite import ProxySuite
from docker_clients_harness import SERVER, Client

from devkit.ports import free_port
from harness.example import run_example
from harness.rpc import Rpc

LEAD_ON = """server {
    listen %(listen)s;
    location / {
        proxy_pass http://%(target)s;
        proxy_set_header Host $http_host;
        proxy_read_timeout 1200s;
    }
}
"""


class FrontDoor(ProxySuite):
    """The proxy, in front of a portal that listens on this machine's loopback alone."""

    subnet = 67

    def lead_to(self, port):
        host = f"{self.engine.network.prefix}.0.1"
        between = f"{host}:{free_port(30500, interface=host)}"
        near = LEAD_ON % {"listen": between, "target": f"127.0.0.1:{port}"}
        self.serve("machine", near, "--network=host")
        far = LEAD_ON % {"listen": 8069, "target": between}
        self.serve("portal", far, f"--network={self.web_network}", "--network-alias=portal")


@pytest.fixture(scope="module")
def front_door(engine, portal, tmp_path_factory, wait_for):
    """What the example needs to know of a portal, at the address of the proxy."""
    suite = FrontDoor(engine, tmp_path_factory.mktemp("front"), f"front-{os.getpid()}")
    network = {"docker_proxy_network": suite.client_network}
    try:
        suite.up()
        suite.lead_to(portal.world.server.port)
        portal.admin.call(SERVER, "write", [portal.server_id], network)
        wait_for(suite.answers, 120, "the proxy")
        yield SimpleNamespace(
            port=suite.port,
            name=addon_harness.DATABASE,
            admin=portal.admin,
            admin_password=portal.admin.password,
            rpc=lambda database, login, password: Rpc(suite.port, database, login, password),
        )
    finally:
        portal.admin.call(SERVER, "write", [portal.server_id], {"docker_proxy_network": False})
        portal.clear()
        suite.down()


def test_the_example_creates_and_controls_a_client_on_docker(portal, front_door):
    made = run_example(front_door, portal.plan_id, "seeded.localhost")

    client = Client(portal, made.id)
    assert set(client.containers()) == {"odoo", "db"}
    assert client.read("state", "max_users", "total_storage_limit") == {
        "id": made.id,
        "state": "open",
        "max_users": 4,
        "total_storage_limit": 500,
    }
    assert made.owner.uid
    for group in ("sales_team.group_sale_manager", "stock.group_stock_manager"):
        assert made.owner.call("res.users", "has_group", [made.owner.uid], group)
    apps = "SELECT name, state FROM ir_module_module WHERE name IN ('fleet', 'stock') ORDER BY name"
    assert client.sql(apps).split() == ["fleet|uninstalled", "stock|installed"]
