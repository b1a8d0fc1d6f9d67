"""Clients as databases beside the portal: copies, names used again, renaming, deleting."""

import secrets

import pytest

from harness import ACCESS_DENIED, Fault, TemplateCopy, leaving_nothing, opened, param, refused

TEMPLATE = "template-e2e.localhost"


def state(portal, client):
    return portal.admin.read("saas_portal.client", client.id, "state")


def parameter(portal, database, key):
    rows = portal.psql(database, "SELECT value FROM ir_config_parameter WHERE key = %s", key)
    return rows[0][0] if rows else None


def answers(portal, host):
    """Whether there is a database behind the host name; else Odoo shows an empty selection."""
    page = portal.http(host).get("/web/login")
    return not page.url.endswith("/web/database/selector")


def act(portal, client, method, *arguments):
    return portal.admin.call("saas_portal.client", method, [client.id], *arguments)


@pytest.fixture(scope="module")
def throw_away_plan(portal, plan):
    """Its clients are dropped at once when they are deleted."""
    return portal.make_plan("Throw away", TEMPLATE, retention_days=0)


# --- what is closed ---------------------------------------------------------------------------


@pytest.mark.one_shape
def test_the_database_manager_is_off_and_nobody_lists_databases(portal, client):
    """The driver needs neither"""
    proxy = portal.rpc(portal.name)._proxy("db")
    with refused(codes=[ACCESS_DENIED]):
        proxy.list()
    for path in ("/web/database/selector", "/web/database/manager"):
        page = portal.http("nobody.localhost").get(path)
        assert client.name not in page.text
        assert portal.name not in page.text


@pytest.mark.one_shape
def test_a_template_lets_nobody_in(portal, plan):
    """Neither by HTTP nor by RPC nor by SQL"""
    assert portal.psql(
        "postgres",
        "SELECT datallowconn, datistemplate FROM pg_database WHERE datname = %s",
        TEMPLATE,
    ) == [(False, True)]
    assert not answers(portal, TEMPLATE)
    with pytest.raises(Fault):
        portal.rpc(TEMPLATE).authenticate("admin", "admin")


def test_strangers_cannot_sign_themselves_up_in_a_client(portal, client):
    browser = portal.http(client.name)
    page = browser.get("/web/signup")
    assert page.status_code == 404
    assert "/web/signup" not in browser.get("/web/login").text
    answer = browser.post(
        "/web/signup",
        data={"login": "x@example.com", "name": "X", "password": "x", "confirm_password": "x"},
    )
    assert answer.status_code >= 400
    with pytest.raises(Fault, match="not allowed"):
        client.owner.call(
            "res.users", "signup", {"login": "x@example.com", "name": "X", "password": "x"}
        )
    rows = portal.psql(client.name, "SELECT 1 FROM res_users WHERE login = 'x@example.com'")
    assert rows == []


# --- copies -----------------------------------------------------------------------------------


@pytest.mark.one_shape
def test_copies_of_one_template_share_no_secret(portal, client, managed_client):
    """T22, T23"""
    hash_of_admin = "SELECT password FROM res_users WHERE login = 'admin'"
    names = [client.name, managed_client.name]
    with opened(portal, TEMPLATE):
        for key in ("database.uuid", "database.secret"):
            values = [parameter(portal, name, key) for name in (*names, TEMPLATE)]
            assert all(values)
            assert len(set(values)) == 3, key
        hashes = [portal.psql(name, hash_of_admin)[0][0] for name in (*names, TEMPLATE)]
    assert all(hashes[:2])
    assert len(set(hashes)) == 3
    for name, owner in zip(names, (client, managed_client), strict=True):
        assert parameter(portal, name, "database.uuid") == owner.client_id
        for password in ("admin", "", portal.admin_password, owner.owner_password):
            assert portal.rpc(name).authenticate("admin", password) is False
    stranger = portal.rpc(managed_client.name, uid=client.owner.uid)
    stranger.password = client.owner_password
    with refused(codes=[ACCESS_DENIED]):
        stranger.call("res.users", "search_count", [])


@pytest.mark.one_shape
def test_what_lives_in_a_template_does_not_act_in_its_copies(portal, plan, new_client):
    """T23: keys, mail servers, people and overdue jobs were put into the template"""
    copy = TemplateCopy(portal, TEMPLATE)
    copy.run(
        "INSERT INTO res_users_apikeys (name, user_id, scope, index, key)"
        " VALUES ('left', 2, 'rpc', 'abcdefgh', 'x')",
        "INSERT INTO ir_mail_server (name, smtp_host, smtp_port, smtp_encryption,"
        " smtp_authentication, sequence, active)"
        " VALUES ('left', 'mail.example.com', 25, 'none', 'login', 1, TRUE)",
        "INSERT INTO res_users (login, partner_id, company_id, active, share, password,"
        " notification_type) SELECT 'left@example.com', partner_id, company_id, TRUE, FALSE,"
        " password, notification_type FROM res_users WHERE login = 'admin'",
        "UPDATE ir_cron SET nextcall = '2020-01-01'",
        "UPDATE ir_config_parameter SET value = 'b2c' WHERE key = 'auth_signup.invitation_scope'",
    )
    client = new_client(plan_id=copy.plan_id)
    for table in ("res_users_apikeys", "ir_mail_server", "ir_cron_trigger"):
        rows = portal.psql(client.name, f"SELECT count(*) FROM {table}")
        assert rows == [(0,)], table
    assert portal.psql(
        client.name, "SELECT active, password FROM res_users WHERE login = 'left@example.com'"
    ) == [(False, None)]
    assert portal.psql(client.name, "SELECT 1 FROM ir_cron WHERE nextcall < '2021-01-01'") == []
    assert parameter(portal, client.name, "auth_signup.invitation_scope") == "b2b"
    copy.drop_database()


