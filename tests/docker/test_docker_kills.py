"""Containers, Portainer, portal and engine are killed while something is being done to a client.

Each time it is finished by itself or by *Retry*; nothing is lost, doubled or left behind.
kill_walk.py has every kind of death meet every kind of work.
"""

import pytest
from docker_clients_harness import CLIENT, Client
from kills_harness import (
    Caller,
    Known,
    back_up,
    backups,
    begin_backup,
    settings,
)

from devkit.waiting import wait_for

MINUTE = 60


@pytest.fixture(scope="module")
def portal(mortal_portal):
    return mortal_portal


@pytest.fixture(scope="module")
def only_client(portal):
    return portal.create(portal.plan_id, "kept.localhost")


@pytest.fixture
def client(portal, only_client):
    """Holds data of a customer's, and is the only one before and after each test."""
    portal.mark(only_client, "precious")
    yield only_client
    assert portal.read_mark(only_client) == ("precious", "precious")
    assert portal.complaints(only_client) == []


#: Not all containers of an engine die at once: the agent may be told that PostgreSQL is gone, and
#: tell it in turn, before it dies itself. Then it is a failure, as when PostgreSQL alone dies.
IN_TURN = 1


def finished(portal, client, retries=0):
    """Its latest operation came to a good end, after so many retries at most."""
    state, causes = portal.finish(client, retries)
    assert state == "done", causes
    return causes


# --- how things die ---------------------------------------------------------------


def crash_postgresql(portal, client):
    portal.crash_container(client, "db")


def crash_odoo(portal, client):
    portal.crash_container(client, "odoo")


def kill_portainer(portal, _client):
    portal.kill_portainer()


def kill_portal(portal, _client):
    portal.kill_portal()


def kill_engine(portal, _client):
    portal.kill_engine()


def kill_at(portal, kill, request, client, method, *arguments):
    """Call a method of the client, and kill when Portainer is asked for this."""
    seen = portal.requests_seen()
    caller = Caller(client.call, method, *arguments)
    wait_for(lambda: portal.has_seen(request, seen), MINUTE, "the work to begin")
    kill(portal, client)
    caller.join()
    finished(portal, client, retries=2)


# --- what goes on -----------------------------------------------------------------


def test_a_dead_client_is_started_by_what_is_asked_of_it(portal, client):
    for service in ("odoo", "db"):
        portal.kill_container(client, service)
    assert portal.compare() == [("down", "odoo, db")]
    portal.upgrade(client, params=[{"key": "saas_client.max_users", "value": "7", "hidden": False}])
    assert client.read("max_users") == 7


def test_a_backup_is_written_although_its_source_dies_meanwhile(portal, client):
    before = backups(portal, client)
    portal.hold_up_dumps(client)
    begin_backup(portal, client)
    wait_for(lambda: portal.is_dumping(client), MINUTE, "the backup to begin")
    portal.kill_container(client, "db")
    finished(portal, client)
    assert len(set(backups(portal, client)) - set(before)) == 1


def test_a_restore_is_begun_anew_when_its_engine_dies(portal, client):
    backup = back_up(portal, client)
    portal.mark(client, "spoilt")
    client.restore(backup)
    wait_for(lambda: portal.is_loading(client), MINUTE, "the restore to begin")
    portal.kill_engine()
    finished(portal, client, retries=IN_TURN)


@pytest.mark.parametrize(
    ("app", "kill", "retries"), [("lunch", crash_odoo, 1), ("contacts", kill_portal, 0)]
)
def test_apps_are_installed_although_somebody_dies_meanwhile(portal, client, app, kill, retries):
    installed = f"SELECT state FROM ir_module_module WHERE name = '{app}'"
    caller = Caller(portal.upgrade, client, install_addons=[app])
    wait_for(lambda: client.sql(installed) == "to install", MINUTE, "the installation to begin")
    kill(portal, client)
    caller.join()
    finished(portal, client, retries)
    assert client.sql(installed) == "installed"


def test_a_rename_is_finished_by_a_retry_when_its_database_dies(portal, client):
    kill_at(portal, crash_postgresql, "/exec", client, "rename_database", "moved.localhost")
    assert client.name == "moved.localhost"
    client.call("rename_database", "kept.localhost")


def test_settings_are_applied_although_they_are_cut_off(portal, client):
    """Also when Portainer has written them down before it died, and believes that all is well."""
    portal.admin.call(CLIENT, "write", [client.id], {"docker_workers": 2})
    kill_at(portal, kill_portainer, "PUT /api/stacks/", client, "action_rebuild")
    command = portal.portainer.containers(client.stack)["odoo"]["Command"]
    assert "--workers=2" in command
    settings(portal, client, docker_workers=0)
    finished(portal, client)


def test_what_is_stopped_while_it_is_waited_for_is_started_again(portal, client):
    """Docker takes it for somebody's wish; the operation does not wait in vain for it."""
    settings(portal, client, docker_workers=2)
    waits = (
        "SELECT count(*) FROM saas_portal_operation_step WHERE operation_id = %s"
        " AND method = '_step_wait_for_answer' AND state = 'running'"
    )
    number = portal.operation_of(client)[0]
    portal.reach(lambda: portal.query(waits, number) == [(1,)], 2 * MINUTE, "the wait")
    portal.kill_container(client, "odoo")
    finished(portal, client)
    assert portal.attempts(client) == 0
    assert client.get("/web/login").status_code == 200
    settings(portal, client, docker_workers=0)
    finished(portal, client)


def test_a_restore_that_outlives_the_portal_is_not_done_again(portal, client):
    known = Known(client)
    client.restore(back_up(portal, client))
    wait_for(lambda: portal.is_loading(known), MINUTE, "the restore to begin")
    portal.world.server.kill()
    wait_for(lambda: not portal.is_loading(known), MINUTE, "the restore to end without the portal")
    portal.mark(known, "younger")
    portal.world.server.start()
    finished(portal, client)
    assert portal.read_mark(client) == ("younger", "younger")
    portal.mark(client, "precious")


def test_a_client_is_created_although_the_engine_dies_while_its_database_is_filled(portal, client):
    other = portal.create(portal.plan_id, "other.localhost", async_creation=True)
    portal.reach(lambda: portal.is_loading(other), 2 * MINUTE, "the database to be filled")
    portal.kill_engine()
    finished(portal, other, retries=IN_TURN)
    assert portal.complaints(client, other) == []
    other.remove()


def test_a_stage_is_made_put_away_and_purged_although_the_engine_dies_each_time(portal, client):
    portal.hold_up_dumps(client)
    stage = Client(portal, client.call("create_stage", "stage.localhost"))
    wait_for(lambda: portal.is_dumping(client), 2 * MINUTE, "the copy to begin")
    portal.kill_engine()
    finished(portal, stage, retries=IN_TURN)
    assert portal.read_mark(stage) == ("precious", "precious")
    assert portal.complaints(client, stage) == []

    kill_at(portal, kill_engine, "PUT /api/stacks/", stage, "delete_database")
    assert stage.read("state") == "deleted"
    rows = portal.portainer.containers(stage.stack).values()
    assert "running" not in {row["State"] for row in rows}
    kill_at(portal, kill_engine, "DELETE /api/stacks/", stage, "action_purge")
    assert portal.left(stage.stack) == ([], 0, 0)
