"""Cursors: where a page ended, so that the next begins right behind it.

A cursor holds the last record's values of the order, and a digest of the question; its signature
binds both to this database, so that it can neither be edited nor used for another question.
"""

import base64
import binascii
import hashlib
import json
from collections.abc import Callable
from hmac import compare_digest

from .problems import Detail, Problem
from .text import Text, _lt

Sign = Callable[[str], str]
_SIGNATURE_LENGTH = 32
_MAX_LENGTH = 8192


def digest(*parts: object) -> str:
    """A short fingerprint of the question that a cursor belongs to."""
    text = json.dumps(parts, default=str, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def encode(values: list[object], question: str, sign: Sign) -> str:
    """The cursor behind a record.

    :param values: JSON values of the order's fields, the last one is the id
    :param question: :func:`digest` of what was asked
    :param sign: hexadecimal keyed digest of a text
    """
    payload = json.dumps([question, *values], separators=(",", ":"))
    text = sign(payload)[:_SIGNATURE_LENGTH] + payload
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def decode(cursor: str, question: str, sign: Sign) -> list[object]:
    """The values that :func:`encode` was given.

    :raises Problem: ``invalid-cursor`` when a byte differs, or the question does
    """
    try:
        if len(cursor) > _MAX_LENGTH:
            raise ValueError
        raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        text = raw.decode()
    except (binascii.Error, ValueError):
        raise _invalid(_lt("The cursor is not one of ours.")) from None
    # Base64 has spare bits at its end: only the spelling that we write is accepted.
    canonical = base64.urlsafe_b64encode(raw).decode().rstrip("=") == cursor
    signature, payload = text[:_SIGNATURE_LENGTH], text[_SIGNATURE_LENGTH:]
    expected = sign(payload)[:_SIGNATURE_LENGTH]
    if not canonical or not compare_digest(signature.encode(), expected.encode()):
        raise _invalid(_lt("The cursor is not one of ours, or was edited."))
    seen, *values = json.loads(payload)
    if seen != question:
        raise _invalid(
            _lt("The cursor belongs to another search: keep model, fields, filters and order.")
        )
    return values


def _invalid(text: Text) -> Problem:
    return Problem("invalid-cursor", text, [Detail("/cursor", "invalid-cursor")])
