"""sadeem_portainer in a real Odoo, with an environment that is a real swarm."""

import itertools
import os

import pytest
import swarm_harness
from swarm_harness import WEB

from harness.rpc import Fault

SERVER, STACK = "sadeem.portainer", "sadeem.portainer.stack"
ENVIRONMENT = "sadeem.portainer.environment"
NUMBERS = itertools.count(1)
ELSEWHERE = WEB.replace(
    "endpoint_mode", "placement: {constraints: [node.id == none]}, endpoint_mode"
)


@pytest.fixture
def name(swarm):
    made = f"a{next(NUMBERS)}-{os.getpid()}"
    yield made
    swarm_harness.remove_stack(swarm, made)


@pytest.fixture(scope="module")
def server(world, session_portainer, swarm_environments):
    """The number of a confirmed server, which has the swarm among its environments."""
    vals = {"name": "Double", "ip": "127.0.0.1", "portainer_link": session_portainer.url}
    vals["access_token"] = session_portainer.key
    number = world.admin.call(SERVER, "create", vals)
    world.admin.call(SERVER, "action_confirm", [number])
    return number


@pytest.fixture(scope="module")
def environment(world, server, session_portainer, swarm_environments):
    """The number of the swarm's record, which was read in with the server."""
    number = swarm_environments[session_portainer.url]
    domain = [("portainer_id", "=", server), ("portainer_environment_id", "=", number)]
    (found,) = world.admin.call(ENVIRONMENT, "search", domain)
    return found


def test_a_swarm_is_told_from_other_hosts_and_counted(world, server, environment):
    kinds = world.admin.call(
        ENVIRONMENT, "search_read", [("portainer_id", "=", server)], ["environment_type"]
    )
    assert {row["id"]: row["environment_type"] for row in kinds}[environment] == "swarm"
    assert {row["environment_type"] for row in kinds} == {"standalone", "swarm"}
    world.admin.call(ENVIRONMENT, "action_refresh", [environment])
    (row,) = world.admin.call(ENVIRONMENT, "read", [environment], ["connection", "cpu_cores"])
    assert (row["connection"], row["cpu_cores"] > 0) == ("up", True)


def test_a_stack_on_a_swarm_from_its_creation_to_its_end(world, server, environment, name):
    def call(method, **arguments):
        return world.admin.call(SERVER, method, [server], **arguments)

    report = call(
        "create_stack", environment_id=environment, name=name, compose=WEB, env={"COLOUR": "a b"}
    )
    assert (report["state"], report["running"], report["healthy"]) == ("active", 1, True)
    stack = report["stack_id"]
    (before,) = world.admin.call(STACK, "get_live_containers", [stack])["containers"]
    assert before["is_task"]
    result = world.admin.call(STACK, "run_command", [stack], before["name"], "env")
    assert "COLOUR=a b" in result["stdout"].splitlines()
    log = world.admin.call(STACK, "get_container_log", [stack], before["name"])
    assert "web 1 serves" in log["log"]
    with pytest.raises(Fault, match="swarm starts and stops"):
        world.admin.call(STACK, "act_on_container", [stack], before["name"], "stop")
    assert call("stop_stack", stack_id=stack)["state"] == "inactive"
    assert call("start_stack", stack_id=stack)["state"] == "active"
    report = call("delete_stack", stack_id=stack, remove_volumes=True)
    assert report["state"] == "draft"


def test_a_text_for_no_node_is_an_error_until_it_is_corrected(world, server, environment, name):
    arguments = {"environment_id": environment, "name": name, "compose": ELSEWHERE, "env": {}}
    with pytest.raises(Fault, match="service web: no suitable node"):
        world.admin.call(SERVER, "create_stack", [server], **arguments)
    (row,) = world.admin.call(STACK, "search_read", [("name", "=", name)], ["state"])
    assert row["state"] == "error"
    stack = row["id"]
    world.admin.call(STACK, "write", [stack], {"compose": WEB})
    report = world.admin.call(SERVER, "update_stack", [server], stack_id=stack)
    assert (report["state"], report["error"]) == ("active", "")
    world.admin.call(SERVER, "delete_stack", [server], stack_id=stack, remove_volumes=True)
