"""*Log in via SaaS Portal*: the portal is the OAuth provider of its clients."""

import contextlib
import json
import time
from urllib.parse import urlencode, urlsplit

import jwt
import pytest

from harness import ACCESS_DENIED, refused
from harness.browser import Browser
from harness.sso import (
    ask_for_token,
    find_button,
    give_answer,
    log_in_via_portal,
    make_answer,
    post_answer,
    submit_login,
    whoami,
)
from harness.tls_proxy import tls_proxy
from harness.tokens import portal_key

SUSPENDED = "saas_client.suspended"


@pytest.fixture(scope="module")
def stranger(portal):
    """A customer who owns no database."""
    portal.sign_up("stranger@example.com", "stranger's password", "Stranger")
    return "stranger@example.com", "stranger's password"


def ask(portal, browser, client, **changes):
    """The portal's answer to a question with another parameter, not followed."""
    params = {
        "response_type": "token",
        "client_id": client.client_id,
        "redirect_uri": f"{client.url.removesuffix('web/login')}auth_oauth/signin",
        "scope": "userinfo",
        "state": json.dumps({"d": client.name, "p": 1}),
        **changes,
    }
    url = f"http://{portal.name}:{portal.port}/oauth2/auth?{urlencode(params)}"
    return browser.get(url, allow_redirects=False)


def logged_in(portal, login, password):
    browser = portal.http()
    assert browser.login(login, password)
    return browser


def users_of(portal, client):
    return portal.psql(client.name, "SELECT id, login, active FROM res_users ORDER BY id")


def test_the_button_leads_through_the_portal_and_back_in_as_the_owner(portal, client, customer):
    """T69"""
    browser = portal.http(client.name)
    page = browser.get(find_button(browser.get("/web/login")))
    assert urlsplit(page.url).netloc == f"{portal.name}:{portal.port}"
    assert "/web/login" in page.url
    page = post_answer(browser, submit_login(browser, page, customer.login, customer.password))
    assert page.status_code == 200
    assert urlsplit(page.url).netloc == f"{client.name}:{portal.port}"
    for _ in range(3):  # several times: another worker may answer each
        assert whoami(browser) == client.login


def fill_in_login(browser, login, password):
    browser.type("#login", login)
    browser.type("#password", password)
    browser.click("form.oe_login_form button[type=submit]")


@pytest.mark.one_shape
@pytest.mark.parametrize("size", [{}, {"width": 390, "height": 844, "mobile": True}])
def test_a_browser_walks_there_and_back_and_out_and_in_again(portal, client, customer, size):
    inside = f"location.hostname === '{client.name}' && !!document.querySelector('.o_main_navbar')"
    with Browser(**size) as browser:
        browser.open(client.url)
        browser.click("a[href*='/oauth2/auth']")
        browser.wait_for(f"location.hostname === '{portal.name}'", "the portal")
        browser.wait_for_text(client.name)
        fill_in_login(browser, customer.login, customer.password)
        browser.wait_for(inside, "the database")
        assert "access_token" not in browser.url
        # The web client is still busy with its own address until it shows something.
        browser.wait_for_element(".o_action_manager > *")
        browser.run("fetch('/web/session/logout').then(() => true)")
        browser.open(client.url)
        browser.wait_for("location.pathname === '/web/login'", "the login page")
        browser.click("a[href*='/oauth2/auth']")
        browser.wait_for_text("Continue as")
        assert not browser.is_wider_than_screen()
        browser.click(".o_saas_login_page a.btn-primary")
        browser.wait_for(inside, "the database")
        assert not [line for line in browser.complaints if "favicon" not in line]


def test_after_a_logout_the_portal_asks_and_then_lets_in_again(portal, client, customer):
    """The session at the portal goes on: whoever sits there next is asked first"""
    browser = portal.http(client.name)
    log_in_via_portal(browser, customer.login, customer.password)
    browser.get("/web/session/logout")
    assert whoami(browser) is None
    page = browser.get(find_button(browser.get("/web/login")))
    assert "Continue as" in page.text
    assert whoami(browser) is None
    link = page.text.partition("Continue as")[0].rpartition('href="')[2].partition('"')[0]
    page = browser.get(
        f"http://{portal.name}:{portal.port}{link.replace('&amp;', '&')}", allow_redirects=True
    )
    post_answer(browser, page)
    assert whoami(browser) == client.login


