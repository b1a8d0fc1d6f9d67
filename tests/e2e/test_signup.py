"""Signing up and logging in at the portal."""

import secrets

import pytest

from harness import ACCESS_DENIED, ACCESS_ERROR, leaving_nothing, refused


@pytest.fixture
def new_login():
    return f"{secrets.token_hex(4)}@example.com"


@pytest.mark.one_shape
def test_the_right_password_gives_an_id_and_a_wrong_one_false(portal):
    """T1"""
    assert isinstance(portal.admin.authenticate("admin", portal.admin_password), int)
    assert portal.admin.authenticate("admin", "wrong") is False
    assert portal.admin.authenticate("nobody@example.com", "wrong") is False


def test_signing_up_makes_an_active_portal_user_who_can_log_in(portal, new_login):
    """T2, T3, T4: right after the installation, also where `website` was there before"""
    answer = portal.admin.call(
        "res.users", "signup", {"login": new_login, "name": "New", "password": "Secret 1"}
    )
    assert answer == [new_login, "Secret 1"]
    uid = portal.admin.authenticate(new_login, "Secret 1")
    user = portal.admin.read("res.users", uid, "login", "name", "active", "share", "group_ids")
    assert user["login"] == new_login
    assert user["name"] == "New"
    assert user["active"]
    assert user["share"]
    assert user["group_ids"] == [portal.admin.ref("base.group_portal")]


def test_a_stranger_signs_himself_up_on_the_page(portal):
    """T4"""
    page = portal.http().get("/web/signup")
    assert page.status_code == 200
    assert 'name="confirm_password"' in page.text


def test_a_login_can_be_signed_up_once(portal, customer):
    """T5"""
    with leaving_nothing(portal), refused(customer.login, codes=[2]):
        portal.admin.call(
            "res.users",
            "signup",
            {"login": customer.login, "name": "Again", "password": "Secret 2"},
        )
    assert portal.admin.authenticate(customer.login, customer.password) == customer.id
    assert portal.admin.authenticate(customer.login, "Secret 2") is False


@pytest.mark.one_shape
def test_a_sign_up_without_a_password_answers_without_one(portal, new_login):
    answer = portal.admin.call("res.users", "signup", {"login": new_login, "name": "New"})
    assert answer == [new_login, False]


@pytest.mark.one_shape
def test_a_sign_up_that_says_nothing_is_refused(portal):
    for values in ({}, {"name": "No login"}, "text", False):
        with leaving_nothing(portal), refused("login"):
            portal.admin.call("res.users", "signup", values)


@pytest.mark.one_shape
def test_a_customer_cannot_use_the_api(portal, plan, client, customer):
    """T6"""
    with leaving_nothing(portal):
        for model, method, arguments in (
            ("res.users", "signup", [{"login": "x@example.com", "name": "X", "password": "x"}]),
            ("saas_portal.plan", "create_new_database", [[plan]]),
            ("saas_portal.plan", "create_template", [[plan]]),
            ("saas_portal.plan", "generate_dbname", [[plan]]),
            ("saas.config", "do_upgrade_database", [{}, client.id]),
            ("saas_portal.client", "read", [[client.id], ["policy_serial"]]),
            ("saas_portal.client", "write", [[client.id], {"max_users": 99}]),
            ("saas_portal.client", "rename_database", [[client.id], "mine.localhost"]),
            ("saas_portal.client", "delete_database", [[client.id]]),
            ("saas_portal.client", "action_purge", [[client.id]]),
            ("saas_portal.client", "sync_client", [[client.id]]),
            ("saas_portal.operation", "search_read", [[], ["secrets"]]),
            ("ir.config_parameter", "get_param", ["saas_portal.signing_key"]),
        ):
            with refused(codes=[ACCESS_DENIED, ACCESS_ERROR]):
                customer.rpc.call(model, method, *arguments)


@pytest.mark.one_shape
def test_private_methods_of_the_portal_cannot_be_called(portal, plan, client):
    for model, method, arguments in (
        ("saas_portal.keyring", "_get_signing_key", []),
        ("saas_portal.client", "_set_deleted", [[client.id]]),
        ("saas_portal.operation", "_get_secrets", [[1]]),
        ("saas_portal.plan", "_create_new_database", [[plan], {}, False, False]),
    ):
        with refused(codes=[ACCESS_ERROR]):
            portal.admin.call(model, method, *arguments)
