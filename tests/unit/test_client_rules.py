"""The pure rules of a client database, without Odoo."""

import base64
import json

import jwt
import pytest
from client_rules import (
    FEATURE_GROUPS,
    TokenRefused,
    is_protected,
    is_settable,
    looks_like_token,
    normalise_parameter,
    parse_limit,
    parse_switch,
    read_token,
    resolve_group,
)
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed448, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

NOW = 1_800_000_000


def pem(private_key):
    return (
        private_key.public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        .decode()
    )


@pytest.fixture(scope="module")
def key():
    return Ed25519PrivateKey.generate()


def make_claims(**changes):
    claims = {
        "iss": "portal",
        "aud": "client",
        "iat": NOW,
        "exp": NOW + 60,
        "jti": "1",
        "action": "apply",
        "payload": {"params": []},
    }
    claims.update(changes)
    return {name: value for name, value in claims.items() if value is not ...}


def sign(key, algorithm="EdDSA", **changes):
    return jwt.encode(make_claims(**changes), key, algorithm=algorithm)


def read(token, key, **changes):
    identity = {"public_key": pem(key), "issuer": "portal", "audience": "client", "now": NOW}
    return read_token(token, **{**identity, **changes})


def test_a_signed_request_is_read(key):
    request = read(sign(key), key, action="apply")
    assert request.action == "apply"
    assert request.payload == {"params": []}
    assert request.expires_at == NOW + 60


@pytest.mark.parametrize("now", [NOW - 10, NOW, NOW + 59.9])
def test_a_token_is_accepted_within_its_time_and_a_small_difference_of_clocks(key, now):
    assert read(sign(key), key, now=now)


@pytest.mark.parametrize(
    ("now", "reason"), [(NOW + 60, "expired"), (NOW + 3600, "expired"), (NOW - 11, "future")]
)
def test_a_token_is_refused_outside_its_time(key, now, reason):
    with pytest.raises(TokenRefused, match=reason):
        read(sign(key), key, now=now)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"iss": "other"}, "another portal"),
        ({"iss": ["portal"]}, "another portal"),
        ({"aud": "other"}, "another database"),
        ({"aud": ["client", "other"]}, "another database"),
        ({"exp": NOW + 61}, "longer"),
        ({"exp": NOW}, "longer"),
        ({"iat": NOW + 60, "exp": NOW + 50}, "longer"),
        ({"exp": float(NOW + 30)}, "whole seconds"),
        ({"exp": str(NOW + 30)}, "whole seconds"),
        ({"iat": True}, "whole seconds"),
        ({"action": "status"}, "another action"),
        ({"action": 1}, "another action"),
        ({"payload": []}, "not an object"),
        *[({claim: ...}, "MissingRequiredClaim") for claim in make_claims() if claim != "payload"],
    ],
)
def test_a_token_with_wrong_claims_is_refused(key, changes, reason):
    with pytest.raises(TokenRefused, match=reason):
        read(
            sign(key, **changes) if "iss" not in changes else raw(key, **changes),
            key,
            action="apply",
        )


def raw(key, header=None, signature=None, **changes):
    """A token as somebody would make who does not use a library that knows better."""

    def encode(data):
        return base64.urlsafe_b64encode(data).rstrip(b"=")

    header = json.dumps(header or {"alg": "EdDSA", "typ": "JWT"}).encode()
    body = encode(header) + b"." + encode(json.dumps(make_claims(**changes)).encode())
    return (body + b"." + encode(key.sign(body) if signature is None else signature)).decode()


def test_a_token_signed_by_another_key_is_refused(key):
    with pytest.raises(TokenRefused, match="InvalidSignature"):
        read(sign(Ed25519PrivateKey.generate()), key)


def test_a_tampered_token_is_refused(key):
    header, _body, signature = sign(key).split(".")
    _header, body, _signature = sign(key, payload={"params": [1]}).split(".")
    with pytest.raises(TokenRefused, match="InvalidSignature"):
        read(f"{header}.{body}.{signature}", key)


def test_a_token_that_names_another_algorithm_is_refused(key):
    for algorithm in ("none", "None", "HS256", "RS256", "ES256"):
        token = raw(key, header={"alg": algorithm, "typ": "JWT"}, signature=b"")
        with pytest.raises(TokenRefused):
            read(token, key)


def test_the_public_key_does_not_serve_as_a_shared_secret(key):
    algorithm = jwt.algorithms.HMACAlgorithm(jwt.algorithms.HMACAlgorithm.SHA256)
    header = {"alg": "HS256", "typ": "JWT"}
    body = raw(key, header=header, signature=b"").rstrip(".")
    signature = algorithm.sign(body.encode(), pem(key).encode())
    with pytest.raises(TokenRefused, match="InvalidAlgorithm"):
        read(raw(key, header=header, signature=signature), key)


