"""Our client and the double on a real swarm of one node."""

import dataclasses
import itertools
import os
import time

import pytest
import swarm_harness
from portainer_api import (
    Conflict,
    DeployFailed,
    InvalidRequest,
    PortainerClient,
    ServerFailed,
    StackStatus,
    StackType,
    StillDeploying,
    TlsPolicy,
    UnknownOutcome,
    fetch_fingerprint,
)
from portainer_driver_import import Target, stack_calls
from swarm_harness import PLAIN, WEB, WEB_2

NUMBERS = itertools.count(1)
KEYS = (f"op-{number}" for number in itertools.count(1))
NASTY = 'it\'s "$HOME" ${X} $$ #no\\t\\ \nline 2 é'
ELSEWHERE = """version: "3.8"
services:
  web:
    image: saas-test/web:1
    deploy: {placement: {constraints: ["node.labels.place == nowhere"]}}
"""
# Two ends of the text: nothing of the first service may stay when the second is refused.
HALF = (
    PLAIN
    + """  second:
    image: saas-test/web:1
    secrets: [absent]
secrets: {absent: {external: true}}
"""
)


@pytest.fixture
def name(swarm):
    made = f"w{next(NUMBERS)}-{os.getpid()}"
    yield made
    # Nothing else has this name: its containers may end while others begin.
    swarm_harness.remove_services(swarm, made)


def client_of(portainer, swarm_environments, **options):
    pinned = TlsPolicy.pinned(fetch_fingerprint(portainer.url))
    # Pauses are for slower servers.
    options.setdefault("sleep", lambda seconds: time.sleep(seconds / 10))
    client = PortainerClient(portainer.url, portainer.key, tls=pinned, **options)
    client.here = swarm_environments[portainer.url]
    client.hopeless_patience = client.placement_patience = 1
    return client


@pytest.fixture
def client(any_portainer, swarm_environments):
    """On either version; `client.here` is the environment of the swarm."""
    with client_of(any_portainer, swarm_environments) as client:
        yield client


@pytest.fixture
def old(portainer, swarm_environments):
    with client_of(portainer, swarm_environments) as client:
        yield client


def only_container(client, name):
    (container,) = client.list_containers(client.here, name)
    return container


# -- life of a stack -------------------------------------------------------------------------------


def test_a_stack_from_its_creation_to_its_end(client, name, swarm):
    here = client.here
    stack = client.create_stack(here, name.upper(), WEB, {"COLOUR": NASTY}, swarm=True)
    assert (stack.name, stack.type, stack.is_active) == (name, StackType.SWARM, True)
    assert stack.env == {"COLOUR": NASTY}
    assert client.find_stack(here, name).id == stack.id
    assert name in [row.name for row in client.list_stacks(here)]
    container = only_container(client, name)
    assert (container.service, container.project, container.is_running) == ("web", name, True)
    assert container.node_id == client.list_nodes(here)[0].id
    # A swarm keeps no quotes around the values: each reaches the container as it was given.
    details = client.get_container(here, container.id)
    assert f"COLOUR={NASTY}" in details.raw["Config"]["Env"]

    with pytest.raises(Conflict):
        client.create_stack(here, name, WEB, swarm=True)
    assert client.update_stack(stack.id, here, WEB_2).env == {"COLOUR": NASTY}
    changed = only_container(client, name)
    assert (changed.image, changed.is_running) == ("saas-test/web:2", True)

    assert client.stop_stack(stack.id, here).status is StackStatus.INACTIVE
    assert client.stop_stack(stack.id, here).status is StackStatus.INACTIVE
    assert client.list_containers(here, name) == []
    assert client.list_services(here, name) == []
    assert client.start_stack(stack.id, here).is_active
    assert client.start_stack(stack.id, here).is_active
    assert only_container(client, name).is_running

    client.delete_stack(stack.id, here)
    client.delete_stack(stack.id, here)
    assert client.find_stack(here, name) is None
    # Nothing is in the way of its volume or of its successor any more.
    (volume,) = client.list_volumes(here, name)
    client.delete_volume(here, volume.name)
    assert client.list_volumes(here, name) == []
    assert client.create_stack(here, name, PLAIN, swarm=True).is_active


def test_commands_log_and_measures_of_a_task(old, name):
    old.create_stack(old.here, name, PLAIN, swarm=True)
    container = only_container(old, name)
    result = old.exec(old.here, container.id, ["echo", "hello"])
    assert (result.exit_code, result.stdout) == (0, "hello\n")
    assert "web 1 serves" in old.logs(old.here, container.id)
    assert old.stats(old.here, container.id).memory_bytes > 0


# -- refusals --------------------------------------------------------------------------------------


