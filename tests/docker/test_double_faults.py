"""The faults that the double can be asked for, and the command that starts it."""

import json
import os
import socket
import subprocess
import sys
import threading
import time

import pytest
import requests
from portainer_harness import PLAIN, Api
from requests.exceptions import ConnectionError as Refused
from requests.exceptions import ReadTimeout

from devkit.paths import ROOT
from devkit.ports import free_port
from portainer_double.faults import KINDS

TAGS = "^(GET|POST) /api/tags"


@pytest.fixture
def tags(portainer):
    """The names of the tags; every test begins and ends with none."""

    def names():
        portainer.faults.clear()
        return [tag["Name"] for tag in portainer.api.get("/tags").json()]

    yield names
    portainer.faults.clear()
    for tag in portainer.api.get("/tags").json():
        portainer.api.delete(f"/tags/{tag['ID']}")


def add(portainer, kind, match=TAGS, **options):
    answer = portainer.anonymous.post("/_double/faults", {"kind": kind, "match": match, **options})
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize("kind", ["status_before", "status_after"])
def test_an_error_before_or_after_the_work(portainer, tags, kind):
    add(portainer, kind, status=503)
    assert portainer.api.post("/tags", {"Name": "a"}).status_code == 503
    assert portainer.api.get("/tags").status_code == 200
    assert tags() == (["a"] if kind == "status_after" else [])


@pytest.mark.parametrize("kind", ["drop_before", "drop_after"])
def test_a_connection_that_ends_before_or_after_the_work(portainer, tags, kind):
    add(portainer, kind)
    with pytest.raises(Refused):
        portainer.api.post("/tags", {"Name": "a"})
    assert tags() == (["a"] if kind == "drop_after" else [])


@pytest.mark.parametrize("kind", ["hang", "hang_after"])
def test_an_answer_that_never_comes(portainer, tags, kind):
    add(portainer, kind)
    with pytest.raises(ReadTimeout):
        portainer.api.post("/tags", {"Name": "a"}, timeout=2)
    assert tags() == (["a"] if kind == "hang_after" else [])


@pytest.mark.parametrize("kind", ["slow", "slow_after"])
def test_an_answer_that_takes_its_time(portainer, tags, kind):
    add(portainer, kind, seconds=0.7)
    start = time.monotonic()
    assert portainer.api.post("/tags", {"Name": "a"}).status_code == 200
    assert time.monotonic() - start >= 0.7
    assert tags() == ["a"]


def test_nobody_listens_for_a_while(portainer, wait_for):
    add(portainer, "refuse", seconds=2)
    with pytest.raises(Refused, match="refused"):
        portainer.api.get("/tags", timeout=5)

    def answers():
        try:
            return portainer.api.get("/tags").status_code == 200
        except Refused:
            return False

    wait_for(answers, 10, "the server's return")


def test_faults_are_counted_matched_and_forgotten(portainer, tags):
    add(portainer, "status_before", match="^POST /api/tags$", times=2, body='{"message": "no"}')
    assert portainer.api.get("/tags").status_code == 200
    answers = [portainer.api.post("/tags", {"Name": str(number)}) for number in range(3)]
    assert [answer.status_code for answer in answers] == [500, 500, 200]
    assert answers[0].json() == {"message": "no"}
    add(portainer, "status_before", times=0)
    assert {portainer.api.get("/tags").status_code for _ in range(3)} == {500}
    assert len(portainer.anonymous.get("/_double/faults").json()) == 1
    assert portainer.anonymous.delete("/_double/faults").status_code == 204
    assert portainer.api.get("/tags").status_code == 200
    assert portainer.anonymous.get("/_double/requests").json() == ["GET /api/tags"]
    assert portainer.anonymous.post("/_double/faults", {"kind": "odd"}).status_code == 400


def test_a_create_whose_answer_is_lost_leaves_its_stack(portainer, name):
    """What a client must look up by name before it tries again."""
    add(portainer, "drop_after", match="^POST /api/stacks/create")
    with pytest.raises(Refused):
        portainer.create(name)
    assert name in portainer.names()
    assert portainer.create(name).status_code == 409


def test_faults_meet_the_docker_api_too(portainer):
    add(portainer, "status_before", match="/docker/info", status=502)
    assert portainer.docker("GET", "/info").status_code == 502
    assert portainer.docker("GET", "/info").status_code == 200


def test_a_silent_client_holds_up_nobody(portainer):
    """A connection that never says anything, not even a TLS greeting."""
    with socket.create_connection(("127.0.0.1", portainer.server.port)):
        assert portainer.api.get("/tags", timeout=5).status_code == 200


def test_every_kind_of_fault_is_tested():
    assert set(KINDS) == {
        *("refuse", "hang", "hang_after", "slow", "slow_after"),
        *("status_before", "status_after", "drop_before", "drop_after"),
    }


def test_parallel_creates_of_one_name_can_both_pass_the_check(portainer, name):
    """Section 4.4 of the contract [I]: the check and the row lie far apart."""
    answers = []
    threads = [
        threading.Thread(target=lambda: answers.append(portainer.create(name, PLAIN)))
        for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answer.status_code for answer in answers) in ([200, 200], [200, 409])


def test_the_command(engine, tmp_path, wait_for):
    """`python -m portainer_double`: setup token in its output, a fault from the environment."""
    port = free_port(9500)
    environment = {**engine.environment(), "PYTHONPATH": str(ROOT / "tests")}
    environment["PORTAINER_DOUBLE_FAULTS"] = json.dumps(
        [{"kind": "status_before", "match": "/api/settings", "status": 503}]
    )
    command = [sys.executable, "-m", "portainer_double", f"--port={port}", "--mode=2.45"]
    command += [f"--state={tmp_path}", f"--docker={engine.url}", "--endpoint=local"]
    with (tmp_path / "output").open("w") as output:
        process = subprocess.Popen(command, env=environment, stdout=output, stderr=output)
    try:
        said = tmp_path / "output"
        wait_for(lambda: "listening" in said.read_text() or process.poll(), 20, "the server")
        assert process.poll() is None, said.read_text()
        token = said.read_text().split("setup_token=")[1].split()[0]
        anonymous = Api(f"https://127.0.0.1:{port}")
        assert anonymous.get("/settings/public").status_code == 503
        body = {"Username": "admin", "Password": "a-long-password"}
        made = anonymous.post("/users/admin/init", body, headers={"X-Setup-Token": token})
        assert made.status_code == 200
        jwt = anonymous.post("/auth", body).json()["jwt"]
        caller = Api(anonymous.url, Authorization=f"Bearer {jwt}")
        assert [row["Name"] for row in caller.get("/endpoints").json()] == ["local"]
        # A client may verify the certificate by the file that the server wrote.
        with requests.Session() as session:
            session.trust_env = False
            certificate = str(tmp_path / "certs" / "cert.pem")
            verified = session.get(f"{anonymous.url}/api/status", verify=certificate, timeout=10)
        assert verified.status_code == 200
        assert os.stat(tmp_path / "certs" / "key.pem").st_mode & 0o077 == 0
    finally:
        process.terminate()
        assert process.wait(10) == 0
