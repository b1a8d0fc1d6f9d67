"""What the portal makes of a container's answers: anybody may have changed what is in there."""

import hashlib
import json
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace

import pytest
from portainer_driver_import import PortainerDriver, agent_calls, driver
from saas_driver import ClientRef, DriverError, DriverRejected, DriverUnavailable, Usage

REF = ClientRef("acme.localhost", "key-acme")
USAGE = {"users": 3, "database_mb": 12, "files_mb": 0.5, "suspended": False}


class Portainer:
    """Stands for a container whose agent answers what the test laid down, command by command."""

    server = "http://portainer"

    def __init__(self, *answers):
        self.answers, self.commands = list(answers), []

    def exec(self, _environment, _container, command, timeout):
        self.commands.append(command[1:])
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        text = answer if isinstance(answer, str) else json.dumps(answer)
        return SimpleNamespace(stdout=text, stderr="", exit_code=0)


def agent_of(portainer, **options):
    return agent_calls.Agent(
        portainer, 1, "odoo", REF.name, **{"sleep": lambda _seconds: None, **options}
    )


def done(result):
    return {"state": "done", "result": result}


@pytest.fixture
def driver_of(tmp_path, monkeypatch):
    """The driver of a client that runs in a container with these answers."""

    def make(*answers):
        agent = agent_of(Portainer(*answers))
        made = PortainerDriver(None, tmp_path)
        monkeypatch.setattr(made, "_agent_of", lambda _ref: nullcontext(agent))
        return made

    return make


NONSENSE = [
    "",
    "nonsense",
    "[" * 100_000,
    "[]",
    "{}",
    "7",
    {"state": "done"},
    {"state": "flying", "result": {}},
    {"state": ["done"], "result": {}},
    {"state": "running"},
    {"state": "failed"},
    {"state": "failed", "error": "x"},
    {"state": "failed", "error": {"kind": "rejected"}},
    {"state": "failed", "error": {"kind": [], "text": "x"}},
    done(None),
    done([]),
    done({}),
]


@pytest.mark.parametrize("answer", NONSENSE)
def test_an_answer_that_makes_no_sense_means_unavailable(driver_of, answer, monkeypatch):
    monkeypatch.setattr(driver, "_PATIENCE", 0)
    with pytest.raises(DriverUnavailable, match=r"acme\.localhost"):
        driver_of(answer).usage(REF)
    agent = agent_of(Portainer(answer))
    with pytest.raises(DriverUnavailable, match=r"acme\.localhost"):
        driver_of("")._look(agent, REF.key)


@pytest.mark.parametrize("answer", NONSENSE)
def test_a_file_without_a_digest_is_not_downloaded(answer, tmp_path):
    portainer = Portainer(answer)
    times = iter(range(0, 10**9, 100_000))
    agent = agent_of(portainer, clock=lambda: next(times))
    with pytest.raises(DriverUnavailable, match=r"acme\.localhost"):
        agent.work("backup", download=tmp_path / "backup.zip")
    assert not list(tmp_path.iterdir())


class Jobs(Portainer):
    """Its agent keeps jobs as the real one does, and makes a file of the letter x."""

    def __init__(self, ends="done"):
        super().__init__("")
        self.ends, self.jobs, self.limits = ends, {}, []

    def exec(self, _environment, _container, command, timeout):
        _agent, verb, job, *_rest = command
        if verb == "forget":
            self.answers = [done(self.jobs.pop(job, None) and None)]
        elif verb == "start":
            self.jobs.setdefault(job, self.ends)
        if verb in ("start", "wait"):
            made = done({"sha256": hashlib.sha256(b"x").hexdigest(), "size": 1})
            failed = {"state": "failed", "error": {"kind": "unavailable", "text": "Full disk"}}
            self.answers = [{"done": made, "failed": failed}.get(self.jobs[job])]
            if self.jobs[job] == "killed":
                raise KeyboardInterrupt
        return super().exec(_environment, _container, command, timeout)

    def get_file(self, _environment, _container, _path, target, max_bytes):
        self.limits.append(max_bytes)
        target.write_bytes(b"x")


def test_a_repeated_backup_is_the_work_that_goes_on_already(tmp_path):
    portainer, archive = Jobs("killed"), tmp_path / "backup.zip"
    with pytest.raises(KeyboardInterrupt):
        agent_of(portainer).work("backup", download=archive, name=REF.name)
    (job,) = portainer.jobs
    portainer.jobs[job] = portainer.ends = "done"
    agent_of(portainer).work("backup", download=archive, name=REF.name)
    assert archive.read_bytes() == b"x"
    started = {command[1] for command in portainer.commands}
    assert started == {job}
    assert portainer.jobs == {}


def test_another_file_is_other_work(tmp_path):
    portainer = Jobs("killed")
    for name in ("monday", "tuesday"):
        with pytest.raises(KeyboardInterrupt):
            agent_of(portainer).work("backup", download=tmp_path / name, name=REF.name)
    assert len(portainer.jobs) == 2


