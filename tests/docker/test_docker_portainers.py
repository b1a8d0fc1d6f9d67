"""Clients of one server on two Portainers: the first has a Docker host, the second a swarm."""

import json

import pytest
import swarm_harness
from docker_clients_harness import CLIENT, ENVIRONMENT, SERVER

from harness.rpc import Fault

IMAGE, PORTAINER = "sadeem.portainer.image", "sadeem.portainer"
CONSTRAINT = "node.role == manager"


class Second:
    """The second Portainer and its swarm."""

    def __init__(self, portal, double, swarm):
        self.portal, self.double, self.swarm = portal, double, swarm
        number = double.add_environment("swarm", swarm.url)
        self.environment_id = portal.connect("Second", double, number)
        portal.engines[self.environment_id] = swarm

    def write(self, **vals):
        self.portal.admin.call(ENVIRONMENT, "write", [self.environment_id], vals)

    def services(self, client):
        """What the swarm was told to run, by the name of the service in the text."""
        rows = [row["Spec"] for row in self.swarm.request("GET", "/services")[1]]
        prefix = f"{client.stack}_"
        return {
            row["Name"].removeprefix(prefix): row for row in rows if row["Name"].startswith(prefix)
        }

    def left(self, stack):
        """Names of what a stack has in the swarm."""
        found = [row["Spec"]["Name"] for row in self.swarm.request("GET", "/services")[1]]
        found += [row["Spec"]["Name"] for row in self.swarm.request("GET", "/secrets")[1]]
        found += [row["Name"] for row in self.swarm.request("GET", "/networks")[1]]
        found += [row["Name"] for row in self.swarm.request("GET", "/volumes")[1]["Volumes"] or []]
        return [name for name in found if name.startswith(stack)]


@pytest.fixture(scope="module")
def second(portal, double_of, engine, swarm, client_image, postgres_image):
    """In the list of the image's environments it comes behind the first."""
    swarm_harness.carry(engine, swarm, client_image, postgres_image)
    second = Second(portal, double_of(mode="2.45").bootstrap(endpoint=None), swarm)
    order = [(portal.environment_id, 1), (second.environment_id, 2)]
    lines = [{"environment_id": number, "sequence": place} for number, place in order]
    admin = portal.admin
    admin.call(IMAGE, "write", [portal.image_id], {"line_ids": [(0, 0, line) for line in lines]})
    admin.call(SERVER, "write", [portal.server_id], {"docker_constraints": CONSTRAINT})
    yield second
    second.double.faults.clear()
    portal.clear()
    admin.call(IMAGE, "write", [portal.image_id], {"line_ids": [(5, 0, 0)]})
    admin.call(SERVER, "write", [portal.server_id], {"docker_constraints": False})
    for row in swarm.request("GET", "/services")[1]:
        if row["Spec"]["Name"].startswith("saas-"):
            swarm_harness.remove_stack(swarm, row["Spec"]["Name"].rpartition("_")[0])


@pytest.fixture(scope="module")
def room(portal):
    """`room(0)`: from now on so many containers may run on the first host."""
    most = portal.admin.read(ENVIRONMENT, portal.environment_id, "max_running_containers")

    def allow(count):
        vals = {"max_running_containers": count}
        portal.admin.call(ENVIRONMENT, "write", [portal.environment_id], vals)

    yield allow
    allow(most)


@pytest.fixture(scope="module")
def far(portal, second, room):
    """A client on the swarm, because the first host is full; a program has its first port."""
    second.write(ports_guarded=True)
    room(0)
    (second.refused,) = portal.next_ports(1, second.environment_id)
    with portal.listening(second.refused):
        client = portal.create(portal.plan_id, "far.localhost")
    room(50)
    return client


@pytest.fixture(scope="module")
def near(portal, far):
    """A client on the first host."""
    return portal.create(portal.plan_id, "near.localhost")


def environment_of(client):
    return client.read("docker_environment_id")[0]


# -- where they go ---------------------------------------------------------------------------------


def test_where_nobody_has_room_each_host_is_named_with_its_reason(portal, second, room):
    room(0)
    with pytest.raises(Fault) as raised:
        portal.create(portal.plan_id, "nowhere.localhost")
    text = raised.value.faultString
    assert "local (Double): it has no room for 2 more: of 0 containers" in text
    assert "swarm (Second): a swarm opens published ports on all addresses" in text
    room(50)


def test_who_finds_the_first_host_full_goes_to_the_second_and_is_told_why(portal, second, far):
    assert environment_of(far) == second.environment_id
    reason = far.read("docker_placement")
    assert reason.startswith("swarm (Second): it is the first in the order that has room;")
    assert "Not local (Double): it has no room for 2 more" in reason
    assert "oe_login_form" in far.get("/web/login").text
    assert far.stack not in portal.stacks()


def test_who_comes_when_there_is_room_again_goes_to_the_first(portal, second, near):
    assert environment_of(near) == portal.environment_id
    assert "Not swarm (Second): comes later in the order" in near.read("docker_placement")


# -- on the swarm ----------------------------------------------------------------------------------


def test_a_port_that_a_program_of_the_node_has_is_passed_over(portal, second, far):
    """The swarm takes the stack, and tells only of its tasks that they cannot have the port."""
    (aside,) = portal.ports_set_aside(second.environment_id)
    assert aside["port"] == second.refused
    assert f"refused to {far.stack}" in aside["purpose"]
    assert second.refused not in (far.read("docker_http_port"), far.read("docker_gevent_port"))
    portal.release(second.refused, environment_id=second.environment_id)


