"""Clients that are Docker stacks: a real portal, the double, a real engine, real images."""

import uuid
from concurrent.futures import ThreadPoolExecutor

import channels
import pytest
from docker_clients_harness import CLIENT, PLAN

from harness.rpc import Fault


@pytest.fixture(scope="module")
def plan(portal):
    """A plan whose template was built in a stack, of which nothing is left."""
    assert portal.built["state"] == "template"
    assert portal.remains() == {"containers": set(), "networks": set(), "volumes": set()}
    return portal.plan_id


@pytest.fixture(scope="module", params=["in the stack", "outside of it"])
def pair(request, portal, plan):
    """Two clients of one plan, created at once; PostgreSQL is in their stacks, or shared."""
    if request.param == "outside of it":
        plan = request.getfixturevalue("external_plan")
    with ThreadPoolExecutor() as pool:
        return list(
            pool.map(lambda name: portal.create(plan, name), ["a.localhost", "b.localhost"])
        )


#: For what does not know where PostgreSQL is.
in_the_stack = pytest.mark.parametrize("pair", ["in the stack"], indirect=True)


def test_two_clients_made_at_once_are_two_stacks_that_answer_to_their_names(portal, pair):
    for client in pair:
        assert client.read("state") == "open"
        page = client.get("/web/login")
        assert page.status_code == 200
        assert "oe_login_form" in page.text
        assert client.get("/web/login", host="other.localhost").status_code != 200
        assert client.sql("SELECT value FROM ir_config_parameter WHERE key='database.uuid'") == (
            client.read("client_id")
        )
    assert portal.stacks() == {client.stack for client in pair}
    uuids = {
        client.sql("SELECT value FROM ir_config_parameter WHERE key='database.secret'")
        for client in pair
    }
    assert len(uuids) == 2


@in_the_stack
def test_a_client_is_suspended_and_resumed(portal, pair):
    client, other = pair
    portal.suspend(client)
    assert client.read("state") == "pending"
    assert client.is_suspended()
    assert not other.is_suspended()
    portal.suspend(client, False)
    assert not client.is_suspended()


@in_the_stack
def test_limits_and_apps_reach_the_client(portal, pair):
    client, _other = pair
    portal.upgrade(
        client,
        params=[{"key": "saas_client.max_users", "value": "3", "hidden": False}],
        install_addons=["contacts"],
    )
    assert client.read("max_users") == 3
    installed = "SELECT state FROM ir_module_module WHERE name = 'contacts'"
    assert client.sql(installed) == "installed"


def test_a_backup_brings_back_what_was_there(portal, pair, wait_for):
    client, _other = pair
    client.sql("UPDATE res_company SET name = 'Before'")
    backup = client.backup(wait_for)
    client.sql("UPDATE res_company SET name = 'After'")
    client.restore(backup)
    client.wait(wait_for, "open")
    assert client.sql("SELECT name FROM res_company ORDER BY id LIMIT 1") == "Before"
    assert client.get("/web/login").status_code == 200


@in_the_stack
def test_changed_settings_are_deployed_by_a_rebuild_and_undone_by_a_revision(
    portal, pair, wait_for
):
    client, _other = pair
    company = client.sql("SELECT count(*) FROM res_company")
    portal.admin.call(CLIENT, "write", [client.id], {"docker_workers": 2})
    assert "--workers=2" in client.read("docker_difference")
    client.call("action_rebuild")
    client.wait(wait_for, "open")
    command = portal.portainer.containers(client.stack)["odoo"]["Command"]
    assert "--workers=2" in command
    assert client.sql("SELECT count(*) FROM res_company") == company
    (first,) = portal.admin.call(
        "sadeem.saas.docker.revision", "search", [("client_id", "=", client.id), ("number", "=", 1)]
    )
    portal.admin.call("sadeem.saas.docker.revision", "action_return", [first])
    client.wait(wait_for, "open")
    command = portal.portainer.containers(client.stack)["odoo"]["Command"]
    assert "--workers=0" in command or "--workers" not in command


def test_a_client_is_renamed(portal, pair):
    client, _other = pair
    client.call("rename_database", "renamed.localhost")
    assert client.get("/web/login", host="renamed.localhost").status_code == 200
    assert client.get("/web/login", host="a.localhost").status_code != 200
    assert client.read("docker_difference") is False


@in_the_stack
def test_a_stage_is_a_copy_that_sends_nothing(portal, pair, wait_for):
    client, _other = pair
    # Installing takes its time: once is enough.
    apps = "db" in client.containers()
    if apps:
        portal.upgrade(client, install_addons=channels.APPS)
    opened = channels.open_all(client, apps)
    assert channels.find_open(client, apps) == opened
    name = f"stage-of-{client.id}.localhost"
    stage_id = client.call("create_stage", name)
    stage = portal.find(name)
    assert stage.id == stage_id
    stage.wait(wait_for, "open")
    assert stage.get("/web/login").status_code == 200
    assert stage.read("stage_of_id")[0] == client.id
    assert channels.find_open(stage, apps) == []
    # Without it mails would go by the server of Odoo's command line.
    assert stage.sql("SELECT smtp_host FROM ir_mail_server WHERE active") == "invalid"
    assert channels.find_open(client, apps) == opened
    stage.call("delete_database")