@pytest.mark.parametrize("token", ["", "eyJ.a.b", "not a token", "a.b.c"])
def test_what_is_no_token_is_refused(key, token):
    with pytest.raises(TokenRefused):
        read(token, key)


@pytest.mark.parametrize("missing", ["public_key", "issuer", "audience"])
@pytest.mark.parametrize("nothing", ["", None, False])
def test_a_database_without_an_identity_accepts_nothing(key, missing, nothing):
    with pytest.raises(TokenRefused, match="has not been told"):
        read(sign(key), key, **{missing: nothing})


def test_only_an_ed25519_key_is_taken_for_the_portals(key):
    for other in (rsa.generate_private_key(65537, 2048), ed448.Ed448PrivateKey.generate()):
        with pytest.raises(TokenRefused, match="not an Ed25519"):
            read(sign(key), other)
    with pytest.raises(TokenRefused, match="cannot be read"):
        read(sign(key), key, public_key="no key")


def test_a_refusal_never_quotes_the_token(key):
    token = sign(key, payload={"secret": "word"})
    with pytest.raises(TokenRefused) as refusal:
        read(token, key, now=NOW + 60)
    assert token not in str(refusal.value)


def test_tokens_are_told_from_passwords(key):
    assert looks_like_token(sign(key))
    assert looks_like_token("eyJhbGciOiJub25lIn0.e30.")
    for password in ("", "admin", "a.b.c", "eyJ", "eyJ a.b.c", 1, None, b"eyJ.a.b"):
        assert not looks_like_token(password)


@pytest.mark.parametrize(
    ("value", "limit"),
    [("4", 4), (4, 4), (" 40 ", 40), ("0", 0), (0, 0), ("", 0), (" ", 0), (None, 0), (False, 0)],
)
def test_limits_are_read(value, limit):
    assert parse_limit(value) == limit


@pytest.mark.parametrize("value", ["-1", -1, "abc", "1.5", 1.5, True, "٣", []])
def test_what_is_no_limit_is_refused(value):
    with pytest.raises(ValueError, match="not a whole number"):
        parse_limit(value)


@pytest.mark.parametrize("value", ["1", 1, True, "True", "true"])
def test_switches_are_on(value):
    assert parse_switch(value) is True


@pytest.mark.parametrize("value", ["0", 0, False, "", None, "False"])
def test_switches_are_off(value):
    assert parse_switch(value) is False


@pytest.mark.parametrize("value", ["2", 2, -1, "maybe", "on", [], 1.5])
def test_what_is_no_switch_is_refused(value):
    with pytest.raises(ValueError, match="neither on nor off"):
        parse_switch(value)


@pytest.mark.parametrize(
    ("key_name", "value", "text"),
    [
        ("saas_client.max_users", 4, "4"),
        ("saas_client.max_users", False, "0"),
        ("saas_client.suspended", True, "1"),
        ("saas_client.suspended", "", "0"),
        ("saas_client.trial", "False", "0"),
        ("saas_client.support_url", "https://x", "https://x"),
        ("saas_client.support_url", False, None),
        ("saas_client.support_url", "", None),
        ("example.number", 0, "0"),
    ],
)
def test_parameters_are_normalised(key_name, value, text):
    assert normalise_parameter(key_name, value) == text


def test_what_belongs_to_the_operator_is_protected():
    for name in ("saas_client.max_users", "saas_client.x", "res.users.owner", "database.uuid"):
        assert is_protected(name)
    for name in ("web.base.url", "saas_clients.x", "", None, False):
        assert not is_protected(name)


def test_only_parameters_of_the_addon_are_settable_and_not_its_trust():
    for name in ("database.uuid", "web.base.url", "res.users.owner", "saas_client.portal_key"):
        assert not is_settable(name)
    for name in ("saas_client.max_users", "saas_client.anything"):
        assert is_settable(name)


def test_old_names_of_groups_are_understood():
    assert resolve_group("base.group_sale_manager") == "sales_team.group_sale_manager"
    assert resolve_group("access_apps.group_show_modules_menu") in FEATURE_GROUPS
    assert resolve_group("access_apps.group_allow_apps") in FEATURE_GROUPS
    assert resolve_group("access_settings_menu.group_show_settings_menu") in FEATURE_GROUPS
    assert resolve_group("stock.group_stock_manager") == "stock.group_stock_manager"
