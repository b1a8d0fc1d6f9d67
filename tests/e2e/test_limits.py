"""Limits of users and records in a client."""

import secrets

import pytest

from harness import Fault, at_once, failed, param, refused, succeeded

MAX_USERS = "saas_client.max_users"


@pytest.fixture
def limit(portal, managed_client, configure):
    """`limit(4)` allows the managed client 4 users; afterwards it has its owner and no limit."""

    def call(value):
        return configure(managed_client, params=[param(MAX_USERS, value)])

    yield call
    call("0")
    portal.psql(
        managed_client.name,
        "UPDATE res_users SET active = FALSE WHERE id NOT IN (1, 2, %s)",
        managed_client.owner.uid,
    )


@pytest.fixture
def users(portal, managed_client):
    return Users(portal, managed_client)


class Users:
    """The users of a client, as its administrator sees them and as they are stored."""

    def __init__(self, portal, client):
        self.portal, self.client = portal, client
        self.employee = client.owner.ref("base.group_user")
        self.customer = client.owner.ref("base.group_portal")

    def values(self, group=None, **values):
        login = f"{secrets.token_hex(4)}@example.com"
        return {"name": login, "login": login, "group_ids": [group or self.employee], **values}

    def create(self, *vals):
        return self.client.owner.call("res.users", "create", list(vals) or [self.values()])

    def write(self, ids, **values):
        return self.client.owner.call("res.users", "write", ids, values)

    def count(self):
        """All rows, whatever they are."""
        ((count,),) = self.portal.psql(self.client.name, "SELECT count(*) FROM res_users")
        return count

    def internal(self):
        """Active internal users without bot and administrator."""
        ((count,),) = self.portal.psql(
            self.client.name,
            "SELECT count(*) FROM res_users WHERE active AND NOT share AND id > 2",
        )
        return count


def shown(portal, client):
    return portal.admin.read("saas_portal.client", client.id, "max_users")


@pytest.mark.one_shape
def test_the_user_above_the_limit_is_refused_in_numbers(portal, users, limit):
    """T33: the owner and three more are four"""
    limit("4")
    for _ in range(3):
        users.create()
    before = users.count()
    with refused("4", "users", codes=[2]):
        users.create()
    assert users.count() == before
    assert users.internal() == 4


@pytest.mark.one_shape
def test_no_other_way_leads_above_the_limit(portal, managed_client, users, limit):
    """T34: un-archiving, a customer made employee, two at once, import, copy, a group's members"""
    (archived,) = users.create()
    users.write([archived], active=False)
    (customer,) = users.create(users.values(users.customer))
    limit("4")
    users.create()
    users.create()
    before = users.count()
    with refused("4", codes=[2]):
        users.create(users.values(), users.values())
    assert users.count() == before
    (last,) = users.create()
    before = users.count()
    ways = {
        "un-archiving": lambda: users.write([archived], active=True),
        "a customer made employee": lambda: users.write(
            [customer], group_ids=[[6, 0, [users.employee]]]
        ),
        "a group's members": lambda: managed_client.owner.call(
            "res.groups", "write", [users.employee], {"user_ids": [[4, archived], [4, customer]]}
        ),
        "copy": lambda: managed_client.owner.call("res.users", "copy", [last]),
    }
    for way, call in ways.items():
        with refused(codes=[2]):
            call()
        assert users.internal() == 4, way
    assert users.count() == before
    answer = managed_client.owner.call(
        "res.users", "load", ["name", "login"], [["Imported", "imported@example.com"]]
    )
    assert not answer["ids"]
    assert "4" in answer["messages"][0]["message"]
    assert users.count() == before


def test_of_two_users_made_at_once_for_the_last_place_one_is_refused(
    portal, managed_client, users, limit
):
    limit("2")
    before = users.internal()
    assert before == 1
    results = at_once(*[users.create] * 2)
    assert len(succeeded(results)) == 1
    (error,) = failed(results)
    assert isinstance(error, Fault)
    assert error.faultCode == 2
    assert "Traceback" not in error.faultString
    assert users.internal() == 2


@pytest.mark.one_shape
def test_customers_of_the_customer_are_not_limited(portal, users, limit):
    """T35"""
    limit("1")
    with refused(codes=[2]):
        users.create()
    (customer,) = users.create(users.values(users.customer))
    users.write([customer], active=False)
    users.write([customer], active=True)
    assert users.internal() == 1


