"""Checklist lines 56 to 64: Docker through Portainer."""

import contextlib
import http.client
import os
import socket
import ssl
import time

import docker
import pytest
from docker.constants import DEFAULT_DOCKER_API_VERSION
from portainer_harness import WEB

PROXIED = f"proxied-{os.getpid()}"


@pytest.fixture(scope="module")
def running(session_portainer, engine):
    """(portainer, its stack, its container): every test leaves it running."""
    stack = session_portainer.stack(PROXIED, WEB)
    yield session_portainer, stack, session_portainer.containers(PROXIED)["web"]["Id"]
    session_portainer.delete(stack)
    engine.request("DELETE", f"/volumes/{PROXIED}_data?force=1")


def frames(raw):
    """{1: what was said, 2: what was complained}"""
    found, position = {1: b"", 2: b""}, 0
    while position < len(raw):
        size = int.from_bytes(raw[position + 4 : position + 8], "big")
        found[raw[position]] += raw[position + 8 : position + 8 + size]
        position += 8 + size
    return found


def test_line_56_a_stack_owns_its_containers(running):
    """56: the label of the project, and the stack's access control in lists and inspections."""
    portainer, stack, container = running
    listed = portainer.containers(PROXIED)["web"]
    inspected = portainer.docker("GET", f"/containers/{container}/json").json()
    assert inspected["Config"]["Labels"]["com.docker.compose.project"] == PROXIED
    for item in (listed, inspected):
        control = item["Portainer"]["ResourceControl"]
        assert control["ResourceId"] == f"{portainer.endpoint}_{PROXIED}"
        assert control["Id"] == stack["ResourceControl"]["Id"]
    volume = portainer.docker("GET", f"/volumes/{PROXIED}_data").json()
    assert volume["ResourceID"].startswith(f"{PROXIED}_data_")


def test_line_57_creations_answer_200(running, name):
    """57: 200 and not 201, with a private access control."""
    portainer = running[0]
    labels = {"com.docker.compose.project": name}
    for kind, body in {
        "containers": {"Image": "saas-test/web:1", "Labels": labels},
        "networks": {"Name": name, "Labels": labels},
        "volumes": {"Name": name, "Labels": labels},
    }.items():
        answer = portainer.docker("POST", f"/{kind}/create", json=body)
        assert answer.status_code == 200, kind
        control = answer.json()["Portainer"]["ResourceControl"]
        assert control["UserAccesses"] == [{"UserId": 1, "AccessLevel": 1}]


def test_line_58_dockers_own_errors_pass(running):
    """58: 404 with `message` alone."""
    answer = running[0].docker("GET", "/containers/nothing/json")
    assert answer.status_code == 404
    assert list(answer.json()) == ["message"]


def test_line_59_a_start_of_what_runs_is_304(running):
    """59: without a body."""
    portainer, _stack, container = running
    answer = portainer.docker("POST", f"/containers/{container}/start")
    assert (answer.status_code, answer.content) == (304, b"")


def test_actions_are_204(running):
    """Section 5 of the contract: pause and its like are untouched."""
    portainer, _stack, container = running
    for verb in ("pause", "unpause", "restart?t=1"):
        answer = portainer.docker("POST", f"/containers/{container}/{verb}")
        assert (answer.status_code, answer.content) == (204, b"")


def test_line_60_a_version_in_the_path_changes_nothing(running):
    """60."""
    portainer, _stack, container = running
    ids = [
        [item["Id"] for item in portainer.docker("GET", f"{prefix}/containers/json").json()]
        for prefix in ("/v1.41", "")
    ]
    assert container in ids[0]
    assert ids[0] == ids[1]


def execute(portainer, container, *command):
    body = {"AttachStdout": True, "AttachStderr": True, "Tty": False, "Cmd": list(command)}
    answer = portainer.docker("POST", f"/containers/{container}/exec", json=body)
    assert answer.status_code == 201
    return answer.json()["Id"]


def test_line_61_exec_without_upgrade(running):
    """61: 200 with framed bytes, then the exit code."""
    portainer, _stack, container = running
    made = execute(portainer, container, "sh", "-c", "echo out; echo err >&2; exit 3")
    body = {"Detach": False, "Tty": False}
    answer = portainer.docker("POST", f"/exec/{made}/start", json=body)
    assert answer.status_code == 200
    assert frames(answer.content) == {1: b"out\n", 2: b"err\n"}
    state = portainer.docker("GET", f"/exec/{made}/json").json()
    assert (state["Running"], state["ExitCode"]) == (False, 3)


