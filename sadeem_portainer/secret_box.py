"""Secrets of records, encrypted under a key that lives outside the database."""

import os

from cryptography.fernet import Fernet, InvalidToken

from odoo import api
from odoo.exceptions import UserError
from odoo.tools import config


def _get_fernet(env: api.Environment) -> Fernet:
    """The server's key: option ``saas_secret_key``, or SAAS_SECRET_KEY."""
    key = config.get("saas_secret_key") or os.environ.get("SAAS_SECRET_KEY")
    if not key:
        raise UserError(
            env._(
                "This Odoo server has no key to keep secrets with. Put a line"
                " “saas_secret_key = …” with a Fernet key into its configuration file and"
                " restart it."
            )
        )
    try:
        return Fernet(key.encode())
    except ValueError as error:
        raise UserError(
            env._("saas_secret_key is not a Fernet key (32 bytes, URL-safe base64).")
        ) from error


def encrypt(env: api.Environment, text: str) -> str:
    return _get_fernet(env).encrypt(text.encode()).decode()


def decrypt(env: api.Environment, cipher: str | bool) -> str:
    """The text, '' where there is none."""
    if not cipher:
        return ""
    try:
        return _get_fernet(env).decrypt(cipher.encode()).decode()
    except InvalidToken as error:
        raise UserError(
            env._("A secret cannot be read: saas_secret_key is not the key it was written with.")
        ) from error
