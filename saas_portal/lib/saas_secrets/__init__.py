"""Keeps secrets encrypted at rest, under one key that lives outside the database."""

from cryptography.fernet import Fernet, InvalidToken


class SecretError(Exception):
    """The key is missing or malformed, or the text was encrypted under another key."""


class SecretBox:
    """Encrypts and decrypts short texts with Fernet (https://cryptography.io/en/latest/fernet/)."""

    def __init__(self, key: str):
        try:
            self._fernet = Fernet(key.encode())
        except ValueError as error:
            raise SecretError("The key is not a Fernet key (32 bytes, URL-safe base64).") from error

    def encrypt(self, text: str) -> str:
        return self._fernet.encrypt(text.encode()).decode()

    def decrypt(self, cipher: str) -> str:
        """:raises SecretError: when the text was not encrypted under this key"""
        try:
            return self._fernet.decrypt(cipher.encode()).decode()
        except InvalidToken as error:
            raise SecretError("This secret was encrypted under another key.") from error