@pytest.mark.one_shape
def test_the_owner_counts_and_administrator_and_bot_do_not(portal, managed_client, users, limit):
    """T36, T65"""
    users.create()
    portal.admin.call("saas_portal.client", "sync_client", [managed_client.id])
    count = portal.admin.read("saas_portal.client", managed_client.id, "users_len")
    assert count == users.internal() == 2
    limit("2")
    with refused("2", codes=[2]):
        users.create()


@pytest.mark.one_shape
def test_nothing_and_zero_are_unlimited(portal, managed_client, users, limit):
    """T37"""
    for value in ("0", 0, "", False):
        limit("1")
        limit(value)
        assert shown(portal, managed_client) == 0
        users.create()


@pytest.mark.one_shape
def test_a_value_that_is_no_limit_is_refused_and_the_old_one_stays(
    portal, managed_client, users, limit
):
    """T37"""
    limit("1")
    for value in (
        "-1",
        -1,
        "abc",
        "1.5",
        1.5,
        "1e3",
        "٣",
        True,
        ["4"],
        {"max": 4},
        2**31 - 1 + 1.0,
    ):
        with refused(MAX_USERS, codes=[2]):
            limit(value)
        assert shown(portal, managed_client) == 1
    with refused("1", codes=[2]):
        users.create()


@pytest.mark.one_shape
def test_lowering_the_limit_keeps_everybody_and_tells_the_owner(
    portal, managed_client, users, limit
):
    """T38"""
    ids = [users.create()[0] for _ in range(3)]
    limit("2")
    assert users.internal() == 4
    with refused("2", codes=[2]):
        users.create()
    users.write([ids[0]], name="Renamed")
    users.write([ids[0]], active=False)
    with refused(codes=[2]):
        users.write([ids[0]], active=True)
    notes = portal.psql(
        managed_client.name,
        "SELECT note FROM mail_activity WHERE user_id = %s AND active",
        managed_client.owner.uid,
    )
    assert any("2" in note and "4" in note for (note,) in notes)


def test_the_portal_shows_the_limit_at_once(portal, managed_client, limit):
    """T39"""
    for value, number in (("4", 4), (7, 7), (" 5 ", 5), ("", 0)):
        limit(value)
        assert shown(portal, managed_client) == number


@pytest.mark.one_shape
def test_writing_the_limit_on_the_record_tells_the_client(portal, client, wait_for):
    portal.admin.call("saas_portal.client", "write", [client.id], {"max_users": 6})

    def is_told(number):
        return portal.policy(client)["max_users"] == number

    try:
        wait_for(lambda: is_told(6), 90, "the client to be told")
    finally:
        portal.admin.call("saas_portal.client", "write", [client.id], {"max_users": 0})
        wait_for(lambda: is_told(0), 90, "the client to be told")


@pytest.mark.one_shape
@pytest.mark.parametrize("key", ["limit_number_of_records", "limit_nuber_of_records"])
def test_a_model_is_limited_to_the_records_that_match(portal, client, configure, key):
    """T60"""
    domain = [["ref", "=", key]]

    def limit(number):
        entry = {"model": "res.partner", "max_records": number, "domain": domain}
        assert configure(client, **{key: [entry]})

    def create(ref):
        return client.owner.call("res.partner", "create", {"name": "Somebody", "ref": ref})

    limit(2)
    try:
        create(key)
        last = create(key)
        with refused("2", codes=[2]):
            create(key)
        other = create("other")
        with refused("2", codes=[2]):
            client.owner.call("res.partner", "write", [other], {"ref": key})
        assert client.owner.call("res.partner", "search_count", domain) == 2
        client.owner.call("res.partner", "write", [last], {"ref": "other"})
        create(key)
    finally:
        limit(0)
    create(key)


@pytest.mark.one_shape
def test_limits_of_unknown_models_and_broken_domains_are_reported(portal, client, configure):
    for entry, word in (
        ({"model": "no.such.model", "max_records": 1}, "no.such.model"),
        ({"model": "res.partner", "max_records": 1, "domain": "[('nofield', '=', 1)]"}, "domain"),
        ({"model": "res.partner", "max_records": 1, "domain": "import os"}, "domain"),
    ):
        assert word in configure(client, limit_number_of_records=[entry])
    client.owner.call("res.partner", "create", [{"name": "One"}, {"name": "Two"}])