def test_auth_url_leads_the_owner_straight_in_and_url_is_the_login_page(portal, client, customer):
    browser = portal.http(client.name)
    log_in_via_portal(browser, customer.login, customer.password, start=client.auth_url)
    assert whoami(browser) == client.login
    assert "/web/login" in portal.http(client.name).get(client.url).url


@pytest.mark.one_shape
def test_two_devices_stay_logged_in(portal, client, customer):
    browsers = [portal.http(client.name) for _ in range(2)]
    for browser in browsers:
        log_in_via_portal(browser, customer.login, customer.password)
    assert [whoami(browser) for browser in browsers] == [client.login] * 2


@pytest.mark.one_shape
def test_the_password_of_the_portal_is_none_in_the_client(portal, client, customer):
    """T18, T19, also with the portal as a way in"""
    assert portal.http(client.name).login(client.login, client.owner_password)
    assert not portal.http(client.name).login(client.login, customer.password)
    assert client.owner.authenticate(client.login, customer.password) is False


@pytest.mark.one_shape
def test_a_token_for_one_client_is_refused_by_another_of_the_same_owner(
    portal, client, managed_client, customer
):
    """T70: the subject is the same, the audience is not"""
    browser, answer = ask_for_token(portal, client, customer.login, customer.password)
    thief, forged = make_answer(portal, managed_client, answer["access_token"])
    before = users_of(portal, managed_client)
    assert "oauth_error=3" in give_answer(thief, forged).url
    assert whoami(thief) is None
    assert users_of(portal, managed_client) == before
    give_answer(browser, answer)
    assert whoami(browser) == client.login, "where it belongs, it is good"


def test_a_token_is_good_once_and_in_the_browser_that_asked(portal, client, customer):
    browser, answer = ask_for_token(portal, client, customer.login, customer.password)
    thief = portal.http(client.name)
    assert "oauth_error=saas" in give_answer(thief, answer).url
    assert whoami(thief) is None
    give_answer(browser, answer)
    assert whoami(browser) == client.login
    for _ in range(3):
        thief, replayed = make_answer(portal, client, answer["access_token"])
        assert "oauth_error=3" in give_answer(thief, replayed).url
        assert whoami(thief) is None


@pytest.mark.one_shape
def test_a_token_opens_neither_rpc_nor_the_gateway(portal, client, customer):
    _browser, answer = ask_for_token(portal, client, customer.login, customer.password)
    token = answer["access_token"]
    assert client.owner.authenticate(client.login, token) is False
    for uid in (client.owner.uid, 2):
        session = portal.rpc(client.name, uid=uid)
        session.password = token
        with refused(codes=[ACCESS_DENIED]):
            session.call("res.users", "search_count", [])


@pytest.mark.one_shape
def test_tokens_are_short_and_stand_in_no_log_and_no_table(portal, client, customer):
    """T70, S8"""
    browser, answer = ask_for_token(portal, client, customer.login, customer.password)
    token = answer["access_token"]
    claims = jwt.decode(token, options={"verify_signature": False})
    assert claims["exp"] - claims["iat"] == int(answer["expires_in"]) <= 3600
    give_answer(browser, answer)
    signature = token.rsplit(".", 1)[1]
    assert signature not in portal.log_text()
    assert "access_token=" not in portal.log_text()
    for database in (portal.name, client.name):
        assert not [
            table
            for (table,) in portal.psql(
                database,
                "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'"
                " AND (table_name LIKE 'saas%%' OR table_name IN ('res_users', 'ir_logging'))",
            )
            if signature in str(portal.psql(database, f'SELECT t::text FROM "{table}" t'))
        ]


