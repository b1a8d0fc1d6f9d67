"""Clients whose databases are on a PostgreSQL server that they share, outside of their stacks.

What can be done to such a client is tried in test_docker_clients.py with both kinds.
"""

import json

import pytest
from docker_clients_harness import CLIENT, PLAN
from portainer_driver_import import external

from devkit.console import Failure
from harness.rpc import Fault

SERVER = "sadeem.postgresql.server"
STRANGER = "saas_stranger"
MARK = json.dumps({"saas_client": "00000000-0000-4000-8000-000000000000"})
#: What Odoo takes for its databases, asked as the processes for scheduled actions ask.
LIST_DATABASES = """
import os
from odoo.tools import config
options = {"db_host": "HOST", "db_port": "PORT", "db_user": "USER", "db_password": "PASSWORD"}
config.parse_config([f"--{name}={os.environ[variable]}" for name, variable in options.items()])
from odoo.service.db import list_dbs
print(",".join(list_dbs(True)))
"""


@pytest.fixture(scope="module")
def plan(portal, external_plan):
    portal.admin.call(PLAN, "write", [external_plan], {"retention_days": 1})
    yield external_plan
    portal.admin.call(PLAN, "write", [external_plan], {"retention_days": 0})


@pytest.fixture(scope="module")
def client(portal, plan):
    return portal.create(plan, "shared.localhost")


@pytest.fixture(scope="module")
def stranger(shared_postgres):
    """Runs a statement as another client of the server."""
    roles = external.ExternalRoles(shared_postgres.server(STRANGER))
    roles.ensure_role()
    yield lambda statement, database="postgres": shared_postgres.query_as(
        STRANGER, database, statement
    )
    roles.drop()


def owned(shared, client):
    """The databases of a client's role; None when there is no such role."""
    role = f"saas_{client.read('client_id').replace('-', '_')}"
    if not shared.query("SELECT 1 FROM pg_roles WHERE rolname = %s", role):
        return None
    rows = shared.query("SELECT datname FROM pg_database WHERE pg_get_userbyid(datdba) = %s", role)
    return [name for (name,) in rows]


def test_a_client_is_one_container_and_one_database_of_its_own_role(client, shared_postgres):
    assert list(client.containers()) == ["odoo"]
    assert owned(shared_postgres, client) == [client.name]
    assert client.sql("SELECT rolsuper, rolcreaterole FROM pg_roles WHERE rolname = user") == "f|f"
    assert "oe_login_form" in client.get("/web/login").text


def test_no_client_gets_at_the_database_of_another(client, stranger):
    loot = f'CREATE DATABASE loot TEMPLATE "{client.name}"'
    for statement, database in (("SELECT 1", client.name), (loot, "postgres")):
        with pytest.raises(Exception, match="permission denied"):
            stranger(statement, database)
    stranger('CREATE DATABASE "stranger.localhost"')
    stranger('REVOKE CONNECT ON DATABASE "stranger.localhost" FROM PUBLIC')
    with pytest.raises(Failure, match="permission denied for database"):
        client.sql("SELECT 1", "stranger.localhost")


def test_odoo_takes_no_database_on_its_way_for_one_of_its_own(client):
    staging = f"saas-new-{client.read('client_id')}"
    client.sql(f'CREATE DATABASE "{staging}"', "postgres")
    try:
        assert client.run("python3", "-c", LIST_DATABASES) == client.name
    finally:
        client.sql(f'DROP DATABASE "{staging}"', "postgres")


def test_a_name_that_another_client_has_taken_there_is_refused_and_can_be_cleared(
    portal, plan, stranger, shared_postgres, wait_for
):
    stranger('CREATE DATABASE "wanted.localhost"')
    stranger(f"COMMENT ON DATABASE \"wanted.localhost\" IS '{MARK}'")
    before = portal.remains(), portal.ports_taken()
    with pytest.raises(Fault, match=f"role {STRANGER} has a .* drop that one") as raised:
        portal.create(plan, "wanted.localhost")
    assert "wanted.localhost is taken" in raised.value.faultString
    assert (portal.remains(), portal.ports_taken()) == before
    refused = portal.find("wanted.localhost")
    assert owned(shared_postgres, refused) is None
    stranger('DROP DATABASE "wanted.localhost"')
    refused.call("action_retry")
    refused.wait(wait_for, "open")
    assert owned(shared_postgres, refused) == ["wanted.localhost"]


def test_what_a_client_has_there_besides_its_database_is_listed(portal, client):
    client.sql('CREATE DATABASE "besides.localhost"', "postgres")
    portal.admin.call(SERVER, "action_test_connection", [portal.postgresql_id])
    found = portal.admin.read(SERVER, portal.postgresql_id, "foreign_databases")
    assert found == f"besides.localhost, made by {client.name}"


def test_a_deleted_client_comes_back_and_purged_leaves_neither_role_nor_database(
    portal, client, shared_postgres
):
    client.sql("CREATE TABLE kept (x int)")
    name = client.name
    client.call("delete_database")
    assert client.containers() == {}
    assert client.read("trash_name") in owned(shared_postgres, client)
    client.call("action_restore")
    assert client.get("/web/login").status_code == 200
    assert (client.name, client.sql("SELECT count(*) FROM kept")) == (name, "0")

    stack = client.stack
    client.remove()
    assert portal.admin.read(CLIENT, client.id, "state") == "deleted"
    assert owned(shared_postgres, client) is None
    assert (
        shared_postgres.query("SELECT 1 FROM pg_database WHERE datname = 'besides.localhost'") == []
    )
    assert stack not in set.union(portal.stacks(), *portal.remains().values())
