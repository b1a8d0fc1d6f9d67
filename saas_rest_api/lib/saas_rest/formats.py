"""Values on the wire: how each type of field is written, and how it is read back."""

import base64
import binascii
import math
import re
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, date, datetime, tzinfo

from .text import Text, _lt

#: What PostgreSQL's integer holds.
INTEGER_MAX = 2**31 - 1

TEXT_TYPES = frozenset({"char", "text", "html", "selection", "reference"})
NUMBER_TYPES = frozenset({"float", "monetary"})
RELATIONAL_TYPES = frozenset({"many2one", "one2many", "many2many"})

_INTEGER = re.compile(r"[+-]?[0-9]{1,18}")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_DATETIME = re.compile(
    r"\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}(:\d{2}(\.\d{1,6})?)?([Zz]|[+-]\d{2}:?\d{2})?",
    re.ASCII,
)


class InvalidValue(ValueError):
    """A value is not of the type it should be.

    :param text: what was expected
    """

    def __init__(self, text: Text):
        super().__init__(text)
        self.text = text


def format_datetime(value: datetime, tz: tzinfo | None = None) -> str:
    """A naive UTC datetime as RFC 3339, in UTC or with the offset of ``tz``."""
    if tz is None:
        return f"{value.isoformat(timespec='seconds')}Z"
    return value.replace(tzinfo=UTC).astimezone(tz).isoformat(timespec="seconds")


def parse_date(value: object) -> date:
    """A plain date ``YYYY-MM-DD``."""
    if isinstance(value, str) and _DATE.fullmatch(value):
        with suppress(ValueError):
            return date.fromisoformat(value)
    raise InvalidValue(_lt("A date such as 2026-03-29 is expected."))


def parse_datetime(value: object) -> datetime:
    """RFC 3339 to naive UTC; without an offset it is UTC already, a plain date is midnight."""
    if isinstance(value, str):
        with suppress(ValueError, OverflowError):
            if _DATE.fullmatch(value):
                return datetime.fromisoformat(value)
            if _DATETIME.fullmatch(value):
                moment = datetime.fromisoformat(value.upper())
                if moment.tzinfo is not None:
                    moment = moment.astimezone(UTC).replace(tzinfo=None)
                return moment
    raise InvalidValue(_lt("A moment such as 2026-03-29T02:30:00Z is expected."))


def parse_integer(value: object) -> int:
    """A whole number that PostgreSQL's integer holds."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise InvalidValue(_lt("A whole number is expected."))
    if not -INTEGER_MAX - 1 <= value <= INTEGER_MAX:
        raise InvalidValue(_lt("The number is too large."))
    return value


def parse_number(value: object) -> float:
    """A finite number."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidValue(_lt("A number is expected."))
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise InvalidValue(_lt("The number is too large."))
    return number


def parse_boolean(value: object) -> bool:
    """True or false, nothing that merely looks like it."""
    if not isinstance(value, bool):
        raise InvalidValue(_lt("True or false is expected."))
    return value


def parse_text(value: object) -> str:
    """A text."""
    if not isinstance(value, str):
        raise InvalidValue(_lt("A text is expected."))
    return value


def parse_base64(value: object) -> str:
    """Base64 of a file's content, as Odoo stores it."""
    text = parse_text(value)
    try:
        base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise InvalidValue(_lt("The content in base64 is expected.")) from None
    return text


_PARSERS: dict[str, Callable[[object], object]] = {
    "boolean": parse_boolean,
    "integer": parse_integer,
    "many2one_reference": parse_integer,
    "float": parse_number,
    "monetary": parse_number,
    "date": parse_date,
    "datetime": parse_datetime,
    "binary": parse_base64,
    "image": parse_base64,
    **dict.fromkeys(TEXT_TYPES, parse_text),
}


def parse_value(field_type: str, value: object) -> object:
    """A JSON value as the ORM takes it for a field of this type that is not a relation.

    :raises InvalidValue: it is of another type
    """
    parser = _PARSERS.get(field_type)
    return parser(value) if parser else value


def parse_operand(field_type: str, value: object) -> object:
    """A JSON value that a field is compared with; a relation is compared by id or by name."""
    if field_type in RELATIONAL_TYPES and isinstance(value, str):
        return value
    if field_type in RELATIONAL_TYPES:
        return parse_integer(value)
    if field_type not in _PARSERS or field_type == "binary":
        raise InvalidValue(_lt("A field of this type can only be compared with null."))
    return parse_value(field_type, value)


def parse_query_text(field_type: str, text: str) -> object:
    """A value from a query string, typed by the field that it is compared with.

    :raises InvalidValue: it does not look like one
    """
    if field_type == "boolean":
        if text.lower() in ("true", "1"):
            return True
        if text.lower() in ("false", "0"):
            return False
        raise InvalidValue(_lt("True or false is expected."))
    if field_type == "integer" or field_type in ("many2one_reference", *RELATIONAL_TYPES):
        if not _INTEGER.fullmatch(text):
            raise InvalidValue(_lt("A whole number is expected."))
        return parse_integer(int(text))
    if field_type in NUMBER_TYPES:
        try:
            return parse_number(float(text))
        except ValueError:
            raise InvalidValue(_lt("A number is expected.")) from None
    return parse_operand(field_type, text)


def like_literal(text: str) -> str:
    """The text with everything that means something to LIKE escaped."""
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
