"""The project's docker-compose.yml, started on the private engine with the local images."""

import contextlib
import json
import shutil
import subprocess
from urllib.parse import quote

import requests
import websocket
from portainer_harness import PROJECT

from devkit import odoo_images
from devkit.console import Failure
from devkit.paths import ROOT
from devkit.ports import free_port
from harness.rpc import Rpc

PORTAL = "portal.localhost"


class Suite:
    """One run of the file: `.get(host, path)` goes through its proxy."""

    files = ("docker-compose.yml",)
    #: The third number of the clients' network; two suites may run at once.
    subnet = 64

    def __init__(self, engine, folder, project):
        self.engine, self.folder, self.project = engine, folder, project
        self.port, self.portainer_port = free_port(26000), free_port(26500)
        self.env_file = folder / ".env"
        self._write_env()

    def _write_env(self):
        """Secrets as the documented command makes them, and what keeps two suites apart."""
        script = self.folder / "docker" / "secrets.sh"
        script.parent.mkdir(parents=True)
        shutil.copy(ROOT / "docker" / "secrets.sh", script)
        subprocess.run([script], check=True, capture_output=True)
        prefix = self.engine.network.prefix
        settings = {
            "HTTP_PORT": self.port,
            "PORTAINER_PORT": self.portainer_port,
            "DOCKER_SOCKET": self.engine.socket,
            "CLIENT_NETWORK": f"{self.project}-clients",
            "CLIENT_SUBNET": f"{prefix}.{self.subnet}.0/24",
            "CLIENT_GATEWAY": f"{prefix}.{self.subnet}.1",
        }
        self.set(**settings)

    def set(self, **settings):
        with self.env_file.open("a") as file:
            file.writelines(f"{key}={value}\n" for key, value in settings.items())

    @property
    def secrets(self):
        lines = self.env_file.read_text().splitlines()
        pairs = dict(line.split("=", 1) for line in lines if "=" in line and line[0] != "#")
        return {key: value for key, value in pairs.items() if "PASSWORD" in key or "KEY" in key}

    # --- life -------------------------------------------------------------------

    def compose(self, *arguments, check=True):
        return self.engine.docker(
            "compose", f"--env-file={self.env_file}", f"--project-name={self.project}",
            *(f"--file={ROOT / name}" for name in self.files), *arguments, check=check,
        )  # fmt: skip

    def up(self):
        """One command; it returns when the portal is healthy."""
        try:
            self.compose("up", "--detach", "--pull=never", "--no-build")
        except Failure as error:
            logs = self.compose("logs", "--no-color", "--tail=60", check=False)
            raise Failure(f"{error}\n{logs}") from None

    def down(self):
        self.compose("down", "--volumes", "--timeout=2", "--remove-orphans", check=False)

    def logs(self, service):
        return self.compose("logs", "--no-color", "--no-log-prefix", service)

    def containers(self):
        """What each service runs, by its name."""
        found = {}
        for number in self.compose("ps", "--all", "--quiet").split():
            row = self.engine.request("GET", f"/containers/{number}/json")[1]
            found[row["Config"]["Labels"]["com.docker.compose.service"]] = row
        return found

    def stacks_of_clients(self):
        """What this portal has deployed; other tests may use the engine at the same time."""
        with contextlib.suppress(Failure):
            portal = self.psql("SELECT value FROM ir_config_parameter WHERE key = 'database.uuid'")
            filters = json.dumps({"label": [f"saas.portal={portal}"]})
            path = f"/containers/json?all=1&filters={quote(filters)}"
            return {row["Labels"][PROJECT] for row in self.engine.request("GET", path)[1]}
        return set()

    # --- use --------------------------------------------------------------------

    def get(self, host, path, origin=None, **headers):
        """The answer of `origin`, the proxy's plain HTTP unless told otherwise."""
        with requests.Session() as session:
            session.trust_env = session.verify = False
            return session.get(
                f"{origin or f'http://127.0.0.1:{self.port}'}{path}",
                headers={"Host": host, **headers},
                allow_redirects=False,
                timeout=120,
            )

    def shows_login(self, host):
        answer = self.get(host, "/web/login")
        return answer.status_code == 200 and "oe_login_form" in answer.text

    def websocket_status(self, host):
        """What the proxy answers when a browser opens the page's websocket."""
        name = f"{host}:{self.port}"
        connection = websocket.create_connection(
            f"ws://127.0.0.1:{self.port}/websocket?version=19.0-2",
            host=name,
            origin=f"http://{name}",
            timeout=120,
            http_no_proxy=["127.0.0.1"],
        )
        with contextlib.closing(connection):
            return connection.getstatus()

    def rpc(self, password, login="admin"):
        return Rpc(self.port, PORTAL, login, password, via="host")

    def psql(self, statement):
        return self.compose(
            "exec", "-T", "db", "psql", "-U", "postgres", "-d", PORTAL, "-tAc", statement
        ).strip()

    def published(self):
        """The addresses on which the machine listens for containers of the suite."""
        found = {}
        for service, row in self.containers().items():
            for bindings in (row["NetworkSettings"]["Ports"] or {}).values():
                for binding in bindings or []:
                    found.setdefault(service, set()).add(binding["HostIp"])
        return found


class ProxySuite(Suite):
    """Only the proxy; nginx can stand where it looks for a portal and for clients."""

    def up(self):
        self.compose("up", "--detach", "--pull=never", "proxy")

    @property
    def web_network(self):
        return f"{self.project}_web"

    @property
    def client_network(self):
        return f"{self.project}-clients"

    def serve(self, name, text, *options):
        """An nginx with this configuration; `options` are those of `docker run`."""
        conf = self.folder / f"{name}.conf"
        conf.write_text(text)
        self.engine.docker(
            "run", "--detach", f"--label=suite={self.project}",
            f"--volume={conf}:/etc/nginx/conf.d/default.conf:ro", *options, odoo_images.NGINX,
        )  # fmt: skip

    def down(self):
        ours = self.engine.docker("ps", "-aq", f"--filter=label=suite={self.project}").split()
        self.engine.docker("rm", "--force", "--volumes", *ours, check=False)
        super().down()

    def answers(self):
        with contextlib.suppress(requests.ConnectionError):
            return self.get("localhost", "/proxy/health").text == "ok\n"
