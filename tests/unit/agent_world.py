"""What a client's container is to its agent: environment, data folder, a real PostgreSQL."""

import contextlib
import fcntl
import json
import os
import subprocess
import sys
import time
from pathlib import Path

from local_world import NEUTRALIZE, ODOO

from devkit.paths import ROOT

CLIENT = ROOT / "docker" / "client"
SMALL_ODOO = ROOT / "tests" / "docker" / "small_odoo"
IDENTITY = {
    "database_uuid": "key-acme",
    "base_url": "http://acme.localhost",
    "portal_uuid": "portal-1",
    "portal_key": "PUBLIC KEY\n",
}
REF = {"name": "acme.localhost", "key": "key-acme"}


class Container:
    """What the agent sees of a container: its environment and its data folder."""

    def __init__(self, cluster, folder, **variables):
        self.cluster, self.folder = cluster, folder
        self.data = folder / "data"
        modules = folder / "modules"
        if not modules.exists():
            modules.mkdir()
            (modules / "odoo").symlink_to(SMALL_ODOO / "odoo")
        config = folder / "odoo.conf"
        config.write_text("[options]\naddons_path = /opt/saas/addons\n")
        python = [str(modules), str(CLIENT), str(ROOT / "saas_portal" / "lib")]
        self.environment = {
            **os.environ,
            "HOST": "127.0.0.1",
            "PORT": str(cluster.port),
            "USER": "odoo",
            "PASSWORD": cluster.password,
            "SAAS_DATA": str(self.data),
            "ODOO_RC": str(config),
            "PYTHONPATH": os.pathsep.join([*python, *filter(None, sys.path)]),
            "SMALL_ODOO_SQL": str(folder / "sql.json"),
            **variables,
        }
        (folder / "sql.json").write_text(json.dumps({"ODOO": ODOO, "NEUTRALIZE": NEUTRALIZE}))

    def agent(self, *arguments, module="saas_agent"):
        """What the program prints, as the portal reads it."""
        done = subprocess.run(
            [sys.executable, "-m", module, *arguments],
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert not done.returncode, done.stderr
        (line,) = done.stdout.splitlines()
        return json.loads(line)

    def do(self, verb, **arguments):
        return self.agent("do", verb, json.dumps(arguments))

    def start(self, job, verb, **arguments):
        return self.agent("start", job, verb, json.dumps(arguments))

    def ended(self, job):
        """How a job ended."""
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            state = self.agent("wait", job, "20")
            if state["state"] != "running":
                return state
        raise AssertionError("the job does not end")

    def work(self, verb, upload=None, **arguments):
        job = f"job-{time.monotonic_ns()}"
        folder = Path(self.agent("prepare", job)["result"])
        if upload:
            (folder / "in.zip").write_bytes(upload.read_bytes())
        self.start(job, verb, **arguments)
        return self.ended(job), folder

    def make(self, verb, upload=None, **arguments):
        """The file that a job makes, or its result."""
        state, folder = self.work(verb, upload, **arguments)
        assert state["state"] == "done", state
        return folder / "out.zip"

    def query(self, database, statement, *params):
        return self.cluster.query(database, statement, params or None)

    def parameters(self, database):
        return dict(self.query(database, "SELECT key, value FROM ir_config_parameter"))

    def file(self, database, name="ab/abcd"):
        return self.data / "filestore" / database / name


@contextlib.contextmanager
def locked(path):
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def kill_workers(container, job):
    """Kill the processes that work on a job, as a restart of the container does."""
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            command = (entry / "cmdline").read_bytes().split(b"\0")
            environment = (entry / "environ").read_bytes()
            works = b"run" in command and job.encode() in command
            if works and str(container.data).encode() in environment:
                os.kill(int(entry.name), 9)
