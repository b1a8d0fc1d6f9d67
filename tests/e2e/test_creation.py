"""Creating a client database."""

import secrets
import subprocess

import pytest

from devkit.cluster import programs
from harness import leaving_nothing, refused


def create(portal, plan, **arguments):
    return portal.admin.call("saas_portal.plan", "create_new_database", [plan], **arguments)


def test_the_answer_has_four_keys_and_an_open_client_behind_it(portal, plan, customer, unique_name):
    """T7, T14, T15"""
    name = unique_name()
    answer = create(
        portal, plan, dbname=name, user_id=customer.id, owner_password=secrets.token_urlsafe()
    )
    assert set(answer) == {"url", "id", "client_id", "auth_url"}
    assert answer["url"] == f"http://{name}:{portal.port}/web/login"
    assert answer["auth_url"].startswith(f"http://{name}:{portal.port}/")
    client = portal.admin.read(
        "saas_portal.client", answer["id"], "name", "client_id", "state", "host", "partner_id"
    )
    assert client["name"] == client["host"] == name
    assert client["client_id"] == answer["client_id"]
    assert client["state"] == "open"
    assert client["partner_id"][0] == customer.partner_id
    search = portal.admin.call("saas_portal.client", "search", [["name", "=", name]])
    assert search == [answer["id"]]
    assert answer["id"] in portal.admin.call(
        "saas_portal.client",
        "search",
        [["plan_id", "=", plan], ["partner_id", "=", customer.partner_id]],
    )
    assert portal.http(name).get("/web/login").status_code == 200


@pytest.mark.one_shape
def test_all_other_arguments_are_taken_too(portal, plan, customer, unique_name):
    """T8"""
    partner_id = portal.admin.call("res.partner", "create", {"name": "Company"})
    team_id = portal.admin.call("saas_portal.support_team", "create", {"name": "Team"})
    answer = create(
        portal,
        plan,
        dbname=unique_name(),
        user_id=customer.id,
        partner_id=partner_id,
        notify_user=False,
        trial=True,
        support_team_id=team_id,
    )
    client = portal.admin.read(
        "saas_portal.client", answer["id"],
        "partner_id", "owner_id", "trial", "support_team_id", "state",
    )  # fmt: skip
    assert client["partner_id"][0] == partner_id
    assert client["owner_id"][0] == customer.id
    assert client["trial"] is True
    assert client["support_team_id"][0] == team_id
    assert client["state"] == "open"


@pytest.mark.one_shape
def test_a_draft_client_is_used_by_its_uuid(portal, plan, customer, unique_name):
    uuid = "0b5a0a54-6c0f-4f5a-9a53-3f1d2a8f8c11"
    answer = create(portal, plan, dbname=unique_name(), user_id=customer.id, client_id=uuid)
    assert answer["client_id"] == uuid
    with leaving_nothing(portal), refused(uuid):
        create(portal, plan, dbname=unique_name(), user_id=customer.id, client_id=uuid)


@pytest.mark.parametrize("argument", ["async", "async_creation"])
def test_a_creation_in_the_background_answers_at_once(
    portal, plan, customer, unique_name, wait_for, argument
):
    """T9"""
    name, password = unique_name(), secrets.token_urlsafe(12)
    arguments = {"dbname": name, "user_id": customer.id, "owner_password": password}
    answer = create(portal, plan, **arguments, **{argument: True})
    assert set(answer) == {"url", "id", "client_id", "auth_url"}

    def state():
        return portal.admin.read("saas_portal.client", answer["id"], "state")

    assert state() in ("draft", "building", "open")
    wait_for(lambda: state() == "open", 90, "the client to open")
    assert portal.rpc(name, customer.login, password).uid
    ((leftover,),) = portal.psql(
        portal.name,
        "SELECT count(*) FROM saas_portal_operation WHERE client_id = %s AND secrets IS NOT NULL",
        answer["id"],
    )
    assert leftover == 0


@pytest.mark.one_shape
def test_the_database_has_exactly_administrator_and_owner(portal, client, customer):
    """T16, T17"""
    users = portal.psql(client.name, "SELECT id, login FROM res_users WHERE active AND NOT share")
    assert len(users) == 2
    assert (client.owner.uid, customer.login) in users
    owner = client.owner.read("res.users", client.owner.uid, "login", "name", "email")
    portal_user = portal.admin.read("res.users", customer.id, "login", "name", "email")
    assert {**owner, "id": 0} == {**portal_user, "id": 0}


