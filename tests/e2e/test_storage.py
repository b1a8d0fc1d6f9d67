"""Statistics of a client, and what follows from its storage."""

import pytest

from harness import ACCESS_ERROR, param, refused, unreachable

STORAGE = "saas_client.total_storage_limit"
MB = 1024 * 1024


def read(portal, client, *fields):
    return portal.admin.read("saas_portal.client", client.id, *fields)


def sync(portal, client):
    portal.admin.call("saas_portal.client", "sync_client", [client.id])


@pytest.mark.one_shape
def test_the_statistics_are_what_postgresql_and_the_disk_say(portal, client):
    """T65"""
    sync(portal, client)
    seen = read(portal, client, "users_len", "db_storage", "file_storage", "total_storage")
    ((size,),) = portal.psql("postgres", "SELECT pg_database_size(%s)", client.name)
    files = [path for path in portal.filestore(client.name).rglob("*") if path.is_file()]
    assert files
    assert seen["users_len"] == 1
    assert seen["db_storage"] == pytest.approx(size / MB, abs=0.5)
    assert seen["file_storage"] == pytest.approx(
        sum(path.stat().st_size for path in files) / MB, abs=0.2
    )
    assert seen["total_storage"] == pytest.approx(
        seen["db_storage"] + seen["file_storage"], abs=0.11
    )


@pytest.mark.one_shape
def test_a_new_client_has_its_statistics_already(portal, new_client):
    seen = read(portal, new_client(), "users_len", "db_storage", "synced_at")
    assert seen["users_len"] == 1
    assert seen["db_storage"] > 1
    assert seen["synced_at"]


@pytest.mark.one_shape
def test_a_client_above_its_storage_is_suspended_once_and_goes_on_by_itself(
    portal, new_client, configure, wait_for
):
    """T64"""
    client = new_client()
    portal.admin.call("saas_portal.client", "write", [client.id], {"block_on_storage_exceed": True})
    configure(client, params=[param(STORAGE, "1")])
    wait_for(lambda: read(portal, client, "state") == "pending", 90, "the suspension")
    assert read(portal, client, "storage_exceed") is True
    assert client.owner.authenticate(client.login, client.owner_password) is False

    def operations():
        return portal.admin.call(
            "saas_portal.operation", "search_count", [("client_id", "=", client.id)]
        )

    before = operations()
    sync(portal, client)
    sync(portal, client)
    assert operations() == before
    assert read(portal, client, "state") == "pending"
    # It shrinks: seen from here, the limit grows behind the portal's back.
    portal.psql(
        portal.name,
        "UPDATE saas_portal_client SET total_storage_limit = 5000 WHERE id = %s",
        client.id,
    )
    sync(portal, client)
    wait_for(lambda: read(portal, client, "state") == "open", 90, "the end of the suspension")
    assert read(portal, client, "storage_exceed") is False
    assert client.owner.authenticate(client.login, client.owner_password)


@pytest.mark.one_shape
def test_a_larger_limit_ends_a_suspension_for_storage(portal, new_client, configure, wait_for):
    """T64"""
    client = new_client()
    portal.admin.call("saas_portal.client", "write", [client.id], {"block_on_storage_exceed": True})
    configure(client, params=[param(STORAGE, "1")])
    wait_for(lambda: read(portal, client, "state") == "pending", 90, "the suspension")
    configure(client, params=[param(STORAGE, "5000")])
    wait_for(lambda: read(portal, client, "state") == "open", 90, "the end of the suspension")


@pytest.mark.one_shape
def test_storage_does_not_release_what_the_operator_suspended(portal, new_client, configure):
    """T64"""
    client = new_client()
    configure(client, params=[param("saas_client.suspended", "1")])
    portal.admin.call("saas_portal.client", "write", [client.id], {"block_on_storage_exceed": True})
    configure(client, params=[param(STORAGE, "5000")])
    sync(portal, client)
    assert read(portal, client, "state") == "pending"
    assert client.owner.authenticate(client.login, client.owner_password) is False


@pytest.mark.one_shape
def test_without_the_flag_exceeding_is_only_shown(portal, new_client, configure):
    """T64"""
    client = new_client()
    configure(client, params=[param(STORAGE, 1)])
    sync(portal, client)
    seen = read(portal, client, "state", "storage_exceed", "total_storage_limit")
    assert seen["state"] == "open"
    assert seen["storage_exceed"] is True
    assert seen["total_storage_limit"] == 1


@pytest.mark.one_shape
def test_an_unreachable_client_keeps_its_state_and_gets_a_note(portal, new_client):
    """T65"""
    client = new_client()
    with unreachable(portal, client):
        sync(portal, client)
        sync(portal, client)
        seen = read(portal, client, "state", "unreachable_since", "users_len")
        assert seen["state"] == "open"
        assert seen["unreachable_since"]
        assert seen["users_len"] == 1
    notes = portal.admin.call(
        "mail.message", "search_read",
        [("model", "=", "saas_portal.client"), ("res_id", "=", client.id)], ["body"],
    )  # fmt: skip
    assert sum("not be reached" in note["body"] for note in notes) == 1
    sync(portal, client)
    assert read(portal, client, "unreachable_since") is False


@pytest.mark.one_shape
def test_writing_another_field_does_not_call_the_client(portal, new_client):
    """T66: it works although the client cannot be reached, and starts nothing"""
    client = new_client()
    team = portal.admin.call("saas_portal.support_team", "create", {"name": "Second line"})
    with unreachable(portal, client):
        before = portal.footprint()["operations"]
        portal.admin.call(
            "saas_portal.client",
            "write",
            [client.id],
            {
                "support_team_id": team,
                "user_id": 2,
                "block_on_storage_exceed": True,
                "max_users": 0,
            },
        )
        assert portal.footprint()["operations"] == before
    assert read(portal, client, "support_team_id")[0] == team


@pytest.mark.one_shape
def test_the_state_of_a_client_is_not_written_by_hand(portal, client):
    for values in ({"state": "deleted"}, {"name": "other.localhost"}, {"client_id": "x"}):
        with refused(*values, codes=[ACCESS_ERROR]):
            portal.admin.call("saas_portal.client", "write", [client.id], values)
    assert read(portal, client, "name") == client.name
