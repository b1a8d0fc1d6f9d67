"""Requests in the portal's name: only its own signature opens a client, and not for long."""

import base64
import hmac
import json
import time

import jwt
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from harness import ACCESS_DENIED, refused
from harness.tokens import ADMIN_UID, ask, claims, other_key, portal_key, sign, sign_by_hand


@pytest.fixture(scope="module")
def key(portal, client):
    """The portal's private key; the client is warm when it is given out."""
    return portal_key(portal)


def accepted(portal, client, key, **changes):
    """A good token, and the answer that it gets."""
    token = sign(claims(portal, client, **changes), key)
    return token, ask(portal, client, token)


def assert_denied(portal, client, token, uid=ADMIN_UID):
    """Refused at the door and at the gateway, each time: every worker remembers for itself."""
    session = portal.rpc(client.name, uid=uid)
    session.password = token
    for _ in range(3):
        with refused(codes=[ACCESS_DENIED]):
            session.call("res.users", "search_count", [])
        with refused(codes=[ACCESS_DENIED]):
            ask(portal, client, token, uid=uid)


def test_a_request_of_the_portal_is_answered(portal, client, key):
    _token, answer = accepted(portal, client, key)
    assert answer["database_uuid"] == client.client_id
    assert answer["users_len"] == 1
    assert answer["suspended"] is False
    assert "saas_client" in answer["installed_addons"]


@pytest.mark.one_shape
def test_a_token_that_was_accepted_is_refused_after_its_time(portal, client, key, wait_for):
    """Odoo remembers accepted passwords; this one must be judged anew at every call"""
    token = sign(values := claims(portal, client, lives=3), key)
    for _ in range(3):
        assert ask(portal, client, token)["database_uuid"] == client.client_id

    def is_refused():
        try:
            ask(portal, client, token)
        except Exception as error:  # a refusal is what we wait for
            assert error.faultCode == ACCESS_DENIED
            return True
        return False

    wait_for(is_refused, 30, "the token to expire")
    assert time.time() >= values["exp"]
    assert_denied(portal, client, token)


@pytest.mark.one_shape
def test_an_expired_token_is_refused(portal, client, key):
    now = int(time.time())
    assert_denied(portal, client, sign(claims(portal, client, iat=now - 50, exp=now - 20), key))


@pytest.mark.one_shape
def test_a_token_for_another_client_is_refused(portal, client, managed_client, key):
    token, answer = accepted(portal, managed_client, key)
    assert answer["database_uuid"] == managed_client.client_id
    assert_denied(portal, client, token)


@pytest.mark.one_shape
def test_a_token_signed_by_another_key_is_refused(portal, client, key):
    accepted(portal, client, key)
    assert_denied(portal, client, sign(claims(portal, client), other_key()))


@pytest.mark.one_shape
def test_a_tampered_token_is_refused(portal, client, key):
    token, _answer = accepted(portal, client, key)
    header, body, signature = token.split(".")
    values = json.loads(base64.urlsafe_b64decode(body + "=="))
    values["exp"] += 1
    forged = base64.urlsafe_b64encode(json.dumps(values).encode()).decode().rstrip("=")
    assert_denied(portal, client, f"{header}.{forged}.{signature}")
    assert_denied(portal, client, f"{header}.{body}.{signature[::-1]}")
    assert_denied(portal, client, f"{header}.{body}.")


@pytest.mark.one_shape
def test_a_token_of_another_algorithm_is_refused(portal, client, key):
    """The public key as a shared secret, and no signature at all"""
    values = claims(portal, client)
    raw = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    ((pem,),) = portal.psql(
        client.name, "SELECT value FROM ir_config_parameter WHERE key = 'saas_client.portal_key'"
    )
    assert_denied(portal, client, sign(values, raw, "HS256"))
    assert_denied(portal, client, jwt.encode(values, None, algorithm="none"))
    # PyJWT refuses to sign with a PEM as secret; a forger would not.
    assert_denied(
        portal,
        client,
        sign_by_hand(values, "HS256", lambda text: hmac.digest(pem.encode(), text, "sha256")),
    )
    accepted(portal, client, key)


@pytest.mark.one_shape
def test_a_token_that_lives_too_long_or_begins_later_is_refused(portal, client, key):
    now = int(time.time())
    for changes in (
        {"lives": 61},
        {"lives": 3600},
        {"iat": now + 300, "exp": now + 330},
        {"iat": now, "exp": now},
        {"exp": now + 30.5},
        {"exp": str(now + 30)},
    ):
        assert_denied(
            portal, client, sign_by_hand(claims(portal, client, **changes), "EdDSA", key.sign)
        )


@pytest.mark.one_shape
@pytest.mark.parametrize("claim", ["iss", "aud", "iat", "exp", "jti", "action"])
def test_a_token_without_one_of_its_claims_is_refused(portal, client, key, claim):
    assert_denied(portal, client, sign(claims(portal, client, **{claim: None}), key))


@pytest.mark.one_shape
def test_a_token_of_another_portal_is_refused(portal, client, key):
    assert_denied(portal, client, sign(claims(portal, client, iss="another"), key))


@pytest.mark.one_shape
def test_a_token_for_one_action_does_not_allow_another(portal, client, key):
    token = sign(claims(portal, client, action="status"), key)
    with refused(codes=[ACCESS_DENIED]):
        ask(portal, client, token, action="apply")


@pytest.mark.one_shape
def test_a_token_stands_for_nobody_but_the_operators_account(portal, client, key):
    token = sign(claims(portal, client), key)
    for uid in (client.owner.uid, 1, 3, 999):
        assert_denied(portal, client, token, uid=uid)
    assert portal.rpc(client.name).authenticate("admin", token) is False
    assert portal.rpc(client.name).authenticate(client.login, token) is False
    assert not portal.http(client.name).login("admin", token)


@pytest.mark.one_shape
def test_an_administrator_of_the_client_gets_nothing_from_the_gateway(
    portal, client, managed_client, key
):
    """His own password opens the door to the method, and the method asks for the signature"""
    owner, password = managed_client.owner.uid, managed_client.owner_password
    stranger = sign(claims(portal, managed_client), other_key())
    for request in ("", "x", stranger, sign(claims(portal, client), key)):
        for action in ("status", "apply"):
            with refused(codes=[ACCESS_DENIED]):
                ask(
                    portal, managed_client, "-", action, uid=owner,
                    password=password, request=request,
                )  # fmt: skip


@pytest.mark.one_shape
def test_the_portal_keeps_no_password_and_no_key_of_a_client(portal, client, key):
    """Design D5: what the portal's database holds does not open a client"""
    ((stored,),) = portal.psql(
        portal.name, "SELECT value FROM ir_config_parameter WHERE key = 'saas_portal.signing_key'"
    )
    assert "PRIVATE" not in stored
    ((inside,),) = portal.psql(
        client.name, "SELECT value FROM ir_config_parameter WHERE key = 'saas_client.portal_key'"
    )
    assert "PUBLIC" in inside
    assert "PRIVATE" not in str(portal.psql(client.name, "SELECT value FROM ir_config_parameter"))