def test_a_stranger_gets_no_token_and_no_user_even_where_anybody_may_sign_up(
    portal, client, customer, stranger
):
    """T69"""
    portal.psql(
        client.name,
        "UPDATE ir_config_parameter SET value = 'b2c' WHERE key = 'auth_signup.invitation_scope'",
    )
    before = users_of(portal, client)
    browser = logged_in(portal, *stranger)
    page = ask(portal, browser, client)
    assert page.status_code == 403
    assert "No access to this database" in page.text
    now = int(time.time())
    ((uuid,),) = portal.psql(
        portal.name, "SELECT value FROM ir_config_parameter WHERE key = 'database.uuid'"
    )
    claims = {
        "iss": uuid, "aud": client.client_id, "iat": now, "exp": now + 60, "jti": "forged",
        "sub": "somebody else", "email": "stranger@example.com", "name": "Stranger",
    }  # fmt: skip
    token = jwt.encode(
        claims, portal_key(portal), algorithm="EdDSA", headers={"typ": "saas-login+jwt"}
    )
    thief, answer = make_answer(portal, client, token)
    page = give_answer(thief, answer)
    assert "oauth_error=3" in page.url
    assert "do not have access" in page.text
    assert users_of(portal, client) == before
    portal.psql(
        client.name,
        "UPDATE ir_config_parameter SET value = 'b2b' WHERE key = 'auth_signup.invitation_scope'",
    )


@pytest.mark.one_shape
def test_a_user_in_the_address_leads_to_the_login_and_never_to_a_token(portal, client):
    """T71, S1"""
    for name in ("uid", "user_id", "login", "access_token"):
        page = ask(portal, portal.http(), client, **{name: "2"})
        assert page.status_code in (302, 303)
        assert urlsplit(page.headers["Location"]).path == "/web/login"
        assert "access_token" not in urlsplit(page.headers["Location"]).fragment


@pytest.mark.one_shape
def test_another_target_an_unknown_client_and_another_flow_are_error_pages(
    portal, client, managed_client, customer
):
    """T70, S3"""
    browser = logged_in(portal, customer.login, customer.password)
    assert ask(portal, browser, client).status_code == 303
    clients = portal.footprint()["clients"]
    for changes in (
        {"redirect_uri": "https://evil.example.com/auth_oauth/signin"},
        {"redirect_uri": f"http://{managed_client.name}:{portal.port}/auth_oauth/signin"},
        {"redirect_uri": f"http://{client.name}:{portal.port}/auth_oauth/signin?next=x"},
        {"client_id": "9e0a5c0e-2f4b-4d3e-8a53-0e2d7a4f6b11"},
        {"client_id": client.name},
        {"response_type": "code"},
    ):
        page = ask(portal, browser, client, **changes)
        assert page.status_code == 400, changes
        assert "Location" not in page.headers
        assert "access_token" not in page.text
        assert "Traceback" not in page.text
    assert portal.footprint()["clients"] == clients


@pytest.mark.one_shape
def test_what_is_told_of_a_token_names_its_only_audience(portal, client, customer, stranger):
    """S4"""
    _browser, answer = ask_for_token(portal, client, customer.login, customer.password)
    headers = {"Authorization": f"Bearer {answer['access_token']}"}
    info = portal.http().get("/oauth2/tokeninfo", headers=headers)
    assert info.status_code == 200
    assert info.json()["aud"] == info.json()["client_id"] == client.client_id
    for wrong in ("", "x", answer["access_token"][:-3]):
        refusal = portal.http().get("/oauth2/tokeninfo", params={"access_token": wrong})
        assert (refusal.status_code, refusal.json()) == (401, {"error": "invalid_token"})


def test_a_suspended_client_explains_itself_and_a_resumed_one_lets_in(
    portal, client, customer, configure
):
    configure(client, params=[{"key": SUSPENDED, "value": "1", "hidden": True}])
    try:
        page = portal.http(client.name).get(client.auth_url)
        assert page.status_code in (402, 503)
        assert "Traceback" not in page.text
    finally:
        configure(client, params=[{"key": SUSPENDED, "value": "0", "hidden": True}])
    browser = portal.http(client.name)
    log_in_via_portal(browser, customer.login, customer.password)
    assert whoami(browser) == client.login


@pytest.mark.one_shape
def test_a_deleted_client_gets_nobody(portal, new_client, customer):
    gone = new_client()
    browser = logged_in(portal, customer.login, customer.password)
    assert ask(portal, browser, gone).status_code == 303
    portal.admin.call("saas_portal.client", "delete_database", [gone.id])
    assert ask(portal, browser, gone).status_code == 400


