"""The documented example, run unchanged: what it did, seen from outside.

tests/docker/test_docker_example.py runs it on a server with workers.
"""

import pytest

pytestmark = pytest.mark.one_shape


def module_state(portal, client, name):
    rows = portal.psql(client.name, "SELECT state FROM ir_module_module WHERE name = %s", name)
    return rows[0][0]


def test_the_example_made_a_client_for_its_customer(portal, plan, seeded):
    """The seed, first half: sign up, authenticate, create, find"""
    assert portal.has_database(seeded.name)
    uid = portal.admin.authenticate(seeded.login, seeded.password)
    assert portal.admin.read("res.users", uid, "partner_id")[0] == seeded.partner_id
    record = portal.admin.read(
        "saas_portal.client", seeded.id, "state", "plan_id", "max_users", "total_storage_limit"
    )
    assert record["state"] == "open"
    assert record["plan_id"][0] == plan
    assert record["max_users"] == 4
    assert record["total_storage_limit"] == 500
    assert portal.http(seeded.name).login(seeded.login, seeded.owner_password)


def test_the_example_says_what_it_does(seeded):
    lines = seeded.output.splitlines()
    assert f"Create the database {seeded.name}" in lines
    assert lines.count(f"  by name: [{seeded.id}]") == 1
    assert lines.count(f"  by plan and customer: [{seeded.id}]") == 1
    suspended = lines.index("Suspend")
    assert lines[suspended + 2].startswith("  pending")
    assert lines[lines.index("Resume") + 2].startswith("  open")
    assert "users: 4" in lines[lines.index("Allow 4 users") + 2]
    assert "MB: 500" in lines[lines.index("Allow 500 MB") + 2]
    assert lines[-1] == "Done"


def test_the_limits_of_the_example_hold_in_the_client(portal, seeded):
    policy = portal.policy(seeded)
    assert (policy["max_users"], policy["storage_mb"], policy["rung"]) == (4, 500, "open")


def test_the_example_ended_the_sessions_that_a_suspension_ends(portal, seeded):
    """The suspension was real: it left its mark in the client's database"""
    rows = portal.psql(
        seeded.name, "SELECT value FROM ir_config_parameter WHERE key = 'saas_client.session_epoch'"
    )
    assert len(rows) == 1


@pytest.mark.parametrize("module", ["sale", "stock"])
def test_the_example_really_installed_apps(portal, seeded, module):
    """T46"""
    assert module_state(portal, seeded, module) == "installed"
    model = {"sale": "sale.order", "stock": "stock.picking"}[module]
    assert seeded.owner.call(model, "search_count", []) == 0


def test_the_example_uninstalled_fleet(portal, seeded):
    """T48: the module was there, and its tables are gone"""
    assert "Install sale and fleet\n  done" in seeded.output
    assert "Uninstall fleet\n  done" in seeded.output
    assert module_state(portal, seeded, "fleet") == "uninstalled"
    ((table,),) = portal.psql(seeded.name, "SELECT to_regclass('fleet_vehicle')")
    assert table is None


def test_the_example_gave_the_owner_two_groups(seeded):
    """T50"""
    for group in ("sales_team.group_sale_manager", "stock.group_stock_manager"):
        assert seeded.owner.call("res.users", "has_group", [seeded.owner.uid], group), group
    assert seeded.owner.call("sale.order", "search_count", []) == 0
    assert "{'access_owner_add': []}" in seeded.output


def test_the_example_took_the_apps_menu_from_the_owner(seeded):
    """T53"""
    group = "saas_client.group_show_modules_menu"
    assert not seeded.owner.call("res.users", "has_group", [seeded.owner.uid], group)
    assert "{'access_remove': []}" in seeded.output
