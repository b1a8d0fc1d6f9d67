"""The REST layer in a client obeys the portal like every other way in."""

from types import SimpleNamespace

import pytest

from harness import param

ME = "/api/v1/me"
PARTNERS = "/api/v1/res.partner"


@pytest.fixture(scope="module")
def rest_client(portal, new_client, configure):
    client = new_client()
    configure(client, install_addons=["saas_rest_api"], access_owner_add=["base.group_system"])
    http = portal.http(client.name)
    credentials = {"db": client.name, "login": client.login, "password": client.owner_password}

    def log_in():
        return http.get("/api/auth/token", data=credentials)

    bearer = {"Authorization": f"Bearer {log_in().json()['access_token']}"}

    def call(verb, path, **options):
        return http.request(verb, path, headers=bearer, **options)

    return SimpleNamespace(client=client, call=call, log_in=log_in)


@pytest.mark.one_shape
def test_a_full_database_takes_no_further_user(rest_client, configure):
    configure(rest_client.client, params=[param("saas_client.max_users", "1")])
    user = {"name": "Second", "login": "second@example.com"}
    answer = rest_client.call("POST", "/api/v1/res.users", json=user)
    assert (answer.status_code, answer.json()["status"]) == (422, 422), answer.text
    assert "1" in answer.json()["detail"]
    configure(rest_client.client, params=[param("saas_client.max_users", "0")])
    answer = rest_client.call("POST", "/api/v1/res.users", json=user)
    assert answer.status_code == 201, answer.text


@pytest.mark.one_shape
def test_the_portals_own_parameters_are_out_of_reach(rest_client):
    for model in ("ir.config_parameter", "saas_client.gateway"):
        answer = rest_client.call("GET", f"/api/v1/{model}")
        assert answer.status_code == 404, answer.text
    apply = "/api/v1/saas_client.gateway/call/apply"
    answer = rest_client.call("POST", apply, json={"args": {"request": "x"}})
    assert answer.status_code in (403, 404), answer.text


@pytest.mark.one_shape
def test_read_only_is_read_only(rest_client, shut):
    shut(rest_client.client, "read_only")
    answer = rest_client.call("GET", f"{PARTNERS}?limit=1")
    assert answer.status_code == 200, answer.text
    partner = answer.json()["data"][0]["id"]
    for verb, path in (("POST", PARTNERS), ("PATCH", f"{PARTNERS}/{partner}")):
        answer = rest_client.call(verb, path, json={"name": "Changed"})
        assert 400 <= answer.status_code < 500, answer.text
        assert answer.headers["Content-Type"].startswith("application/problem+json")
    answer = rest_client.call("GET", f"{PARTNERS}/{partner}?fields=name")
    assert answer.json()["data"]["name"] != "Changed"


def test_closed_is_closed_and_opens_again_with_the_same_token(rest_client, shut, portal):
    shut(rest_client.client, "closed")
    answer = rest_client.call("GET", ME)
    assert answer.status_code == 402, answer.text
    assert answer.json()["type"] == "/api/v1/problems/payment-required"
    assert "invoice" in answer.json()["detail"]
    answer = rest_client.log_in()
    assert answer.status_code == 402, answer.text
    assert set(answer.json()) == {"type", "message"}
    assert answer.json()["type"] == "payment-required"
    portal.admin.call("saas_portal.client", "action_resume", [rest_client.client.id])
    assert rest_client.call("GET", ME).status_code == 200
