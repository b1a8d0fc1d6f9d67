"""What the client asks of Docker through Portainer, and what it makes of the answers."""

import json

import pytest
from portainer_api import (
    Conflict,
    InvalidRequest,
    NotFound,
    PortainerClient,
    PortainerError,
    ServerFailed,
    UnknownOutcome,
)
from portainer_stub import Clock, Reply, Stub, answer, refusal


@pytest.fixture
def stub():
    with Stub() as stub:
        yield stub


@pytest.fixture
def client(stub):
    clock = Clock()
    with PortainerClient(stub.url, "ptr_x", timeout=5, clock=clock, sleep=clock.sleep) as client:
        yield client


def docker(path):
    return f"/endpoints/1/docker{path}"


def frame(stream, content):
    return bytes([stream, 0, 0, 0]) + len(content).to_bytes(4, "big") + content


def test_containers_of_a_stack_are_listed_by_its_label(stub, client):
    data = {
        "Id": "ab" * 32,
        "Names": ["/other/link", "/web-web-1"],
        "Image": "nginx",
        "State": "running",
        "Status": "Up 2 minutes (healthy)",
        "Labels": {"com.docker.compose.project": "web", "com.docker.compose.service": "web"},
        "Ports": [
            {"IP": "0.0.0.0", "PrivatePort": 80, "PublicPort": 8080, "Type": "tcp"},
            {"PrivatePort": 443, "Type": "tcp"},
        ],
    }
    stub.on("GET", docker("/containers/json"), answer([data]))
    (container,) = client.list_containers(1, "web")
    assert stub.requests[0].query["all"] == "1"
    assert json.loads(stub.requests[0].query["filters"]) == {
        "label": ["com.docker.compose.project=web"]
    }
    assert (container.name, container.service, container.is_running) == ("web-web-1", "web", True)
    assert container.health == "healthy"
    assert [(port.host_port, port.container_port) for port in container.ports] == [(8080, 80)]


@pytest.mark.parametrize("action", ["restart", "start", "stop", "pause", "unpause"])
@pytest.mark.parametrize("status", [204, 304])
def test_an_action_that_changes_nothing_succeeds_too(stub, client, action, status):
    stub.on("POST", docker(f"/containers/web-1/{action}"), Reply(status))
    client.container_action(1, "web-1", action)
    assert len(stub.requests) == 1


def test_a_container_is_removed_with_its_anonymous_volumes(stub, client):
    stub.on("DELETE", docker("/containers/web-1"), Reply(204), refusal(404, "No such container: x"))
    client.container_action(1, "web-1", "remove", force=True)
    client.container_action(1, "web-1", "remove")
    assert stub.requests[0].query == {"v": "true", "force": "true"}


def test_an_environment_that_is_gone_is_not_taken_for_a_removed_container(stub, client):
    stub.on("DELETE", docker("/containers/x"), refusal(404, "Unable to find an environment"))
    with pytest.raises(NotFound):
        client.container_action(1, "x", "remove")


@pytest.mark.parametrize("name", ["../x", "a/b", "a b", "", "x?y", "é"])
def test_what_is_no_container_name_never_reaches_the_address(stub, client, name):
    with pytest.raises(InvalidRequest, match="no name"):
        client.container_action(1, name, "stop")
    with pytest.raises(InvalidRequest):
        client.container_action(1, "web", "exec")
    assert stub.requests == []


def test_a_container_named_edge_is_addressed_by_its_id(stub, client):
    data = {"Id": "ab" * 32, "Names": ["/edge"]}
    stub.on("GET", docker("/containers/json"), answer([data]))
    stub.on("POST", docker(f"/containers/{'ab' * 32}/stop"), Reply(204))
    client.container_action(1, "edge", "stop")


def test_the_log_is_read_in_the_order_it_was_written(stub, client):
    raw = frame(1, b"one\n") + frame(2, "zw\u00f6lf\n".encode()) + frame(1, b"three\n")
    stub.on("GET", docker("/containers/web-1/logs"), Reply(200, raw), Reply(200, b"of a tty\r\n"))
    assert client.logs(1, "web-1", tail=3) == "one\nzwölf\nthree\n"
    assert stub.requests[0].query["tail"] == "3"
    assert client.logs(1, "web-1", tail=10**9) == "of a tty\r\n"
    assert stub.requests[1].query["tail"] == "10000"


