"""The agent in a client's container, by way of commands that Portainer runs there."""

import contextlib
import hashlib
import json
import os
import shutil
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType

from odoo.addons.saas_portal.lib.saas_driver import (
    DriverError,
    DriverNotFound,
    DriverRejected,
    DriverUnavailable,
)
from odoo.addons.sadeem_portainer.lib.portainer_api import (
    Conflict,
    ExecResult,
    NotFound,
    PortainerClient,
    PortainerError,
    Unavailable,
    UnknownOutcome,
)

from .watching import Watch

#: Seconds that each kind of work may take; then it is stopped. Whoever waits can do nothing else
#: meanwhile, and a container may make up that it works.
LIMITS = MappingProxyType(
    {
        "create": 3600,
        "rename": 900,
        "backup": 2 * 3600,
        "restore": 2 * 3600,
        "copy_in": 2 * 3600,
        "build_template": 2 * 3600,
    }
)
#: With the name of the work: the minutes that it may take, among the portal's settings.
LIMIT_PARAMETER = "sadeem_saas_docker.minutes."
#: What leaves nothing half done when nobody waits for it any more.
_STOPPABLE = ("backup", "build_template", "create", "copy_in")
#: Bytes of the portal's disk that no download takes: the portal itself has to go on.
RESERVE = 1024**3
#: Seconds that one command may take; work is waited for in pieces that are shorter.
_COMMAND_TIMEOUT = 90
_PIECE = 15
#: Lost answers in a row that are made up for, and the pauses before the next try, in seconds.
_PAUSES = (1, 3, 10)
#: The same for a container that starts again, as Odoo's does when PostgreSQL was not there in time.
_STARTS = (1, 1, 2, 3, 5, 5, 5, 10, 10)
#: The status of a command that was killed, as all are whose container ends.
_KILLED = 137
_ERRORS = {"rejected": DriverRejected, "not_found": DriverNotFound}
_HINTS = {
    DriverUnavailable: "Try again; the log of the container may tell more.",
    DriverRejected: "It will be refused again until that is changed.",
    DriverNotFound: "",
}
_NO_PROGRAM = ("executable file not found", "no such file or directory")
_MADE = {"sha256": str}
#: Neither users nor megabytes are more, nor does a database take more.
_MOST = 2**31 - 1
_FOLDER, _IN, _OUT = "/var/lib/odoo/saas-agent/jobs", "in.zip", "out.zip"


