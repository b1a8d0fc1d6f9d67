"""A private Docker engine for tests: nothing in it is anybody else's."""

import contextlib
import fcntl
import hashlib
import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
from pathlib import Path

from . import docker_network
from .console import Failure
from .paths import DEV
from .waiting import wait_for

PACKAGES = DEV / "docker" / "engine"
LONGEST_SOCKET_PATH = 90  # the kernel's limit is 107; the engine adds to the path


class Engine:
    """dockerd and its own containerd; `name` tells several engines of a checkout apart."""

    def __init__(self, name="main"):
        self.name = name
        self.folder = DEV / "docker" / name
        digest = hashlib.sha256(str(self.folder).encode()).hexdigest()
        self.run_folder = self.folder / "run"
        if len(str(self.run_folder)) > LONGEST_SOCKET_PATH - 30:
            self.run_folder = Path("/tmp") / f"saas-docker-{digest[:10]}"
        self.socket = self.run_folder / "docker.sock"
        self.data = self.folder / "data"
        self.network = docker_network.Network(digest)
        self._rules = None

    @property
    def url(self):
        return f"unix://{self.socket}"

    # --- life -----------------------------------------------------------------

    def start(self):
        """Starts the engine unless it runs; what a killed one left is cleared away first."""
        if self.answers():
            return
        need_root()
        if not (PACKAGES / "usr/sbin/dockerd").exists():
            raise Failure("The Docker engine is not there; `./dev docker up` fetches it.")
        self._end_processes()
        self._unmount()
        self.run_folder.mkdir(parents=True, exist_ok=True)
        self.data.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(self.run_folder / "exec", ignore_errors=True)
        # Of a process that nobody has reaped, dockerd believes that it runs.
        (self.run_folder / "dockerd.pidfile").unlink(missing_ok=True)
        self.network.create()
        try:
            self._start_containerd()
            self._start_dockerd()
        except TimeoutError:
            self.stop()
            raise Failure(f"The Docker engine did not start:\n{self._log_tail()}") from None

    def stop(self):
        """Stops the engine with all its containers; images stay for the next time."""
        self._end_processes()
        self._unmount()
        self.network.remove()
        if self.run_folder != self.folder / "run":
            shutil.rmtree(self.run_folder, ignore_errors=True)

    def kill(self):
        """Ends the engine and its containers as a power cut does.

        `start` brings it back, and those containers with it whose restart policy says so.
        """
        dockerd = self._pid("dockerd")
        self._rules = "--iptables=true" in _command_line(dockerd).split("\0")
        for pid in filter(None, (dockerd, self._pid("containerd"))):
            os.kill(pid, signal.SIGKILL)
            wait_for(lambda pid=pid: not _lives(pid), 30, "the engine to die")
        self._kill_containers()

    def destroy(self):
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def answers(self):
        with contextlib.suppress(OSError, http.client.HTTPException):
            return self.request("GET", "/_ping")[0] == 200
        return False

    def clear(self):
        """Removes all containers, networks and volumes: in a private engine they are ours."""
        for container in self.request("GET", "/containers/json?all=1")[1]:
            self.request("DELETE", f"/containers/{container['Id']}?force=1&v=1")
        self.request("POST", "/networks/prune")
        self.request("POST", "/volumes/prune?filters=" + "%7B%22all%22%3A%5B%22true%22%5D%7D")
        for volume in self.request("GET", "/volumes")[1].get("Volumes") or []:
            self.request("DELETE", f"/volumes/{volume['Name']}?force=1")

    @contextlib.contextmanager
    def use(self):
        """The running engine; the last of its users clears and stops it, unless told to stay."""
        need_root()
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / "users").open("w") as users:
            with self._alone():
                fcntl.flock(users, fcntl.LOCK_SH)
                self.start()
            try:
                yield self
            finally:
                with self._alone(), contextlib.suppress(BlockingIOError):
                    fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    if not self.stays:
                        if self.answers():
                            self.clear()
                        self.stop()

    @property
    def stays(self):
        return (self.folder / "stays").exists()

    def keep(self, wanted):
        """Whether the engine goes on running when no test uses it."""
        self.folder.mkdir(parents=True, exist_ok=True)
        if wanted:
            (self.folder / "stays").touch()
        else:
            (self.folder / "stays").unlink(missing_ok=True)

    # --- use ------------------------------------------------------------------

    def environment(self):
        """The environment in which `docker` and `docker compose` speak to this engine."""
        return {**tools_environment(), "DOCKER_HOST": self.url}

    def docker(self, *arguments, check=True, stdin=None):
        """Runs the docker command line program; its output as text."""
        result = subprocess.run(
            ["docker", *map(str, arguments)],
            env=self.environment(),
            stdin=stdin or subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if check and result.returncode:
            raise Failure(f"docker {' '.join(map(str, arguments))}: {result.stderr[-2000:]}")
        return result.stdout

    def request(self, method, path, body=None):
        """A call of the engine's API: (status, decoded answer)."""
        connection = http.client.HTTPConnection("localhost", timeout=60)
        connection.sock = socket.socket(socket.AF_UNIX)
        connection.sock.settimeout(60)
        with contextlib.closing(connection):
            connection.sock.connect(str(self.socket))
            data = json.dumps(body).encode() if body is not None else None
            connection.request(method, path, data, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            content = answer.read()
        if answer.headers.get_content_type() == "application/json" and content.strip():
            return answer.status, json.loads(content)
        return answer.status, content.decode(errors="replace")

    # --- parts ----------------------------------------------------------------

    @contextlib.contextmanager
    def _alone(self):
        with (self.folder / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _start_containerd(self):
        """Its own, because dockerd would otherwise share one that the machine may run."""
        address = self.run_folder / "containerd.sock"
        conf = self.run_folder / "containerd.toml"
        conf.write_text(
            f'version = 2\nroot = "{self.data}/containerd"\nstate = "{self.run_folder}/exec/c"\n'
            'disabled_plugins = ["io.containerd.grpc.v1.cri"]\n'
            f'[grpc]\n  address = "{address}"\n'
        )
        self._spawn("containerd", "--config", conf)
        wait_for(address.is_socket, 30, "containerd")

    def _start_dockerd(self):
        self._spawn(
            "dockerd",
            f"--host={self.url}",
            f"--data-root={self.data}/docker",
            f"--exec-root={self.run_folder}/exec/d",
            f"--pidfile={self.run_folder}/dockerd.pidfile",
            f"--containerd={self.run_folder}/containerd.sock",
            "--shutdown-timeout=5",
            *self.network.options(self._rules),
        )
        wait_for(self.answers, 60, "dockerd")

    def _spawn(self, program, *arguments):
        with (self.folder / f"{program}.log").open("w") as log:
            process = subprocess.Popen(
                [program, *map(str, arguments)],
                env=tools_environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                cwd="/",
            )
        (self.run_folder / f"{program}.pid").write_text(f"{process.pid}\n")

    def _end_processes(self):
        for program in ("dockerd", "containerd"):
            pid = self._pid(program)
            if pid:
                os.kill(pid, signal.SIGTERM)
                try:
                    wait_for(lambda pid=pid: not _lives(pid), 30, program)
                except TimeoutError:
                    os.kill(pid, signal.SIGKILL)
        self._kill_containers()

    def _kill_containers(self):
        """Those of an engine that is gone: nobody else ends them, and they would write on."""
        shims = set(self._shims())
        # First what they hold: it would live on by itself.
        pids = [*_children(shims), *shims]
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        wait_for(lambda: not any(map(_lives, pids)), 30, "the containers to die")

    def _pid(self, program):
        """The process that we started, if it still is that program and has our socket."""
        with contextlib.suppress(OSError, ValueError):
            pid = int((self.run_folder / f"{program}.pid").read_text())
            if str(self.run_folder) in _command_line(pid) and _lives(pid):
                return pid
        return None

    def _shims(self):
        """What holds the containers of an engine that was killed."""
        address = str(self.run_folder / "containerd.sock")
        for folder in Path("/proc").glob("[0-9]*"):
            line = _command_line(folder.name)
            if "containerd-shim" in line.split("\0")[0] and address in line.split("\0"):
                yield int(folder.name)

    def _unmount(self):
        """Layers and name spaces of containers, deepest first."""
        ours = (f"{self.run_folder}/", f"{self.data}/")
        lines = Path("/proc/self/mountinfo").read_text().splitlines()
        for target in reversed([line.split()[4] for line in lines]):
            if target.startswith(ours):
                subprocess.run(["umount", "-l", target], check=False, capture_output=True)

    def _log_tail(self):
        tails = []
        for program in ("containerd", "dockerd"):
            with contextlib.suppress(OSError):
                lines = (self.folder / f"{program}.log").read_text(errors="replace").splitlines()
                tails += [f"{program}: {line}" for line in lines[-12:]]
        return "\n".join(tails)


def need_root():
    if os.geteuid() != 0:
        raise Failure("The Docker engine needs root; run this command as root.")


def stop_all():
    """Before the folder that they live in is removed."""
    for data in (DEV / "docker").glob("*/data"):
        Engine(data.parent.name).stop()


def tools_environment():
    """Finds the unpacked programs and compose; tells nothing of the machine's own Docker."""
    folders = [PACKAGES / "usr/sbin", PACKAGES / "usr/bin", PACKAGES / "bin"]
    own = docker_network.firewall_folder()
    path = ":".join([*map(str, folders), *([str(own)] if own else [])])
    environment = {key: os.environ[key] for key in ("HOME", "LANG") if key in os.environ}
    return {
        "HOME": "/root",
        **environment,
        "PATH": f"{path}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "DOCKER_CONFIG": str(PACKAGES / "config"),
    }


def _command_line(pid):
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_text(errors="replace")
    return ""


def _children(parents):
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if int(_stat(folder.name)[1]) in parents:
                yield int(folder.name)


def _stat(pid):
    """State, parent and so on."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def _lives(pid):
    with contextlib.suppress(OSError):
        os.waitpid(pid, os.WNOHANG)  # our own child would stay as a zombie
    with contextlib.suppress(OSError):
        return _stat(pid)[0] != "Z"
    return False
