"""Checklist lines 31 to 41: creating stacks."""

import contextlib
import threading
import time

import pytest
import requests
from portainer_harness import BROKEN, PLAIN, SLOW, TWO, WEB

from portainer_double import compose


def test_line_31_the_environment_must_be_named(any_portainer, name):
    """31: without endpointId 400, with an unknown one 404."""
    body = {"Name": name, "StackFileContent": PLAIN}
    path = "/stacks/create/standalone/string"
    missing = any_portainer.api.post(path, body)
    assert missing.status_code == 400
    assert missing.json()["message"] == "Invalid query parameter: endpointId"
    assert any_portainer.api.post(f"{path}?endpointId=x", body).status_code == 400
    unknown = any_portainer.api.post(f"{path}?endpointId=99", body)
    assert (unknown.status_code, unknown.json()["details"]) == (
        404,
        "Object not found inside the database",
    )


def test_payloads_that_lack_something(portainer, name):
    """Section 4.1 of the contract."""
    assert portainer.create("").json()["details"] == "Invalid stack name"
    assert portainer.create(name, "").json()["details"] == "Invalid stack file content"


def test_lines_32_33_53_and_55_a_created_stack(portainer, name):
    """32: 200 and normalised. 33: Env null. 53: the file as sent. 55: its ResourceControl."""
    content = PLAIN + "# ü, a tab\t and no end of line"
    answer = portainer.create(f"T{name[1:]} !.Ä", content)
    stack = answer.json()
    assert answer.status_code == 200
    assert (stack["Name"], stack["Type"], stack["Status"]) == (name, 2, 1)
    assert stack["EntryPoint"] == "docker-compose.yml"
    assert stack["Env"] is None
    assert stack["CreatedBy"] == "admin"
    inspected = portainer.api.get(f"/stacks/{stack['Id']}").json()
    listed = [row for row in portainer.api.get("/stacks").json() if row["Id"] == stack["Id"]]
    for row in (stack, inspected, *listed):
        assert row["ResourceControl"]["ResourceId"] == f"{portainer.endpoint}_{name}"
        assert row["ResourceControl"]["Type"] == 6
        assert row["ResourceControl"]["AdministratorsOnly"]
    file = portainer.api.get(f"/stacks/{stack['Id']}/file").json()
    assert file == {"StackFileContent": content}


def test_variables_feed_interpolation(portainer, name):
    """Section 4.4 of the contract: kept as sent; quotes and dollars mean something."""
    env = [{"name": "COLOUR", "value": "'re$d'"}, {"name": "PATH", "value": "/nowhere"}]
    content = WEB.replace("COLOUR:-none}", "COLOUR:-none}\n      P: ${PATH}")
    stack = portainer.stack(name, content, Env=env)
    assert stack["Env"] == env
    web = portainer.containers(name)["web"]
    inspected = portainer.docker("GET", f"/containers/{web['Id']}/json").json()
    assert "COLOUR=re$d" in inspected["Config"]["Env"]
    # The server's own variables win over the stack's.
    assert "P=/nowhere" not in inspected["Config"]["Env"]


def test_a_stack_from_an_uploaded_file(portainer, name):
    """Section 4.1 of the contract."""
    path = f"/stacks/create/standalone/file?endpointId={portainer.endpoint}"
    files = {"Name": (None, name), "Env": (None, '[{"name": "A", "value": "1"}]')}
    assert portainer.api.post(path, files=files).status_code == 400
    files["file"] = ("compose.yml", PLAIN)
    stack = portainer.api.post(path, files=files).json()
    assert (stack["Name"], stack["Env"]) == (name, [{"name": "A", "value": "1"}])
    file = portainer.api.get(f"/stacks/{stack['Id']}/file").json()
    assert file["StackFileContent"] == PLAIN


def test_the_old_route_is_gone_in_newer_servers(portainer, new_portainer, name):
    """Section 0 of the contract."""
    body = {"Name": name, "StackFileContent": PLAIN}
    query = f"type=2&method=string&endpointId={portainer.endpoint}"
    assert portainer.api.post(f"/stacks?{query}", body).status_code == 200
    assert new_portainer.api.post(f"/stacks?{query}", body).status_code == 405


def test_line_34_a_name_is_taken_in_any_case(any_portainer, name):
    """34: 409 with the same sentence in both fields."""
    any_portainer.stack(name)
    again = any_portainer.create(name.upper())
    message = f"A stack with the normalized name '{name}' already exists"
    assert again.status_code == 409
    assert again.json() == {"message": message, "details": message}


