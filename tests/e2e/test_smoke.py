"""The spine: a portal answers, builds a template, makes a client, and the client answers."""


def test_the_portal_answers_by_host_name(portal):
    answer = portal.http().get("/web/login")
    assert answer.status_code == 200
    assert 'name="login"' in answer.text


def test_an_unknown_host_name_gets_no_database(portal):
    assert portal.http("nobody.localhost").get("/web/login").url.endswith("/web/database/selector")


def test_the_administrator_calls_the_portal_by_header_and_by_host_name(portal):
    for via in ("header", "host"):
        session = portal.rpc(portal.name, "admin", portal.admin_password, via=via)
        assert session.call("saas_portal.server", "search_count", []) >= 1


def test_a_customer_gets_a_client_and_logs_in(portal, new_client, customer):
    client = new_client()
    assert portal.has_database(client.name)
    assert client.owner.uid
    browser = portal.http(client.name)
    assert browser.login(customer.login, client.owner_password)
    assert not portal.http(client.name).login(customer.login, customer.password)


def test_the_portal_survives_a_kill(portal, new_client):
    client = new_client()
    portal.server.kill()
    assert not portal.server.answers()
    portal.server.start()
    assert portal.admin.read("saas_portal.client", client.id, "state") == "open"
    assert client.owner.call("res.users", "search_count", []) >= 1
