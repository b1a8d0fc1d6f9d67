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

    def make(*answers, storage_mb=0):
        agent = agent_of(Portainer(*answers))
        fleet = SimpleNamespace(standing=lambda _ref: SimpleNamespace(storage_mb=storage_mb))
        made = PortainerDriver(fleet, tmp_path)
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
    with pytest.raises(DriverError, match=r"acme\.localhost"):
        agent.work("backup", download=tmp_path / "backup.zip")
    assert not list(tmp_path.iterdir())


class Jobs(Portainer):
    """Its agent keeps jobs as the real one does, and makes a file of the letter x."""

    def __init__(self, ends="done"):
        super().__init__("")
        self.ends, self.jobs, self.limits, self.uploads = ends, {}, [], []

    def put_file(self, _environment, _container, _source, folder, _name):
        self.uploads.append(folder.rpartition("/")[2])

    def exec(self, _environment, _container, command, timeout):
        _agent, verb, job, *_rest = command
        if verb == "prepare":
            self.answers = [done("/folder")]
        elif verb == "forget":
            self.answers = [done(self.jobs.pop(job, None) and None)]
        elif verb == "start":
            self.jobs.setdefault(job, self.ends)
        if verb in ("start", "wait"):
            made = done({"sha256": hashlib.sha256(b"x").hexdigest(), "size": 1})
            failed = {"state": "failed", "error": {"kind": "unavailable", "text": "Full disk"}}
            self.answers = [made if self.jobs.get(job) == "done" else failed]
            if self.jobs.get(job) == "killed":
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


def test_a_copy_that_is_ordered_already_is_the_work_that_goes_on_whatever_its_file(tmp_path):
    portainer = Jobs("killed")
    with pytest.raises(KeyboardInterrupt):
        agent_of(portainer, order="7").work("backup", download=tmp_path / "transit-1" / "out.zip")
    (job,) = portainer.jobs
    portainer.jobs[job] = portainer.ends = "done"
    agent_of(portainer, order="7").work("backup", download=tmp_path / "transit-2" / "out.zip")
    assert (tmp_path / "transit-2" / "out.zip").read_bytes() == b"x"
    assert {command[1] for command in portainer.commands} == {job}
    assert portainer.jobs == {}


@pytest.mark.parametrize(
    ("free", "most", "limit"),
    [
        (5000, 2000, 2000),
        (5000, 9000, 5000),
        (5000, None, 5000),
        (-1, 9, 0),
        (9 * agent_calls.RESERVE, None, 5 * agent_calls.RESERVE),
    ],
)
def test_no_container_fills_the_portals_disk(tmp_path, monkeypatch, free, most, limit):
    usage = SimpleNamespace(free=agent_calls.RESERVE + free)
    monkeypatch.setattr(agent_calls.shutil, "disk_usage", lambda _folder: usage)
    portainer = Jobs()
    agent_of(portainer).work("backup", download=tmp_path / "backup.zip", max_bytes=most)
    assert portainer.limits == [limit]


@pytest.mark.parametrize(("storage_mb", "counts"), [(0, 12.5), (100, 12.5), (10, 10)])
def test_a_backup_may_have_a_multiple_of_what_the_client_says_and_may_hold(
    driver_of, monkeypatch, storage_mb, counts
):
    asked = {}
    monkeypatch.setattr(
        agent_calls.Agent, "work", lambda _agent, _verb, **given: asked.update(given)
    )
    driver_of(done(USAGE), storage_mb=storage_mb).backup(REF, Path("/nowhere/backup.zip"))
    assert asked["max_bytes"] == (256 + 4 * counts) * 1024**2


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
    ("verb", "minutes"),
    [("rename", 15), ("create", 60), ("build_template", 120), ("restore", 120), ("backup", 7)],
)
def test_work_that_takes_longer_than_it_may_is_stopped_and_told(verb, minutes):
    portainer = Portainer({"state": "running"})
    agent = agent_of(portainer, clock=clock_of(60), limits={"backup": 7 * 60})
    with pytest.raises(DriverRejected, match=f"more than {minutes} minutes") as raised:
        agent.work(verb)
    assert f"sadeem_saas_docker.minutes.{verb}" in str(raised.value)
    started, *waits, stopped, forgotten = portainer.commands
    assert len(waits) == minutes
    assert stopped == ["stop", started[1]]
    assert forgotten == ["forget", started[1]]


def test_an_image_that_cannot_stop_its_work_is_left_all_the_same():
    older = {"state": "failed", "error": {"kind": "rejected", "text": "unknown command"}}
    portainer = Portainer({"state": "running"}, {"state": "running"}, older)
    with pytest.raises(DriverRejected, match="more than 15 minutes"):
        agent_of(portainer, clock=clock_of(1000)).work("rename")


def test_what_is_tried_again_in_the_same_order_goes_on_with_the_work(tmp_path):
    archive = tmp_path / "backup.zip"
    archive.write_bytes(b"x")
    portainer = Jobs("killed")
    with pytest.raises(KeyboardInterrupt):
        agent_of(portainer, order="7").work("restore", upload=archive, name=REF.name)
    (job,) = portainer.jobs
    portainer.jobs[job] = portainer.ends = "done"
    agent_of(portainer, order="7").work("restore", upload=archive, name=REF.name)
    assert list(portainer.jobs) == [job]
    assert portainer.uploads == [job], "nobody writes into what is being read"
    agent_of(portainer, order="8").work("restore", upload=archive, name=REF.name)
    assert len(portainer.jobs) == 2, "another order is other work"


def test_what_failed_is_done_anew_in_the_same_order(tmp_path):
    archive = tmp_path / "backup.zip"
    archive.write_bytes(b"x")
    portainer = Jobs("failed")
    for _again in range(2):
        with pytest.raises(DriverUnavailable, match="Full disk"):
            agent_of(portainer, order="7").work("restore", upload=archive)
    portainer.ends = "done"
    agent_of(portainer, order="7").work("restore", upload=archive)
    assert len(portainer.uploads) == 3


def test_a_change_that_is_ordered_again_goes_on_in_the_same_order_only():
    portainer = Jobs()
    for order in ("7", "7", "8"):
        agent_of(portainer, order=order).work("rename", name=REF.name, new_name="new.localhost")
    assert len(portainer.jobs) == 2


def test_nobody_waits_for_what_was_cancelled(tmp_path):
    answers = iter([False, True])
    portainer = Portainer({"state": "running"})
    agent = agent_of(portainer, is_cancelled=lambda: next(answers))
    with pytest.raises(DriverUnavailable, match="cancelled"):
        agent.work("backup", download=tmp_path / "backup.zip")
    words = [command[0] for command in portainer.commands]
    assert words == ["start", "wait", "stop", "forget"]


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
