"""In which order records come: ``name asc, id desc nulls last``."""

import re
from dataclasses import dataclass

from .problems import Detail, Problem
from .text import _lt

_TERM = re.compile(
    r"\s*(?P<field>[a-z_][a-z0-9_]*)(?:\s+(?P<direction>asc|desc))?"
    r"(?:\s+nulls\s+(?P<nulls>first|last))?\s*",
    re.IGNORECASE,
)
MAX_TERMS = 10


@dataclass(frozen=True)
class OrderTerm:
    """A field to sort by. ``nulls``: "first", "last", or empty for PostgreSQL's own way."""

    field: str
    descending: bool = False
    nulls: str = ""

    @property
    def nulls_first(self) -> bool:
        """Whether empty values come before the others."""
        return self.nulls == "first" if self.nulls else self.descending

    def __str__(self) -> str:
        nulls = f" nulls {self.nulls}" if self.nulls else ""
        return f"{self.field} {'desc' if self.descending else 'asc'}{nulls}"


def parse_order(value: object) -> list[OrderTerm]:
    """Read an order given as text or as a list of texts; a leading ``-`` is descending.

    :raises Problem: ``invalid-order``, with a pointer to the term
    """
    if value is None or value == "":
        return []
    if isinstance(value, str):
        parts = value.split(",", MAX_TERMS)
    elif isinstance(value, list) and all(isinstance(part, str) for part in value):
        parts = value
    else:
        raise Problem("invalid-order", _lt("An order is a text or a list of texts."))
    if len(parts) > MAX_TERMS:
        raise Problem(
            "invalid-order", _lt("An order has at most %(limit)s fields.", limit=MAX_TERMS)
        )
    return [_parse_term(part, index) for index, part in enumerate(parts)]


def _parse_term(part: str, index: int) -> OrderTerm:
    minus = part.strip().startswith("-")
    match = _TERM.fullmatch(part.strip()[1:] if minus else part)
    if not match or (minus and match["direction"]):
        detail = _lt(
            "'%(text)s' is no order: write a field, then asc or desc.", text=part.strip()[:40]
        )
        raise Problem("invalid-order", detail, [Detail(f"/order/{index}", "invalid-order")])
    descending = minus or (match["direction"] or "").lower() == "desc"
    return OrderTerm(match["field"], descending, (match["nulls"] or "").lower())


def order_as_text(terms: list[OrderTerm]) -> str:
    """The order as Odoo's ``search`` takes it."""
    return ", ".join(map(str, terms))
