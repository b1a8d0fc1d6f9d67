"""Signatures and sending of webhook calls, against a real HTTPS receiver."""

import importlib.util
import json
import time
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from saas_rest.vault import Vault, VaultError
from saas_rest.webhook_delivery import (
    MAX_TRIES,
    RETRY_DELAYS,
    Refused,
    Sender,
    check_url,
    is_public,
)
from saas_rest.webhook_signature import new_secret, signature, signed_headers
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

ADDON = Path(__file__).resolve().parents[2] / "saas_rest_api"
_spec = importlib.util.spec_from_file_location("receiver", ADDON / "tests" / "receiver.py")
_module = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_module)

BODY = json.dumps({"type": "res.partner.created", "data": {"ids": [1]}}).encode()


@pytest.fixture
def receiver():
    with _module.Receiver() as receiver:
        yield receiver


@pytest.fixture
def sender(receiver):
    """Finds the receiver under its name, and may call this machine: only tests may."""
    return Sender(
        resolver=lambda host, port: ["127.0.0.1"],
        allowed=lambda address: address == "127.0.0.1",
        context=receiver.context,
    )


def test_a_signature_verifies_with_the_reference_library():
    """B75: the Standard Webhooks library accepts what we sign, and nothing altered."""
    secret = new_secret()
    headers = signed_headers([secret], "msg_1", int(time.time()), BODY)
    assert Webhook(secret).verify(BODY, headers) == json.loads(BODY)
    with pytest.raises(WebhookVerificationError):
        Webhook(secret).verify(BODY.replace(b"1", b"2"), headers)


def test_during_rotation_the_old_and_the_new_secret_verify():
    old, new = new_secret(), new_secret()
    headers = signed_headers([new, old], "msg_2", int(time.time()), BODY)
    assert Webhook(old).verify(BODY, headers) == Webhook(new).verify(BODY, headers)


def test_secrets_differ_and_other_texts_do_not_sign():
    assert new_secret() != new_secret()
    for text in ("", "whsec_", "whsec_???", "secret_" + new_secret()):
        with pytest.raises(ValueError):
            signature(text, "msg", 1, b"")


def test_a_call_arrives_over_tls_under_its_own_name(receiver, sender):
    outcome = sender.send(receiver.url, BODY, {"webhook-id": "msg_3"})
    assert outcome.delivered and outcome.error == ""
    path, headers, body = receiver.calls[0]
    assert path == "/hook?from=odoo"
    assert body == BODY
    assert headers["Host"] == f"{_module.HOST}:{receiver.port}"
    assert headers["Content-Type"] == "application/json"
    assert headers["webhook-id"] == "msg_3"


def test_an_error_of_the_receiver_is_told(receiver, sender):
    receiver.answers.append((500, {}))
    outcome = sender.send(receiver.url, BODY, {})
    assert (outcome.delivered, outcome.status, outcome.error) == (False, 500, "Answered 500.")


def test_redirects_are_not_followed(receiver, sender):
    receiver.answers.append((307, {"Location": receiver.url}))
    outcome = sender.send(receiver.url, BODY, {})
    assert not outcome.delivered and "Redirects" in outcome.error
    assert len(receiver.calls) == 1


def test_a_receiver_that_drips_is_cut_off_after_the_timeout(receiver, sender):
    sender.timeout = 0.5
    receiver.stall = True
    outcome = sender.send(receiver.url, BODY, {})
    assert not outcome.delivered
    assert outcome.error == "No answer within 0.5 seconds."


def test_a_certificate_for_another_name_is_refused(receiver, sender):
    outcome = sender.send(f"https://other.example.org:{receiver.port}/", BODY, {})
    assert not outcome.delivered and "No safe connection" in outcome.error
    assert receiver.calls == []


def test_a_certificate_of_nobody_is_refused(receiver):
    stranger = Sender(resolver=lambda host, port: ["127.0.0.1"], allowed=lambda address: True)
    assert "No safe connection" in stranger.send(receiver.url, BODY, {}).error
    assert receiver.calls == []