def lay_exec(stub, output, code=0, running=0):
    stub.on("POST", docker("/containers/web-1/exec"), answer({"Id": "e1"}, 201))
    stub.on("POST", docker("/exec/e1/start"), output)
    states = [answer({"Running": True, "ExitCode": None})] * running
    stub.on("GET", docker("/exec/e1/json"), *states, answer({"Running": False, "ExitCode": code}))


def test_a_command_is_run_without_upgrading_the_connection(stub, client):
    lay_exec(stub, Reply(200, frame(1, b"out") + frame(2, b"err")), code=3, running=2)
    result = client.exec(1, "web-1", ["sh", "-c", "x"], user="odoo", env={"A": "1"})
    assert (result.exit_code, result.stdout, result.stderr) == (3, "out", "err")
    created, started = (request for request in stub.requests if request.method == "POST")
    assert created.json["Cmd"] == ["sh", "-c", "x"]
    assert (created.json["User"], created.json["Env"]) == ("odoo", ["A=1"])
    assert "Upgrade" not in started.headers
    assert started.headers["Connection"].lower() != "upgrade"


def test_endless_output_is_cut_off(stub, client):
    lay_exec(stub, Reply(200, frame(1, b"x" * 300_000)))
    result = client.exec(1, "web-1", ["yes"], max_bytes=1000)
    assert (result.truncated, result.exit_code, result.stdout) == (True, None, "x" * 992)


def test_a_command_that_takes_too_long_has_an_unknown_outcome(stub, client):
    lay_exec(stub, Reply(200, b"", delay=1))
    with pytest.raises(UnknownOutcome, match="run a command in web-1"):
        client.exec(1, "web-1", ["sleep", "9"], timeout=0.2)


def test_a_command_line_in_one_text_is_refused(client):
    with pytest.raises(TypeError):
        client.exec(1, "web-1", "rm -rf /")


def test_capacity_is_what_the_engine_says_now(stub, client):
    info = {
        "ContainersRunning": 3,
        "ContainersStopped": 2,
        "ContainersPaused": 1,
        "Containers": 6,
        "NCPU": 4,
        "MemTotal": 8 * 1024**3,
        "ServerVersion": "20.10.24",
        "DriverStatus": [["Data Space Total", "107.4GB"], ["Backing Filesystem", "extfs"]],
    }
    stub.on("GET", docker("/info"), answer(info))
    usage = {
        "LayersSize": 100,
        "Containers": [{"SizeRw": 10}, {}],
        "Volumes": [{"UsageData": {"Size": -1}}, {"UsageData": {"Size": 5}}],
        "BuildCache": None,
    }
    stub.on("GET", docker("/system/df"), answer(usage))
    capacity = client.capacity(1, disk=True)
    assert (capacity.running, capacity.stopped, capacity.paused, capacity.total) == (3, 2, 1, 6)
    assert (capacity.cores, capacity.ram_bytes) == (4, 8 * 1024**3)
    assert (capacity.disk_used_bytes, capacity.disk_total_bytes) == (115, 107_400_000_000)
    assert client.capacity(1).disk_used_bytes is None
    assert capacity.disk_free_bytes is None


def test_volumes_outlive_stacks_and_are_deleted_by_name(stub, client):
    labels = {"com.docker.compose.project": "web"}
    data = {"Volumes": [{"Name": "web_data", "Driver": "local", "Labels": labels}]}
    stub.on("GET", docker("/volumes"), answer(data), answer({"Volumes": None}))
    assert [(volume.name, volume.project) for volume in client.list_volumes(1, "web")] == [
        ("web_data", "web")
    ]
    assert client.list_volumes(1) == []
    gone = answer({"message": "get web_data: no such volume"}, 404)
    stub.on("DELETE", docker("/volumes/web_data"), Reply(204), gone)
    client.delete_volume(1, "web_data")
    client.delete_volume(1, "web_data")
    stub.on("DELETE", docker("/volumes/used"), answer({"message": "volume is in use"}, 409))
    with pytest.raises(Conflict, match="in use"):
        client.delete_volume(1, "used")


def test_dockers_own_errors_come_through(stub, client):
    stub.on("POST", docker("/containers/x/start"), answer({"message": "port is taken"}, 500))
    with pytest.raises(ServerFailed, match="start the container x: port is taken"):
        client.container_action(1, "x", "start")


def test_every_complaint_is_one_of_ours(stub, client):
    for call in (client.list_stacks, client.me, lambda: client.stats(1, "x")):
        stub.on("GET", "/endpoints", Reply(599, b"\0"))
        with pytest.raises(PortainerError):
            call()
