"""The proxy of docker-compose.yml, with servers behind it that tell what they were asked."""

import os
import subprocess

import pytest
from compose_suite import PORTAL, ProxySuite

from devkit.ports import free_port

THREADS, WORKERS, UNKNOWN = "threads.example.com", "workers.localhost", "nobody.example.com"
#: Its container runs, and its Odoo does not yet.
AWAY = "away.example.com"
ECHO = """server {
    listen %(port)d;
    location / {
        return 200 "%(name)s:%(port)d $http_host $http_x_forwarded_host $http_x_forwarded_proto
$http_x_forwarded_for $http_upgrade";
    }
}
"""


class Proxy(ProxySuite):
    """With stand-ins for a portal and two clients."""

    subnet = 65

    def up(self):
        super().up()
        self._serve("portal", self.web_network, 8069, 8072)
        self._serve(THREADS, self.client_network, 8069)
        self._serve(WORKERS, self.client_network, 8069, 8072)
        self._serve(AWAY, self.client_network, 9999)

    def _serve(self, alias, network, *ports):
        text = "".join(ECHO % {"name": alias, "port": port} for port in ports)
        self.serve(alias, text, f"--network={network}", f"--network-alias={alias}")

    def asked(self, host, path="/", **options):
        """Which server was asked, and its words about the request."""
        answer = self.get(host, path, **options)
        assert answer.status_code == 200, answer.text
        server, *words = answer.text.split()
        return server, words


class HttpsProxy(Proxy):
    files = (*Proxy.files, "docker/https.yml")
    subnet = 66

    def __init__(self, engine, folder, project):
        super().__init__(engine, folder, project)
        self.https_port = free_port(30500)
        self.set(HTTPS_PORT=self.https_port, CERTIFICATES=folder)
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj=/CN=tests",
             "-keyout", folder / "privkey.pem", "-out", folder / "fullchain.pem"],
            check=True, capture_output=True,
        )  # fmt: skip


@pytest.fixture(scope="module")
def start(engine, tmp_path_factory, odoo_images_built, wait_for):
    started = []

    def start(kind):
        name = f"{kind.__name__.lower()}-{os.getpid()}"
        proxy = kind(engine, tmp_path_factory.mktemp(name), name)
        started.append(proxy)
        proxy.up()
        wait_for(proxy.answers, 120, "the proxy")
        return proxy

    yield start
    for proxy in started:
        proxy.down()


@pytest.fixture(scope="module")
def proxy(start):
    return start(Proxy)


@pytest.fixture(scope="module")
def https(start):
    return start(HttpsProxy)


def test_each_name_leads_to_its_own_odoo(proxy):
    assert proxy.asked(PORTAL)[0] == "portal:8069"
    assert proxy.asked(THREADS)[0] == f"{THREADS}:8069"
    assert proxy.asked(f"{WORKERS}:{proxy.port}")[0] == f"{WORKERS}:8069"


def test_a_websocket_leads_to_the_process_that_serves_websockets(proxy):
    assert proxy.asked(PORTAL, "/websocket")[0] == "portal:8072"
    assert proxy.asked(WORKERS, "/websocket")[0] == f"{WORKERS}:8072"
    assert proxy.asked(THREADS, "/websocket")[0] == f"{THREADS}:8069"


def test_odoo_learns_who_asked_for_which_name(proxy):
    name = f"{WORKERS}:{proxy.port}"
    forged = {
        "X-Forwarded-Host": PORTAL,
        "X-Forwarded-For": "1.2.3.4",
        "X-Forwarded-Proto": "https",
    }
    _server, words = proxy.asked(name, **forged)
    assert words == [name, name, "http", f"{proxy.engine.network.prefix}.65.1"]
    _server, words = proxy.asked(name, "/websocket", Connection="Upgrade", Upgrade="websocket")
    assert words[-1] == "websocket"


def test_a_name_that_docker_does_not_know_is_the_portals(proxy):
    """Databases beside the portal are reached so. Nobody waits for the world's DNS."""
    server, words = proxy.asked(UNKNOWN)
    assert (server, words[0]) == ("portal:8069", UNKNOWN)
    assert proxy.asked(UNKNOWN, "/websocket")[0] == "portal:8072"
    log = proxy.logs("proxy")
    assert f"{UNKNOWN} could not be resolved (3: Host not found)" in log
    assert "timed out" not in log


@pytest.mark.parametrize("path", ["/web/login", "/websocket"])
def test_what_is_sent_to_a_client_that_starts_goes_nowhere_else(proxy, path):
    answer = proxy.get(AWAY, path)
    assert answer.status_code == 503
    assert "try again in a while" in answer.text
    header = {"X-Odoo-Database": AWAY}
    assert proxy.get("127.0.0.1", "/web/login", **header).status_code == 503
    assert proxy.get(PORTAL, "/web/login", **header).status_code == 503


@pytest.mark.parametrize("host", ["portal", "proxy", "127.0.0.1", "10.0.0.1:8069", "[::1]"])
def test_services_and_addresses_are_no_names(proxy, host):
    assert proxy.get(host, "/").status_code == 404


@pytest.mark.parametrize("host", [PORTAL, "127.0.0.1", "localhost"])
def test_programs_may_name_the_database_in_a_header_instead(proxy, host):
    for database, server in (
        (PORTAL, "portal:8069"),
        (WORKERS, f"{WORKERS}:8069"),
        (UNKNOWN, "portal:8069"),
    ):
        asked, words = proxy.asked(f"{host}:{proxy.port}", **{"X-Odoo-Database": database})
        name = f"{database}:{proxy.port}"
        assert (asked, words[:2]) == (server, [name, name])


@pytest.mark.parametrize("name", ["portal", "10.0.0.1", "a.localhost:8072", "a.localhost/x"])
def test_what_is_no_name_leads_nowhere_in_the_header_either(proxy, name):
    header = {"X-Odoo-Database": name}
    assert proxy.get("127.0.0.1", "/", **header).status_code == 404
    assert proxy.asked(PORTAL, **header)[0] == "portal:8069"


def test_a_clients_own_name_counts_for_more_than_the_header(proxy):
    server, words = proxy.asked(THREADS, **{"X-Odoo-Database": WORKERS})
    assert (server, words[0]) == (f"{THREADS}:8069", THREADS)


def test_what_follows_the_question_mark_stays_out_of_the_log(proxy):
    proxy.asked(WORKERS, "/token?access_token=very-secret")
    log = proxy.logs("proxy")
    assert '"GET /token" 200' in log
    assert "very-secret" not in log


def test_with_https_plain_requests_are_sent_there(https):
    answer = https.get(WORKERS, "/web?x=1")
    assert (answer.status_code, answer.headers["Location"]) == (301, f"https://{WORKERS}/web?x=1")


def test_with_https_odoo_learns_that_it_was_https(https):
    origin = f"https://127.0.0.1:{https.https_port}"
    for host, server in ((WORKERS, f"{WORKERS}:8069"), (PORTAL, "portal:8069")):
        asked, words = https.asked(host, origin=origin)
        assert (asked, words[2]) == (server, "https")
    header = {"X-Odoo-Database": WORKERS}
    assert https.get("127.0.0.1", "/x", **header).status_code == 301
    assert https.asked("127.0.0.1", origin=origin, **header)[0] == f"{WORKERS}:8069"