def test_line_62_exec_with_upgrade_is_silent(running, wait_for):
    """62: 101 and nothing after it, although the command runs."""
    portainer, _stack, container = running
    made = execute(portainer, container, "echo", "unheard")
    context = ssl._create_unverified_context()
    plain = socket.create_connection(("127.0.0.1", portainer.server.port))
    with context.wrap_socket(plain) as connection:
        body = b'{"Detach": false, "Tty": false}'
        connection.sendall(
            f"POST /api/endpoints/{portainer.endpoint}/docker/exec/{made}/start HTTP/1.1\r\n"
            f"Host: x\r\nX-API-Key: {portainer.key}\r\nContent-Type: application/json\r\n"
            f"Connection: Upgrade\r\nUpgrade: tcp\r\nContent-Length: {len(body)}\r\n\r\n".encode()
            + body
        )
        head = connection.recv(4096)
        assert head.startswith(b"HTTP/1.1 101 ")
        assert head.endswith(b"\r\n\r\n")
        connection.settimeout(1)
        with pytest.raises(TimeoutError):
            connection.recv(4096)
    wait_for(
        lambda: not portainer.docker("GET", f"/exec/{made}/json").json()["Running"], 10, "the end"
    )


def test_line_63_stats_are_one_object(running):
    """63: `stream=false`."""
    portainer, _stack, container = running
    stats = portainer.docker("GET", f"/containers/{container}/stats?stream=false").json()
    assert stats["memory_stats"]["usage"] > 0
    assert stats["cpu_stats"]["cpu_usage"]["total_usage"] > 0


def test_line_64_unreachable_environments(portainer, weak_link, agent):
    """64: behind a socket 500 as JSON, behind an agent 502 without a body."""
    url = agent.url.replace("https", "tcp")
    flags = dict.fromkeys(("TLS", "TLSSkipVerify", "TLSSkipClientVerify"), "true")
    behind_agent = portainer.add_environment("broken-agent", url, 2, **flags)
    assert portainer.docker("GET", "/info", behind_agent).status_code == 200
    agent.stop()
    weak_link.cut()
    answer = portainer.docker("GET", "/info", weak_link.endpoint)
    assert answer.status_code == 500
    assert answer.json()["message"] == "Unable to proxy the request via the Docker socket"
    answer = portainer.docker("GET", "/info", behind_agent)
    assert (answer.status_code, answer.content) == (502, b"")
    assert portainer.docker("GET", "/info", 99).status_code == 404
    portainer.api.delete(f"/endpoints/{behind_agent}")


def test_stacks_behind_an_agent(portainer, agent, name):
    """Section 3.2 of the contract: compose goes through the agent too."""
    url = agent.url.replace("https", "tcp")
    flags = dict.fromkeys(("TLS", "TLSSkipVerify", "TLSSkipClientVerify"), "true")
    endpoint = portainer.add_environment("agent-stacks", url, 2, **flags)
    stack = portainer.stack(name, endpoint=endpoint)
    assert set(portainer.containers(name, endpoint)) == {"web"}
    assert portainer.delete(stack).status_code == 204
    portainer.api.delete(f"/endpoints/{endpoint}")


def test_logs_are_framed_and_followed_in_lumps(running):
    """Section 5 of the contract: a socket's stream is not flushed; little comes only at the end."""
    portainer, _stack, container = running
    path = f"/containers/{container}/logs?stdout=1&stderr=1&tail=1"
    assert frames(portainer.docker("GET", path).content)[1] == b"web 1 serves\n"
    start = time.monotonic()
    with pytest.raises(Exception, match="timed out"):
        portainer.docker("GET", f"{path}&follow=1", timeout=1)
    assert time.monotonic() - start < 10


def test_docker_py_works_with_a_path(running):
    """Section 5.2 of the contract: version first, then the header, and no Upgrade."""
    portainer, _stack, container = running
    version = portainer.docker("GET", "/version").json()["ApiVersion"]
    newest = docker.utils.version_gte(DEFAULT_DOCKER_API_VERSION, version)
    version = version if newest else DEFAULT_DOCKER_API_VERSION
    base = f"{portainer.url}/api/endpoints/{portainer.endpoint}/docker"
    with pytest.raises(docker.errors.DockerException):
        docker.APIClient(base_url=base, version="auto", timeout=5)
    with contextlib.closing(docker.APIClient(base_url=base, version=version)) as client:
        client.headers["X-API-Key"] = portainer.key
        client.verify = client.trust_env = False
        assert container in [item["Id"] for item in client.containers()]
        assert client.logs(container, tail=1) == b"web 1 serves\n"
        with pytest.raises(docker.errors.NotFound):
            client.inspect_container("nothing")
        archive, stat = client.get_archive(container, "/www/index.html")
        assert stat["size"] == len("version 1\n") and b"".join(archive)


def test_head_and_plain_http(double_of, engine):
    """Section 1.1 of the contract: port 9000 is plain HTTP."""
    portainer = double_of(tls=False).bootstrap()
    assert portainer.url.startswith("http:")
    answer = portainer.docker("HEAD", "/_ping")
    assert (answer.status_code, answer.content) == (200, b"")
    connection = http.client.HTTPConnection("127.0.0.1", portainer.server.port, timeout=5)
    with contextlib.closing(connection):
        connection.request("GET", "/api/status")
        assert connection.getresponse().status == 200
