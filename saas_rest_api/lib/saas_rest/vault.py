"""Secrets that must be read again: sealed under a key that lies outside the database."""

from cryptography.fernet import Fernet, InvalidToken


class VaultError(Exception):
    """A secret cannot be sealed or opened.

    :ivar code: ``no-key``, ``bad-key`` or ``other-key`` (sealed under another one, or damaged)
    """

    def __init__(self, code: str):
        super().__init__(code)
        self.code = code


class Vault:
    """Seals texts under one Fernet key.

    :raises VaultError: ``no-key``, ``bad-key``
    """

    def __init__(self, key: str | None):
        if not key:
            raise VaultError("no-key")
        try:
            self._fernet = Fernet(key.strip())
        except ValueError:
            raise VaultError("bad-key") from None

    def seal(self, text: str) -> str:
        return self._fernet.encrypt(text.encode()).decode()

    def open(self, sealed: str) -> str:
        """:raises VaultError: ``other-key``"""
        try:
            return self._fernet.decrypt(sealed).decode()
        except InvalidToken:
            raise VaultError("other-key") from None
