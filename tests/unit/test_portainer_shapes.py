"""Whatever a server answers, the client understands it or complains in its own words."""

import pytest
from portainer_api import (
    Capacity,
    Conflict,
    Container,
    ContainerStats,
    Environment,
    EnvironmentType,
    PortainerClient,
    PortainerError,
    ServerFailed,
    Stack,
    StackStatus,
    StackType,
    StillDeploying,
    Unavailable,
    UnknownOutcome,
)
from portainer_every_call import PLAIN, READS, SWARM, WRITES, Place, public_calls
from portainer_stub import Clock, Reply, Stub, answer, refusal

ROW = {"Id": 3, "Name": "web", "EndpointId": 1, "Type": 2, "Status": 1, "Env": None}
EVERY_CALL = {**READS, **WRITES, **SWARM}
ODD = {
    "nothing": b"",
    "null": b"null",
    "a list": b"[]",
    "a list of nulls": b"[null]",
    "a list of numbers": b"[1]",
    "a mapping": b"{}",
    "nulls": b'{"Id": null, "Name": null, "Env": null, "Volumes": [null], "Status": null}',
    "other kinds": b'{"Id": [], "Name": 5, "Env": {"a": 1}, "Volumes": 7, "Status": "up"}',
    "a text": b'"ok"',
    "a number": b"5",
    "HTML": b"<!doctype html><title>Welcome</title>",
    "no text": b"\x00\xff\xfe\x01",
    "half an answer": b'{"Id": 1, "Na',
    "a well": b"[" * 100_000,
}


class OneAnswer(Stub):
    """Gives every request the same answer."""

    always = Reply()

    def reply_to(self, request):
        super().reply_to(request)
        return self.always


@pytest.fixture(scope="module")
def monotone():
    with OneAnswer() as stub:
        yield stub


@pytest.fixture
def stub():
    with Stub() as stub:
        yield stub


@pytest.fixture
def client(stub):
    return client_of(stub)


def client_of(stub, **options):
    clock = Clock()
    options = {"clock": clock, "sleep": clock.sleep, "deploy_timeout": 20, **options}
    client = PortainerClient(stub.url, "ptr_x", **options)
    client.patience = 5
    return client


def test_the_list_of_calls_is_complete():
    assert set(EVERY_CALL) == public_calls()


@pytest.mark.parametrize("body", ODD.values(), ids=ODD)
@pytest.mark.parametrize("status", [200, 204, 400, 404, 500])
def test_no_answer_is_a_surprise(monotone, status, body):
    """Where the answer happens to be possible there is no complaint."""
    content = b"" if status == 204 else body
    monotone.always = Reply(status, content, (("Content-Type", "application/json"),))
    for name, call in EVERY_CALL.items():
        try:
            call(client_of(monotone), Place())
        except PortainerError as error:
            assert str(error).startswith(f"{monotone.url} could not "), name
            assert error.hint, name
            assert "\0" not in str(error), name


@pytest.mark.parametrize("key", ["message", "err", "error"])
def test_an_error_is_read_under_each_of_its_names(stub, client, key):
    stub.on("GET", "/users/me", answer({key: "no space left on device"}, 500))
    with pytest.raises(ServerFailed, match="no space left"):
        client.me()


def test_an_answer_without_end_is_left(monotone):
    monotone.always = Reply(200, b'"' + b"x" * (33 * 2**20))
    with pytest.raises(ServerFailed, match=r"too long\. Ask for less"):
        client_of(monotone).me()
    with pytest.raises(UnknownOutcome, match="too long"):
        client_of(monotone).login("admin", "a-long-password")


def test_a_server_that_gives_its_answer_by_the_letter_is_left_in_time(stub, client):
    """Each letter comes in time, all of them never would."""
    clock = iter(range(10_000))
    stub.on("GET", "/users/me", Reply(200, b" " * 500, letters=0.01))
    slow = client_of(stub, timeout=20, clock=lambda: next(clock))
    with pytest.raises(Unavailable, match="took too long"):
        slow.me()
    assert len(stub.requests) == 1


def test_repeats_of_a_read_end_with_its_time(stub):
    stub.on("GET", "/users/me", Reply(502))
    with pytest.raises(Unavailable):
        client_of(stub, timeout=1).me()
    assert len(stub.requests) == 2


@pytest.mark.parametrize("status", [502, 503, 504, 524])
def test_a_proxy_that_gives_up_leaves_the_outcome_open(stub, client, status):
    stub.on("POST", "/stacks/create/standalone/string", Reply(status, b"<html>"))
    with pytest.raises(UnknownOutcome):
        client.create_stack(1, "web", PLAIN)


# -- what was done before a look at it failed ------------------------------------------------------


@pytest.mark.parametrize("bad", [Reply(502), Reply(drop=True), Reply(200, b"<html>")])
def test_a_deployment_that_cannot_be_watched_has_an_unknown_outcome(stub, client, bad):
    stub.on("POST", "/stacks/create/standalone/string", answer({**ROW, "Status": 3}))
    stub.on("GET", "/stacks/3", bad)
    with pytest.raises(UnknownOutcome):
        client.create_stack(1, "web", PLAIN)