@pytest.mark.one_shape
def test_a_client_shows_its_pages_with_the_templates_files(portal, client):
    browser = portal.http(client.name)
    assert browser.login(client.login, client.owner_password)
    page = browser.get("/odoo")
    assert page.status_code == 200
    assert "/web/assets/" in page.text
    assets = [part.split('"')[0] for part in page.text.split('"/web/assets/')[1:]]
    assert assets
    for asset in assets:
        assert browser.get("/web/assets/" + asset).status_code == 200
    assert parameter(portal, client.name, "web.base.url") == f"http://{client.name}:{portal.port}"


# --- a name used again ------------------------------------------------------------------------


def knocks(portal, name, uid, login, password, port=None):
    """Every way in: log in by RPC, call by RPC with a password known before, log in on the page."""
    session = portal.rpc(name, uid=uid, port=port)
    session.password = password
    ways = {
        "authenticate": lambda: session.authenticate(login, password) is not False,
        "page": lambda: portal.http(name, port).login(login, password),
    }

    def call():
        try:
            session.call("res.users", "search_count", [])
        except Fault as fault:
            assert fault.faultCode == ACCESS_DENIED, fault
            return False
        return True

    return {**{way: knock() for way, knock in ways.items()}, "call": call()}


def test_the_former_owner_of_a_name_stays_out(portal, throw_away_plan, new_client, unique_name):
    """On this server, and on another one that still remembers the former database"""
    name = unique_name("again")
    # Each worker remembers for itself.
    times = 3 if portal.shape.workers else 1
    with portal.second_server() as port:
        former = new_client(plan_id=throw_away_plan, dbname=name)
        assert portal.has_database(name)
        browsers = {}
        for where in (None, port):
            for _ in range(times):
                assert all(
                    knocks(
                        portal, name, former.owner.uid, former.login, former.owner_password, where
                    ).values()
                )
            browsers[where] = portal.http(name, where)
            assert browsers[where].login(former.login, former.owner_password)
        act(portal, former, "delete_database")
        assert not portal.has_database(name)
        new = new_client(plan_id=throw_away_plan, dbname=name)
        for where in (port, None):
            for _ in range(times):
                old = knocks(
                    portal, name, former.owner.uid, former.login, former.owner_password, where
                )
                assert not any(old.values()), (where, old)
            assert "/web/login" in browsers[where].get("/odoo").url
            assert all(
                knocks(portal, name, new.owner.uid, new.login, new.owner_password, where).values()
            )


# --- renaming ---------------------------------------------------------------------------------


def test_a_renamed_client_answers_under_its_new_name_only(portal, new_client, unique_name):
    """T67"""
    client, new_name = new_client(), unique_name("renamed")
    files = sorted(path.name for path in portal.filestore(client.name).rglob("*"))
    browser = portal.http(client.name)
    assert browser.login(client.login, client.owner_password)
    cookie = browser.cookies.get("session_id")
    act(portal, client, "rename_database", new_name)
    assert portal.admin.read("saas_portal.client", client.id, "name") == new_name
    assert portal.admin.call("saas_portal.client", "search", [["name", "=", client.name]]) == []
    assert not portal.has_database(client.name)
    assert portal.has_database(new_name)
    assert not portal.filestore(client.name).exists()
    assert sorted(path.name for path in portal.filestore(new_name).rglob("*")) == files
    assert parameter(portal, new_name, "web.base.url") == f"http://{new_name}:{portal.port}"
    url = portal.admin.read("saas_portal.client", client.id, "public_url")
    assert url == f"http://{new_name}:{portal.port}/"
    # The session does not survive, neither under the old name nor carried over to the new one.
    assert not answers(portal, client.name)
    assert browser.get("/odoo").url.endswith("/web/database/selector")
    carried = portal.http(new_name)
    carried.cookies.set("session_id", cookie)
    assert "/web/login" in carried.get("/odoo").url
    assert portal.rpc(new_name).authenticate(client.login, client.owner_password)
    assert portal.http(new_name).login(client.login, client.owner_password)
    # The portal still governs it, and the old name is free.
    answer = portal.admin.call(
        "saas.config",
        "do_upgrade_database",
        {"params": [param("saas_client.max_users", "3")]},
        client.id,
    )
    assert new_name in answer
    successor = new_client(dbname=client.name)
    assert successor.owner.uid


