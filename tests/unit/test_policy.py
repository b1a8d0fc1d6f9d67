"""The policy as the portal signs it and as a client reads it."""

import jwt
import pytest
from client_rules import POLICY_TYPE as CLIENTS_TYPE
from client_rules import Policy, TokenRefused, read_policy
from saas_wire import POLICY_TYPE, SigningKey

KEY = SigningKey.generate()
VALUES = {"rung": "notice", "max_users": 4, "storage_mb": 500}
CLAIMS = {"iss": "portal", "aud": "uuid", "sub": "acme.localhost", "iat": 1, "serial": 7}


def read(key=KEY, typ=POLICY_TYPE, public_key=None, issuer="portal", **claims):
    token = key.sign(typ, {**CLAIMS, "policy": VALUES, **claims})
    return read_policy(
        token,
        public_key=public_key or KEY.public_pem(),
        issuer=issuer,
        audience="uuid",
        database="acme.localhost",
    )


def test_portal_and_client_call_it_by_the_same_name():
    assert POLICY_TYPE == CLIENTS_TYPE


def test_what_is_signed_is_read():
    policy = read(policy={**VALUES, "expires_at": "2030-01-31 12:00:00", "hidden": ["a"]})
    assert (policy.rung, policy.max_users, policy.storage_mb) == ("notice", 4, 500)
    assert (policy.serial, policy.portal, policy.hidden) == (7, "portal", frozenset({"a"}))
    assert str(policy.expires_at) == "2030-01-31 12:00:00"


def test_whose_key_it_is_need_not_be_known():
    assert read(issuer="", iss="any portal").portal == "any portal"


def test_one_of_several_keys_is_enough():
    other = SigningKey.generate()
    assert read(public_key=other.public_pem() + KEY.public_pem())
    with pytest.raises(TokenRefused):
        read(public_key=other.public_pem())


@pytest.mark.parametrize(
    "changes",
    [
        {"typ": "JWT"},
        {"key": SigningKey.generate()},
        {"issuer": "another"},
        {"aud": "another"},
        {"sub": "another"},
        {"serial": 0},
        {"serial": True},
        {"serial": "7"},
        {"policy": None},
        {"policy": {}},
        {"policy": {**VALUES, "rung": "stopped"}},
        {"policy": {**VALUES, "expiry_rung": "ajar"}},
        {"policy": {**VALUES, "max_users": True}},
        {"policy": {**VALUES, "storage_mb": -1}},
        {"policy": {**VALUES, "enforce_at": 5}},
        {"policy": {**VALUES, "record_limits": [{}]}},
    ],
    ids=str,
)
def test_anything_else_is_refused(changes):
    with pytest.raises(TokenRefused):
        read(**changes)


def test_an_unsigned_one_is_refused():
    token = jwt.encode({**CLAIMS, "policy": VALUES}, None, "none", headers={"typ": POLICY_TYPE})
    with pytest.raises(TokenRefused):
        read_policy(
            token, public_key=KEY.public_pem(), issuer="portal", audience="uuid",
            database="acme.localhost",
        )  # fmt: skip


def test_the_end_shuts_at_its_second_and_never_opens():
    policy = read(
        policy={**VALUES, "enforce_at": "1970-01-01 00:01:40", "expiry_rung": "read_only"}
    )
    assert policy.get_rung(99.9) == "notice"
    assert policy.get_rung(100) == "read_only"
    assert policy.get_reason(100) == "expired"
    closed = Policy(
        rung="closed", reason="abuse", enforce_at=policy.enforce_at, expiry_rung="notice"
    )
    assert (closed.get_rung(100), closed.get_reason(100)) == ("closed", "abuse")
