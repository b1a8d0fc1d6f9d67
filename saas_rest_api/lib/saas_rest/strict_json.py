"""JSON from strangers: what is ambiguous, endless or not storable is refused."""

import json
import re

from .problems import Problem
from .text import _lt

_SURROGATE = re.compile("[\ud800-\udfff]")
_STRUCTURE = re.compile(rb'"(?:[^"\\]|\\.)*"?|[\[\]{}]', re.DOTALL)


def loads(body: bytes, max_depth: int = 64, max_string: int = 5 * 1024 * 1024) -> object:
    """Reads a JSON text.

    :raises Problem: ``invalid-utf8``, ``json-too-deep``, ``duplicate-key``, ``invalid-number``,
        ``nul-character``, ``value-too-large`` or ``bad-json``
    """
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Problem(
            "invalid-utf8",
            _lt("Byte %(position)s is not part of a UTF-8 text.", position=error.start),
        ) from None
    # Before parsing: the parser would recurse as deeply as the text is nested.
    _check_depth(body, max_depth)
    try:
        value = json.loads(
            text,
            object_pairs_hook=_unique_keys,
            parse_constant=_refuse_constant,
            parse_float=_finite,
            parse_int=_bounded_int,
        )
    except json.JSONDecodeError as error:
        raise Problem(
            "bad-json",
            _lt(
                "%(reason)s at line %(line)s, column %(column)s.",
                reason=error.msg,
                line=error.lineno,
                column=error.colno,
            ),
        ) from None
    _check_strings(value, max_string)
    return value


def _check_depth(body: bytes, limit: int) -> None:
    depth = 0
    for match in _STRUCTURE.finditer(body):
        mark = match[0][:1]
        if mark in b"[{":
            depth += 1
            if depth > limit:
                raise Problem(
                    "json-too-deep", _lt("At most %(limit)s levels are read.", limit=limit)
                )
        elif mark in b"]}":
            depth -= 1


def _unique_keys(pairs: list[tuple[str, object]]) -> dict[str, object]:
    value = dict(pairs)
    if len(value) != len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _value in pairs if key in seen or seen.add(key))
        raise Problem("duplicate-key", _lt("The key '%(key)s' occurs twice.", key=twice[:100]))
    return value


def _refuse_constant(name: str) -> None:
    raise Problem("invalid-number", _lt("%(name)s is not a JSON number.", name=name))


def _finite(digits: str) -> float:
    number = float(digits)
    if number in (float("inf"), float("-inf")):
        raise Problem("invalid-number", _lt("%(number)s is too large.", number=digits[:40]))
    return number


def _bounded_int(digits: str) -> int:
    # Python itself refuses to read numbers of more than some thousand digits.
    if len(digits) > 100:
        raise Problem("invalid-number", _lt("%(number)s… is too large.", number=digits[:40]))
    return int(digits)


def _check_strings(value: object, max_string: int) -> None:
    """Refuses texts that PostgreSQL cannot store, keys included."""
    pending = [value]
    while pending:
        item = pending.pop()
        if isinstance(item, str):
            check_text(item, max_string)
        elif isinstance(item, dict):
            pending.extend(item)
            pending.extend(item.values())
        elif isinstance(item, list):
            pending.extend(item)


def check_text(text: str, max_string: int = 5 * 1024 * 1024) -> None:
    """Refuses a text that cannot be stored.

    :raises Problem: ``nul-character``, ``invalid-utf8`` or ``value-too-large``
    """
    if "\0" in text:
        raise Problem("nul-character", _lt("A text contains the character U+0000."))
    if _SURROGATE.search(text):
        raise Problem("invalid-utf8", _lt("A text contains half of a surrogate pair."))
    if len(text) > max_string:
        raise Problem(
            "value-too-large", _lt("Texts have at most %(limit)s characters.", limit=max_string)
        )
