"""The configuration call itself: forms, refusals, several callers, many clients."""

import itertools
import json

import pytest

from harness import (
    at_once,
    failed,
    leaving_nothing,
    param,
    refused,
    succeeded,
    unreachable,
)

MAX_USERS = "saas_client.max_users"


@pytest.fixture
def up(portal):
    """The call as it is: `up(payload, id)`."""
    return lambda *args: portal.admin.call("saas.config", "do_upgrade_database", *args)


def shown(portal, client):
    return portal.admin.read("saas_portal.client", client.id, "max_users")


def stored(portal, client, key):
    rows = portal.psql(client.name, "SELECT value FROM ir_config_parameter WHERE key = %s", key)
    return rows[0][0] if rows else None


def obeyed(portal, client):
    return portal.policy(client)["max_users"]


@pytest.fixture
def unlimited(client, configure):
    yield
    configure(client, params=[param(MAX_USERS, "0")])


@pytest.mark.one_shape
def test_an_empty_payload_reports_nothing(up, client):
    """T55"""
    assert json.loads(up({}, client.id)) == {client.name: {}}


@pytest.mark.one_shape
def test_an_id_and_a_list_with_it_are_the_same(portal, up, client, unlimited):
    """T58"""
    for number, target in ((11, client.id), (12, [client.id])):
        answer = up({"params": [param(MAX_USERS, number)]}, target)
        assert json.loads(answer) == {client.name: {}}
        assert shown(portal, client) == number
        assert obeyed(portal, client) == number


@pytest.mark.one_shape
def test_arguments_may_have_names(portal, client):
    answer = portal.admin.call("saas.config", "do_upgrade_database", payload={}, database=client.id)
    assert json.loads(answer) == {client.name: {}}


@pytest.mark.one_shape
def test_unknown_keys_and_wrong_types_are_refused_as_a_whole(portal, up, client):
    """T56: nothing of the payload is applied, not even the good part"""
    good = {"params": [param(MAX_USERS, "9")]}
    cases = [
        ({"colour": "blue"}, "colour"),
        ({"access_add": ["base.group_system"]}, "access_add"),
        ({"owner": {"login": "x"}}, "owner"),
        ({"": 1}, "key"),
        ({"install_addons": 5}, "install_addons"),
        ({"install_addons": [5]}, "install_addons"),
        ({"install_addons": {"sale": True}}, "install_addons"),
        ({"uninstall_addons": True}, "uninstall_addons"),
        ({"update_addons": [["sale"]]}, "update_addons"),
        ({"update_addons_list": "perhaps"}, "update_addons_list"),
        ({"fixes": "text"}, "fixes"),
        ({"fixes": [["res.users"]]}, "fixes"),
        ({"access_owner_add": 1}, "access_owner_add"),
        ({"access_remove": {"a": 1}}, "access_remove"),
        ({"configure_outgoing_mail": [{"smtp_login": "x"}]}, "smtp_password"),
        ({"configure_outgoing_mail": "text"}, "configure_outgoing_mail"),
        ({"limit_number_of_records": [{"model": "res.partner"}]}, "max_records"),
        ({"limit_number_of_records": [{"model": 5, "max_records": 1}]}, "model"),
        ({"limit_number_of_records": [{"model": "res.partner", "max_records": -1}]}, "res.partner"),
    ]
    for bad, word in cases:
        with leaving_nothing(portal), refused(word, codes=[2]):
            up({**good, **bad}, client.id)
    for params, word in (
        ("text", "params"),
        ([5], "params"),
        ([{"value": "1"}], "key"),
        ([{"key": "", "value": "1"}], "params"),
        ([{"key": 5, "value": "1"}], "params"),
        ([{"key": "a.b", "value": ["x"]}], "a.b"),
        ([{"key": "a.b", "value": "x", "colour": 1}], "colour"),
        ([{"key": "a.b", "value": "x", "hidden": "perhaps"}], "hidden"),
        ([param(MAX_USERS, "8"), param(MAX_USERS, "abc")], MAX_USERS),
        ([param("saas_client.expiration_datetime", "tomorrow")], "expiration"),
    ):
        with leaving_nothing(portal), refused(word, codes=[2]):
            up({"params": params}, client.id)
    for payload in ([], "text", 5, False, [["params", []]]):
        with leaving_nothing(portal), refused("payload", codes=[2]):
            up(payload, client.id)
    assert shown(portal, client) == 0
    assert obeyed(portal, client) == 0


@pytest.mark.one_shape
def test_both_spellings_of_one_key_are_refused(portal, up, client):
    entry = [{"model": "res.partner", "max_records": 1}]
    with leaving_nothing(portal), refused("twice", codes=[2]):
        up({"limit_nuber_of_records": entry, "limit_number_of_records": entry}, client.id)


@pytest.mark.one_shape
def test_a_fix_that_is_not_allowed_is_reported_and_not_called(up, client):
    answer = json.loads(up({"fixes": [["res.users", "unlink"]]}, client.id))
    assert answer == {client.name: {"fixes": ["fix not allowed: res.users.unlink"]}}


@pytest.mark.one_shape
def test_an_unknown_client_is_refused(portal, up):
    """T57"""
    for target in (999999, [999999], "1", "client", False, [], [[1]], {"id": 1}, 1.5):
        with leaving_nothing(portal), refused("client"):
            up({}, target)


@pytest.mark.one_shape
def test_a_deleted_client_is_refused_as_deleted(portal, up, new_client):
    """T57"""
    client = new_client()
    portal.admin.call("saas_portal.client", "delete_database", [client.id])
    with leaving_nothing(portal), refused(client.name, "deleted", codes=[2]):
        up({"params": [param(MAX_USERS, "1")]}, client.id)


