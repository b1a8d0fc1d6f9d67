"""The way from a client's login page through the portal and back, without a browser."""

import html
import json
import re
from urllib.parse import parse_qs, urlsplit

BUTTON = "Log in via SaaS Portal"


def find_button(page):
    """The address behind the button on a client's login page."""
    link = re.search(r'href="([^"]+/oauth2/auth[^"]+)"', page.text)
    assert link and BUTTON in page.text, page.text[-2000:]
    return html.unescape(link[1])


def submit_login(browser, page, login, password):
    """Fills in the login form that a page shows, as it is."""
    fields = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', page.text))
    fields = {name: html.unescape(value) for name, value in fields.items()}
    return browser.post(page.url, data={**fields, "login": login, "password": password})


def read_answer(page):
    """What the portal's answer holds; the fragment has come back with the address."""
    fragment = parse_qs(urlsplit(page.url).fragment)
    return {name: values[0] for name, values in fragment.items()}


def post_answer(browser, page, answer=None):
    """What the page that receives the answer does by its script."""
    answer = answer or read_answer(page)
    return browser.post(
        page.url.partition("#")[0],
        data={"access_token": answer["access_token"], "state": answer["state"]},
    )


def log_in_via_portal(browser, login, password, start="/web/login"):
    """From the login page of a client to the page that the owner sees then."""
    page = browser.get(start)
    page = browser.get(find_button(page)) if start == "/web/login" else page
    if "/oauth2/auth" not in page.url and "/web/login" in page.url:
        page = submit_login(browser, page, login, password)
    return post_answer(browser, page)


def ask_for_token(portal, client, login, password):
    """(browser of a client, the portal's answer to it): not yet brought to the client."""
    browser = portal.http(client.name)
    page = browser.get(find_button(browser.get("/web/login")))
    return browser, read_answer(submit_login(browser, page, login, password))


def make_answer(portal, client, token):
    """(browser, answer) that carries another token to a client, in answer to its own question."""
    browser = portal.http(client.name)
    query = parse_qs(urlsplit(find_button(browser.get("/web/login"))).query)
    assert json.loads(query["state"][0])["d"] == client.name
    return browser, {"access_token": token, "state": query["state"][0]}


def give_answer(browser, answer):
    return browser.post("/auth_oauth/signin", data=answer)


def whoami(browser):
    """The login of the user that a browser is logged in as, or None."""
    answer = browser.post("/web/session/get_session_info", json={"jsonrpc": "2.0", "params": {}})
    return (answer.json().get("result") or {}).get("username") if answer.ok else None
