"""Request headers that shape an answer: ``Prefer``, ``Accept-Language``, ``X-Company-Id``."""

import re
from collections.abc import Iterable
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from .problems import Problem
from .text import _lt

PREFERENCES = {
    "return": ("minimal", "representation"),
    "count": ("exact", "capped", "none"),
}
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


def parse_preferences(header: str) -> dict[str, str]:
    """Reads ``return=minimal, count=exact, timezone=Africa/Casablanca``.

    What we do not know is ignored, as RFC 7240 wants it; a value that one of ours cannot have
    is a :class:`Problem` ``invalid-header``.
    """
    found: dict[str, str] = {}
    for part in header.split(","):
        name, _equals, value = part.partition(";")[0].partition("=")
        name, value = name.strip().lower(), value.strip().strip('"')
        if name in PREFERENCES and value not in PREFERENCES[name]:
            raise _invalid("Prefer", f"{name}={value}")
        if name in PREFERENCES or name == "timezone":
            found.setdefault(name, value)
    return found


def parse_timezone(name: str | None) -> ZoneInfo | None:
    """The time zone of that name; ``None`` for no name.

    :raises Problem: ``invalid-header`` for a name that is no time zone's
    """
    if not name:
        return None
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise _invalid("Prefer", f"timezone={name}") from None


def parse_companies(header: str) -> tuple[int, ...]:
    """Reads ``1,3``: ids of companies, the first one is the current one."""
    parts = [part.strip() for part in header.split(",")]
    if not all(re.fullmatch(r"[1-9][0-9]{0,8}", part) for part in parts):
        raise _invalid("X-Company-Id", header)
    return tuple(dict.fromkeys(int(part) for part in parts))


def languages(header: str) -> list[str]:
    """The wanted languages, best first, as in ``fr-CH, fr;q=0.9, *;q=0.1`` (without ``*``)."""
    wanted = []
    for number, part in enumerate(header.split(",")[:50]):
        tag, _semicolon, weight = part.partition(";")
        try:
            quality = float(weight.strip().removeprefix("q=") or 1)
        except ValueError:
            quality = 0.0
        tag = tag.strip()
        if quality > 0 and re.fullmatch(r"[A-Za-z]{2,8}([-_@][A-Za-z0-9]{1,8})*", tag):
            wanted.append((-quality, number, tag))
    return [tag for _quality, _number, tag in sorted(wanted)]


def pick_language(header: str, installed: Iterable[str]) -> str | None:
    """The installed language (``fr_BE``) that suits best; ``None`` when none does."""
    codes = {code.lower(): code for code in installed}
    for tag in languages(header):
        key = tag.lower().replace("-", "_")
        if key in codes:
            return codes[key]
        base = key.partition("_")[0]
        # French of France for those who want French of Switzerland.
        same = [code for low, code in codes.items() if low.partition("_")[0] == base]
        if same:
            return codes.get(f"{base}_{base}", sorted(same)[0])
    return None


def language_tag(code: str) -> str:
    """``fr_BE`` as HTTP writes it: ``fr-BE``."""
    return code.partition("@")[0].replace("_", "-")


def is_request_id(value: str) -> bool:
    return _REQUEST_ID.fullmatch(value) is not None


def _invalid(header: str, value: str) -> Problem:
    return Problem(
        "invalid-header",
        _lt("%(header)s: '%(value)s' is not understood.", header=header, value=value[:100]),
    )
