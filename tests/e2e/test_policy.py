"""The plan against its own customer: an owner with Settings rights, Python, SQL and patience."""

import contextlib
import json
import secrets
from types import SimpleNamespace

import pytest
from passlib.hash import pbkdf2_sha512

from harness import ACCESS_DENIED, Fault, at_once, failed, param, refused, succeeded, unreachable

LIFT = """
env['ir.config_parameter'].sudo().set_param('saas_client.max_users', '99')
env.cr.execute("UPDATE ir_config_parameter SET value = '99' WHERE key = 'saas_client.max_users'")
env.cr.execute("DELETE FROM ir_config_parameter WHERE key = 'saas_client.policy'")
env.cr.commit()
env.registry.clear_cache('stable')
"""
#: Makes three employees by SQL in a transaction of its own; the first has the owner's password.
MAKE_USERS = """
cr = env.registry.cursor()
for number in range(3):
    cr.execute("INSERT INTO res_partner (name, complete_name, type, active)"
               " VALUES ('sql', 'sql', 'contact', TRUE) RETURNING id")
    partner = cr.fetchone()[0]
    cr.execute("INSERT INTO res_users (login, partner_id, company_id, active, share, password,"
               " notification_type) SELECT 'sql' || %s, %s, 1, TRUE, FALSE, password, 'email'"
               " FROM res_users WHERE id = %s RETURNING id", [number, partner, env.uid])
    user = cr.fetchone()[0]
    cr.execute("INSERT INTO res_groups_users_rel (gid, uid) VALUES (%s, %s)",
               [env.ref('base.group_user').id, user])
    cr.execute("INSERT INTO res_company_users_rel (cid, user_id) VALUES (1, %s)", [user])
cr.commit()
cr.close()
"""


@pytest.fixture(scope="module")
def hostile(new_client, configure):
    """A client whose owner has every right, and seats for himself and one more."""
    client = new_client()
    configure(
        client,
        access_owner_add=["base.group_system"],
        params=[param("saas_client.max_users", "2", hidden=False)],
    )
    return client


def run_code(client, code):
    model = client.owner.ref("base.model_res_partner")
    action = client.owner.call(
        "ir.actions.server",
        "create",
        {"name": "Mine", "model_id": model, "state": "code", "code": code},
    )
    return client.owner.call("ir.actions.server", "run", [action])


def create_user(client, login):
    group = client.owner.ref("base.group_user")
    values = {"name": login, "login": login, "group_ids": [group]}
    return client.owner.call("res.users", "create", [values])


def assert_limited(client):
    with refused("2", "users", codes=[2]):
        create_user(client, "third@example.com")


# --- lifting, dodging, leaving ----------------------------------------------------


def test_code_and_sql_do_not_lift_the_limit_in_any_process(portal, hostile):
    create_user(hostile, "second@example.com")
    assert_limited(hostile)
    with contextlib.suppress(Fault):  # Odoo may refuse some of it; what counts comes below
        run_code(hostile, LIFT)
    for _ in range(3):  # another worker may answer each
        assert_limited(hostile)
    portal.server.restart()
    assert_limited(hostile)


@pytest.mark.one_shape
def test_json_2_meets_the_same_limit(portal, hostile):
    key = secrets.token_hex(20)
    portal.psql(
        hostile.name,
        "INSERT INTO res_users_apikeys (name, user_id, scope, key, index)"
        " VALUES ('test', %s, 'rpc', %s, %s)",
        hostile.owner.uid,
        pbkdf2_sha512.using(rounds=6000).hash(key),
        key[:8],
    )
    answer = portal.http(hostile.name).post(
        "/json/2/res.users/create",
        json={"vals_list": [{"name": name, "login": name} for name in ("third", "fourth")]},
        headers={"Authorization": f"Bearer {key}"},
    )
    assert answer.status_code == 422, answer.text
    assert "users" in answer.json()["message"]
    assert not portal.psql(hostile.name, "SELECT 1 FROM res_users WHERE login = 'third'")


@pytest.mark.one_shape
def test_automated_actions_do_not_lift_the_limit(portal, new_client, configure):
    client = new_client()
    configure(
        client,
        install_addons=["base_automation"],
        access_owner_add=["base.group_system"],
        params=[param("saas_client.max_users", "1")],
    )
    model = client.owner.ref("base.model_res_partner")
    action = {"name": "Mine", "model_id": model, "state": "code", "code": LIFT}
    client.owner.call(
        "base.automation",
        "create",
        {
            "name": "Mine",
            "model_id": model,
            "trigger": "on_create_or_write",
            "action_server_ids": [[0, 0, action]],
        },
    )
    with contextlib.suppress(Fault):  # it may be refused; what counts comes below
        client.owner.call("res.partner", "create", {"name": "Sets it off"})
    second = {"name": "Second", "login": "second@example.com", "password": "second-password"}
    with refused("1", "users", codes=[2]):
        client.owner.call("res.users", "create", [second])
    # The action's commit may have kept the row; it has no seat.
    assert not portal.http(client.name).login(second["login"], second["password"])