def test_a_constraint_that_no_node_fulfils_is_told(old, name):
    with pytest.raises(DeployFailed, match=r"web: no suitable node .*constraints") as caught:
        old.create_stack(old.here, name, ELSEWHERE, swarm=True)
    assert "nodes of the swarm" in str(caught.value)
    # What the swarm took is there to be corrected.
    stack = old.find_stack(old.here, name)
    assert old.update_stack(stack.id, old.here, PLAIN).is_active
    assert only_container(old, name).is_running


def test_an_image_that_is_not_there_is_told(old, name):
    text = PLAIN.replace("web:1", "absent:1")
    with pytest.raises(DeployFailed, match="service web: No such image: saas-test/absent:1"):
        old.create_stack(old.here, name, text, swarm=True)


def test_a_program_that_ends_at_once_is_told(old, name):
    text = PLAIN.replace("healthcheck", 'command: ["sh", "-c", "exit 3"], healthcheck')
    with pytest.raises(DeployFailed, match=r"service web: .*non-zero exit \(3\)"):
        old.create_stack(old.here, name, text, swarm=True)


def test_a_failed_update_leaves_what_ran_before(old, name):
    text = PLAIN + "    \n"
    stack = old.create_stack(old.here, name, text, swarm=True)
    before = only_container(old, name)
    with pytest.raises(DeployFailed, match="no suitable node"):
        old.update_stack(
            stack.id,
            old.here,
            ELSEWHERE.replace("deploy: {", "deploy: {update_config: {order: start-first}, "),
        )
    assert before.id in [row.id for row in old.list_containers(old.here) if row.is_running]


def test_what_docker_refuses_is_told_and_nothing_of_it_stays(client, name):
    for _again in range(2):
        with pytest.raises(DeployFailed, match="absent"):
            client.create_stack(client.here, name, HALF, swarm=True)
        left = client.find_stack(client.here, name)
        if left:
            # The newer version keeps the record of a creation that failed.
            client.delete_stack(left.id, client.here)
    assert client.list_services(client.here, name) == []


def test_a_host_without_a_swarm_takes_no_stack_for_one(old, portainer, name):
    with pytest.raises(InvalidRequest, match="no manager of a swarm"):
        old.create_stack(portainer.endpoint, name, PLAIN, swarm=True)


# -- lost answers ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("version", "kind"), [("portainer", "drop_after"), ("new_portainer", "status_after")]
)
def test_a_creation_whose_answer_is_lost_is_adopted(
    request, swarm_environments, name, version, kind
):
    portainer = request.getfixturevalue(version)
    client = client_of(portainer, swarm_environments)
    portainer.faults.add(kind, "^POST /api/stacks", status=502)
    key = next(KEYS)
    for _again in range(2):
        stack = client.ensure_stack(client.here, name, PLAIN, operation=key, swarm=True)
        assert stack.is_active
    assert portainer.names().count(name) == 1
    assert only_container(client, name).is_running
    with pytest.raises(Conflict, match="made by something else"):
        client.ensure_stack(client.here, name, PLAIN, operation=next(KEYS), swarm=True)


def test_a_swarm_that_falls_silent_after_the_answer_leaves_the_outcome_open(
    portainer, swarm_environments, name
):
    client = client_of(portainer, swarm_environments)
    path = f"^GET /api/endpoints/{client.here}/docker/tasks"
    portainer.faults.add("status_before", path, status=503, times=0)
    with pytest.raises(UnknownOutcome):
        client.create_stack(client.here, name, PLAIN, swarm=True)
    portainer.faults.clear()
    key = next(KEYS)
    with pytest.raises(Conflict):
        client.ensure_stack(client.here, name, PLAIN, operation=key, swarm=True)


def test_containers_that_take_long_to_stop_are_told(old, name):
    text = PLAIN.replace(
        "healthcheck", "command: [sleep, '1000'], stop_grace_period: 20s, healthcheck"
    )
    stack = old.create_stack(old.here, name, text, swarm=True)
    old.removal_timeout = 0
    with pytest.raises(StillDeploying, match="still being stopped"):
        old.stop_stack(stack.id, old.here)
    assert old.get_stack(stack.id).status is StackStatus.INACTIVE


