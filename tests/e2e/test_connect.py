"""*Connect*: an operator enters a client by a link that works once and is written down."""

import html
import re

import pytest

from harness import ACCESS_ERROR, param, refused
from harness.browser import Browser
from harness.sso import whoami


@pytest.fixture(scope="module")
def operator(portal):
    """A browser in which the portal's administrator is logged in."""
    browser = portal.http()
    assert browser.login("admin", portal.admin_password)
    return browser


def ask(portal, client, reason):
    return portal.admin.call("saas_portal.client", "action_connect", [client.id], reason)["url"]


def open_link(operator, link):
    """The address and the token that the page of a link posts by itself."""
    page = operator.get(link)
    assert page.status_code == 200, page.text[-1000:]
    found = re.search(r'action="([^"]+)".*?name="token" value="([^"]+)"', page.text, re.DOTALL)
    return html.unescape(found[1]), found[2]


def enter(portal, client, address, token):
    browser = portal.http(client.name)
    return browser, browser.post(address, data={"token": token})


def test_the_operator_is_in_as_administrator_and_the_customer_can_read_it(portal, client, operator):
    address, token = open_link(operator, ask(portal, client, "Ticket 4711"))
    assert address == f"http://{client.name}:{portal.port}/saas_client/connect"
    browser, page = enter(portal, client, address, token)
    assert page.status_code == 200
    for _ in range(3):  # several times: another worker may answer each
        assert whoami(browser) == "admin"
    seen = client.owner.call("saas_client.connection", "search_read", [], ["operator", "reason"])
    assert seen[0]["reason"] == "Ticket 4711"
    assert "admin" in seen[0]["operator"]
    kept = portal.admin.call(
        "saas_portal.connection", "search_read", [("client_id", "=", client.id)],
        ["user_id", "reason", "opened_at", "create_date"], limit=1,
    )[0]  # fmt: skip
    assert (kept["user_id"][0], kept["reason"]) == (portal.admin.uid, "Ticket 4711")
    assert kept["create_date"] and kept["opened_at"]
    assert token.rsplit(".", 1)[1] not in portal.log_text()


def test_a_link_and_its_token_serve_once(portal, client, operator):
    link = ask(portal, client, "Ticket 1")
    address, token = open_link(operator, link)
    enter(portal, client, address, token)
    for _ in range(3):
        page = operator.get(link)
        assert page.status_code == 403
        assert "has been used" in page.text
        thief, page = enter(portal, client, address, token)
        assert page.status_code == 403
        assert "used already" in page.text
        assert whoami(thief) is None


@pytest.mark.one_shape
def test_a_token_is_for_one_client(portal, client, managed_client, operator):
    address, token = open_link(operator, ask(portal, client, "Ticket 2"))
    thief, page = enter(
        portal, managed_client, address.replace(client.name, managed_client.name), token
    )
    assert page.status_code == 403
    assert "another database" in page.text
    assert whoami(thief) is None


@pytest.mark.one_shape
def test_a_link_is_for_who_asked(portal, client, customer, operator):
    link = ask(portal, client, "Ticket 3")
    other = portal.http()
    assert other.login(customer.login, customer.password)
    page = other.get(link)
    assert page.status_code == 403
    assert "belongs to somebody else" in page.text
    assert "/web/login" in portal.http().get(link).url
    open_link(operator, link)


@pytest.mark.one_shape
def test_customers_do_not_connect(portal, client, customer):
    with refused(codes=[ACCESS_ERROR]):
        customer.rpc.call("saas_portal.client", "action_connect", [client.id], "Curiosity")


@pytest.mark.one_shape
def test_a_suspended_client_is_entered_all_the_same(portal, client, operator, configure):
    configure(client, params=[param("saas_client.suspended", "1")])
    try:
        address, token = open_link(operator, ask(portal, client, "Ticket 5"))
        browser, page = enter(portal, client, address, token)
        assert page.status_code == 200
        for _ in range(3):
            assert browser.get("/odoo").status_code == 200
        assert portal.http(client.name).get("/odoo").status_code in (402, 503)
    finally:
        configure(client, params=[param("saas_client.suspended", "0")])


@pytest.mark.one_shape
def test_the_button_asks_why_and_opens_a_tab_that_no_browser_blocks(portal, client):
    with Browser() as browser:
        base = f"http://{portal.name}:{portal.port}"
        browser.open(f"{base}/web/login?login=admin")
        browser.type("#login", "admin")
        browser.type("#password", portal.admin_password)
        browser.click("button[type=submit]")
        browser.wait_for_element(".o_main_navbar")
        browser.open(f"{base}/odoo/action-saas_portal.saas_portal_client_action/{client.id}")
        browser.wait_for_text("Connect")
        browser.run(
            "[...document.querySelectorAll('.o_statusbar_buttons button')]"
            ".find(b => b.innerText.trim() === 'Connect').click()"
        )
        browser.type(".modal div[name=reason] input", "Ticket 6")
        browser.wait_for(
            "document.querySelector('.modal div[name=reason] input').value === 'Ticket 6'",
            "the reason to be written",
        )
        browser.press(".modal-footer .o_widget_saas_connect_button button")
        browser.wait_for_tab(f"http://{client.name}:{portal.port}/odoo")
        browser.wait_for("!document.querySelector('.modal')", "the window to close")
        seen = client.owner.call("saas_client.connection", "search_read", [], ["reason"])
        assert seen[0]["reason"] == "Ticket 6"
        assert not [line for line in browser.complaints if "rror" in line]
