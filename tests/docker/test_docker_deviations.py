"""Where a real engine is not as the portal's records say, and how it is looked at from a client."""

import uuid

import pytest
from docker_clients_harness import ENVIRONMENT, PLAN, SERVER

from devkit.waiting import wait_for

DEVIATION = "sadeem.saas.docker.deviation"


@pytest.fixture(scope="module")
def client(portal):
    return portal.create(portal.plan_id, "deviant.localhost")


def compare(portal):
    """(kind, detail) of what was found after a comparison."""
    portal.admin.call(SERVER, "action_compare", [portal.server_id])
    rows = portal.admin.call(DEVIATION, "search_read", [], ["kind", "detail"])
    return [(row["kind"], row["detail"]) for row in rows]


def rebuild(portal, client):
    (deviation_id,) = portal.admin.call(DEVIATION, "search", [])
    portal.admin.call(DEVIATION, "action_rebuild", [deviation_id])
    client.wait(wait_for, "open")


def test_a_client_as_it_should_be_is_no_deviation_and_has_its_place(portal, client):
    assert compare(portal) == []
    portal.admin.call(ENVIRONMENT, "action_refresh", [portal.environment_id])
    (place,) = portal.admin.call(
        "sadeem.saas.docker.placement", "search_read", [], ["containers", "seen", "reason"]
    )
    assert (place["containers"], place["seen"]) == (2, True)
    assert "it is the first in the order that has room" in place["reason"]


def test_log_figures_and_commands_are_those_of_the_clients_containers(client):
    rows = client.call("get_live_containers")["containers"]
    assert [row["service"] for row in rows] == ["odoo", "db"]
    odoo = rows[0]["name"]
    log = client.call("get_container_log", odoo, 5)["log"]
    assert 0 < len(log.splitlines()) <= 5
    assert client.call("get_container_stats", odoo)["memory_bytes"] > 0
    assert client.call("run_command", odoo, "echo hello")["stdout"] == "hello\n"


def test_the_nginx_file_leads_to_the_published_port(portal, client):
    text = portal.admin.read(SERVER, portal.server_id, "docker_nginx")
    assert f"deviant.localhost 127.0.0.1:{client.read('docker_http_port')};" in text


def test_a_service_that_was_stopped_is_found_and_started_by_a_rebuild(portal, client):
    database = portal.portainer.containers(client.stack)["db"]["Id"]
    portal.engine.docker("stop", database)
    assert compare(portal) == [("down", "db")]
    rebuild(portal, client)
    assert compare(portal) == []
    assert client.get("/web/login").status_code == 200


def test_containers_that_were_removed_come_back_with_their_data(portal, client):
    client.sql("CREATE TABLE kept (x int)")
    for row in portal.portainer.containers(client.stack).values():
        portal.engine.docker("rm", "--force", row["Id"])
    found = compare(portal)
    assert [kind for kind, _detail in found] == ["down"]
    rebuild(portal, client)
    assert compare(portal) == []
    assert client.sql("SELECT count(*) FROM kept") == "0"


def test_without_its_volumes_it_is_restored_from_a_backup_with_none_before(portal, client):
    client.sql("UPDATE res_company SET name = 'Before'")
    backup = client.backup(wait_for)
    for row in portal.portainer.containers(client.stack).values():
        portal.engine.docker("rm", "--force", "--volumes", row["Id"])
    for row in portal.engine.request("GET", "/volumes")[1]["Volumes"]:
        if client.stack in row["Name"]:
            portal.engine.docker("volume", "rm", row["Name"])
    client.restore(backup)
    client.wait(wait_for, "open")
    assert client.sql("SELECT name FROM res_company ORDER BY id LIMIT 1") == "Before"
    rows = portal.admin.call(
        "saas_portal.client.backup", "search_read", [("client_id", "=", client.id)], ["state"]
    )
    assert sorted(row["state"] for row in rows) == ["failed", "ready"]
    assert compare(portal) == []


def test_a_deleted_client_that_somebody_starts_is_found_and_stopped(portal, client):
    portal.admin.call(PLAN, "write", [portal.plan_id], {"retention_days": 1})
    client.call("delete_database")
    assert compare(portal) == []
    database = portal.portainer.containers(client.stack)["db"]["Id"]
    portal.engine.docker("start", database)
    assert compare(portal) == [("running", "db")]
    (deviation_id,) = portal.admin.call(DEVIATION, "search", [])
    portal.admin.call(DEVIATION, "action_stop", [deviation_id])
    client.wait(wait_for, "deleted")
    assert client.containers() == {}
    assert compare(portal) == []
    client.call("action_restore")
    portal.admin.call(PLAN, "write", [portal.plan_id], {"retention_days": 0})
    assert client.get("/web/login").status_code == 200


def test_a_stack_that_no_client_has_is_removed_with_its_data(portal, client):
    portal_uuid = portal.portainer.containers(client.stack)["odoo"]["Labels"]["saas.portal"]
    key = str(uuid.uuid4())
    name = f"saas-{key}"
    labels = f"{{saas.client.key: {key}, saas.client.name: lost, saas.portal: {portal_uuid}}}"
    image = portal.portainer.containers(client.stack)["db"]["Image"]
    text = (
        f"services:\n  a:\n    image: {image}\n    command: [sleep, infinity]\n"
        f"    labels: {labels}\n    volumes: [data:/x]\nvolumes:\n  data: {{}}\n"
    )
    portal.portainer.stack(name, text)
    ((kind, detail),) = compare(portal)
    assert (kind, detail) == ("orphaned", "lost (1/1)")
    (deviation_id,) = portal.admin.call(DEVIATION, "search", [])
    portal.admin.call(DEVIATION, "action_remove", [deviation_id])
    assert name not in portal.portainer.names()
    assert not portal.portainer.containers(name)
    volumes = portal.engine.request("GET", "/volumes")[1]["Volumes"] or []
    assert not [row for row in volumes if name in row["Name"]]
    assert compare(portal) == []
    assert client.get("/web/login").status_code == 200