def test_a_name_that_rebinds_reaches_nothing_else(receiver):
    """B75: the checked address is the one connected to; a second lookup never happens."""
    asked = []

    def rebinding(host, port):
        asked.append(host)
        return ["93.184.216.34"] if len(asked) == 1 else ["127.0.0.1"]

    sender = Sender(resolver=rebinding, context=receiver.context, timeout=0.5)
    assert not sender.send(receiver.url, BODY, {}).delivered
    assert asked == [_module.HOST]
    assert receiver.calls == []


def test_one_private_address_among_public_ones_is_enough_to_refuse(receiver):
    """B75: a name with several addresses is called only if all of them are public."""
    sender = Sender(
        resolver=lambda host, port: ["93.184.216.34", "10.0.0.1"], context=receiver.context
    )
    assert "10.0.0.1, which is not a public address" in sender.send(receiver.url, BODY, {}).error


@pytest.mark.parametrize(
    "host", ["169.254.169.254", "127.0.0.1", "[::1]", "localhost", "0.0.0.0", "2130706433", "127.1"]
)
def test_the_machine_and_its_neighbours_are_refused(receiver, host):
    """B75: refused to 169.254.169.254, 127.0.0.1, [::1] and other spellings of these."""
    outcome = Sender(context=receiver.context).send(f"https://{host}:{receiver.port}/", BODY, {})
    assert "not a public address" in outcome.error or "cannot be resolved" in outcome.error
    assert receiver.calls == []


@pytest.mark.parametrize(
    "address",
    [
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "100.64.0.1",
        "169.254.169.254",
        "224.0.0.1",
        "255.255.255.255",
        "240.0.0.1",
        "::",
        "fe80::1%eth0",
        "fd00::1",
        "ff02::1",
        "::ffff:127.0.0.1",
        "::127.0.0.1",
        "64:ff9b::7f00:1",
        "2002:7f00:1::",
        "nonsense",
    ],
)
def test_addresses_that_are_not_public(address):
    assert not is_public(address)


@pytest.mark.parametrize("address", ["93.184.216.34", "2606:4700::1111", "::ffff:8.8.8.8"])
def test_public_addresses(address):
    assert is_public(address)


@pytest.mark.parametrize(
    "url",
    [
        "http://example.org/",
        "ftp://example.org/",
        "https://",
        "https:///path",
        "https://user:secret@example.org/",
        "https://example.org:99999/",
        "https://example.org:0/",
        "https://example.org/a b",
        "https://example.org/\r\nX: y",
        "https://exämple.org/",
        "https://example.org/" + "a" * 2000,
        "https://[::1/",
    ],
)
def test_addresses_that_cannot_be_a_webhook(url):
    with pytest.raises(Refused):
        check_url(url)


def test_tries_are_spread_from_half_a_minute_to_a_day():
    assert (RETRY_DELAYS[0], RETRY_DELAYS[-1], MAX_TRIES) == (30, 86400, 10)
    assert sorted(RETRY_DELAYS) == list(RETRY_DELAYS)


def test_a_sealed_secret_is_read_with_its_own_key_only():
    key, other = Fernet.generate_key().decode(), Fernet.generate_key().decode()
    sealed = Vault(key).seal("whsec_é")
    assert "whsec" not in sealed
    assert Vault(f" {key}\n").open(sealed) == "whsec_é"
    for vault, text in ((Vault(other), sealed), (Vault(key), sealed[:-4] + "AAAA")):
        with pytest.raises(VaultError) as caught:
            vault.open(text)
        assert caught.value.code == "other-key"


@pytest.mark.parametrize(
    ("key", "code"), [(None, "no-key"), ("", "no-key"), ("short", "bad-key"), ("é" * 44, "bad-key")]
)
def test_a_key_that_is_none_is_told_apart(key, code):
    with pytest.raises(VaultError) as caught:
        Vault(key)
    assert caught.value.code == code
