"""Requests to the portal as an OAuth provider, and its answers."""

from urllib.parse import parse_qs, parse_qsl, urlsplit

import pytest
from saas_oauth import AuthRequest, RequestRefused, make_answer_url

CLIENT = "2f1b4d52-4f5c-4a5e-9d4e-0d7d4f1a2b3c"
PARAMS = {
    "response_type": "token",
    "client_id": CLIENT,
    "redirect_uri": "https://acme.example.com/auth_oauth/signin",
    "scope": "userinfo",
    "state": '{"d": "acme.example.com", "p": 4, "r": "https%3A%2F%2Facme"}',
}


def test_what_odoo_asks_for_is_understood():
    request = AuthRequest.parse(PARAMS)
    assert request.client_id == CLIENT
    assert request.redirect_uri == PARAMS["redirect_uri"]
    assert request.state == PARAMS["state"]
    assert not request.ask


def test_a_user_a_login_or_a_response_in_the_request_mean_nothing():
    """S1: the subject comes from the session only"""
    extra = {"uid": "2", "user_id": "2", "login": "admin", "access_token": "x"}
    assert AuthRequest.parse({**PARAMS, **extra}) == AuthRequest.parse(PARAMS)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("response_type", "code"),
        ("response_type", "id_token token"),
        ("response_type", None),
        ("client_id", None),
        ("client_id", "acme.example.com"),
        ("client_id", "' OR 1=1 --"),
        ("state", "x" * 4001),
    ],
)
def test_what_no_client_asks_is_refused_and_named(name, value):
    params = {**PARAMS, name: value}
    if value is None:
        del params[name]
    with pytest.raises(RequestRefused) as refusal:
        AuthRequest.parse(params)
    assert refusal.value.reason == name


def test_asking_first_is_done_once():
    request = AuthRequest.parse({**PARAMS, "prompt": "select_account"})
    assert request.ask
    path = urlsplit(request.make_path())
    assert path.path == "/oauth2/auth"
    again = AuthRequest.parse(dict(parse_qsl(path.query)))
    assert again == AuthRequest.parse(PARAMS)


def test_the_answer_is_in_the_fragment_and_brings_the_state_back_unchanged():
    request = AuthRequest.parse(PARAMS)
    url = urlsplit(make_answer_url(PARAMS["redirect_uri"], request, "the-token", 300))
    assert url._replace(fragment="").geturl() == PARAMS["redirect_uri"]
    assert parse_qs(url.fragment) == {
        "access_token": ["the-token"],
        "token_type": ["Bearer"],
        "expires_in": ["300"],
        "scope": ["userinfo"],
        "state": [PARAMS["state"]],
    }