def test_a_full_range_of_ports_is_told_and_leaves_nothing(portal, plan):
    before = portal.remains(), portal.ports_taken()
    with portal.full_of_ports(), pytest.raises(Fault, match="has no 2 free ports"):
        portal.create(plan, "full.localhost")
    assert (portal.remains(), portal.ports_taken()) == before


def test_ports_that_a_program_of_the_host_has_are_passed_over_until_they_are_released(portal, plan):
    """Such a port is in no list of containers: the engine refuses it, and keeps what it began."""
    (first, gevent) = portal.next_ports(2)
    with portal.listening(first):
        client = portal.create(plan, "beside.localhost")
        assert client.get("/web/login").status_code == 200
        assert client.read("docker_http_port") > gevent
        assert client.read("docker_difference") is False
        (aside,) = portal.ports_set_aside()
        assert aside["port"] == first
        assert f"refused to {client.stack}" in aside["purpose"]
    client.call("delete_database")
    portal.admin.call("sadeem.portainer.port", "action_release", [aside["id"]])
    assert (portal.ports_set_aside(), portal.ports_taken()) == ([], 0)


def test_who_is_refused_port_after_port_is_told_which_and_leaves_nothing(portal, plan):
    before = portal.remains()
    (first, *others) = portal.next_ports(12)
    with portal.listening(first, *others), pytest.raises(Fault) as raised:
        portal.create(plan, "crowded.localhost")
    aside = [row["port"] for row in portal.ports_set_aside()]
    assert len(aside) == 6
    assert f"the ports {', '.join(map(str, aside))}, which" in raised.value.faultString
    assert portal.remains() == before
    # Its other port went back: only what the host refused is held.
    assert portal.ports_taken() == len(aside)
    portal.release(*aside)
    assert portal.ports_taken() == 0


def test_an_engine_that_answers_too_late_is_neither_lost_nor_doubled(portal, plan, wait_for):
    """The answer to the deployment is lost; the stack is found and adopted."""
    portal.portainer.faults.add("drop_after", "POST .*/stacks/create", times=1)
    answer = portal.create(plan, "late.localhost", async_creation=True)
    answer.wait(wait_for, "open")
    containers = portal.portainer.containers(answer.stack)
    assert sorted(containers) == ["db", "odoo"]
    answer.call("delete_database")
    assert answer.stack not in set.union(*portal.remains().values())


def test_a_portal_that_is_killed_in_between_goes_on_afterwards(portal, plan, wait_for):
    client = portal.create(plan, "killed.localhost", async_creation=True)
    stack = client.stack
    wait_for(lambda: stack in portal.stacks(), 120, "the stack to begin")
    portal.world.server.kill()
    portal.world.server.start()
    # Attempts that found the engine still at work on the first one are minutes apart.
    client.wait(wait_for, "open", timeout=900)
    assert client.get("/web/login").status_code == 200
    assert sorted(portal.portainer.containers(stack)) == ["db", "odoo"]
    client.call("delete_database")


def test_a_creation_that_is_cancelled_leaves_nothing(portal, plan, wait_for):
    before = portal.ports_taken()
    client = portal.create(plan, "given-up.localhost", async_creation=True)
    stack = client.stack
    wait_for(lambda: stack in portal.stacks(), 120, "the stack to begin")
    client.call("action_cancel")
    wait_for(lambda: client.read("name_released"), 300, "the client to be given up")
    assert stack not in portal.stacks()
    assert stack not in set.union(*portal.remains().values())
    assert portal.ports_taken() == before


def test_a_deleted_client_is_kept_beside_a_proxy_also_when_it_cannot_run(portal, plan):
    """By its other name when it runs; stopped as it is when it cannot be deployed."""
    network = f"saas-test-proxy-{uuid.uuid4()}"
    portal.admin.call(PLAN, "write", [plan], {"retention_days": 1})
    try:
        with portal.proxy_network(network):
            client = portal.create(plan, "kept.localhost")
            client.sql("CREATE TABLE kept (x int)")
            client.call("delete_database")
            assert client.read("trash_name") != client.name
            assert not running(portal, client)
            client.call("action_restore")
            assert client.get("/web/login").status_code == 200

            for row in portal.portainer.containers(client.stack).values():
                portal.engine.docker("stop", row["Id"])
            # Compose refuses a stack whose network is not there.
            portal.engine.docker("network", "rm", network)
            client.call("delete_database")
            assert (client.read("state"), client.read("trash_name")) == ("deleted", client.name)
            assert not running(portal, client)
            portal.engine.docker("network", "create", network)
            client.call("action_restore")
            assert client.get("/web/login").status_code == 200
            assert client.sql("SELECT count(*) FROM kept") == "0"

            client.call("delete_database")
            client.call("action_purge")
            assert client.stack not in set.union(portal.stacks(), *portal.remains().values())
    finally:
        portal.admin.call(PLAN, "write", [plan], {"retention_days": 0})


def running(portal, client):
    """Its services that run; a deployment that failed has taken the containers away."""
    rows = portal.portainer.containers(client.stack)
    return [service for service, row in rows.items() if row["State"] == "running"]


def test_deleted_clients_leave_nothing(portal, pair):
    for client in pair:
        client.call("delete_database")
    assert portal.remains() == {"containers": set(), "networks": set(), "volumes": set()}
    assert portal.stacks() == set()
    assert portal.ports_taken() == 0
