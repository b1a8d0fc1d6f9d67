"""Work that goes on when whoever asked for it has gone.

A job is a folder: ``request.json``, what the portal uploads for it (``in.zip``), what it makes
(``out.zip``), ``state.json`` when it has ended. Whoever works on it holds a lock on ``alive``,
which the kernel takes away with the process. One job works at a time; others wait for it.
"""

import contextlib
import fcntl
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from saas_driver import DriverError, DriverNotFound, DriverRejected, DriverUnavailable

from .settings import make_private, write_text

_NAME = re.compile(r"[a-zA-Z0-9-]{1,64}")
_KINDS = ((DriverNotFound, "not_found"), (DriverRejected, "rejected"))
#: Seconds that a job waits for the one before it, and after which the folder of one is removed.
PATIENCE = 4 * 3600
KEPT = 24 * 3600
_PAUSE = 0.1


class Jobs:
    """The jobs in a folder."""

    def __init__(self, folder: Path):
        self._folder = folder

    def path(self, job: str) -> Path:
        if not _NAME.fullmatch(job):
            raise DriverRejected(f"{job!r} is no name of a job.")
        return self._folder / "jobs" / job

    def prepare(self, job: str) -> str:
        """Make the folder that takes what the job needs; removes those of former days."""
        self._remove_old()
        path = self.path(job)
        make_private(path)
        return str(path)

    def start(self, job: str, verb: str, arguments: dict) -> None:
        """Begin the job and return; does nothing when it has begun already."""
        path = Path(self.prepare(job))
        with (path / "alive").open("w") as alive:
            if not _lock(alive) or (path / "state.json").exists():
                return
            write_text(path / "request.json", json.dumps([verb, arguments]))
            # The lock goes to the child with the file, so that no moment is without it.
            worker = subprocess.Popen(
                [sys.executable, "-s", "-P", "-m", "saas_agent", "run", job, str(alive.fileno())],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
                pass_fds=[alive.fileno()],
            )
            write_text(path / "pid", str(worker.pid))

    def run(self, job: str, do: Callable[[str, dict, Path], object]) -> None:
        """Work on a job that was started, and note how it ended."""
        path = self.path(job)
        verb, arguments = json.loads((path / "request.json").read_text())

        def work():
            with self.turn():
                return do(verb, arguments, path)

        state = ended_state(work)
        # First, so that a full disk has room for what is written next.
        (path / "in.zip").unlink(missing_ok=True)
        write_text(path / "state.json", json.dumps(state))

    def wait(self, job: str, seconds: float) -> dict:
        """How the job ended, or that it runs still after so many seconds."""
        path = self.path(job)
        deadline = time.monotonic() + seconds
        while True:
            with contextlib.suppress(FileNotFoundError), (path / "alive").open() as alive:
                if not _lock(alive):
                    if time.monotonic() < deadline:
                        # flock alone knows no limit of time: look again.
                        time.sleep(_PAUSE)
                        continue
                    return {"state": "running"}
            with contextlib.suppress(FileNotFoundError):
                return json.loads((path / "state.json").read_text())
            return failed(
                "unavailable",
                "the work was cut off: its container was restarted or its disk is full",
            )

    def stop(self, job: str) -> None:
        """End a job that works, with all the programs that it has started."""
        path = self.path(job)
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            if _is_alive(path):
                # It leads a group of its own, in which its programs are too.
                os.killpg(int((path / "pid").read_text()), signal.SIGKILL)

    def forget(self, job: str) -> None:
        shutil.rmtree(self.path(job), ignore_errors=True)

    @contextlib.contextmanager
    def turn(self) -> Iterator[None]:
        """Be the only one who works on this client.

        :raises DriverUnavailable: somebody else does not end
        """
        make_private(self._folder)
        deadline = time.monotonic() + PATIENCE
        with (self._folder / "lock").open("w") as lock:
            while not _lock(lock):
                if time.monotonic() > deadline:
                    raise DriverUnavailable("other work on this client does not end")
                # The other job ends when it ends; flock alone knows no limit of time.
                time.sleep(_PAUSE)
            yield

    def is_busy(self) -> bool:
        """Whether somebody works on this client right now."""
        make_private(self._folder)
        with (self._folder / "lock").open("w") as lock:
            return not _lock(lock)

    def _remove_old(self) -> None:
        for path in (self._folder / "jobs").glob("*"):
            with contextlib.suppress(OSError):
                if path.stat().st_mtime < time.time() - KEPT and not _is_alive(path):
                    shutil.rmtree(path)


def ended_state(work: Callable[[], object]) -> dict:
    """What a piece of work returned or raised, in the words of the protocol."""
    try:
        return {"state": "done", "result": work()}
    except DriverError as error:
        kind = next((kind for cls, kind in _KINDS if isinstance(error, cls)), "unavailable")
        return failed(kind, str(error))
    except OSError as error:
        return failed(
            "unavailable", f"{error.strerror or error}: {error.filename or ''}".strip(": ")
        )
    # Whatever else it is, the portal must hear of it: nobody reads a log in here.
    except Exception as error:  # pylint: disable=broad-exception-caught
        return failed("unavailable", f"{type(error).__name__}: {error}")


def failed(kind: str, text: str) -> dict:
    return {"state": "failed", "error": {"kind": kind, "text": text[:2000]}}


def _is_alive(path: Path) -> bool:
    try:
        with (path / "alive").open() as alive:
            return not _lock(alive)
    except FileNotFoundError:
        return False


def _lock(file) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def adopt(descriptor: int) -> None:
    """Keep the inherited lock to the end of this process, and give it to no child."""
    os.set_inheritable(descriptor, False)
