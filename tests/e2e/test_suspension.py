"""Suspending a client, and letting it go on."""

import json

import pytest

from harness import ACCESS_DENIED, param, refused

SUSPENDED = "saas_client.suspended"


@pytest.fixture
def suspend(configure):
    """`suspend(client)`; whatever is suspended goes on after the test."""
    clients = []

    def call(client, value="1"):
        clients.append(client)
        return configure(client, params=[param(SUSPENDED, value)])

    yield call
    for client in clients:
        configure(client, params=[param(SUSPENDED, "0")])


def state(portal, client):
    return portal.admin.read("saas_portal.client", client.id, "state")


def test_suspending_answers_with_the_database_and_changes_the_state_at_once(
    portal, client, suspend
):
    """T27, T30"""
    assert json.loads(suspend(client)) == {client.name: {}}
    assert state(portal, client) == "pending"


def test_a_suspended_owner_sees_one_page_and_his_session_has_ended(
    portal, client, suspend, configure
):
    """T28"""
    browser = portal.http(client.name)
    assert browser.login(client.login, client.owner_password)
    assert browser.get("/odoo").status_code == 200
    suspend(client)
    for _ in range(3):  # several times: another worker may answer each
        for path in ("/odoo", "/web/login", "/web", "/odoo/action-base.action_res_users"):
            page = browser.get(path)
            assert page.status_code == 503, path
            assert "suspended" in page.text.lower()
            assert "Traceback" not in page.text
    answer = browser.post(
        "/web/dataset/call_kw/res.users/read",
        json={
            "jsonrpc": "2.0",
            "params": {
                "model": "res.users", "method": "read",
                "args": [[client.owner.uid], ["login"]], "kwargs": {},
            },
        },
    )  # fmt: skip
    assert answer.status_code == 200
    assert "error" in answer.json()
    assert client.login not in answer.text
    configure(client, params=[param(SUSPENDED, "0")])
    # Not even now: the session ended, it was not only paused.
    assert "/web/login" in browser.get("/odoo").url


def test_a_suspended_owner_cannot_log_in_or_call(portal, client, suspend):
    """T29"""
    assert client.owner.call("res.users", "search_count", []) >= 1
    suspend(client)
    for _ in range(3):
        assert client.owner.authenticate(client.login, client.owner_password) is False
        with refused(codes=[ACCESS_DENIED]):
            client.owner.call("res.users", "search_count", [])
    assert not portal.http(client.name).login(client.login, client.owner_password)


def test_the_portal_still_reaches_a_suspended_client(portal, client, suspend, configure):
    """T30"""
    suspend(client)
    configure(client, params=[param("saas_client.support_url", "https://example.com/help")])
    assert "https://example.com/help" in portal.http(client.name).get("/web/login").text
    portal.admin.call("saas_portal.client", "sync_client", [client.id])
    assert state(portal, client) == "pending"


@pytest.mark.one_shape
def test_resuming_needs_no_new_password_and_repeating_does_no_harm(portal, client, suspend):
    """T31"""
    for _ in range(2):
        assert json.loads(suspend(client)) == {client.name: {}}
        assert state(portal, client) == "pending"
    for _ in range(2):
        assert json.loads(suspend(client, "0")) == {client.name: {}}
        assert state(portal, client) == "open"
    assert client.owner.authenticate(client.login, client.owner_password) == client.owner.uid
    assert client.owner.call("res.users", "search_count", []) >= 1
    assert portal.http(client.name).login(client.login, client.owner_password)


@pytest.mark.one_shape
def test_every_spelling_of_yes_and_no_counts_and_nothing_else(portal, client, suspend):
    """T32"""
    for yes in ("1", 1, True):
        suspend(client, yes)
        assert state(portal, client) == "pending", repr(yes)
        for no in ("0", 0, False, ""):
            suspend(client, no)
            assert state(portal, client) == "open", repr(no)
            suspend(client)
    suspend(client, "0")
    for other in ("2", 2, -1, "yes please", 0.5, ["1"], {"value": "1"}):
        with refused(SUSPENDED, codes=[2]):
            suspend(client, other)
        assert state(portal, client) == "open"
    assert client.owner.call("res.users", "search_count", []) >= 1


@pytest.mark.one_shape
def test_the_buttons_suspend_and_resume(portal, client, suspend):
    portal.admin.call("saas_portal.client", "action_suspend", [client.id])
    assert state(portal, client) == "pending"
    assert client.owner.authenticate(client.login, client.owner_password) is False
    portal.admin.call("saas_portal.client", "action_resume", [client.id])
    assert state(portal, client) == "open"
    assert client.owner.authenticate(client.login, client.owner_password)


@pytest.mark.one_shape
def test_other_clients_go_on(portal, client, managed_client, suspend):
    suspend(client)
    assert managed_client.owner.call("res.users", "search_count", []) >= 1
