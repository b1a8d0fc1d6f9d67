"""Tokens with which people come in: written by the portal's code, read by the client's."""

from datetime import UTC, datetime

import jwt
import pytest
from client_rules import (
    TokenRefused,
    load_public_keys,
    make_key_id,
    read_connect_token,
    read_login_token,
    read_token,
)
from saas_wire import SigningKey, read_login

NOW = 1_800_000_000
MOMENT = datetime.fromtimestamp(NOW, UTC)


@pytest.fixture(scope="module")
def key():
    return SigningKey.generate()


@pytest.fixture(scope="module")
def other_key():
    return SigningKey.generate()


def identity(*keys, **changes):
    pem = "".join(key.public_pem() for key in keys)
    return {"public_key": pem, "issuer": "portal", "audience": "A", "now": NOW, **changes}


def login(key, audience="A"):
    return key.sign_login("portal", audience, "subject", now=MOMENT)


def connect(key, operator="Mitchell", reason="Ticket 7"):
    return key.sign_connect("portal", "A", operator, reason, now=MOMENT)


def test_a_login_carries_the_subject_and_no_name_or_address(key):
    token = login(key)
    read = read_login_token(token, **identity(key))
    assert (read.subject, read.expires_at) == ("subject", NOW + 300)
    claims = jwt.decode(token, options={"verify_signature": False})
    assert set(claims) == {"iss", "aud", "iat", "exp", "jti", "sub"}


def test_an_operators_token_carries_who_and_why_for_a_minute(key):
    read = read_connect_token(connect(key), **identity(key))
    assert (read.operator, read.reason) == ("Mitchell", "Ticket 7")
    assert read.expires_at == NOW + 60


@pytest.mark.parametrize("sign", [login, connect])
@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"audience": "B"}, "another database"),
        ({"issuer": "another"}, "another portal"),
        ({"now": NOW + 301}, "expired"),
        ({"now": NOW - 60}, "future"),
    ],
)
def test_a_token_serves_in_its_database_and_time_only(key, sign, changes, reason):
    read = read_login_token if sign is login else read_connect_token
    with pytest.raises(TokenRefused, match=reason):
        read(sign(key), **identity(key, **changes))


def test_an_operators_token_is_late_after_a_minute(key):
    with pytest.raises(TokenRefused, match="expired"):
        read_connect_token(connect(key), **identity(key, now=NOW + 60))


def test_each_kind_of_token_serves_for_nothing_else(key):
    request = key.sign_request("portal", "A", "apply", now=MOMENT)
    readers = {read_token: request, read_login_token: login(key), read_connect_token: connect(key)}
    for read in readers:
        for other, token in readers.items():
            if read is other:
                assert read(token, **identity(key))
            else:
                with pytest.raises(TokenRefused, match="something else"):
                    read(token, **identity(key))


@pytest.mark.parametrize(
    "claims",
    [
        {"operator": "", "reason": "x"},
        {"operator": "x", "reason": "  "},
        {"operator": "x", "reason": "x" * 501},
        {"operator": 7, "reason": "x"},
        {"operator": "x"},
        {"operator": "x", "reason": "x", "jti": ""},
        {"operator": "x", "reason": "x", "jti": 7},
    ],
)
def test_nobody_comes_in_without_saying_who_and_why(key, claims):
    dated = {"iss": "portal", "aud": "A", "iat": NOW, "exp": NOW + 60, "jti": "1", **claims}
    with pytest.raises(TokenRefused):
        read_connect_token(key.sign("saas-connect+jwt", dated), **identity(key))


@pytest.mark.parametrize("subject", ["", None, 7, "x" * 501])
def test_a_login_without_a_subject_is_none(key, subject):
    dated = {"iss": "portal", "aud": "A", "iat": NOW, "exp": NOW + 60, "jti": "1", "sub": subject}
    with pytest.raises(TokenRefused):
        read_login_token(key.sign("saas-login+jwt", dated), **identity(key))


def test_a_login_never_lives_longer_than_an_hour(key):
    dated = {"iss": "portal", "aud": "A", "iat": NOW, "jti": "1", "sub": "s"}
    hour = key.sign("saas-login+jwt", {**dated, "exp": NOW + 3600})
    longer = key.sign("saas-login+jwt", {**dated, "exp": NOW + 3601})
    assert read_login_token(hour, **identity(key))
    with pytest.raises(TokenRefused, match="longer"):
        read_login_token(longer, **identity(key))


def test_while_keys_change_both_are_accepted(key, other_key):
    for order in ((key, other_key), (other_key, key)):
        for signer in order:
            assert read_login_token(login(signer), **identity(*order))
            plain = jwt.encode(
                {"iss": "portal", "aud": "A", "iat": NOW, "exp": NOW + 9, "jti": "1", "sub": "s"},
                signer._private_key,
                algorithm="EdDSA",
                headers={"typ": "saas-login+jwt"},
            )
            assert read_login_token(plain, **identity(*order)), "without the name of a key"


def test_after_that_the_former_key_is_refused(key, other_key):
    with pytest.raises(TokenRefused, match="key that this database does not know"):
        read_login_token(login(key), **identity(other_key))


def test_both_sides_call_a_key_by_the_same_name(key, other_key):
    keys = load_public_keys(key.public_pem() + "\n" + other_key.public_pem())
    assert list(keys) == [key.key_id, other_key.key_id]
    assert make_key_id(keys[key.key_id]) == key.key_id
    assert len(key.key_id) == 16
    assert jwt.get_unverified_header(login(key))["kid"] == key.key_id


def test_one_unreadable_key_is_no_key_ring(key):
    with pytest.raises(TokenRefused, match="cannot be read"):
        load_public_keys(key.public_pem() + key.public_pem()[:60] + "\n-----END PUBLIC KEY-----")


def test_the_portal_reads_its_own_valid_logins(key, other_key):
    now = datetime.now(UTC)
    for signer in (key, other_key):
        claims = read_login(signer.sign_login("portal", "A", "s", now), [key, other_key], "portal")
        assert (claims["aud"], claims["sub"]) == ("A", "s")


def test_the_portal_takes_nothing_else_for_a_login(key, other_key):
    now = datetime.now(UTC)
    late = datetime.fromtimestamp(now.timestamp() - 400, UTC)
    good = key.sign_login("portal", "A", "s", now)
    header, body, _signature = good.split(".")
    for token in (
        "",
        "nonsense",
        f"{header}.{body}.",
        key.sign_login("portal", "A", "s", late),
        key.sign_login("another", "A", "s", now),
        other_key.sign_login("portal", "A", "s", now),
        key.sign_request("portal", "A", "status", now=now),
        key.sign_connect("portal", "A", "o", "r", now),
    ):
        with pytest.raises(ValueError):
            read_login(token, [key], "portal")
