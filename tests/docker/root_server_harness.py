"""A machine to install on, which is a container with an SSH server, and its record in Odoo."""

import contextlib
import json
import time

from root_ssh import AGENT_NAME, CE_NAME, fetch_host_key

from devkit import sshd_image
from devkit.console import Failure
from devkit.ports import free_port
from devkit.waiting import wait_for

ROOT, OPERATION = "sadeem.root.server", "sadeem.root.server.operation"
SERVER, ENVIRONMENT = "sadeem.portainer", "sadeem.portainer.environment"
OPEN = ("pending", "running")


class Machine:
    """Its Docker is the engine that it runs in, so whatever is installed appears there."""

    host = "127.0.0.1"

    def __init__(self, engine, name, bare=False):
        self.engine, self.name = engine, name
        self.image = sshd_image.BARE if bare else sshd_image.TAG
        self.port = free_port(22000)

    def start(self):
        self.engine.docker(
            "run", "--detach", f"--name={self.name}", f"--hostname={self.name}",
            f"--publish=127.0.0.1:{self.port}:22",
            f"--volume={self.engine.socket}:/var/run/docker.sock",
            f"--env=ENGINE_SOCKET={self.engine.socket}", self.image,
        )  # fmt: skip
        self._wait()
        return self

    def _wait(self):
        wait_for(self._answers, 120, "sshd")

    def _answers(self):
        with contextlib.suppress(Exception):
            return fetch_host_key(self.host, self.port)

    def run(self, *argv, check=True):
        return self.engine.docker("exec", self.name, *argv, check=check)

    def remove(self):
        self.engine.docker("rm", "--force", "--volumes", self.name)

    # --- what can happen to it --------------------------------------------------

    def install_anew(self):
        """Another host key."""
        self.run("sh", "-c", "rm /etc/ssh/ssh_host_*")
        self.engine.docker("restart", "--time=1", self.name)
        self._wait()

    def pretend(self, os_id):
        text = f'PRETTY_NAME="{os_id.title()} Linux"\nID={os_id}\n'
        self.run("sh", "-c", f"rm /etc/os-release; echo '{text}' >/etc/os-release")

    def hold(self, words):
        """Docker's commands that begin so wait until `release()`."""
        self.run("sh", "-c", f"printf %s '{words}' >/gate")

    def release(self):
        self.run("rm", "-f", "/gate")

    def portainer_gets(self, **environment):
        """Variables of the containers that are created from now on."""
        words = " ".join(f"--env={key}={value}" for key, value in environment.items())
        self.run("sh", "-c", f"printf %s '{words}' >/options")


class Installed:
    """What an installation leaves in the engine."""

    def __init__(self, engine):
        self.engine = engine
        self.https_port, self.tunnel_port = free_port(29443), free_port(28000)

    @property
    def ports(self):
        return {"https_port": self.https_port, "tunnel_port": self.tunnel_port}

    @property
    def url(self):
        return f"https://127.0.0.1:{self.https_port}"

    def names(self):
        listing = self.engine.request("GET", "/containers/json?all=1")[1]
        return {row["Names"][0].strip("/") for row in listing} & {CE_NAME, AGENT_NAME}

    def answers(self):
        with contextlib.suppress(Failure):
            return self.inside("GET", "/api/status")

    def inside(self, method, path, data=None):
        """A call to the double from its own machine, as faults and the clock want it."""
        code = (
            "import json,ssl,sys,urllib.request as u;"
            "r=u.Request('https://127.0.0.1:9443'+sys.argv[2],method=sys.argv[1],"
            "data=sys.argv[3].encode() or None);"
            "c=ssl._create_unverified_context();print(u.urlopen(r,context=c).read().decode())"
        )
        body = json.dumps(data) if data is not None else ""
        argv = ("exec", CE_NAME, "/usr/bin/python3", "-c", code, method, path, body)
        answer = self.engine.docker(*argv)
        return json.loads(answer) if answer.strip() else None

    def remove(self):
        for name in (CE_NAME, AGENT_NAME):
            self.engine.request("DELETE", f"/containers/{name}?force=1&v=1")
        self.engine.request("DELETE", "/volumes/portainer_data?force=1")


class RootServer:
    """The record of a machine, as one user sees it."""

    def __init__(self, rpc, record_id):
        self.rpc, self.id = rpc, record_id

    @classmethod
    def create(cls, rpc, machine, **values):
        values = {
            "name": f"Root {time.monotonic_ns()}",
            "host": machine.host,
            "port": machine.port,
            "username": "root",
            "password": sshd_image.PASSWORD,
            **values,
        }
        return cls(rpc, rpc.call(ROOT, "create", values))

    def __getattr__(self, method):
        return lambda **arguments: self.rpc.call(ROOT, method, [self.id], **arguments)

    def read(self, *fields):
        return self.rpc.read(ROOT, self.id, *fields)

    def confirmed(self):
        self.action_confirm()
        return self

    @property
    def operation(self):
        """The last one, with its steps and output."""
        return self.get_progress()

    def step(self):
        """The key of the step that runs."""
        operation = self.operation["id"]
        rows = self.rpc.call(
            f"{OPERATION}.step",
            "search_read",
            [("operation_id", "=", operation), ("state", "=", "running")],
            ["key"],
        )
        return rows[0]["key"] if rows else None

    def output(self):
        return "".join(piece["text"] for piece in self.operation["output"])

    def wait_for_step(self, key):
        wait_for(lambda: self.step() == key, 180, f"step {key}")

    def ended(self, timeout=300):
        """The last operation when it has ended."""
        wait_for(lambda: self.operation["state"] not in OPEN, timeout, "the operation to end")
        return self.operation

    def done(self, timeout=300):
        operation = self.ended(timeout)
        assert operation["state"] == "done", operation
        return operation

    def portainer(self):
        """The record that an installation made."""
        (row,) = self.rpc.call(
            SERVER,
            "search_read",
            [("root_server_id", "=", self.id)],
            ["state", "portainer_link", "is_master", "tls_fingerprint", "version"],
        )
        return row