def test_a_deployment_is_not_waited_for_twice(stub):
    clock = Clock()
    client = client_of(stub, clock=clock, sleep=clock.sleep)
    stub.on("GET", "/endpoints", answer([{"Id": 1, "Name": "local", "Type": 1, "Status": 1}]))
    stub.on("GET", "/stacks", answer([]))
    stub.on("POST", "/stacks/create/standalone/string", answer({**ROW, "Status": 3}))
    stub.on("GET", "/stacks/3", answer({**ROW, "Status": 3}))
    with pytest.raises(StillDeploying, match="look again"):
        client.ensure_stack(1, "web", PLAIN, operation="op-1")
    assert clock.now < 2 * client.deploy_timeout


@pytest.mark.parametrize("bad", [Reply(502), refusal(500, "no"), refusal(404, "no such exec")])
def test_a_command_whose_end_cannot_be_seen_may_have_run(stub, client, bad):
    stub.on("POST", "/endpoints/1/docker/containers/web/exec", answer({"Id": "ab"}, 201))
    stub.on("POST", "/endpoints/1/docker/exec/ab/start", Reply(200))
    stub.on("GET", "/endpoints/1/docker/exec/ab/json", bad)
    with pytest.raises(UnknownOutcome, match="may have worked"):
        client.exec(1, "web", ["true"])


@pytest.mark.parametrize(
    ("action", "words"),
    [("pause", "Container ab is already paused"), ("unpause", "Container ab is not paused")],
)
@pytest.mark.parametrize("status", [409, 500])
def test_what_is_paused_or_not_already_succeeds(stub, client, action, words, status):
    path = f"/endpoints/1/docker/containers/ab/{action}"
    stub.on("POST", path, answer({"message": words}, status))
    client.container_action(1, "ab", action)
    stub.on("POST", path, answer({"message": "Container ab is not running"}, 409))
    with pytest.raises(Conflict):
        client.container_action(1, "ab", action)


def test_an_access_token_that_is_gone_needs_no_delete(stub, client):
    path = "/users/1/tokens/7"
    stub.on("DELETE", path, refusal(500, "API Key not found", "Object not found"))
    client.delete_api_key(1, 7)
    stub.on("DELETE", path, refusal(500, "Unable to delete"))
    with pytest.raises(ServerFailed):
        client.delete_api_key(1, 7)


# -- what may be missing ---------------------------------------------------------------------------


def test_an_environment_may_lack_all_but_its_number():
    found = Environment.from_json({"Id": 1, "Snapshots": [None], "Type": 99, "Later": {}})
    assert (found.name, found.type, found.is_up) == ("", EnvironmentType.UNKNOWN, False)
    found = Environment.from_json({"Id": 1, "Snapshots": [{"TotalCPU": None}], "URL": None})
    assert found.snapshot.cores == 0


def test_a_stack_may_lack_all_but_number_and_name():
    found = Stack.from_json({"Id": 3, "Name": "web", "Status": 9, "DeploymentStatus": None})
    assert (found.status, found.type) == (StackStatus.UNKNOWN, StackType.UNKNOWN)
    assert (found.env, found.error) == ({}, "")
    found = Stack.from_json({**ROW, "Env": [{"name": "A", "value": None}], "Status": 4})
    assert (found.env, found.status) == ({"A": ""}, StackStatus.ERROR)


def test_a_container_may_lack_all_but_its_id():
    found = Container.from_json(
        {"Id": "ab", "Names": None, "Labels": None, "Ports": [{"PublicPort": 80, "IP": None}]}
    )
    assert (found.name, found.project, found.ports[0].host_ip) == ("", "", "")


def test_a_host_may_tell_nothing_of_itself():
    assert Capacity.from_json({"DriverStatus": None}).disk_total_bytes is None
    assert Capacity.from_json({"DriverStatus": [["a"], ["x", "y"]], "NCPU": None}).cores == 0


CPU = {"cpu_usage": {"total_usage": 300}, "system_cpu_usage": 2000, "online_cpus": 2}


@pytest.mark.parametrize("before", [None, {}, {"cpu_usage": {"total_usage": 0}}])
def test_a_first_sample_shows_no_load(before):
    """All that the container ever used is not what it uses now."""
    assert ContainerStats.from_json({"cpu_stats": CPU, "precpu_stats": before}).cpu_percent == 0


def test_figures_of_windows_and_of_cgroup_2_without_cache():
    windows = {
        "cpu_stats": {"cpu_usage": {"total_usage": 300}, "throttling_data": {}},
        "precpu_stats": {"cpu_usage": {"total_usage": 100}},
        "memory_stats": {"commitbytes": 9, "privateworkingset": 7},
        "blkio_stats": {"io_service_bytes_recursive": None},
        "networks": None,
        "pids_stats": {},
        "num_procs": 4,
    }
    found = ContainerStats.from_json(windows)
    assert (found.cpu_percent, found.memory_bytes, found.memory_percent) == (0, 7, 0)
    found = ContainerStats.from_json({"memory_stats": {"usage": 9, "stats": {}}})
    assert found.memory_bytes == 9


def test_figures_that_are_null():
    found = ContainerStats.from_json(
        {
            "cpu_stats": None,
            "memory_stats": {"usage": 9, "stats": {"inactive_file": None}},
            "networks": {"eth0": {"rx_bytes": None}},
            "blkio_stats": {"io_service_bytes_recursive": [{"op": None, "value": None}]},
        }
    )
    assert (found.cpu_percent, found.memory_bytes, found.disk_read_bytes) == (0, 9, 0)