@pytest.mark.one_shape
def test_a_client_from_before_there_was_this_way_in_is_told(portal, new_client, customer, wait_for):
    old = new_client()
    for database, statement in (
        (old.name, "UPDATE auth_oauth_provider SET enabled = FALSE, client_id = NULL"),
        (old.name, "UPDATE res_users SET oauth_uid = NULL, oauth_provider_id = NULL"),
    ):
        portal.psql(database, statement)
    portal.psql(
        portal.name, "UPDATE saas_portal_client SET login_portal_url = NULL WHERE id = %s", old.id
    )
    portal.admin.call("saas_portal.client", "sync_client", [old.id])
    wait_for(
        lambda: portal.admin.read("saas_portal.client", old.id, "login_portal_url"),
        180,
        "the client to be told",
    )
    browser = portal.http(old.name)
    log_in_via_portal(browser, customer.login, customer.password)
    assert whoami(browser) == old.login


def test_keys_change_while_clients_go_on(portal, client, customer, configure, wait_for):
    """Both keys are accepted for a while, then the new one only"""
    former = portal_key(portal)
    admin = portal.admin
    wizard = admin.call("saas_portal.rotate_keys", "create", {})
    admin.call("saas_portal.rotate_keys", "action_rotate_keys", [wizard])
    configure(client, params=[])
    log_in_via_portal(portal.http(client.name), customer.login, customer.password)

    key_id = admin.read("saas_portal.rotate_keys", wizard, "current_key")

    def is_known():
        portal.wake_crons()
        return admin.read("saas_portal.client", client.id, "key_id") == key_id

    wait_for(is_known, 120, "the client to know the new key")
    # What other tests have broken does not answer, and would keep the former key for good.
    portal.psql(portal.name, "UPDATE saas_portal_client SET key_id = %s", key_id)
    _browser, answer = ask_for_token(portal, client, customer.login, customer.password)
    header = jwt.get_unverified_header(answer["access_token"])
    assert header["kid"] == key_id
    admin.call("saas_portal.rotate_keys", "action_drop_former_key", [wizard])

    def is_refused():
        portal.wake_crons()
        ((pem,),) = portal.psql(
            client.name,
            "SELECT value FROM ir_config_parameter WHERE key = 'saas_client.portal_key'",
        )
        return pem.count("BEGIN") == 1

    wait_for(is_refused, 120, "the client to drop the former key")
    claims = jwt.decode(answer["access_token"], options={"verify_signature": False})
    forged = jwt.encode(
        {**claims, "jti": "again"}, former, algorithm="EdDSA", headers={"typ": "saas-login+jwt"}
    )
    for _ in range(3):
        thief, answer = make_answer(portal, client, forged)
        assert "oauth_error=3" in give_answer(thief, answer).url
    configure(client, params=[])
    browser = portal.http(client.name)
    log_in_via_portal(browser, customer.login, customer.password)
    assert whoami(browser) == client.login


@contextlib.contextmanager
def behind_tls(portal, folder):
    """Yields (port, certificate) of a TLS proxy; new clients have https addresses meanwhile."""
    server = portal.admin.ref("saas_portal.server_local")
    former = portal.admin.read("saas_portal.server", server, "request_scheme", "request_port")
    with portal.second_server(proxy_mode=True) as port, tls_proxy(port, folder) as proxy:
        portal.admin.call(
            "saas_portal.server", "write", [server],
            {"request_scheme": "https", "request_port": proxy[0]},
        )  # fmt: skip
        base = f"https://{portal.name}:{proxy[0]}"
        original = f"http://{portal.name}:{portal.port}"
        set_param(portal, "web.base.url", base)
        try:
            yield proxy
        finally:
            set_param(portal, "web.base.url", original)
            former.pop("id")
            portal.admin.call("saas_portal.server", "write", [server], former)


def set_param(portal, key, value):
    portal.admin.call("ir.config_parameter", "set_param", key, value)


@pytest.mark.one_shape
def test_it_works_behind_a_proxy_that_ends_tls(portal, new_client, customer, tmp_path):
    """T75: https, and the portal's address without a slash at its end"""
    with behind_tls(portal, tmp_path) as (port, certificate):
        client = new_client()
        assert client.auth_url == f"https://{client.name}:{port}/saas_client/login"
        browser = portal.http(client.name, port, "https")
        browser.verify = str(certificate)
        link = find_button(browser.get("/web/login"))
        assert link.startswith(f"https://{portal.name}:{port}/oauth2/auth?")
        page = log_in_via_portal(browser, customer.login, customer.password)
        assert page.url.startswith(f"https://{client.name}:{port}/")
        assert whoami(browser) == client.login
