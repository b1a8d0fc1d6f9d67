"""What customers do by themselves, and what time does to their databases."""

import contextlib
import io
import json
import re
import zipfile

import pytest

from harness import at_once, param
from harness.browser import Browser

PHONE = {"width": 390, "height": 844, "mobile": True}
DESKTOP = {"width": 1280, "height": 900}


@pytest.fixture(scope="module")
def published(portal, plan):
    """The plan as customers see it; afterwards as it was."""
    portal.admin.call(
        "saas_portal.plan",
        "write",
        [plan],
        {"is_published": True, "summary": "All that a shop needs", "max_users": 5},
    )
    yield plan
    portal.admin.call("saas_portal.plan", "write", [plan], {"is_published": False, "max_users": 0})


def forget_rates(portal):
    portal.psql(portal.name, "DELETE FROM saas_portal_rate_limit")


def find_client(portal, name):
    (client_id,) = portal.admin.call("saas_portal.client", "search", [("name", "=", name)])
    return client_id


def read_token(page):
    return re.search(r'csrf_token"[^>]*value="([^"]+)"', page.text)[1]


def walk_from_the_plans_into_a_database(portal, browser, plan, label, login):
    """As a person would, in one browser; yields the names of the pages on the way."""
    base = f"http://{portal.name}:{portal.port}"
    browser.open(f"{base}/saas/plans")
    browser.wait_for_text("All that a shop needs")
    yield "plans"
    browser.click(f"a[href='/saas/signup/{plan}']")
    browser.wait_for_element("#saas_dbname")
    browser.type("#saas_dbname", "support")
    browser.wait_for_text("This name cannot be used")
    yield "name refused"
    browser.type("#saas_dbname", label)
    browser.wait_for_text(f"{label}.localhost is free")
    browser.type("#saas_name", "Ann Example")
    browser.type("#saas_login", login)
    browser.type("#saas_password", "a long password")
    yield "form"
    browser.click(".o_saas_signup button[type=submit]")
    browser.wait_for("location.pathname.startsWith('/my/databases/')", "the progress page")
    with contextlib.suppress(TimeoutError):
        # Whoever is quick enough sees the steps; the database may be ready before.
        browser.wait_for("!!document.querySelector('.o_saas_database_progress li')", "steps", 3)
    yield "progress"
    browser.wait_for(f"location.hostname === '{label}.localhost'", "the database", 120)
    browser.wait_for("!!document.querySelector('.o_web_client, .o_main_navbar')", "Odoo", 120)
    yield "inside"


@pytest.mark.parametrize("screen", [PHONE, DESKTOP], ids=["phone", "desktop"])
def test_a_visitor_walks_from_the_plans_into_his_own_database(
    portal, published, unique_name, screen
):
    name = unique_name("walk")
    label = name.removesuffix(".localhost")
    forget_rates(portal)
    with Browser(**screen) as browser:
        walk = walk_from_the_plans_into_a_database(
            portal, browser, published, label, f"{label}@example.com"
        )
        for page in walk:
            if page != "inside":
                assert not browser.is_wider_than_screen(), page
        assert not browser.complaints
        client_id = find_client(portal, name)
        browser.open(f"http://{portal.name}:{portal.port}/my/databases/{client_id}")
        browser.wait_for_text("1 of 5")
        assert not browser.is_wider_than_screen()
    client = portal.admin.read("saas_portal.client", client_id, "state", "owner_id", "trial")
    assert (client["state"], client["trial"]) == ("open", False)
    assert client["owner_id"][1].startswith("Ann Example")


def test_workers_count_the_questions_about_names_together(portal, published):
    forget_rates(portal)
    url = f"/saas/signup/{published}/available?name=acme"
    answers = [
        answer.status_code
        for _round in range(9)
        for answer in at_once(*[lambda: portal.http().get(url)] * 5)
    ]
    assert set(answers) == {200, 429}
    assert answers.count(200) == 40
    forget_rates(portal)


@pytest.mark.one_shape
def test_a_customer_downloads_a_whole_backup_of_his_own(portal, new_client, customer, wait_for):
    client = new_client()
    client.owner.call("res.partner", "create", {"name": "Precious Partner"})
    browser = portal.http()
    assert browser.login(customer.login, customer.password)
    page = browser.get(f"/my/databases/{client.id}")
    browser.post(f"/my/databases/{client.id}/backup", data={"csrf_token": read_token(page)})

    def link():
        page = browser.get(f"/my/databases/{client.id}")
        return re.search(r'href="(/my/databases/\d+/backups/\d+)"', page.text)

    url = wait_for(link, 60, "the backup")[1]
    with zipfile.ZipFile(io.BytesIO(browser.get(url).content)) as backup:
        assert b"Precious Partner" in backup.read("dump.sql")
        assert json.loads(backup.read("manifest.json"))["modules"]["saas_client"]
        assert [name for name in backup.namelist() if name.startswith("filestore/")]
    stranger = portal.http()
    portal.sign_up("curious@example.com", "curious password", "Curious")
    assert stranger.login("curious@example.com", "curious password")
    assert stranger.get(url).status_code == 404
    assert portal.http().get(url, allow_redirects=False).status_code == 303