def test_users_made_by_sql_cannot_log_in(portal, hostile):
    run_code(hostile, MAKE_USERS)
    names = portal.psql(hostile.name, "SELECT count(*) FROM res_users WHERE login LIKE 'sql_'")
    assert names == [(3,)]
    for number in range(3):
        session = portal.rpc(hostile.name)
        assert session.authenticate(f"sql{number}", hostile.owner_password) is False
        assert not portal.http(hostile.name).login(f"sql{number}", hostile.owner_password)
    assert hostile.owner.authenticate(hostile.login, hostile.owner_password) == hostile.owner.uid
    portal.psql(hostile.name, "UPDATE res_users SET active = FALSE WHERE login LIKE 'sql_'")


def test_without_the_addon_by_sql_it_is_there_again_after_a_restart(portal, hostile):
    with contextlib.suppress(Fault):
        run_code(
            hostile,
            "env.cr.execute(\"UPDATE ir_module_module SET state = 'uninstalled'"
            " WHERE name IN ('saas_client', 'auth_oauth')\")\n"
            "env.cr.commit()\n",
        )
    portal.psql(
        hostile.name,
        "UPDATE ir_module_module SET state = 'uninstalled' WHERE name = 'saas_client'",
    )
    portal.server.restart()
    assert_limited(hostile)
    states = portal.psql(
        hostile.name, "SELECT state FROM ir_module_module WHERE name = 'saas_client'"
    )
    assert states == [("installed",)]


@pytest.mark.one_shape
def test_uninstalling_by_code_with_sudo_is_refused(hostile):
    for method in ("button_immediate_uninstall()", "write({'state': 'to remove'})"):
        with refused("cannot be uninstalled"):
            run_code(
                hostile,
                "env['ir.module.module'].sudo().search([('name', '=', 'saas_client')])." + method,
            )


@pytest.mark.one_shape
def test_a_copy_under_another_name_on_this_server_is_closed(portal, hostile, unique_name):
    """With the same uuid, and with one of its own as Odoo's database manager gives it"""
    for uuid in (None, "11111111-2222-3333-4444-555555555555"):
        name = unique_name("copy")
        with unreachable(portal, hostile):
            portal.psql("postgres", f'CREATE DATABASE "{name}" TEMPLATE "{hostile.name}"')
        portal.psql("postgres", f'ALTER DATABASE "{name}" WITH ALLOW_CONNECTIONS true')
        try:
            if uuid:
                portal.psql(
                    name,
                    "UPDATE ir_config_parameter SET value = %s WHERE key = 'database.uuid'",
                    uuid,
                )
            page = portal.http(name).get("/web/login")
            assert page.status_code == 503
            assert "does not know it" in page.text
            assert portal.rpc(name).authenticate(hostile.login, hostile.owner_password) is False
        finally:
            portal.drop(name)
    assert portal.http(hostile.name).get("/web/login").status_code == 200


@pytest.mark.one_shape
def test_an_old_policy_put_back_by_sql_and_a_key_of_ones_own_are_ignored(
    portal, hostile, configure
):
    ((generous,),) = portal.psql(
        hostile.name, "SELECT value FROM ir_config_parameter WHERE key = 'saas_client.policy'"
    ) or [("",)]
    configure(hostile, params=[param("saas_client.max_users", "2", hidden=False)])
    run_code(
        hostile,
        f"env.cr.execute(\"UPDATE ir_config_parameter SET value = '{generous}'"
        " WHERE key = 'saas_client.policy'\")\n"
        "env.cr.execute(\"UPDATE ir_config_parameter SET value = 'my own key'"
        " WHERE key = 'saas_client.portal_key'\")\n"
        "env.registry.clear_cache('stable')\n",
    )
    portal.server.restart()
    assert_limited(hostile)
    # The portal is still believed.
    configure(hostile, params=[param("saas_client.max_users", "2", hidden=False)])


def test_with_the_portal_away_the_last_policy_rules(portal, hostile):
    with unreachable(portal, SimpleNamespace(name=portal.name)):
        portal.server.restart()
        assert_limited(hostile)
        assert hostile.owner.call("res.users", "search_count", []) >= 2


# --- the ladder -------------------------------------------------------------------


def test_a_notice_stands_in_the_web_client(portal, client, shut):
    shut(client, "notice", notice="Call us about your bill.")
    browser = portal.http(client.name)
    assert browser.login(client.login, client.owner_password)
    assert "Call us about your bill." in browser.get("/odoo").text
    client.owner.call("res.partner", "create", {"name": "Works"})