def test_the_owner_logs_in_with_his_own_password_only(portal, client, customer):
    """T18, T19"""
    assert portal.http(client.name).login(customer.login, client.owner_password)
    assert client.owner.authenticate(customer.login, client.owner_password) == client.owner.uid
    assert not portal.http(client.name).login(customer.login, customer.password)
    assert client.owner.authenticate(customer.login, customer.password) is False
    # And the other way round.
    assert portal.admin.authenticate(customer.login, client.owner_password) is False


@pytest.mark.one_shape
def test_without_an_owner_password_nobody_logs_in(portal, new_client, customer):
    client = new_client(owner_password=False)
    assert client.owner.uid is False
    for password in (customer.password, "", False, "False"):
        assert client.owner.authenticate(customer.login, password) is False


@pytest.mark.one_shape
def test_the_owner_password_is_written_nowhere(portal, plan, new_client, wait_for):
    """T20: no log line, no row of either database (so no mail either), no file"""
    password = "owner-" + secrets.token_urlsafe(24)
    client = new_client(owner_password=password)
    later = new_client(owner_password=password, async_creation=True)
    wait_for(
        lambda: portal.admin.read("saas_portal.client", later.id, "state") == "open",
        90,
        "the client to open",
    )
    assert portal.rpc(later.name).authenticate(later.login, password)
    log = portal.log_text()
    assert client.name in log
    assert password not in log
    for database in (portal.name, client.name, later.name):
        dump = subprocess.run(
            [programs() / "pg_dump", "--inserts", database],
            env=portal.cluster.environment(),
            capture_output=True,
            check=True,
        ).stdout.decode()
        assert client.login in dump
        assert password not in dump
        for path in portal.filestore(database).rglob("*"):
            assert path.is_dir() or password.encode() not in path.read_bytes()


@pytest.mark.one_shape
def test_the_owner_is_an_employee_who_makes_contacts_and_no_administrator(client):
    """T21"""

    def has(group):
        return client.owner.call("res.users", "has_group", [client.owner.uid], group)

    assert has("base.group_user")
    assert has("base.group_partner_manager")
    assert not has("base.group_system")
    assert not has("base.group_erp_manager")


@pytest.mark.one_shape
def test_limits_of_the_plan_hold_from_the_first_moment(portal, unique_name, customer, new_client):
    plan = portal.make_plan("Small", "template-e2e.localhost", max_users=3, total_storage_limit=700)
    client = new_client(plan_id=plan)
    record = portal.admin.read("saas_portal.client", client.id, "max_users", "total_storage_limit")
    assert record["max_users"] == 3
    assert record["total_storage_limit"] == 700
    parameters = dict(
        portal.psql(
            client.name, "SELECT key, value FROM ir_config_parameter WHERE key LIKE 'saas_client.%'"
        )
    )
    assert parameters["saas_client.max_users"] == "3"
    assert parameters["saas_client.total_storage_limit"] == "700"


@pytest.mark.one_shape
def test_the_customer_gets_the_welcome_mail_unless_told_otherwise(portal, new_client, customer):
    def mails():
        return portal.admin.call(
            "mail.mail", "search_count", [("recipient_ids", "in", [customer.partner_id])]
        ) + portal.admin.call("mail.mail", "search_count", [("email_to", "like", customer.login)])

    before = mails()
    new_client(notify_user=False)
    assert mails() == before
    new_client()
    assert mails() == before + 1


@pytest.mark.one_shape
def test_a_draft_plan_is_refused_by_name(portal, customer, unique_name):
    """T26"""
    plan = portal.make_plan("Unfinished", "template-unfinished.localhost")
    with leaving_nothing(portal), refused("Unfinished"):
        create(portal, plan, dbname=unique_name(), user_id=customer.id)


@pytest.mark.one_shape
def test_arguments_that_make_no_sense_are_refused(portal, plan, customer, unique_name):
    good = {"dbname": unique_name(), "user_id": customer.id}
    cases = [
        ({**good, "user_id": 999999}, "user_id"),
        ({**good, "user_id": "someone"}, "user_id"),
        ({**good, "partner_id": 999999}, "partner_id"),
        ({**good, "support_team_id": 999999}, "support_team_id"),
        ({**good, "client_id": "not-a-uuid"}, "client_id"),
        ({**good, "owner_password": 12345}, "password"),
        ({**good, "owner_password": ["x"]}, "password"),
        ({**good, "colour": "blue"}, "colour"),
    ]
    for arguments, word in cases:
        with leaving_nothing(portal), refused(word):
            create(portal, plan, **arguments)


@pytest.mark.one_shape
def test_exactly_one_existing_plan_is_needed(portal, plan, customer, unique_name):
    for ids in ([999999], [], [plan, plan + 1]):
        with leaving_nothing(portal), refused():
            portal.admin.call(
                "saas_portal.plan",
                "create_new_database",
                ids,
                dbname=unique_name(),
                user_id=customer.id,
            )
