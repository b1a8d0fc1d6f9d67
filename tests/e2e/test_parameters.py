"""System parameters that the operator sets in a client."""

import json

import pytest

from harness import ACCESS_ERROR, param, refused

KEYS = ("saas_client.e2e_secret",)


@pytest.fixture(scope="module", params=KEYS)
def hidden(request, managed_client, configure):
    """The name of a parameter that the operator has hidden."""
    configure(managed_client, params=[param(request.param, "before")])
    yield request.param
    configure(managed_client, params=[param(request.param, False)])


def stored(portal, client, key):
    rows = portal.psql(client.name, "SELECT value FROM ir_config_parameter WHERE key = %s", key)
    return rows[0][0] if rows else None


@pytest.mark.one_shape
def test_nobody_in_the_client_reads_a_hidden_parameter(portal, managed_client, hidden):
    """T43"""
    call = managed_client.owner.call
    assert call("ir.config_parameter", "get_param", hidden) is False
    assert call("ir.config_parameter", "search", [("key", "=", hidden)]) == []
    assert call("ir.config_parameter", "search_count", [("value", "=", "before")]) == 0
    names = call("ir.config_parameter", "search_read", [], ["key"])
    assert hidden not in [row["key"] for row in names]
    exported = call("ir.config_parameter", "export_data", [row["id"] for row in names], ["key"])
    assert [hidden] not in exported["datas"]
    ((number,),) = portal.psql(
        managed_client.name, "SELECT id FROM ir_config_parameter WHERE key = %s", hidden
    )
    with refused():
        call("ir.config_parameter", "read", [number], ["value"])
    for group_by in ("key", "value"):
        groups = call("ir.config_parameter", "formatted_read_group", [], [group_by], ["__count"])
        assert "before" not in str(groups)
        assert hidden not in str(groups)


@pytest.mark.one_shape
def test_nobody_in_the_client_changes_a_hidden_parameter(portal, managed_client, hidden):
    """T43"""
    call = managed_client.owner.call
    ((number,),) = portal.psql(
        managed_client.name, "SELECT id FROM ir_config_parameter WHERE key = %s", hidden
    )
    for method, arguments in (
        ("write", [[number], {"value": "after"}]),
        ("write", [[number], {"key": "harmless"}]),
        ("write", [[number], {"saas_hidden": False}]),
        ("unlink", [[number]]),
        ("set_param", [hidden, "after"]),
        ("create", [{"key": hidden, "value": "after"}]),
    ):
        with refused():
            call("ir.config_parameter", method, *arguments)
        assert stored(portal, managed_client, hidden) == "before", method
    # Odoo looks for the row to remove, and sees none.
    call("ir.config_parameter", "set_param", hidden, False)
    assert stored(portal, managed_client, hidden) == "before"
    answer = call("ir.config_parameter", "load", ["key", "value"], [[hidden, "after"]])
    assert not answer["ids"]
    assert stored(portal, managed_client, hidden) == "before"


@pytest.mark.one_shape
def test_a_server_action_does_not_change_a_hidden_parameter_either(portal, managed_client, hidden):
    """T43"""
    call = managed_client.owner.call
    action = call(
        "ir.actions.server",
        "create",
        {
            "name": "Lift",
            "model_id": managed_client.owner.ref("base.model_ir_config_parameter"),
            "state": "code",
            "code": f"env['ir.config_parameter'].set_param({hidden!r}, 'after')",
        },
    )
    with refused():
        call("ir.actions.server", "run", [action])
    assert stored(portal, managed_client, hidden) == "before"


@pytest.mark.one_shape
def test_the_own_parameters_are_locked_though_readable(portal, managed_client, configure):
    """T44: readable, yet the operator's"""
    key = "saas_client.e2e_readable"
    call = managed_client.owner.call
    configure(managed_client, params=[param(key, "before", hidden=False)])
    assert call("ir.config_parameter", "get_param", key) == "before"
    with refused(codes=[ACCESS_ERROR]):
        call("ir.config_parameter", "set_param", key, "after")
    assert stored(portal, managed_client, key) == "before"


@pytest.mark.one_shape
def test_a_parameter_of_odoo_itself_cannot_be_set_by_a_request(portal, managed_client, configure):
    answer = json.loads(configure(managed_client, params=[param("e2e.own", "1")]))
    assert answer == {managed_client.name: {"params": ["parameter not allowed: e2e.own"]}}
    assert stored(portal, managed_client, "e2e.own") is None


@pytest.mark.one_shape
def test_an_empty_value_removes_a_parameter(portal, managed_client, configure):
    for empty in ("", False):
        configure(managed_client, params=[param("saas_client.e2e_short", "1")])
        assert stored(portal, managed_client, "saas_client.e2e_short") == "1"
        configure(managed_client, params=[param("saas_client.e2e_short", empty)])
        assert stored(portal, managed_client, "saas_client.e2e_short") is None


@pytest.mark.one_shape
def test_the_identity_of_a_client_is_no_parameter_that_can_be_set(
    portal, managed_client, configure
):
    for key in (
        "database.uuid",
        "database.secret",
        "saas_client.portal_key",
        "saas_client.portal_uuid",
        "res.users.owner",
    ):
        before = stored(portal, managed_client, key)
        answer = json.loads(configure(managed_client, params=[param(key, "mine")]))
        assert answer[managed_client.name]["params"] == [f"parameter not allowed: {key}"]
        assert stored(portal, managed_client, key) == before


@pytest.mark.one_shape
def test_an_administrator_of_the_client_does_not_touch_its_identity(portal, managed_client):
    for key in ("database.uuid", "saas_client.portal_key", "res.users.owner"):
        before = stored(portal, managed_client, key)
        with refused(codes=[ACCESS_ERROR]):
            managed_client.owner.call("ir.config_parameter", "set_param", key, "mine")
        assert stored(portal, managed_client, key) == before
