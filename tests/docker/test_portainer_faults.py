"""Every call of the client, with every fault at every request that it sends."""

import contextlib
import itertools
import time

import pytest
from portainer_api import (
    Conflict,
    PortainerClient,
    PortainerError,
    ServerFailed,
    TlsPolicy,
    Unavailable,
    UnknownOutcome,
    fetch_fingerprint,
    transport,
)
from portainer_api import containers as container_calls
from portainer_api import environments as environment_calls
from portainer_every_call import READS, WRITES, Place
from portainer_harness import ADMIN, PASSWORD, PLAIN, PROJECT, WEB, remove_project

from portainer_double.faults import KINDS

NUMBERS = itertools.count(1)
#: Seconds until a call is given up: little where nothing comes, more where work is done first.
PATIENCE = {"hang": 1, "hang_after": 2}
COMPOSE_PATIENCE = 6
#: What a read meets: the others differ only in what was done, and a read does nothing.
READ_KINDS = ("refuse", "hang", "slow", "status_before", "drop_before")
#: All reads wait for answers, and are asked again, in one way: with some of them it is tried out.
WAITING_KINDS = {"refuse", "hang"}
WAITING_READS = {"me", "list_stacks", "capacity", "logs", "get_file"}
#: What the reads that a write begins with meet.
BESIDE_KINDS = ("hang", "status_before")
STACK_CALLS = {"update_stack", "start_stack", "stop_stack", "delete_stack"}
#: Compose works a second and more for each of these: what is the same for every write is left out.
COMPOSE_CALLS = STACK_CALLS | {"create_stack", "ensure_stack"}
COMMON_KINDS = {"refuse", "slow", "slow_after"}
#: Once done, these are refused when they are asked for again, in words.
ONCE = {"init_admin", "create_environment", "create_stack"}


@pytest.fixture
def impatient(monkeypatch):
    """Makes a client give up as early as the kind of fault allows."""

    def impatient(portainer, token, kind):
        patience = PATIENCE.get(kind, 60)
        monkeypatch.setattr(container_calls, "ACTION_TIMEOUT", patience)
        monkeypatch.setattr(container_calls, "DISK_TIMEOUT", patience)
        monkeypatch.setattr(environment_calls, "SNAPSHOT_TIMEOUT", patience)
        monkeypatch.setattr(transport, "IDLE_TIMEOUT", patience)
        client = client_of(portainer, token, patience)
        if kind == "hang_after":
            client.deploy_timeout = COMPOSE_PATIENCE
        return client

    return impatient


def client_of(portainer, token="", patience=60):
    client = PortainerClient(
        portainer.url,
        token,
        tls=TlsPolicy.pinned(fetch_fingerprint(portainer.url)),
        timeout=patience,
        deploy_timeout=patience,
        # Pauses are for slower servers.
        sleep=lambda seconds: time.sleep(seconds / 10),
    )
    client.patience = patience
    return client


class World:
    """A double with what a call needs; ``prepare`` makes it anew for each try."""

    def __init__(self, portainer, engine, double_of):
        self.portainer, self.engine, self.double_of = portainer, engine, double_of
        self.client = client_of(portainer, portainer.key)
        self.stack = portainer.stack(f"faults-{next(NUMBERS)}", WEB)
        (box,) = portainer.containers(self.stack["Name"]).values()
        self.box = box["Id"]

    def close(self):
        remove_project(self.engine, self.stack["Name"])

    @contextlib.contextmanager
    def prepare(self, call):
        name = f"faults-{next(NUMBERS)}"
        place = Place(
            environment=self.portainer.endpoint,
            name=self.stack["Name"],
            stack=self.stack["Id"],
            container=self.box,
            username=ADMIN,
            password=PASSWORD,
            operation=name,
            new_environment=name,
        )
        portainer, client = self.portainer, self.client
        if call == "init_admin":
            portainer = self.double_of()
        elif call == "create_api_key":
            place.jwt = client.login(ADMIN, PASSWORD)
        elif call == "delete_api_key":
            jwt = client.login(ADMIN, PASSWORD)
            place.key = client.create_api_key(jwt, PASSWORD, name).id
        elif call == "delete_environment":
            place.environment = portainer.add_environment(name)
        elif call in ("create_stack", "ensure_stack"):
            place.name = name
        elif call in STACK_CALLS:
            stack = portainer.stack(name, PLAIN)
            place.name, place.stack = name, stack["Id"]
            if call == "start_stack":
                portainer.act(stack, "stop")
        elif call == "container_action":
            body = {"Image": "saas-test/web:1", "Labels": {PROJECT: name}}
            place.removed = self.engine.request("POST", "/containers/create", body)[1]["Id"]
        elif call == "delete_volume":
            body = {"Name": name, "Labels": {PROJECT: name}}
            place.volume = self.engine.request("POST", "/volumes/create", body)[1]["Name"]
        try:
            yield portainer, place
        finally:
            portainer.faults.clear()
            if call in WRITES:
                self.forget(portainer, call, name)

    def forget(self, portainer, call, name):
        if call == "init_admin":
            portainer.stop()
            return
        for row in portainer.api.get("/stacks").json():
            if row["Name"] == name:
                portainer.settled(row["Id"])
                portainer.delete(row)
        for row in portainer.api.get("/endpoints").json():
            if row["Name"] == name:
                portainer.api.delete(f"/endpoints/{row['Id']}")
        remove_project(self.engine, name)


