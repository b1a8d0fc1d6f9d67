"""Installing and removing apps in a client that has sale and stock from the example."""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest

pytestmark = pytest.mark.one_shape


@pytest.fixture
def call(configure, seeded):
    """`call(install_addons=[…])` → the client's part of the answer."""
    return lambda **payload: json.loads(configure(seeded, **payload))[seeded.name]


@pytest.fixture
def states(portal, seeded):
    def read(*names):
        rows = dict(
            portal.psql(
                seeded.name,
                "SELECT name, state FROM ir_module_module WHERE name = ANY(%s)",
                list(names),
            )
        )
        return [rows.get(name) for name in names]

    return read


def test_apps_in_a_text_are_apps_in_a_list_and_go_again(call, states, portal, seeded):
    """T46, T48, T49: twice the same changes nothing"""
    for _ in range(2):
        assert call(install_addons=" sale, fleet") == {}
        assert states("sale", "fleet") == ["installed", "installed"]
    assert portal.psql(seeded.name, "SELECT count(*) FROM fleet_vehicle") == [(0,)]
    assert call(uninstall_addons="fleet") == {}
    assert states("sale", "fleet") == ["installed", "uninstalled"]
    assert portal.psql(seeded.name, "SELECT to_regclass('fleet_vehicle')") == [(None,)]


def test_removing_what_is_not_there_is_reported(call, states):
    """T48"""
    assert call(uninstall_addons=["contacts", "nosuchapp"]) == {
        "uninstall_addons": ["addon not found: nosuchapp", "addon not installed: contacts"]
    }
    assert states("sale", "stock", "saas_client") == ["installed"] * 3


def test_what_runs_the_client_cannot_be_removed(call, states, configure, seeded):
    """T48, T45"""
    for name in ("base", "saas_client", "auth_signup", "web"):
        answer = call(uninstall_addons=[name])
        assert answer == {"uninstall_addons": [f"addon cannot be uninstalled: {name}"]}
        assert states(name, "saas_client") == ["installed", "installed"]


def test_apps_wait_for_a_scheduled_action_of_the_client(call, states, portal, seeded, wait_for):
    """The client's own cron worker may be at work at any moment"""
    job = portal.cluster.connect(seeded.name)
    job.autocommit = False
    with job.cursor() as cursor, ThreadPoolExecutor() as pool:
        # What a running job does to its row.
        cursor.execute(
            "UPDATE ir_cron SET lastcall = now() WHERE id = (SELECT min(id) FROM ir_cron)"
        )
        answer = pool.submit(call, install_addons=["contacts"])
        try:
            wait_for(
                lambda: portal.psql("postgres", "SELECT 1 FROM pg_locks WHERE NOT granted"),
                30,
                "the installation to wait",
            )
            assert not answer.done()
        finally:
            job.commit()
        assert answer.result() == {}
    job.close()
    assert states("contacts") == ["installed"]
    assert call(uninstall_addons=["contacts"]) == {}


def test_an_unknown_app_is_named_and_the_others_are_installed(call, states):
    """T47"""
    answer = call(install_addons=["nosuchapp", "contacts"])
    assert answer == {"install_addons": ["addon not found: nosuchapp"]}
    assert states("contacts") == ["installed"]
    assert call(uninstall_addons=["contacts"]) == {}
    assert states("contacts") == ["uninstalled"]


def test_updating_names_what_is_not_installed(call, states):
    answer = call(update_addons_list=True, update_addons="nosuchapp,contacts,sales_team")
    assert sorted(answer["update_addons"]) == [
        "addon not found: nosuchapp",
        "addon not installed: contacts",
    ]
    assert states("sales_team", "contacts") == ["installed", "uninstalled"]


def test_the_owner_works_on_after_apps_came_and_went(call, seeded):
    call(install_addons=["contacts"])
    assert seeded.owner.call("sale.order", "search_count", []) == 0
    call(uninstall_addons=["contacts"])
    assert seeded.owner.call("sale.order", "search_count", []) == 0
    assert seeded.owner.authenticate(seeded.login, seeded.owner_password) == seeded.owner.uid


def test_a_payload_is_applied_in_the_documented_order(call, portal, seeded):
    """T54"""
    answer = call(
        limit_number_of_records=[{"model": "lunch.product", "max_records": 1}],
        access_owner_add=["lunch.group_lunch_manager"],
        params=[{"key": "saas_client.max_users", "value": "6", "hidden": True}],
        uninstall_addons=["contacts"],
        install_addons=["lunch", "contacts"],
        update_addons_list=True,
    )
    # The group and the model came with the app, and contacts was there before it was removed.
    assert answer == {"access_owner_add": []}
    group = "lunch.group_lunch_manager"
    assert seeded.owner.call("res.users", "has_group", [seeded.owner.uid], group)
    assert portal.admin.read("saas_portal.client", seeded.id, "max_users") == 6
    call(
        params=[{"key": "saas_client.max_users", "value": "4", "hidden": True}],
        uninstall_addons=["lunch"],
    )