@pytest.mark.parametrize("kind", ["drop_after", "status_after"])
def test_what_only_a_swarm_is_told_is_done_once_when_its_answer_is_lost(
    portainer, swarm_environments, old, name, swarm, kind
):
    stack = old.create_stack(old.here, name, PLAIN, swarm=True)
    client = client_of(portainer, swarm_environments)
    (service,) = old.list_services(old.here, name)
    config = f"{name}_text"

    def twice(call, *arguments):
        portainer.faults.add(kind, "^(POST|DELETE) ", status=500)
        try:
            call(client.here, *arguments)
        except (ServerFailed, UnknownOutcome) as error:
            assert str(error).startswith(f"{portainer.url} could not ")
            assert error.hint
        portainer.faults.clear()
        return call(client.here, *arguments)

    twice(client.restart_service, service.id)
    assert [row.id for row in old.list_services(old.here, name)] == [service.id]
    twice(client.ensure_swarm_object, "config", config, b"text", {})
    assert objects(swarm, name) == [config]
    (row,) = [row for row in old.list_swarm_objects(old.here, "config") if row.name == config]
    twice(client.delete_swarm_object, "config", row.id)
    assert objects(swarm, name) == []
    portainer.double.store.delete("stacks", stack.id)
    twice(client.remove_foreign_stack, name)
    assert old.list_services(old.here, name) == []


# -- stacks as the portal's records ask for them ------------------------------------------------

WITH_SECRET = """version: "3.8"
services:
  web:
    image: saas-test/web:1
    healthcheck: {disable: true}
    secrets: [{source: password, target: password, mode: 0o444}]
    configs: [{source: text, target: /www/text.txt}]
secrets: {password: {external: true, name: %(name)s_password}}
configs: {text: {external: true, name: %(name)s_text}}
"""


@pytest.fixture
def target(old, name):
    return Target(
        environment_id=old.here,
        name=name,
        remote_id=0,
        operation=next(KEYS),
        compose=WITH_SECRET % {"name": name},
        env={},
        swarm=True,
        secrets={f"{name}_password": "hush-hush"},
        configs={f"{name}_text": "a text"},
    )


def objects(engine, name):
    """Secrets and configs that begin with the name."""
    rows = [row for kind in ("secrets", "configs") for row in engine.request("GET", f"/{kind}")[1]]
    return sorted(n for row in rows if (n := row["Spec"]["Name"]).startswith(name))


def test_secrets_and_configs_come_before_the_stack_and_go_with_it(old, target, name, swarm):
    stack = stack_calls.create(old, target)
    target = dataclasses.replace(target, remote_id=stack.id)
    container = only_container(old, name)
    for path, content in (("/run/secrets/password", "hush-hush"), ("/www/text.txt", "a text")):
        assert old.exec(old.here, container.id, ["cat", path]).stdout == content
    assert "hush-hush" not in str(old.get_container(old.here, container.id).raw)

    stack_calls.stop(old, target)
    assert objects(swarm, name) == [f"{name}_password", f"{name}_text"]
    stack_calls.start(old, target)
    container = only_container(old, name)
    assert old.exec(old.here, container.id, ["cat", "/run/secrets/password"]).stdout == "hush-hush"

    stack_calls.delete(old, target)
    assert objects(swarm, name) == []
    stack_calls.delete(old, target)


def test_what_the_server_shows_of_a_stack_names_what_does_not_run(old, target, name):
    stack = stack_calls.create(old, target)
    assert stack_calls.look(old, target).problems == ()
    with pytest.raises(DeployFailed):
        old.update_stack(stack.id, old.here, ELSEWHERE)
    seen = stack_calls.look(old, dataclasses.replace(target, remote_id=stack.id))
    assert "service web: no suitable node" in seen.problems[0]


def test_a_restarted_container_is_replaced(old, target, name, wait_for):
    stack_calls.create(old, target)
    before = only_container(old, name)
    old.restart_service(old.here, before.service_id)
    wait_for(
        lambda: (row := only_container(old, name)).id != before.id and row.is_running,
        60,
        "its successor",
    )


def test_what_portainer_has_no_record_of_is_removed(old, target, portainer, name, swarm):
    stack = stack_calls.create(old, target)
    portainer.double.store.delete("stacks", stack.id)
    assert old.find_stack(old.here, name) is None
    old.remove_foreign_stack(old.here, name)
    assert old.list_services(old.here, name) == []
    assert old.list_containers(old.here, name) == []


# -- what the swarm has ----------------------------------------------------------------------------


def test_the_capacity_of_a_swarm_counts_its_tasks(old, name):
    def count_one_more():
        before = old.swarm_capacity(old.here)
        stack = old.create_stack(old.here, name, PLAIN, swarm=True)
        after = old.swarm_capacity(old.here)
        old.delete_stack(stack.id, old.here)
        return after.running - before.running

    # Another stage of the tests may have clients on this swarm meanwhile.
    assert 1 in (count_one_more() for _again in range(5))
    capacity, host = old.swarm_capacity(old.here), old.docker_info(old.here)
    assert (capacity.cores, capacity.ram_bytes > 2**30) == (host["NCPU"], True)


def test_an_environment_tells_that_it_is_a_swarm(old, portainer):
    assert old.snapshot_environment(old.here).snapshot.is_swarm
    assert not old.snapshot_environment(portainer.endpoint).snapshot.is_swarm
    assert old.swarm_id(old.here)
