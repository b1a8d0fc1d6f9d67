"""The image that clients run, as a stack of it behaves on a real engine."""

import subprocess

import pytest
import requests
from saas_stack import InStackDatabase, Ports, StackSpec, render, stack_name

from devkit.ports import free_port

KEY = "image-test"
HOST = "image-test.localhost"


class Client:
    """A client's stack, started from the compose text that clients get."""

    def __init__(self, engine, folder, image, postgres_image):
        self.engine, self.project, self.port = engine, stack_name(KEY), free_port(30000)
        spec = StackSpec(
            key=KEY,
            name=HOST,
            host=HOST,
            image=image,
            database=InStackDatabase(postgres_image),
            ports=Ports("127.0.0.1", self.port),
            portal_uuid="tests",
        )
        self.file = folder / "compose.yaml"
        self.file.write_text(render(spec))
        (folder / ".env").write_text("DB_PASSWORD=a-password\n")

    def compose(self, *arguments):
        return self.engine.docker("compose", f"--file={self.file}", "-p", self.project, *arguments)

    def run(self, *command, service="odoo"):
        return self.compose("exec", "-T", service, *command)

    def get(self, path):
        with requests.Session() as session:
            session.trust_env = False
            url = f"http://127.0.0.1:{self.port}{path}"
            return session.get(url, headers={"Host": HOST}, timeout=120, allow_redirects=False)

    def psql(self, statement):
        return self.run("psql", "-U", "odoo", "-d", HOST, "-tAc", statement, service="db").strip()

    def container(self, service="odoo"):
        number = self.compose("ps", "-a", "-q", service).strip()
        return self.engine.request("GET", f"/containers/{number}/json")[1]


@pytest.fixture(scope="module")
def client(engine, tmp_path_factory, client_image, postgres_image):
    client = Client(engine, tmp_path_factory.mktemp("client"), client_image, postgres_image)
    client.compose("up", "--detach")
    yield client
    client.compose("down", "--volumes", "--timeout=1")


@pytest.fixture(scope="module")
def database(client):
    """The client with its database, made by the image's own Odoo."""
    client.run(
        "/entrypoint.sh", "odoo", f"--database={HOST}", "--init=saas_client",
        "--stop-after-init", "--no-http",
    )  # fmt: skip
    return client


@pytest.fixture
def healthy(client, wait_for):
    def answers():
        try:
            return client.get("/web/health").json() == {"status": "pass"}
        except requests.ConnectionError:
            return False

    wait_for(answers, 120, "Odoo in its container")


def test_a_client_starts_before_it_has_a_database(client, healthy, wait_for):
    def states():
        return [
            client.container(service)["State"]["Health"]["Status"] for service in ("odoo", "db")
        ]

    wait_for(lambda: states() == ["healthy", "healthy"], 120, "health of the stack")


def test_neither_odoo_nor_what_is_run_beside_it_is_root(client, healthy):
    assert client.run("id", "-un").strip() == "odoo"
    owners = client.run("stat", "-c", "%U", "/proc/1", "/var/lib/odoo").split()
    assert owners == ["odoo", "odoo"]


def test_odoo_cannot_change_the_code_it_runs(client, healthy):
    with pytest.raises(Exception, match=r"Permission denied|Read-only"):
        client.run("touch", "/opt/saas/addons/saas_client/models/x.py")


def test_the_agent_answers_in_a_container_without_database(client, healthy):
    assert '"state": "done"' in client.run("saas-agent", "do", "look", f'{{"key": "{KEY}"}}')


def test_a_database_made_in_the_container_is_served_at_its_host_name(database):
    page = database.get("/web/login")
    assert page.status_code == 200
    assert "oe_login_form" in page.text


def test_no_password_shows_in_the_log(database):
    log = subprocess.run(
        ["docker", "compose", f"--file={database.file}", "-p", database.project, "logs"],
        env=database.engine.environment(), capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert "HTTP service" in log.stdout + log.stderr
    assert "a-password" not in log.stdout + log.stderr


def test_a_restart_keeps_the_database_and_makes_nothing_anew(database, wait_for):
    written = "SELECT max(write_date) FROM ir_module_module"
    database.psql("UPDATE res_partner SET name = 'Before the restart' WHERE id = 1")
    before = database.psql(written)
    database.compose("restart", "--timeout=5")

    def serves():
        try:
            return database.get("/web/login").status_code == 200
        except requests.ConnectionError:
            return False

    wait_for(serves, 120, "the client after the restart")
    assert database.psql("SELECT name FROM res_partner WHERE id = 1") == "Before the restart"
    assert database.psql(written) == before
