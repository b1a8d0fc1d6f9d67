"""Passwords of database roles."""

import secrets


def make_password() -> str:
    """A new one, of hexadecimal digits.

    The entry points of Odoo's images give it to programs as an argument, and one that begins with
    a hyphen would be taken for an option.
    """
    return secrets.token_hex(24)