@pytest.mark.one_shape
def test_an_unreachable_client_is_refused_in_words(portal, up, new_client):
    client = new_client()
    with unreachable(portal, client), refused(client.name, codes=[2]):
        up({"params": [param(MAX_USERS, "1")]}, client.id)
    assert shown(portal, client) == 0
    record = portal.admin.read("saas_portal.client", client.id, "state", "operation_error")
    assert record["state"] == "open"
    assert client.name in record["operation_error"]
    up({"params": [param(MAX_USERS, "2")]}, client.id)
    assert shown(portal, client) == 2
    assert obeyed(portal, client) == 2


@pytest.mark.one_shape
def test_a_client_whose_database_is_gone_is_refused_in_words(portal, up, new_client):
    client = new_client()
    portal.drop(client.name)
    with refused(client.name, codes=[2]):
        up({"params": [param(MAX_USERS, "1")]}, client.id)
    assert portal.admin.read("saas_portal.client", client.id, "state") == "open"


@pytest.mark.one_shape
def test_the_mail_servers_password_stays_out_of_the_portal(portal, up, client):
    secret = "smtp-secret-of-the-customer"
    up({"configure_outgoing_mail": [{"smtp_login": "a@b.c", "smtp_password": secret}]}, client.id)
    ((stored_password,),) = portal.psql(
        client.name, "SELECT smtp_pass FROM ir_mail_server WHERE smtp_user = 'a@b.c'"
    )
    assert stored_password == secret
    rows = portal.psql(
        portal.name,
        "SELECT arguments::text, secrets, result::text, error FROM saas_portal_operation"
        " WHERE client_id = %s",
        client.id,
    )
    assert secret not in str(rows)
    assert secret not in portal.log_text()


@pytest.mark.parametrize("callers", [2, 10])
def test_callers_at_once_are_served_one_after_the_other(portal, up, client, unlimited, callers):
    """T59: also with as many callers as workers, and more"""
    ((last,),) = portal.psql(portal.name, "SELECT max(id) FROM saas_portal_operation")
    results = at_once(
        *[
            lambda number=number: up({"params": [param(MAX_USERS, number)]}, client.id)
            for number in range(1, callers + 1)
        ]
    )
    assert not failed(results)
    assert [json.loads(result) for result in succeeded(results)] == [{client.name: {}}] * callers
    # As it happened, by the clock of the steps: nothing overlaps.
    times = portal.psql(
        portal.name,
        "SELECT step.started_at, step.finished_at, op.state FROM saas_portal_operation op"
        " JOIN saas_portal_operation_step step ON step.operation_id = op.id"
        " WHERE op.id > %s AND op.client_id = %s ORDER BY step.started_at, step.finished_at",
        last,
        client.id,
    )
    assert len(times) == callers
    assert {state for _start, _end, state in times} == {"done"}
    for (_, end, _), (start, _, _) in itertools.pairwise(times):
        assert end <= start
    assert 1 <= shown(portal, client) <= callers
    assert obeyed(portal, client) == shown(portal, client)


def test_callers_for_different_clients_do_not_block_each_other(portal, up, client, managed_client):
    results = at_once(
        *[
            lambda target=target: up({"params": [param("saas_client.e2e_touch", "1")]}, target.id)
            for target in (client, managed_client)
            for _ in range(3)
        ]
    )
    assert not failed(results)


@pytest.mark.one_shape
def test_of_many_clients_one_that_fails_does_not_stop_the_others(
    portal, new_client, client, managed_client, configure
):
    """T74"""
    broken = new_client()
    targets = [client, broken, managed_client]
    wizard = portal.admin.call(
        "saas.config",
        "create",
        {
            "client_ids": [[6, 0, [target.id for target in targets]]],
            "param_ids": [[0, 0, {"key": MAX_USERS, "value": "5", "hidden": True}]],
        },
    )
    with unreachable(portal, broken):
        portal.admin.call("saas.config", "action_apply", [wizard])
    ids = portal.admin.read("saas.config", wizard, "result_ids")
    results = portal.admin.call("saas.config.result", "read", ids, [])
    assert len(results) == 3
    try:
        assert [shown(portal, target) for target in targets] == [5, 0, 5]
        assert any(broken.name in str(row) for row in results)
    finally:
        for target in (client, managed_client):
            configure(target, params=[param(MAX_USERS, "0")])


@pytest.mark.one_shape
def test_the_call_for_many_clients_reports_each(portal, up, new_client, client):
    """T74"""
    broken = new_client()
    with unreachable(portal, broken):
        answer = json.loads(
            up({"params": [param("saas_client.e2e_many", "1")]}, [client.id, broken.id])
        )
    assert answer[client.name] == {}
    assert broken.name in answer[broken.name]["error"]
    assert stored(portal, client, "saas_client.e2e_many") == "1"


@pytest.mark.one_shape
def test_who_finds_the_record_held_by_somebody_is_told_and_does_not_wait_for_ever(
    portal, up, client
):
    holder = portal.cluster.connect(portal.name)
    holder.autocommit = False
    try:
        with holder.cursor() as cursor:
            cursor.execute("SELECT FROM saas_portal_client WHERE id = %s FOR UPDATE", [client.id])
        with refused("Somebody else is changing"):
            up({"params": [param(MAX_USERS, "7")]}, client.id)
    finally:
        holder.close()
    up({"params": [param(MAX_USERS, "0")]}, client.id)
