"""What the double does with a swarm; docs/portainer-double.md lists it."""

import itertools
import os

import pytest
import swarm_harness
from portainer_harness import PLAIN as COMPOSE
from portainer_harness import remove_project
from swarm_harness import PLAIN

NUMBERS = itertools.count(1)


@pytest.fixture
def name(swarm):
    made = f"d{next(NUMBERS)}-{os.getpid()}"
    yield made
    swarm_harness.remove_services(swarm, made)
    remove_project(swarm, made)


@pytest.fixture
def here(portainer, swarm_environments):
    return swarm_environments[portainer.url]


def create(portainer, environment, name, content=PLAIN, **fields):
    body = {"Name": name, "StackFileContent": content, "SwarmID": "any", **fields}
    return portainer.api.post(f"/stacks/create/swarm/string?endpointId={environment}", body)


def services(portainer, environment, name):
    rows = portainer.docker("GET", "/services", environment).json()
    return [row["ID"] for row in rows if row["Spec"]["Name"].startswith(f"{name}_")]


def test_a_swarms_stack_has_its_cluster_and_its_owner(portainer, here, name):
    cluster = portainer.docker("GET", "/swarm", here).json()["ID"]
    answer = create(portainer, here, f"{name} !", SwarmID=cluster)
    stack = answer.json()
    assert (answer.status_code, stack["Type"], stack["SwarmId"]) == (200, 1, cluster)
    assert (stack["Name"], stack["Status"], stack["Env"]) == (name, 1, None)

    def listed(filters):
        rows = portainer.api.get("/stacks", params={"filters": filters}).json()
        return name in [row["Name"] for row in rows]

    assert listed(f'{{"SwarmID": "{cluster}"}}')
    assert listed("{}")
    assert not listed(f'{{"EndpointID": {here}}}')
    (row,) = [
        row
        for row in portainer.docker("GET", "/services", here).json()
        if row["Spec"]["Name"] == f"{name}_web"
    ]
    assert row["Portainer"]["ResourceControl"]["ResourceId"] == f"{here}_{name}"


def test_a_cluster_must_be_named(portainer, here, name):
    answer = create(portainer, here, name, SwarmID="")
    assert (answer.status_code, answer.json()["details"]) == (400, "Invalid Swarm ID")


def test_a_standalone_engine_refuses_a_swarms_stack_by_dockers_words(portainer, name):
    answer = create(portainer, portainer.endpoint, name)
    assert answer.status_code == 500
    assert answer.json()["message"] == "Unable to check for name collision"
    assert "not a swarm manager" in answer.json()["details"]


def test_a_swarm_takes_a_compose_stack_too(portainer, here, name):
    stack = portainer.stack(name, COMPOSE, endpoint=here)
    assert (stack["Type"], list(portainer.containers(name, here))) == (2, ["web"])
    # Its container holds the name against a stack of the swarm.
    assert create(portainer, here, name).status_code == 409
    assert portainer.delete(stack).status_code == 204


def test_names_are_taken_by_services_that_nobody_knows(portainer, here, name, wait_for):
    stack = create(portainer, here, name).json()
    assert create(portainer, here, name.upper()).status_code == 409
    portainer.double.store.delete("stacks", stack["Id"])
    assert create(portainer, here, name).status_code == 409
    path = f"/stacks/{name}?external=true&endpointId={here}"
    assert portainer.api.delete(path).status_code == 204
    assert services(portainer, here, name) == []
    # Docker takes its network away only when the containers have ended.
    wait_for(lambda: create(portainer, here, name).status_code == 200, 60, "the name to be free")
    # What it knows is not removed by name.
    assert portainer.api.delete(path).status_code == 400


def test_a_compose_stack_takes_a_name_from_a_swarms_stack(portainer, here, name):
    before = create(portainer, here, name).json()
    text = COMPOSE + f"networks: {{default: {{name: {name}-other}}}}\n"
    after = portainer.stack(name, text, endpoint=here)
    assert portainer.api.get(f"/stacks/{before['Id']}").status_code == 404
    assert services(portainer, here, name)
    assert portainer.delete(after).status_code == 204


def test_a_refused_text_leaves_what_was_made_of_it(portainer, here, name):
    text = PLAIN + '  xother: {image: "saas-test/web:1", secrets: [absent]}\n'
    answer = create(portainer, here, name, text + "secrets: {absent: {external: true}}\n")
    assert answer.status_code == 500
    assert "absent" in answer.json()["message"]
    assert not answer.json()["message"].startswith("failed to deploy a stack")
    assert name not in portainer.names()


def test_a_start_of_what_runs_is_refused_and_a_stop_is_done_once(portainer, here, name):
    stack = create(portainer, here, name).json()
    assert portainer.act(stack, "start").status_code == 409
    assert portainer.act(stack, "stop").json()["Status"] == 2
    assert portainer.act(stack, "stop").status_code == 400


def test_a_snapshot_counts_services_and_nodes(portainer, here, name):
    create(portainer, here, name)
    portainer.api.post(f"/endpoints/{here}/snapshot")
    (snapshot,) = portainer.api.get(f"/endpoints/{here}").json()["Snapshots"]
    assert (snapshot["Swarm"], snapshot["NodeCount"]) == (True, 1)
    assert snapshot["ServiceCount"] >= 1
    assert snapshot["StackCount"] >= 1