def test_read_only_is_for_reading_through_every_door_and_ends_at_once(portal, client, shut):
    browser = portal.http(client.name)
    assert browser.login(client.login, client.owner_password)
    partner = client.owner.call("res.partner", "create", {"name": "Before"})
    portal.psql(
        client.name,
        "INSERT INTO ir_sequence (name, code, implementation, active, padding, number_increment,"
        " number_next) VALUES ('e2e', 'e2e', 'no_gap', TRUE, 0, 1, 7)"
        " RETURNING id",
    )
    shut(client, "read_only")
    for _ in range(3):
        assert client.owner.authenticate(client.login, client.owner_password)
        assert client.owner.read("res.partner", partner, "name") == "Before"
        for method, arguments in (
            ("create", [{"name": "After"}]),
            ("write", [[partner], {"name": "After"}]),
            ("unlink", [[partner]]),
        ):
            with refused("read-only", codes=[2]):
                client.owner.call("res.partner", method, *arguments)
        # Core writes this by SQL, past the ORM.
        with pytest.raises(Fault, match="read-only"):
            client.owner.call("ir.sequence", "next_by_code", "e2e")
        assert browser.get("/odoo").status_code == 200
    portal.admin.call("saas_portal.client", "action_resume", [client.id])
    for number in range(4):
        client.owner.call("res.partner", "write", [partner], {"name": f"After {number}"})
    assert client.owner.call("ir.sequence", "next_by_code", "e2e") == "7"


def test_closed_is_a_page_with_the_reason_and_opens_at_once(portal, client, shut, configure):
    shut(client, "closed", reason="payment", notice="INV/0042 is open.")
    for _ in range(3):
        page = portal.http(client.name).get("/")
        assert page.status_code == 402
        assert "INV/0042 is open." in page.text
        assert "/my/" in page.text
        with refused("invoice", codes=[ACCESS_DENIED]):
            client.owner.call("res.users", "search_count", [])
    # The operator is let in for his own work.
    assert json.loads(configure(client, params=[param("saas_client.support_url", "")]))
    portal.admin.call("saas_portal.client", "action_resume", [client.id])
    for _ in range(4):
        assert portal.http(client.name).get("/web/login").status_code == 200


def test_stopped_accepts_no_connection_and_starts_again(portal, client, shut):
    shut(client, "stopped")
    ((allowed,),) = portal.psql(
        "postgres", "SELECT datallowconn FROM pg_database WHERE datname = %s", client.name
    )
    assert allowed is False
    assert "oe_login_form" not in portal.http(client.name).get("/web/login").text
    with pytest.raises(Fault):
        client.owner.call("res.users", "search_count", [])
    portal.admin.call("saas_portal.client", "sync_client", [client.id])
    assert not portal.admin.read("saas_portal.client", client.id, "unreachable_since")
    portal.admin.call("saas_portal.client", "action_resume", [client.id])
    assert portal.http(client.name).login(client.login, client.owner_password)


# --- storage ----------------------------------------------------------------------


@pytest.mark.one_shape
def test_an_upload_beyond_the_storage_is_refused_and_less_makes_room(portal, client, configure):
    """T40, T42"""
    portal.admin.call("saas_portal.client", "sync_client", [client.id])
    used = portal.admin.read("saas_portal.client", client.id, "total_storage")
    limit = int(used) + 6
    configure(client, params=[param("saas_client.total_storage_limit", str(limit), hidden=False)])
    try:
        upload = upload_of(client)
        first = upload(3)
        with refused(f"{limit} MB", codes=[2]):
            upload(8)
        with refused(f"{limit} MB", codes=[2]):
            upload(5)
        assert client.owner.read("ir.attachment", first, "name")
        assert client.owner.authenticate(client.login, client.owner_password)
        client.owner.call("ir.attachment", "unlink", [first])
        upload(3)
    finally:
        configure(client, params=[param("saas_client.total_storage_limit", "0")])
    upload(8)


def test_of_two_uploads_at_once_for_the_last_room_one_is_refused(portal, new_client, configure):
    """T40 with every worker at work: together they are never above the limit."""
    client = new_client()
    portal.admin.call("saas_portal.client", "sync_client", [client.id])
    used = portal.admin.read("saas_portal.client", client.id, "total_storage")
    limit = int(used) + 6
    configure(client, params=[param("saas_client.total_storage_limit", str(limit), hidden=False)])
    upload = upload_of(client)
    results = at_once(*[lambda: upload(4)] * 3)
    assert len(succeeded(results)) == 1
    for error in failed(results):
        assert isinstance(error, Fault)
        assert error.faultCode == 2
        assert f"{limit} MB" in error.faultString
    portal.admin.call("saas_portal.client", "sync_client", [client.id])
    assert portal.admin.read("saas_portal.client", client.id, "total_storage") <= limit


def upload_of(client):
    """Uploads so many megabytes that are like no others."""
    import base64
    import os

    def upload(megabytes):
        content = base64.b64encode(os.urandom(megabytes * 1024 * 1024)).decode()
        return client.owner.call(
            "ir.attachment", "create", {"name": "upload.bin", "datas": content}
        )

    return upload