@pytest.mark.one_shape
def test_a_client_is_not_renamed_to_what_is_taken_or_no_name(portal, client, managed_client):
    for name in (managed_client.name, portal.name, "Bad Name", "a/b", "", False, 5, "postgres"):
        with leaving_nothing(portal), refused("name", codes=[2]):
            act(portal, client, "rename_database", name)
    assert client.owner.call("res.users", "search_count", []) >= 1


@pytest.mark.one_shape
def test_renaming_to_the_same_name_changes_nothing(portal, client):
    with leaving_nothing(portal):
        act(portal, client, "rename_database", client.name)
    assert client.owner.call("res.users", "search_count", []) >= 1


# --- deleting ---------------------------------------------------------------------------------


def test_a_deleted_client_is_out_of_reach_and_comes_back(portal, new_client, unique_name):
    """T68, with the plan's days of retention"""
    client = new_client()
    browser = portal.http(client.name)
    assert browser.login(client.login, client.owner_password)
    act(portal, client, "delete_database")
    act(portal, client, "delete_database")
    assert state(portal, client) == "deleted"
    assert not portal.has_database(client.name)
    assert not answers(portal, client.name)
    trash = portal.admin.read("saas_portal.client", client.id, "trash_name")
    assert portal.psql(
        "postgres", "SELECT datallowconn FROM pg_database WHERE datname = %s", trash
    ) == [(False,)]
    assert not answers(portal, trash)
    assert portal.admin.call("saas_portal.client", "search", [["name", "=", client.name]]) == []

    act(portal, client, "action_restore")
    assert state(portal, client) == "open"
    assert portal.rpc(client.name).authenticate(client.login, client.owner_password)
    assert portal.filestore(client.name).exists()
    with refused(client.name, codes=[2]):
        act(portal, client, "action_restore")


@pytest.mark.one_shape
def test_a_suspended_client_comes_back_suspended(portal, new_client, configure):
    client = new_client()
    configure(client, params=[param("saas_client.suspended", "1")])
    act(portal, client, "delete_database")
    act(portal, client, "action_restore")
    assert state(portal, client) == "pending"
    assert portal.rpc(client.name).authenticate(client.login, client.owner_password) is False


@pytest.mark.one_shape
def test_a_deleted_client_does_not_come_back_under_a_name_that_is_taken(portal, new_client):
    client = new_client()
    act(portal, client, "delete_database")
    successor = new_client(dbname=client.name)
    with refused(client.name, codes=[2]):
        act(portal, client, "action_restore")
    assert state(portal, client) == "deleted"
    assert successor.owner.call("res.users", "search_count", []) >= 1
    act(portal, successor, "delete_database")
    act(portal, client, "action_restore")
    assert portal.rpc(client.name).authenticate(client.login, client.owner_password)
    assert portal.rpc(client.name).authenticate(client.login, successor.owner_password) is False


@pytest.mark.one_shape
def test_purging_drops_what_deleting_kept(portal, new_client):
    client = new_client()
    act(portal, client, "delete_database")
    trash = portal.admin.read("saas_portal.client", client.id, "trash_name")
    assert portal.has_database(trash)
    act(portal, client, "action_purge")
    assert not portal.has_database(trash)
    assert not portal.filestore(trash).exists()
    assert state(portal, client) == "deleted"
    with refused(client.name, codes=[2]):
        act(portal, client, "action_restore")


@pytest.mark.one_shape
def test_without_retention_days_a_deleted_client_is_gone(portal, throw_away_plan, new_client):
    """T68"""
    client = new_client(plan_id=throw_away_plan)
    act(portal, client, "delete_database")
    assert not portal.has_database(client.name)
    assert not portal.filestore(client.name).exists()
    assert not [name for name in portal.cluster.databases() if client.client_id in name]


@pytest.mark.one_shape
def test_what_somebody_else_put_under_the_name_is_not_deleted(portal, throw_away_plan, new_client):
    """The mark on the database says whose it is"""
    client = new_client(plan_id=throw_away_plan)
    portal.drop(client.name)
    portal.psql("postgres", f'CREATE DATABASE "{client.name}" TEMPLATE template0')
    try:
        act(portal, client, "delete_database")
    except Fault as fault:
        assert fault.faultCode == 2
    assert portal.has_database(client.name)
    portal.drop(client.name)


@pytest.mark.one_shape
def test_only_managers_delete(portal, new_client):
    client = new_client()
    login, password = f"{secrets.token_hex(4)}@example.com", "Operator 1"
    portal.admin.call(
        "res.users",
        "create",
        {
            "name": "Operator",
            "login": login,
            "password": password,
            "group_ids": [portal.admin.ref("saas_portal.group_user")],
        },
    )
    operator = portal.rpc(portal.name, login, password)
    with refused(codes=[4]):
        operator.call("saas_portal.client", "delete_database", [client.id])
    assert state(portal, client) == "open"
    answer = operator.call("saas.config", "do_upgrade_database", {}, client.id)
    assert client.name in answer
