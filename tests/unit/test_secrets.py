"""Secrets at rest."""

import pytest
from cryptography.fernet import Fernet
from saas_secrets import SecretBox, SecretError

KEY = Fernet.generate_key().decode()


def test_a_secret_is_read_back_under_the_same_key():
    assert SecretBox(KEY).decrypt(SecretBox(KEY).encrypt("pässword")) == "pässword"


def test_the_stored_text_shows_nothing_and_is_new_each_time():
    box = SecretBox(KEY)
    first, second = box.encrypt("password"), box.encrypt("password")
    assert first != second
    assert "password" not in first


def test_another_key_reads_nothing():
    cipher = SecretBox(KEY).encrypt("password")
    with pytest.raises(SecretError, match="another key"):
        SecretBox(Fernet.generate_key().decode()).decrypt(cipher)


@pytest.mark.parametrize("damage", [lambda text: text[:-5], lambda text: "", lambda text: "é"])
def test_a_damaged_secret_is_refused(damage):
    box = SecretBox(KEY)
    with pytest.raises(SecretError):
        box.decrypt(damage(box.encrypt("password")))


@pytest.mark.parametrize("key", ["", "short", "é", "A" * 44, KEY[:-2]])
def test_a_malformed_key_is_refused_without_being_shown(key):
    with pytest.raises(SecretError) as raised:
        SecretBox(key)
    assert not key or key not in str(raised.value)
