"""Entity tags: ``"<id>-<microseconds of the last change>-<digest of the body>"``."""

import hashlib
import re
from datetime import UTC, datetime

from .problems import Problem
from .text import _lt

_TAG = re.compile(r'\s*(?:W/)?"(?P<value>[\x21\x23-\x7e]*)"\s*(?:,|$)')
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def version_of(record_id: int, changed: datetime | None) -> str:
    """The part of the tag that a change of the record changes; ``changed`` is naive UTC."""
    micros = 0
    if changed:
        delta = changed.replace(tzinfo=UTC) - _EPOCH
        micros = (delta.days * 86_400 + delta.seconds) * 1_000_000 + delta.microseconds
    return f"{record_id}-{micros}"


def make_etag(version: str, body: bytes) -> str:
    """The tag of a representation."""
    return f'"{version}-{hashlib.sha256(body).hexdigest()[:20]}"'


def parse_tags(header: str) -> list[str]:
    """The tags of ``If-Match`` or ``If-None-Match``, without quotes; ``*`` stands for itself.

    :raises Problem: ``invalid-header``
    """
    if header.strip() == "*":
        return ["*"]
    tags, position = [], 0
    while position < len(header):
        match = _TAG.match(header, position)
        if not match:
            raise Problem(
                "invalid-header", _lt('An entity tag looks like "3-1767225600000000-9f86d0".')
            )
        tags.append(match["value"])
        position = match.end()
    return tags


def none_match(header: str, etag: str) -> bool:
    """Whether ``If-None-Match`` names this very representation (weak comparison)."""
    tags = parse_tags(header)
    return tags == ["*"] or etag.removeprefix("W/").strip('"') in tags


def matches_version(header: str, version: str) -> bool:
    """Whether ``If-Match`` names this version of the record; the body's digest is not compared."""
    tags = parse_tags(header)
    return tags == ["*"] or any(tag.rpartition("-")[0] == version for tag in tags)
