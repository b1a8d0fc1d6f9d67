"""Access tokens as texts: how they look, and what of them may be kept."""

import hashlib
import hmac
import re
import secrets

LEAD = "access_token_"
PREFIX_SIZE = 8
PATTERN = re.compile(rf"{LEAD}([0-9a-f]{{40}})")
# Odoo's own API keys, which are accepted as Bearer.
API_KEY = re.compile(r"[0-9a-f]{40}")


def generate() -> str:
    """A new token: 160 random bits."""
    return LEAD + secrets.token_hex(20)


def is_token(value: str) -> bool:
    return PATTERN.fullmatch(value) is not None


def prefix_of(value: str) -> str:
    """What is kept readable of a token, to find and to recognise it."""
    return value[len(LEAD) : len(LEAD) + PREFIX_SIZE]


def hash_of(value: str, database_uuid: str) -> str:
    """What is kept of a token to recognise it: a copy of the database has another uuid."""
    return hashlib.sha256(f"{database_uuid}\0{value}".encode()).hexdigest()


def same_hash(one: str, other: str) -> bool:
    """Compares in constant time."""
    return hmac.compare_digest(one.encode(), other.encode())
