"""Who waits for a container gives it up as soon as it is clear that it will not run."""

import json
from dataclasses import replace
from types import SimpleNamespace

import pytest
from portainer_api import Conflict, Container, NotFound, Unavailable
from portainer_driver_import import PortainerDriver, Target, agent_calls, deploying, driver
from saas_driver import DriverUnavailable

DEPLOYMENT = SimpleNamespace(
    target=Target(1, "saas-acme", 0, "op", "", {}), containers=("odoo", "db"), odoo="odoo"
)


class Host:
    """A Docker host with the containers of one stack; ``fate`` says what becomes of a start."""

    server = "http://portainer"

    def __init__(self, fate=lambda state: "running", **states):
        self.fate, self.restarts, self.health = fate, 0, ""
        self.rows = [
            Container(name, name, "image", state, state, "saas-acme", name)
            for name, state in {"odoo": "running", "db": "running", **states}.items()
        ]
        self.started = []

    def list_containers(self, _number, _project):
        return self.rows

    def container_action(self, _number, container, _action):
        self.started.append(container)
        self.rows = [
            replace(row, state=self.fate(row.state)) if row.id == container else row
            for row in self.rows
        ]

    def get_container(self, _number, container):
        (row,) = [row for row in self.rows if row.id == container]
        return SimpleNamespace(
            state=row.state,
            is_running=row.is_running,
            health=self.health,
            restart_count=self.restarts,
            exit_code=1,
        )

    def exec(self, *_arguments, **_options):
        self.restarts += 1
        raise Conflict(self.server, "run a command", "the container is restarting")


def run(host, **options):
    return deploying.run(host, DEPLOYMENT, "acme", sleep=lambda _seconds: None, **options)


def test_a_container_that_was_stopped_is_started():
    host = Host(db="exited")
    assert run(host).service == "odoo"
    assert host.started == ["db"]


@pytest.mark.parametrize("state", ["exited", "restarting", "dead"])
def test_a_container_that_ends_whenever_it_is_started_is_given_up(state):
    told = []
    with pytest.raises(DriverUnavailable, match=f"odoo is {state}"):
        run(Host(fate=lambda former: former, odoo=state), tell=told.append)
    assert f"odoo is {state}" in told[0], "people see what is waited for"


def agent_of(host, clock=lambda: 0, **options):
    return agent_calls.Agent(host, 1, "odoo", "acme", clock, lambda _seconds: None, **options)


def test_an_agent_whose_container_restarts_again_and_again_is_given_up():
    told = []
    with pytest.raises(DriverUnavailable, match="again and again, with status 1"):
        agent_of(host := Host(), tell=told.append).do("look")
    assert host.restarts == 5
    assert set(told) == {"its container to start"}


def test_an_agent_whose_container_ended_meanwhile_is_asked_again():
    answers = [(137, ""), (137, ""), (0, '{"state": "done", "result": 7}')]

    class Ending(Host):
        def exec(self, *_arguments, **_options):
            status, text = answers.pop(0)
            return SimpleNamespace(exit_code=status, stdout=text, stderr="")

    assert agent_of(Ending()).do("look") == 7
    answers = [(137, "")] * 100
    with pytest.raises(DriverUnavailable, match="the command was killed"):
        agent_of(Ending()).do("look")


def test_a_container_that_is_gone_is_no_client_that_is_gone(tmp_path):
    class Replaced(Host):
        runs = True

        def exec(self, _number, _container, command, **_options):
            if not self.runs:
                raise NotFound(self.server, "run a command", "No such container: odoo")
            found = {"sha256": "", "size": 0} if command[1] == "start" else "/folder"
            answer = json.dumps({"state": "done", "result": found})
            return SimpleNamespace(exit_code=0, stdout=answer, stderr="")

        def put_file(self, *_arguments):
            raise NotFound(self.server, "write a file", "No such container: odoo")

        def get_file(self, *_arguments, **_options):
            raise NotFound(self.server, "read a file", "No such container: odoo")

    host, file = Replaced(), tmp_path / "backup.zip"
    with pytest.raises(DriverUnavailable, match="No such container"):
        agent_of(host).work("restore", upload=file)
    with pytest.raises(DriverUnavailable, match="No such container"):
        agent_of(host).work("backup", download=file)
    host.runs = False
    with pytest.raises(DriverUnavailable, match="No such container"):
        agent_of(host).do("look")


def clock_of(step):
    times = iter(range(0, 10**6, step))
    return lambda: next(times)


@pytest.mark.parametrize(("state", "health"), [("exited", ""), ("running", "unhealthy")])
def test_nobody_waits_for_a_container_in_a_bad_state(tmp_path, monkeypatch, state, health):
    monkeypatch.setattr(driver, "_PAUSE", 0)
    host, asked = Host(odoo=state), []
    host.health = health

    def ask():
        asked.append(1)
        raise DriverUnavailable("Odoo does not answer.")

    agent = agent_of(host, clock_of(5))
    with pytest.raises(DriverUnavailable, match=f"it stays {health or state}"):
        PortainerDriver(None, tmp_path)._patiently(agent, "Odoo", ask)
    assert len(asked) == 4, "once is not always"


def test_a_container_that_gets_well_is_waited_for(tmp_path, monkeypatch):
    monkeypatch.setattr(driver, "_PAUSE", 0)
    host, told = Host(), []
    healths = iter(["unhealthy", "", "unhealthy", "starting", "unhealthy", "", "healthy"])

    def ask():
        host.health = next(healths)
        if host.health != "healthy":
            raise DriverUnavailable("Odoo does not answer.")
        return "ready"

    driving = PortainerDriver(None, tmp_path, tell=told.append)
    assert driving._patiently(agent_of(host, clock_of(9)), "Odoo to answer", ask) == "ready"
    assert told == ["Odoo to answer"] * 6 + [""]


def test_who_cannot_look_at_a_container_goes_on_waiting():
    host = Host()
    host.get_container = lambda *_arguments: (_ for _ in ()).throw(
        Unavailable("http://portainer", "read", "no answer")
    )
    assert agent_of(host).find_failure() == ""