def test_lines_35_51_and_54_a_second_environment(portainer, other_endpoint, other_engine, name):
    """35: the same name elsewhere. 54: filters. 51: a delete with the wrong environment."""
    first = portainer.stack(name)
    second = portainer.stack(name, endpoint=other_endpoint)
    assert first["Id"] != second["Id"]

    def listed(text):
        answer = portainer.api.get(f"/stacks?filters={text}")
        return [row["Id"] for row in answer.json() if row["Name"] == name]

    assert listed(f'{{"EndpointID":{portainer.endpoint}}}') == [first["Id"]]
    assert listed(f'{{"EndpointID":{other_endpoint}}}') == [second["Id"]]
    assert listed("{}") == [first["Id"], second["Id"]]
    for bad in ("{", "[]", '{"EndpointID":"1"}'):
        malformed = portainer.api.get(f"/stacks?filters={bad}")
        assert malformed.status_code == 400
        assert malformed.json()["message"] == "Invalid query parameter: filters"

    missing = portainer.api.delete(f"/stacks/{first['Id']}")
    assert missing.status_code == 404
    assert missing.json()["message"].startswith("Unable to find the endpoint associated")
    assert portainer.delete(first, endpoint=other_endpoint).status_code == 204
    assert portainer.containers(name)["web"]["State"] == "running"
    assert portainer.containers(name, endpoint=other_endpoint) == {}
    assert listed("{}") == [second["Id"]]


def test_lines_36_and_46_adopted_containers(portainer, engine, name, tmp_path):
    """36: a project that nobody manages is adopted."""
    file = tmp_path / "docker-compose.yml"
    file.write_text(PLAIN)
    engine.docker("compose", "-p", name, "-f", file, "up", "-d")
    before = portainer.containers(name)["web"]["Id"]
    assert portainer.create(name, TWO).status_code == 200
    after = portainer.containers(name)
    assert set(after) == {"web", "other"}
    assert after["web"]["Id"] == before


def test_line_37_names_are_compared_with_the_daemon(portainer, weak_link, name):
    """37: 500 while it is down."""
    weak_link.cut()
    answer = portainer.create(name, endpoint=weak_link.endpoint)
    assert answer.status_code == 500
    assert answer.json()["message"] == "Unable to check for name collision"


def test_line_38_a_failed_create_leaves_nothing_but_a_spent_number(portainer, name):
    """38: 500 with compose's words, no row, the next Id skips one."""
    before = portainer.stack(f"{name}-a")
    failed = portainer.create(f"{name}-b", BROKEN)
    assert failed.status_code == 500
    assert failed.json()["message"].startswith("failed to deploy a stack: ")
    assert failed.json()["details"].startswith("Failed to deploy a stack: ")
    assert "absent" in failed.json()["message"]
    assert f"{name}-b" not in portainer.names()
    assert portainer.containers(f"{name}-b") == {}
    after = portainer.stack(f"{name}-c")
    assert after["Id"] == before["Id"] + 2
    for stack in (before, after):
        assert portainer.delete(stack).status_code == 204


def test_a_compose_file_is_not_looked_at_before_the_deploy(portainer, name):
    """Section 4.1 of the contract: nonsense is a failed deploy too."""
    answer = portainer.create(name, "no: [compose")
    assert answer.status_code == 500
    assert answer.json()["message"].startswith("failed to deploy a stack: ")


@contextlib.contextmanager
def background(*works):
    """Runs the functions beside the test; yields the list of their answers."""
    answers = []
    threads = [threading.Thread(target=lambda w=w: answers.append(w())) for w in works]
    for thread in threads:
        thread.start()
    yield answers
    for thread in threads:
        thread.join()


def test_line_39_a_stack_is_not_seen_while_it_is_made(portainer, name, wait_for):
    """39: the row comes after the deploy."""
    with background(lambda: portainer.create(name, SLOW)) as answers:
        wait_for(lambda: portainer.containers(name), 20, "the first container")
        assert name not in portainer.names()
        assert not answers
    assert answers[0].status_code == 200
    assert name in portainer.names()


def test_line_40_deploys_come_one_after_the_other(portainer, other_endpoint, name, monkeypatch):
    """40: whatever their environments are."""
    spans, run = [], compose.run

    def timed(double, endpoint, stack, verb, *options):
        start = time.monotonic()
        run(double, endpoint, stack, verb, *options)
        spans.append((start, time.monotonic(), endpoint["Id"]))

    monkeypatch.setattr(compose, "run", timed)
    with background(
        lambda: portainer.create(name, SLOW),
        lambda: portainer.create(name, endpoint=other_endpoint),
    ) as answers:
        pass
    assert [answer.status_code for answer in answers] == [200, 200]
    first, second = sorted(spans)
    assert {first[2], second[2]} == {portainer.endpoint, other_endpoint}
    assert second[0] >= first[1]


def test_line_41_a_client_that_gives_up_gets_its_stack_later(portainer, name, wait_for):
    """41: the deploy goes on."""
    with pytest.raises(requests.ReadTimeout):
        portainer.create(name, SLOW, timeout=1)
    assert name not in portainer.names()
    wait_for(lambda: name in portainer.names(), 30, "the stack")
    assert set(portainer.containers(name)) == {"web", "other"}