class Agent:
    """The agent of one client. Each command may be given twice, so a lost answer is asked again.

    :param container: id of Odoo's container
    :param about: name of the client or template, for complaints
    :param is_cancelled: whether the portal has lost interest
    :param limits: seconds that each kind of work may take
    :param order: what the portal calls the present order; work that is asked for again by the same
        order is the same work
    :param tell: called with what is waited for, '' when that has come
    """

    def __init__(
        self,
        client: PortainerClient,
        environment_id: int,
        container: str,
        about: str,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        is_cancelled: Callable[[], bool] = lambda: False,
        limits: Mapping[str, float] = LIMITS,
        order: str = "",
        tell: Callable[[str], None] = lambda text: None,
    ):
        self._limits, self._order, self._tell = limits, order, tell
        #: Whether there is any use in waiting for the container.
        self.find_failure = Watch(client, environment_id, container, clock).find_failure
        self._client, self._environment_id = client, environment_id
        self._container, self._about = container, about
        self._clock, self._sleep, self._is_cancelled = clock, sleep, is_cancelled

    def do(self, verb: str, expected: Mapping[str, type] | None = None, **arguments):
        """What takes a moment, and its result.

        :param expected: names and types of what is in the result, which has nothing else then
        """
        return self._result(verb, self._command(verb, "do", verb, json.dumps(arguments)), expected)

    def work(
        self,
        verb: str,
        upload: Path | None = None,
        download: Path | None = None,
        max_bytes: int | None = None,
        **arguments,
    ) -> None:
        """Have the agent do something, and wait for it.

        When this is cut off the work goes on in the container; the next work there waits for it.
        In the same order, or for the same file, it is the same work.

        :param upload: a file that the work needs
        :param download: where to put the file that it makes, whole or not at all
        :param max_bytes: how large that may be; the portal's disk is never filled, with or without
        :raises DriverRejected: it took too long, and was stopped
        :raises DriverUnavailable: it was cut off, or nobody wants it any more
        """
        job = self._name_job(verb, arguments, download)
        state = self._find(verb, job) if upload and self._order else None
        if not state:
            if upload:
                self._send(verb, job, upload)
            state = self._command(verb, "start", job, verb, json.dumps(arguments), str(_PIECE))
        made = self._wait(verb, job, state, download)
        if download:
            self._fetch(verb, job, made, download, max_bytes)
            self._forget(verb, job)

    def _name_job(self, verb: str, arguments: dict, download: Path | None) -> str:
        """The same one in the same order, or for the same file when nobody ordered it.

        What is on its way to another container is a file of another name at each try.
        """
        if not (download or self._order):
            return uuid.uuid4().hex
        what = f"order {self._order}" if self._order else str(download)
        work = json.dumps([verb, arguments, what])
        return hashlib.sha256(work.encode()).hexdigest()[:32]

    def _find(self, verb: str, job: str) -> dict | None:
        """The state of a job that works, or has done its work, for this very order."""
        state = self._command(verb, "wait", job, "0")
        if state["state"] != "failed":
            return state
        # Whatever it failed for, or if there was none: it is tried anew.
        self._forget(verb, job)
        return None

    def _send(self, verb: str, job: str, source: Path) -> None:
        self._result(verb, self._command(verb, "prepare", job))
        folder = f"{_FOLDER}/{job}"
        try:
            with self._in_container(verb):
                self._client.put_file(self._environment_id, self._container, source, folder, _IN)
        except (DriverError, PortainerError):
            # A part of it would keep a full disk full.
            self._forget(verb, job)
            raise

    def _stop(self, verb: str, job: str) -> None:
        """End the job in the container, as far as it obeys, and remove its folder."""
        with contextlib.suppress(DriverError, PortainerError):
            self._command(verb, "stop", job)
        self._forget(verb, job)

    def _forget(self, verb: str, job: str) -> None:
        """Remove the job's folder; what stays all the same goes a day later."""
        with contextlib.suppress(DriverError, PortainerError):
            self._command(verb, "forget", job)

    def _wait(self, verb: str, job: str, state: dict, download: Path | None):
        limit = self._limits.get(verb, LIMITS[verb])
        deadline = self._clock() + limit
        while state["state"] == "running":
            if self._clock() > deadline:
                self._stop(verb, job)
                raise self._failure(
                    verb,
                    DriverRejected,
                    f"it took more than {limit / 60:.0f} minutes and was stopped. For a database"
                    f" that needs longer, raise the system parameter {LIMIT_PARAMETER}{verb}",
                )
            if verb in _STOPPABLE and self._is_cancelled():
                self._stop(verb, job)
                raise self._failure(verb, DriverUnavailable, "it was cancelled")
            self._tell(f"its container, which is to {verb.replace('_', ' ')}")
            state = self._command(verb, "wait", job, str(_PIECE))
        self._tell("")
        if state["state"] == "failed":
            # The next try shall not hear of it again.
            self._forget(verb, job)
        return self._result(verb, state, _MADE if download else None)

    def _fetch(self, verb: str, job: str, made: dict, target: Path, max_bytes: int | None) -> None:
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        free = shutil.disk_usage(target.parent).free
        # Whoever comes after this one has room too.
        room = max(0, min(free - RESERVE, free // 2))
        max_bytes = room if max_bytes is None else min(room, max_bytes)
        handle, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
        os.close(handle)
        part = Path(name)
        try:
            path = f"{_FOLDER}/{job}/{_OUT}"
            with self._in_container(verb):
                self._client.get_file(
                    self._environment_id, self._container, path, part, max_bytes=max_bytes
                )
            with part.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
            if digest != made["sha256"]:
                self._forget(verb, job)
                raise self._failure(verb, DriverUnavailable, "the file did not arrive whole")
            os.replace(part, target)
        finally:
            part.unlink(missing_ok=True)

    # -- commands ----------------------------------------------------------------------------------

    def _command(self, verb: str, *arguments: str):
        pauses, starts = list(_PAUSES), list(_STARTS)
        while True:
            try:
                return self._read(verb, self._run(verb, arguments))
            except (Unavailable, UnknownOutcome):
                if not pauses:
                    raise
                self._sleep(pauses.pop(0))
            except Conflict as error:
                # Docker's word for a container that does not run, or just starts again.
                reason = self.find_failure() if starts else error.reason
                if reason:
                    raise self._failure(verb, DriverUnavailable, reason) from error
                self._tell("its container to start")
                self._sleep(starts.pop(0))

    def _run(self, verb: str, arguments: tuple[str, ...]) -> ExecResult:
        """:raises Conflict: the container does not run, or not any more"""
        try:
            with self._in_container(verb):
                done = self._client.exec(
                    self._environment_id,
                    self._container,
                    ["saas-agent", *arguments],
                    timeout=_COMMAND_TIMEOUT,
                )
        except PortainerError as error:
            if any(words in error.reason for words in _NO_PROGRAM):
                raise self._no_agent(verb) from error
            raise
        if done.exit_code == _KILLED:
            raise Conflict(self._client.server, "run a command", "the command was killed")
        return done

    @contextlib.contextmanager
    def _in_container(self, verb: str) -> Iterator[None]:
        """What is not there is the container, or something in it, and not the client.

        :raises DriverUnavailable: a swarm, or somebody, has put another container in its place
        """
        try:
            yield
        except NotFound as error:
            if any(words in error.reason for words in _NO_PROGRAM):
                raise
            reason = f"its container is not what it was: {error.reason}"
            raise self._failure(verb, DriverUnavailable, reason) from error

    def _read(self, verb: str, done: ExecResult):
        lines = done.stdout.strip().splitlines()
        try:
            return _parse(lines[-1])
        except (ValueError, IndexError, RecursionError):
            output = f"{done.stdout}\n{done.stderr}"
            if done.exit_code in (126, 127) or any(words in output for words in _NO_PROGRAM):
                raise self._no_agent(verb) from None
            reason = (output.strip().splitlines() or [f"status {done.exit_code}"])[-1][:500]
            raise self._failure(verb, DriverUnavailable, f"the agent fails: {reason}") from None

    def _result(self, verb: str, answer: dict, expected: Mapping[str, type] | None = None):
        """What the agent has found or made.

        :raises DriverError: it could not, or its answer makes no sense
        """
        if answer["state"] == "failed":
            error = answer["error"]
            kind = _ERRORS.get(error["kind"], DriverUnavailable)
            raise self._failure(verb, kind, error["text"])
        result = answer.get("result")
        if expected is None:
            return result
        found = result if isinstance(result, dict) else {}
        if answer["state"] == "running" or not all(
            _is_a(found.get(name), kind) for name, kind in expected.items()
        ):
            raise self._failure(verb, DriverUnavailable, "the answer of the agent makes no sense")
        return {name: found[name] for name in expected}

    def _no_agent(self, verb: str) -> DriverRejected:
        return self._failure(
            verb,
            DriverRejected,
            "the image of its stack is none for clients of this portal: it has no saas-agent."
            " Choose an image that was built with docker/client/Dockerfile",
        )

    def _failure(self, verb: str, kind: type[DriverError], reason: str) -> DriverError:
        reason = _clean(reason[:2000]).strip().rstrip(".")
        text = f"{self._client.server} could not {verb.replace('_', ' ')} {self._about}: {reason}."
        return kind(f"{text} {_HINTS[kind]}".strip())


def _parse(line: str) -> dict:
    """:raises ValueError: it is no answer of an agent; a container may say anything"""
    answer = json.loads(line)
    match answer:
        case {"state": "running"} | {"state": "done", "result": _}:
            return answer
        case {"state": "failed", "error": {"kind": str(), "text": str()}}:
            return answer
    raise ValueError("This is no answer of an agent.")


def _is_a(value: object, kind: type) -> bool:
    if kind in (int, float):
        return type(value) in (int, kind) and 0 <= value <= _MOST
    return type(value) is kind and (kind is not str or value == _clean(value))


def _clean(text: str) -> str:
    """Without what neither a database nor XML takes."""
    return text.replace("\0", "").encode(errors="replace").decode()
