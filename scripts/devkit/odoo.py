"""Odoo's configuration file and processes."""

import base64
import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

from .console import Failure
from .paths import DEV, ROOT, addons_path
from .waiting import wait_for

LOADING = re.compile(r"Loading module (\S+) \((\d+)/(\d+)\)")
# Odoo 19 warns at every XML-RPC call that Odoo 20 will drop the protocol.
LOG_HANDLER = ":INFO,odoo.addons.rpc.controllers.xmlrpc:ERROR"


def fernet_key():
    """A key in the form that `cryptography.fernet.Fernet` takes."""
    return base64.urlsafe_b64encode(os.urandom(32)).decode()


def write_conf(path, cluster, **options):
    """Writes an odoo.conf that only its owner can read."""
    values = {
        "addons_path": ",".join(addons_path()),
        **cluster.options(),
        "http_interface": "127.0.0.1",
        "dbfilter": "^%h$",
        "list_db": False,
        "proxy_mode": False,
        "without_demo": True,
        # saas_client: also in a database whose administrator has marked it as not installed.
        # saas_rest_api: requests that name no database are answered too.
        "server_wide_modules": "base,rpc,web,saas_client,saas_rest_api",
        "limit_time_real": 1800,
        "limit_time_cpu": 1800,
        "limit_memory_hard": 0,
        "log_handler": LOG_HANDLER,
        **options,
    }
    text = "[options]\n" + "".join(f"{key} = {value}\n" for key, value in values.items())
    path = Path(path)
    if path.exists() and path.read_text() == text:
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(path.name + ".new")
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)
    new.rename(path)
    return path


def command(conf, *arguments):
    return [sys.executable, str(ROOT / "scripts" / "bin" / "odoo"), *arguments, "-c", str(conf)]


def environment(cluster):
    return {**os.environ, **cluster.environment(), "PYTHONUNBUFFERED": "1"}


def run_once(conf, cluster, log, *arguments, progress=None):
    """Runs Odoo until it stops by itself, its log going to `log`; returns the exit status."""
    log = Path(log)
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("w") as output:
        process = subprocess.Popen(
            command(conf, *arguments),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=DEV,
            env=environment(cluster),
        )
    try:
        with log.open(errors="replace") as follow:

            def finished():
                loaded = [match for line in follow if (match := LOADING.search(line))]
                if loaded and progress:
                    name, number, total = loaded[-1].groups()
                    progress(f"module {number} of {total}, {name}")
                return process.poll() is not None

            wait_for(finished, 7200, "Odoo to finish", interval=0.3)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
    return process.returncode


def install(conf, cluster, database, modules, log, progress=None, update=False):
    """Installs (or updates) modules in a database, which is made when it is not there."""
    status = run_once(
        conf, cluster, log, "-d", database, "-u" if update else "-i", ",".join(modules),
        "--stop-after-init", "--no-http", progress=progress,
    )  # fmt: skip
    text = Path(log).read_text(errors="replace")
    # Odoo logs a name it does not know and goes on.
    unknown = re.search(r"invalid module names, ignored: (.*)", text)
    if status or unknown or " CRITICAL " in text:
        raise Failure(
            f"Odoo could not install {', '.join(modules)} in {database}:\n"
            f"{excerpt(text)}\nThe whole log: {log}"
        )


def run_script(conf, cluster, database, script, *options):
    """Runs Python in Odoo's shell on a database; returns what it prints last, read as JSON."""
    done = subprocess.run(
        command(conf, "shell", "-d", database, "--no-http", "--log-level=error", *options),
        env=environment(cluster),
        input=script,
        capture_output=True,
        text=True,
        check=False,
    )
    try:
        return json.loads(done.stdout.strip().splitlines()[-1])
    except (IndexError, ValueError):
        raise Failure(f"A script failed in Odoo:\n{done.stdout}{done.stderr}") from None


def excerpt(log_text, lines=40):
    """The errors of an Odoo log, else its last lines."""
    records = re.split(r"(?m)^(?=\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)", log_text)
    errors = [record for record in records if re.match(r"\S+ \S+ \d+ (ERROR|CRITICAL) ", record)]
    text = "".join(errors) if errors else log_text
    return "\n".join(text.rstrip().splitlines()[-lines:])


class OdooServer:
    """A real Odoo process, in a session of its own so that it outlives the command."""

    def __init__(self, conf, cluster, port, log, pid_file, interface="127.0.0.1"):
        self.conf = Path(conf)
        self.cluster = cluster
        self.port = port
        self.log = Path(log)
        self.pid_file = Path(pid_file)
        self.interface = interface
        self._process = None

    @property
    def pid(self):
        """The process of this very configuration, or None."""
        with contextlib.suppress(OSError, ValueError):
            pid = int(self.pid_file.read_text())
            if _is_ours(pid, self.conf):
                return pid
        return None

    def start(self, timeout=120):
        """Starts the process and waits until it answers."""
        self._kill_orphans()
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("a") as output:
            begin = output.tell()
            self._process = subprocess.Popen(
                command(self.conf),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=DEV,
                env=environment(self.cluster),
                start_new_session=True,
            )
        self.pid_file.write_text(str(self._process.pid))
        try:
            wait_for(self._answers_or_died, timeout, "Odoo's first answer")
        except TimeoutError as error:
            raise Failure(f"{error}; see {self.log}") from None
        if self._process.poll() is not None:
            text = self.log.read_bytes()[begin:].decode(errors="replace")
            raise Failure(f"Odoo stopped right after its start:\n{excerpt(text)}")

    def stop(self, timeout=30):
        """Asks politely, then insists; stopping a stopped server is fine."""
        pid = self.pid
        if pid:
            os.kill(pid, signal.SIGTERM)
            try:
                wait_for(lambda: not self._is_alive(), timeout, "Odoo to stop")
            except TimeoutError:
                self.kill()
        self._kill_orphans()
        self.pid_file.unlink(missing_ok=True)

    def kill(self):
        """kill -9 of the server and all its workers, as a power cut would do it."""
        pid = self.pid
        if pid:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGKILL)
            wait_for(lambda: not self._is_alive(), 10, "Odoo to die")

    def restart(self):
        self.stop()
        self.start()

    def answers(self):
        host = "127.0.0.1" if self.interface == "0.0.0.0" else self.interface
        try:
            with urllib.request.urlopen(
                f"http://{host}:{self.port}/web/health", timeout=10
            ) as answer:
                return answer.status == 200
        except (OSError, urllib.error.URLError):
            return False

    def _kill_orphans(self):
        """Ends the workers of a server that was killed: they would hold its port for a while."""

        def orphans():
            return [pid for pid in _members(group) if _is_ours(pid, self.conf)]

        with contextlib.suppress(OSError, ValueError):
            group = int(self.pid_file.read_text())
            if self.pid is None and orphans():
                os.killpg(group, signal.SIGKILL)
                wait_for(lambda: not orphans(), 10, "Odoo's workers to die")

    def _answers_or_died(self):
        return self._process.poll() is not None or self.answers()

    def _is_alive(self):
        if self._process is not None:
            return self._process.poll() is None
        return self.pid is not None


def _is_ours(pid, conf):
    """Whether the process is an Odoo of this configuration (a number is soon used again)."""
    try:
        return str(conf).encode() in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return False


def _members(group):
    """The processes of a process group."""
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if os.getpgid(int(folder.name)) == group:
                yield int(folder.name)
