"""Access rights in a client that has sale and stock from the example."""

import json

import pytest

from harness import refused

SALESMAN, MANAGER = "sales_team.group_sale_salesman", "sales_team.group_sale_manager"
APPS_MENU = "access_apps.group_show_modules_menu"

pytestmark = pytest.mark.one_shape


@pytest.fixture
def call(configure, seeded):
    return lambda **payload: json.loads(configure(seeded, **payload))[seeded.name]


@pytest.fixture
def has(seeded):
    """Whether the owner has a group, effectively."""
    return lambda group: seeded.owner.call("res.users", "has_group", [seeded.owner.uid], group)


@pytest.fixture
def members(portal, seeded):
    """The effective members of a group."""

    def read(xmlid):
        module, name = xmlid.split(".")
        rows = portal.psql(
            seeded.name,
            "WITH RECURSIVE above(gid) AS ("
            " SELECT res_id FROM ir_model_data WHERE module = %s AND name = %s"
            " AND model = 'res.groups'"
            " UNION SELECT i.gid FROM res_groups_implied_rel i JOIN above ON above.gid = i.hid)"
            " SELECT DISTINCT u.login FROM res_groups_users_rel r JOIN above USING (gid)"
            " JOIN res_users u ON u.id = r.uid WHERE u.active",
            module,
            name,
        )
        return {login for (login,) in rows}

    return read


@pytest.fixture
def administers(call, seeded, portal):
    """The owner administers his database for the time of a test."""
    call(access_owner_add=["base.group_system"])
    yield
    call(access_remove=["base.group_system", "base.group_erp_manager"])


def test_an_unknown_group_is_named_and_the_others_are_given(call, has):
    """T50"""
    call(access_remove=[MANAGER])
    assert not has(MANAGER)
    answer = call(access_owner_add=["mrp.group_mrp_manager", "base.group_sale_manager", "nodot"])
    assert answer == {
        "access_owner_add": ["group not found: mrp.group_mrp_manager", "group not found: nodot"]
    }
    assert has(MANAGER)


def test_groups_in_a_text_are_groups_in_a_list(call, has):
    answer = call(access_owner_add="base.group_sale_manager , stock.group_stock_manager")
    assert answer == {"access_owner_add": []}
    assert has(MANAGER)
    assert has("stock.group_stock_manager")


def test_taking_a_group_takes_the_groups_that_imply_it(call, has, members):
    """T51"""
    call(access_owner_add=[MANAGER])
    assert has(SALESMAN)
    assert call(access_remove=[SALESMAN]) == {"access_remove": []}
    assert not has(SALESMAN)
    assert not has(MANAGER)
    assert has("base.group_user")
    assert len(members(SALESMAN)) <= 1
    call(access_owner_add=[MANAGER])
    assert has(SALESMAN)


def test_an_unknown_group_to_take_is_named(call):
    answer = call(access_remove=["mrp.group_mrp_manager"])
    assert answer == {"access_remove": ["group not found: mrp.group_mrp_manager"]}


def test_taking_the_rights_of_administrators_keeps_the_operator_in(call, has, members, administers):
    """T52"""
    assert has("base.group_system")
    assert call(access_remove=["base.group_system", "base.group_erp_manager"]) == {
        "access_remove": []
    }
    assert not has("base.group_system")
    assert members("base.group_system") == {"admin"}
    answer = call(access_remove=["base.group_user"])["access_remove"]
    assert len(answer) == 1
    assert "base.group_user" in answer[0]
    # The portal governs as before, the owner is still somebody.
    assert call(params=[{"key": "saas_client.e2e_alive", "value": "1"}]) == {}
    assert call(params=[{"key": "saas_client.e2e_alive", "value": ""}]) == {}
    assert has("base.group_user")


def test_without_the_menu_group_an_administrator_manages_no_apps(
    call, has, seeded, administers, portal
):
    """T53, T45"""
    apps_menu = str(seeded.owner.ref("base.menu_management"))

    def menus():
        browser = portal.http(seeded.name)
        assert browser.login(seeded.login, seeded.owner_password)
        return browser.get("/web/webclient/load_menus").json()

    call(access_owner_add=[APPS_MENU])
    assert apps_menu in menus()
    assert call(access_remove=[APPS_MENU]) == {"access_remove": []}
    assert has("base.group_system")
    assert apps_menu not in menus()
    (contacts,) = seeded.owner.call("ir.module.module", "search", [("name", "=", "contacts")])
    for method in ("button_immediate_install", "button_install"):
        with refused("provider"):
            seeded.owner.call("ir.module.module", method, [contacts])
    (client_addon,) = seeded.owner.call(
        "ir.module.module", "search", [("name", "=", "saas_client")]
    )
    for method in ("button_immediate_uninstall", "button_uninstall", "module_uninstall"):
        with refused("provider"):
            seeded.owner.call("ir.module.module", method, [client_addon])
    rows = portal.psql(
        seeded.name,
        "SELECT name, state FROM ir_module_module WHERE name IN ('contacts', 'saas_client')",
    )
    assert dict(rows) == {"contacts": "uninstalled", "saas_client": "installed"}


def test_with_the_menu_group_saas_client_stays_all_the_same(call, seeded, administers, portal):
    """T45"""
    call(access_owner_add=[APPS_MENU])
    (addon,) = seeded.owner.call("ir.module.module", "search", [("name", "=", "saas_client")])
    with refused("provider"):
        seeded.owner.call("ir.module.module", "button_immediate_uninstall", [addon])
    call(access_remove=[APPS_MENU])
    rows = portal.psql(seeded.name, "SELECT state FROM ir_module_module WHERE name = 'saas_client'")
    assert rows == [("installed",)]
