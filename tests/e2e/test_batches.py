"""Orders to many clients: a few at a time, and none of them in the way of the others."""

import contextlib
import json

import pytest

from harness import param, unreachable

#: What a client locks while it carries out a request (saas_client/models/saas_client_gateway.py).
APPLY_LOCK = 0x5AA5C11E
LIMIT = "saas_portal.clients_at_once"


@pytest.fixture
def two_at_once(portal):
    portal.admin.call("ir.config_parameter", "set_param", LIMIT, "2")
    yield
    portal.admin.call("ir.config_parameter", "set_param", LIMIT, False)


@pytest.fixture
def clients(new_client):
    return [new_client() for _number in range(4)]


@contextlib.contextmanager
def slow(portal, client):
    """The client answers no request until the block ends."""
    with contextlib.closing(portal.cluster.connect(client.name)) as connection:
        connection.cursor().execute("SELECT pg_advisory_lock(%s)", [APPLY_LOCK])
        yield


def resume(portal, clients):
    """An order in the background; the states of its lines, whenever asked for."""
    action = portal.admin.call(
        "saas_portal.client", "action_batch_resume", [client.id for client in clients]
    )
    batch = action["res_id"]

    def states():
        lines = portal.admin.call(
            "saas_portal.batch.line", "search_read", [("batch_id", "=", batch)], ["state"]
        )
        return [line["state"] for line in lines]

    return states


def test_slow_clients_hold_their_places_alone_and_a_killed_portal_goes_on(
    portal, clients, two_at_once, wait_for
):
    with slow(portal, clients[0]):
        with slow(portal, clients[1]):
            states = resume(portal, clients)
            # The cron workers may be at something else: they look once a minute.
            wait_for(lambda: states()[:2] == ["running", "running"], 90, "both places to be taken")
            assert states()[2:] == ["pending", "pending"]
        others = ["running", "done", "done", "done"]
        wait_for(lambda: states() == others, 60, "the others to be done")
        portal.server.kill()
    portal.start_with_due_crons()
    wait_for(lambda: states() == ["done"] * 4, 90, "the order to be completed")
    operations = portal.admin.call(
        "saas_portal.operation",
        "search_read",
        [("client_id", "in", [client.id for client in clients]), ("kind", "=", "configure")],
        ["client_id", "state"],
    )
    assert sorted(row["client_id"][0] for row in operations) == sorted(c.id for c in clients)
    assert {row["state"] for row in operations} == {"done"}


@pytest.mark.one_shape
def test_one_call_configures_many_and_names_whom_it_could_not_reach(portal, clients, two_at_once):
    payload = {"params": [param("saas_client.max_users", "23")]}
    with unreachable(portal, clients[1]):
        answer = json.loads(
            portal.admin.call(
                "saas.config", "do_upgrade_database", payload, [client.id for client in clients]
            )
        )
    assert list(answer) == [client.name for client in clients]
    assert "cannot be reached" in answer[clients[1].name]["error"]
    for client in (clients[0], clients[2], clients[3]):
        assert answer[client.name] == {}
        assert portal.policy(client)["max_users"] == 23