def test_the_same_change_may_be_asked_for_again():
    portainer = Jobs()
    for _again in range(2):
        agent_of(portainer).work("rename", name=REF.name, new_name="new.localhost")
    assert len(portainer.jobs) == 2


@pytest.mark.parametrize(
    ("free", "most", "limit"),
    [(5000, 2000, 2000), (5000, 9000, 5000), (5000, None, 5000), (-1, 9, 0)],
)
def test_no_container_fills_the_portals_disk(tmp_path, monkeypatch, free, most, limit):
    usage = SimpleNamespace(free=agent_calls.RESERVE + free)
    monkeypatch.setattr(agent_calls.shutil, "disk_usage", lambda _folder: usage)
    portainer = Jobs()
    agent_of(portainer).work("backup", download=tmp_path / "backup.zip", max_bytes=most)
    assert portainer.limits == [limit]


def test_a_backup_may_have_a_multiple_of_what_the_client_says_it_holds(driver_of, monkeypatch):
    asked = {}
    monkeypatch.setattr(
        agent_calls.Agent, "work", lambda _agent, _verb, **given: asked.update(given)
    )
    driver_of(done(USAGE)).backup(REF, Path("/nowhere/backup.zip"))
    assert asked["max_bytes"] == (256 + 4 * 12.5) * 1024**2


def test_a_backup_that_failed_begins_anew(tmp_path):
    portainer, archive = Jobs("failed"), tmp_path / "backup.zip"
    with pytest.raises(DriverUnavailable, match="Full disk"):
        agent_of(portainer).work("backup", download=archive)
    portainer.ends = "done"
    agent_of(portainer).work("backup", download=archive)
    assert archive.exists()


def clock_of(step):
    times = iter(range(0, 10**9, step))
    return lambda: next(times)


@pytest.mark.parametrize(
    ("verb", "hours"), [("rename", 0.5), ("create", 2), ("build_template", 3), ("restore", 5)]
)
def test_a_container_keeps_the_portal_waiting_as_long_as_the_work_may_take(verb, hours):
    portainer = Portainer({"state": "running"})
    with pytest.raises(DriverUnavailable, match="too long"):
        agent_of(portainer, clock=clock_of(60)).work(verb)
    assert len(portainer.commands) == hours * 60 + 1


def test_nobody_waits_for_what_was_cancelled(tmp_path):
    answers = iter([False, True])
    portainer = Portainer({"state": "running"})
    agent = agent_of(portainer, is_cancelled=lambda: next(answers))
    with pytest.raises(DriverUnavailable, match="cancelled"):
        agent.work("backup", download=tmp_path / "backup.zip")
    assert [command[0] for command in portainer.commands] == ["start", "wait"]


def test_a_change_of_a_client_is_seen_to_its_end_even_when_it_was_cancelled():
    portainer = Portainer({"state": "running"}, done(None))
    agent_of(portainer, is_cancelled=lambda: True).work("restore")
    assert len(portainer.commands) == 2


@pytest.mark.parametrize("cancelled", [False, True])
def test_a_container_that_says_for_ever_that_it_is_busy_is_left(tmp_path, monkeypatch, cancelled):
    monkeypatch.setattr(driver, "_BUSY", 3600 if cancelled else -1)
    busy = Portainer(done({"name": REF.name, "busy": True, "modules": ""}))
    with pytest.raises(DriverUnavailable, match="Other work"):
        PortainerDriver(None, tmp_path, lambda: cancelled)._look(agent_of(busy), REF.key)


@pytest.mark.parametrize(
    "change",
    [
        {"users": None},
        {"users": "3"},
        {"users": True},
        {"users": -1},
        {"users": 2**31},
        {"files_mb": float("nan")},
        {"database_mb": float("inf")},
        {"suspended": 0},
    ],
)
def test_usage_that_cannot_be_means_unavailable(driver_of, change):
    with pytest.raises(DriverUnavailable, match="makes no sense"):
        driver_of(done({**USAGE, **change})).usage(REF)


def test_a_complaint_about_modules_may_have_several_lines(driver_of):
    seen = {"name": REF.name, "busy": False, "modules": "Odoo failed:\n…\nKeyError"}
    assert driver_of("")._look(agent_of(Portainer(done(seen))), REF.key) == seen


def test_usage_may_tell_more_than_the_portal_knows(driver_of):
    assert driver_of(done({**USAGE, "phase": "full"})).usage(REF) == Usage(3, 12, 0.5, False)


def test_a_complaint_is_one_that_a_database_takes():
    failed = {"state": "failed", "error": {"kind": "rejected", "text": "a\0\ud800" + "x" * 9000}}
    with pytest.raises(DriverRejected) as raised:
        agent_of(Portainer(failed)).do("rename")
    assert "\0" not in str(raised.value)
    assert str(raised.value).encode()
    assert len(str(raised.value)) < 2300


def test_a_kind_of_error_that_nobody_knows_is_worth_another_try():
    failed = {"state": "failed", "error": {"kind": "tired", "text": "Later"}}
    with pytest.raises(DriverError) as raised:
        agent_of(Portainer(failed)).do("usage")
    assert type(raised.value) is DriverUnavailable
