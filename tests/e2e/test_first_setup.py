"""A client that is made with its owner holds what Odoo itself would have written."""

import itertools
import secrets

import pytest

from harness import TemplateCopy
from harness.templates import FORGET_PREPARED

NAME = "Zoë <O'Neil> & Sons "
NUMBERS = itertools.count(1)
#: What is each client's own, by table: ids follow from the order in which rows are made.
OWN = {
    "res_users": {"id", "login", "partner_id", "oauth_uid", "password"},
    "res_partner": {"id", "email", "email_normalized", "commercial_partner_id"},
    "auth_oauth_provider": {"client_id"},
    "ir_config_parameter": {"id"},
}
DATES = {"create_date", "write_date", "create_uid", "write_uid"}
OWN_PARAMETERS = {
    "database.uuid", "database.secret", "database.create_date", "web.base.url",
    "saas_client.policy", "res.users.owner",
}  # fmt: skip
#: Written by a cache, a clock or the first visit, or (attachments) the picture of an initial.
NOT_COUNTED = "orm_signaling_%|ir_config_parameter|res_device_log|ir_attachment|bus_bus"


@pytest.fixture
def make(portal, new_client):
    """Makes a client for a person of his own: `make(plan_id=…)`."""

    def call(**arguments):
        login = f"Zoe{next(NUMBERS)}@Example.com"
        user_id = portal.sign_up(login, secrets.token_urlsafe(12), name=NAME)
        client = new_client(user_id=user_id, **arguments)
        client.login = login
        return client

    return call


@pytest.fixture
def copied(portal, plan):
    """A copy of the template that says nothing of the owner it holds ready."""
    copy = TemplateCopy(portal, "template-e2e.localhost")
    copy.run(FORGET_PREPARED)
    yield copy
    copy.drop_database()


def rows_of(portal, name, table, where="TRUE"):
    own = sorted(OWN[table] | DATES)
    rows = portal.psql(
        name, f"SELECT to_jsonb(t) - %s::text[] FROM {table} t WHERE {where} ORDER BY t.id", own
    )
    return [row for (row,) in rows]


def contents_of(portal, client):
    """What a client holds, without what has to differ from one client to the other."""
    name = client.name
    owner = f"login = '{client.login}'"
    found = {
        "users": rows_of(portal, name, "res_users", f"id < 3 OR {owner}"),
        "partner": rows_of(
            portal, name, "res_partner", f"id = (SELECT partner_id FROM res_users WHERE {owner})"
        ),
        "way in": rows_of(portal, name, "auth_oauth_provider"),
        "parameters": [
            row
            for row in rows_of(portal, name, "ir_config_parameter")
            if row["key"] not in OWN_PARAMETERS
        ],
        "groups": portal.psql(
            name,
            "SELECT gid FROM res_groups_users_rel WHERE uid ="
            f" (SELECT id FROM res_users WHERE {owner}) ORDER BY gid",
        ),
    }
    found["parameters"].sort(key=lambda row: row["key"])
    tables = portal.psql(
        name,
        "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
        " AND NOT tablename LIKE ANY (string_to_array(%s, '|')) ORDER BY 1",
        NOT_COUNTED,
    )
    for (table,) in tables:
        found[table] = portal.psql(name, f'SELECT count(*) FROM "{table}"')
    return found


@pytest.mark.one_shape
def test_the_copy_holds_what_the_client_would_have_written_itself(portal, make, copied):
    made, told = make(), make(plan_id=copied.plan_id)
    one, other = contents_of(portal, made), contents_of(portal, told)
    assert one.keys() == other.keys()
    assert {name: one[name] for name in one if one[name] != other[name]} == {
        name: other[name] for name in one if one[name] != other[name]
    }


@pytest.mark.one_shape
def test_a_template_that_holds_no_owner_ready_makes_the_same_client(portal, make, copied):
    """One that was built before this was possible"""
    copied.run("DELETE FROM ir_config_parameter WHERE key = 'res.users.owner'")
    made, told = make(), make(plan_id=copied.plan_id)
    one, other = contents_of(portal, made), contents_of(portal, told)
    for part in ("users", "partner", "way in", "parameters", "groups"):
        assert one[part] == other[part], part


@pytest.mark.one_shape
def test_the_owner_of_a_copy_gets_in_and_nobody_waits_there(portal, make):
    client = make()
    assert portal.http(client.name).login(client.login, client.owner_password)
    assert portal.rpc(client.name).authenticate(client.login, client.owner_password)
    logins = {login for (login,) in portal.psql(client.name, "SELECT login FROM res_users")}
    assert "saas-prepared-owner" not in logins
    assert not portal.psql(
        client.name, "SELECT 1 FROM ir_config_parameter WHERE key = 'saas_client.prepared_owner'"
    )


@pytest.mark.one_shape
def test_nobody_gets_in_by_the_name_of_who_waits(portal, make):
    client = make()
    for password in ("saas-prepared-owner", "", "Owner"):
        assert portal.rpc(client.name).authenticate("saas-prepared-owner", password) is False


def test_the_first_page_after_a_creation_is_there_for_the_owner(portal, make):
    """Also the picture of the initial, which nobody has stored"""
    client = make()
    owner = portal.rpc(client.name, client.login, client.owner_password)
    partner = owner.read("res.users", owner.uid, "partner_id")[0]
    assert owner.read("res.partner", partner, "avatar_128")
    assert owner.read("res.users", owner.uid, "signature") == (
        "<div>Zoë &lt;O'Neil&gt; &amp; Sons </div>"
    )