def test_its_services_have_the_placement_and_the_password_as_a_secret(second, far):
    services = second.services(far)
    assert set(services) == {"odoo", "db"}
    for service in services.values():
        task = service["TaskTemplate"]
        assert task["Placement"]["Constraints"] == [CONSTRAINT]
        (secret,) = task["ContainerSpec"]["Secrets"]
        assert secret["SecretName"] == f"{far.stack}-db"
    password = far.run("cat", "/run/secrets/db_password")
    assert len(password) > 20
    shown = json.dumps(services) + far.read("docker_compose")
    for container in far.containers().values():
        shown += json.dumps(second.swarm.request("GET", f"/containers/{container}/json")[1])
    assert password not in shown


def test_the_portal_speaks_to_it(portal, far):
    portal.suspend(far)
    assert far.is_suspended()
    portal.suspend(far, False)
    assert not far.is_suspended()


def test_changed_settings_are_deployed_and_a_restart_replaces_odoo(portal, second, far, wait_for):
    database = far.containers()["db"]
    portal.admin.call(CLIENT, "write", [far.id], {"docker_limit_time_cpu": 77})
    assert "--limit-time-cpu=77" in far.read("docker_difference")
    far.call("action_rebuild")
    far.wait(wait_for, "open")
    assert not far.read("docker_difference")
    odoo = second.services(far)["odoo"]["TaskTemplate"]["ContainerSpec"]
    assert "--limit-time-cpu=77" in odoo["Args"]
    before = far.containers()
    far.call("action_restart")
    far.wait(wait_for, "open")
    after = far.containers()
    assert (after["odoo"] != before["odoo"], after["db"]) == (True, database)
    assert "oe_login_form" in far.get("/web/login").text


def test_it_is_backed_up_restored_and_renamed(far, wait_for):
    far.sql("UPDATE res_company SET name = 'Before'")
    backup = far.backup(wait_for)
    far.sql("UPDATE res_company SET name = 'After'")
    far.restore(backup)
    far.wait(wait_for, "open")
    assert far.sql("SELECT name FROM res_company ORDER BY id LIMIT 1") == "Before"
    far.call("rename_database", "farther.localhost")
    assert far.get("/web/login", host="farther.localhost").status_code == 200
    assert far.get("/web/login", host="far.localhost").status_code != 200


# -- when the second Portainer is away -------------------------------------------------------------


@pytest.fixture
def away(portal, second):
    """The second Portainer answers nobody, and has been asked since."""
    second.double.faults.add("drop_before", times=0)
    portal.admin.call(ENVIRONMENT, "action_refresh", [second.environment_id])
    yield
    second.double.faults.clear()


def test_its_clients_fail_in_words_and_go_on_when_it_is_back(second, far, away, wait_for):
    with pytest.raises(Fault, match="Check that the server runs, then retry") as raised:
        far.call("rename_database", "back.localhost")
    assert second.double.url.partition("//")[2] in raised.value.faultString
    assert "oe_login_form" in far.get("/web/login").text
    second.double.faults.clear()
    far.call("action_retry")
    far.wait(wait_for, "open")
    assert far.get("/web/login", host="back.localhost").status_code == 200


def test_new_clients_pass_it_by_and_are_told_so_also_when_it_has_just_died(portal, second, near):
    portal.admin.call(ENVIRONMENT, "action_refresh", [second.environment_id])
    assert portal.admin.read(ENVIRONMENT, second.environment_id, "connection") == "up"
    second.double.faults.add("drop_before", times=0)
    rule = {"select_environment_by": "used"}
    portal.admin.call(IMAGE, "write", [portal.image_id], rule)
    second.write(max_running_containers=500)
    try:
        client = portal.create(portal.plan_id, "passing.localhost")
    finally:
        second.double.faults.clear()
        portal.admin.call(IMAGE, "write", [portal.image_id], {"select_environment_by": "sequence"})
        second.write(max_running_containers=50)
    assert environment_of(client) == portal.environment_id
    reason = client.read("docker_placement")
    assert "Not swarm (Second): it does not answer" in reason
    client.remove()


def test_the_passes_over_all_clients_go_on_for_the_others(portal, second, near, far, away):
    portal.engine.docker("stop", near.containers()["db"])
    with pytest.raises(Fault, match=r"swarm \(Second\): ") as raised:
        portal.admin.call(SERVER, "action_compare", [portal.server_id])
    assert "Double" not in raised.value.faultString
    found = portal.admin.call(
        "sadeem.saas.docker.deviation", "search_read", [], ["client_id", "kind"]
    )
    assert [(row["client_id"][0], row["kind"]) for row in found] == [(near.id, "down")]
    assert far.read("unreachable_since")
    assert far.read("state") == "open"

    near.call("action_restart")


def test_they_are_read_again_when_it_is_back(portal, near, far, wait_for):
    near.wait(wait_for, "open")
    sync = portal.admin.ref("saas_portal.ir_cron_sync")
    portal.admin.call("ir.cron", "method_direct_trigger", [sync])
    for client in (near, far):
        assert client.read("unreachable_since") is False
        assert client.read("total_storage") > 0
    portal.admin.call(SERVER, "action_compare", [portal.server_id])
    assert portal.admin.call("sadeem.saas.docker.deviation", "search_count", []) == 0


def test_a_client_of_the_swarm_goes_with_all_that_it_had(portal, second, far):
    stack, ports = far.stack, portal.admin.read(CLIENT, far.id, "docker_http_port")
    assert second.left(stack)
    far.remove()
    assert second.left(stack) == []
    taken = [("environment_id", "=", second.environment_id), ("released", "=", False)]
    assert ports and portal.admin.call("sadeem.portainer.port", "search_count", taken) == 0