def wait_for_operation(portal, client_id, kind, wait_for):
    def ended():
        (operation,) = portal.admin.call(
            "saas_portal.operation",
            "search_read",
            [("client_id", "=", client_id), ("kind", "=", kind)],
            ["state", "error"],
            limit=1,
        )
        return operation if operation["state"] in ("done", "failed") else None

    operation = wait_for(ended, 90, f"the operation {kind}")
    assert operation["state"] == "done", operation["error"]


@pytest.mark.one_shape
def test_an_operator_goes_back_to_a_backup_and_makes_a_copy(
    portal, new_client, customer, unique_name, wait_for
):
    client = new_client()
    precious = client.owner.call("res.partner", "create", {"name": "Precious Partner"})
    portal.admin.call("saas_portal.client", "action_backup", [client.id])
    wait_for_operation(portal, client.id, "backup", wait_for)
    client.owner.call("res.partner", "write", [precious], {"name": "Spoilt Partner"})
    (backup_id,) = portal.admin.call(
        "saas_portal.client.backup", "search", [("client_id", "=", client.id)]
    )
    wizard = portal.admin.call(
        "saas_portal.restore_backup",
        "create",
        {"backup_id": backup_id, "confirmation": client.name},
    )
    portal.admin.call("saas_portal.restore_backup", "action_apply", [wizard])
    wait_for_operation(portal, client.id, "restore_backup", wait_for)
    owner = portal.rpc(client.name, client.login, client.owner_password)
    assert owner.read("res.partner", precious, "name") == "Precious Partner"

    name = unique_name("copy")
    wizard = portal.admin.call(
        "saas_portal.duplicate_client", "create", {"client_id": client.id, "name": name}
    )
    portal.admin.call("saas_portal.duplicate_client", "action_apply", [wizard])
    copy_id = find_client(portal, name)
    wait_for_operation(portal, copy_id, "create", wait_for)
    copied = portal.rpc(name, client.login, client.owner_password)
    copied.call("res.partner", "write", [precious], {"name": "Changed in the Copy"})
    assert owner.read("res.partner", precious, "name") == "Precious Partner"
    query = "SELECT value FROM ir_config_parameter WHERE key = 'database.uuid'"
    assert portal.psql(client.name, query) != portal.psql(name, query)
    assert portal.admin.call(
        "saas.config", "do_upgrade_database", {"params": [param("saas_client.max_users", "3")]},
        copy_id,
    )  # fmt: skip


# -- time ----------------------------------------------------------------------


def expire(portal, client):
    portal.psql(
        portal.name,
        "UPDATE saas_portal_client SET trial = true, expiration_datetime = '2020-01-01',"
        " suspension_due_at = '2020-01-01' WHERE id = %s",
        client.id,
    )


def mails_of(portal, client):
    return portal.psql(
        portal.name,
        "SELECT subject FROM mail_message WHERE model = 'saas_portal.client' AND res_id = %s"
        " AND message_type = 'email_outgoing' AND subject LIKE '%%has expired'",
        client.id,
    )


def state_of(portal, client):
    return portal.admin.read("saas_portal.client", client.id, "state")


@pytest.mark.one_shape
def test_two_servers_and_a_crash_send_one_mail_and_suspend_once(portal, new_client, wait_for):
    """T62"""
    clients = [new_client() for _number in range(2)]
    cron = portal.admin.ref("saas_portal.ir_cron_expire")
    for client in clients:
        expire(portal, client)
    with portal.second_server() as port:
        other = portal.rpc(portal.name, "admin", portal.admin_password, port=port)
        at_once(
            *[
                lambda rpc=rpc: rpc.call("ir.cron", "method_direct_trigger", [cron])
                for rpc in (portal.admin, other)
            ]
        )
    portal.server.kill()
    portal.start_with_due_crons()
    portal.admin.call("ir.cron", "method_direct_trigger", [cron])
    for client in clients:
        wait_for(lambda c=client: state_of(portal, c) == "pending", 60, "the suspension")
        assert len(mails_of(portal, client)) == 1
        ((suspensions,),) = portal.psql(
            portal.name,
            "SELECT count(*) FROM saas_portal_operation WHERE client_id = %s"
            " AND arguments->>'suspend_for' = 'expiration'",
            client.id,
        )
        assert suspensions == 1


# -- statistics ----------------------------------------------------------------------


@pytest.mark.one_shape
def test_statistics_load_no_client_into_the_portals_process(portal, new_client):
    client = new_client()
    portal.server.restart()
    before = len(portal.log_text())
    assert portal.admin.call("saas_portal.client", "sync_client", [client.id]) is True
    (sample,) = portal.admin.call(
        "saas_portal.client.usage",
        "search_read",
        [("client_id", "=", client.id)],
        ["users", "total_mb"],
    )
    assert sample["users"] == 1
    assert sample["total_mb"] > 10
    lines = portal.log_text()[before:].splitlines()
    assert not [line for line in lines if f" {client.name} odoo" in line]
    # The same log does tell when somebody really comes in.
    portal.http(client.name).get("/web/login")
    lines = portal.log_text()[before:].splitlines()
    assert [line for line in lines if f" {client.name} odoo" in line]