@pytest.fixture(scope="module")
def world(session_portainer, engine, double_of):
    session_portainer.faults.clear()
    world = World(session_portainer, engine, double_of)
    yield world
    world.close()


@pytest.fixture(scope="module")
def requests_of(world):
    """The requests that a call sends when nothing goes wrong."""
    known = {}

    def requests_of(name, call):
        if name not in known:
            with world.prepare(name) as (portainer, place):
                client = client_of(portainer, world.portainer.key)
                before = len(portainer.faults.seen)
                call(client, place)
                known[name] = portainer.faults.seen[before:]
        return known[name]

    return requests_of


def lay(portainer, kind, number):
    """The fault at one of the requests to come."""
    options = {"slow": {"seconds": 0.3}, "slow_after": {"seconds": 0.3}, "refuse": {"seconds": 60}}
    portainer.faults.add(kind, skip=number, status=500, **options.get(kind, {}))


def mend(portainer):
    portainer.faults.clear()
    server = portainer.server
    if not server.listener:
        server.timer.cancel()
        server.start()


def told(portainer, error):
    """The complaint names server, action and next step."""
    assert str(error).startswith(f"{portainer.url} could not "), error
    assert error.reason
    assert error.hint
    return error


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        (name, kind)
        for name, kind in itertools.product(READS, READ_KINDS)
        if kind not in WAITING_KINDS or name in WAITING_READS
    ],
)
def test_a_read_with_a_fault(world, requests_of, impatient, name, kind):
    call = READS[name]
    for number in range(len(requests_of(name, call)) if kind != "refuse" else 1):
        with world.prepare(name) as (portainer, place):
            client = impatient(portainer, world.portainer.key, kind)
            lay(portainer, kind, number)
            try:
                call(client, place)
                assert kind in ("slow", "drop_before"), "what is transient is tried again"
            except (Unavailable, ServerFailed) as error:
                told(portainer, error)
                assert isinstance(error, ServerFailed) == (kind == "status_before")
            mend(portainer)
            call(world.client, place)


def done(portainer, name, place):
    """How often the work of a write was done: never, once, or more often."""
    if name == "init_admin":
        return len(portainer.double.store.all("users"))
    if name in ("create_stack", "ensure_stack"):
        return portainer.names().count(place.name)
    if name == "create_environment":
        names = [row["Name"] for row in portainer.api.get("/endpoints").json()]
        return names.count(place.new_environment)
    return None


def gone(world, portainer, name, place):
    """Whether what a call removes is not there any more; None for a call that removes nothing."""
    if name == "delete_stack":
        return place.name not in portainer.names() and not portainer.containers(place.name)
    if name == "delete_environment":
        return portainer.api.get(f"/endpoints/{place.environment}").status_code == 404
    if name == "container_action":
        return world.engine.request("GET", f"/containers/{place.removed}/json")[0] == 404
    if name == "delete_volume":
        return world.engine.request("GET", f"/volumes/{place.volume}")[0] == 404
    if name == "delete_api_key":
        return place.key not in [row.id for row in world.client.list_api_keys(1)]
    return None


def running(portainer, place):
    row = portainer.api.get(f"/stacks/{place.stack}").json()
    return row["Status"], len(portainer.containers(place.name))


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        (name, kind)
        for name, kind in itertools.product(WRITES, KINDS)
        if not (name in COMPOSE_CALLS and kind in COMMON_KINDS)
    ],
)
def test_a_write_with_a_fault(world, requests_of, impatient, name, kind):
    call = WRITES[name]
    for number, line in enumerate(requests_of(name, call)):
        beside = line.startswith("GET ")
        if (beside and kind not in BESIDE_KINDS) or (kind == "refuse" and number):
            continue
        with world.prepare(name) as (portainer, place):
            client = impatient(portainer, world.portainer.key, kind)
            lay(portainer, kind, number)
            succeeded = check_first_try(portainer, client, place, call, kind, beside)
            mend(portainer)
            client = client_of(portainer, world.portainer.key)
            check_second_try(portainer, client, place, name, call, succeeded)
            assert done(portainer, name, place) in (1, None), "once, not twice"
            assert gone(world, portainer, name, place) in (True, None)
            if name in ("update_stack", "start_stack", "stop_stack"):
                wanted = (2, 0) if name == "stop_stack" else (1, 1)
                assert running(portainer, place) == wanted


def check_first_try(portainer, client, place, call, kind, beside):
    """Whether the call succeeded in spite of the fault, else it complained as it should."""
    try:
        call(client, place)
    except PortainerError as error:
        told(portainer, error)
        if kind == "refuse":
            assert isinstance(error, Unavailable)
        elif kind.startswith(("hang", "drop")) and not beside:
            assert isinstance(error, UnknownOutcome)
        else:
            assert isinstance(error, ServerFailed | UnknownOutcome | Unavailable)
        return False
    return True


def check_second_try(portainer, client, place, name, call, succeeded):
    try:
        call(client, place)
    except Conflict as error:
        # What was done the first time is there: only the creation that adopts may be repeated.
        told(portainer, error)
        assert name in ONCE
    else:
        assert not (succeeded and name in ONCE)
