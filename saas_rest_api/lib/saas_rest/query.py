"""What a client asks of a model: which records, which fields, in which order, how many."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from .domains import Node, parse_domain
from .filters import Filter, is_filter, parse_object, parse_parameter
from .limits import Limits
from .ordering import OrderTerm, parse_order
from .problems import Detail, Problem
from .selection import Selection, parse_selection
from .text import Text, _lt

COUNTS = ("capped", "exact", "none")
PARAMETERS = frozenset(
    {"fields", "domain", "order", "limit", "offset", "cursor", "count", "active_test"}
)
#: How a query string says true and false.
FLAGS = {"true": True, "1": True, "false": False, "0": False}
_NUMBER = re.compile(r"[+-]?[0-9]{1,30}")

ReadJson = Callable[[str], object]


@dataclass
class Query:
    """A question to a model; the same whether it came as a query string or as a body.

    :param limit: how many records at most; 0 only counts
    :param cursor: None for paging by offset, empty for a first page by cursor
    :param count: "capped", "exact" or "none"; None for the usual way
    :param active_test: leave archived records out
    """

    fields: Selection | None = None
    filters: list[Filter] = field(default_factory=list)
    domain: list[Node] = field(default_factory=list)
    order: list[OrderTerm] = field(default_factory=list)
    limit: int = 80
    offset: int = 0
    cursor: str | None = None
    count: str | None = None
    active_test: bool = True

    @classmethod
    def from_params(
        cls,
        params: Iterable[tuple[str, str]],
        limits: Limits,
        read_json: ReadJson,
        allowed: Iterable[str] = PARAMETERS,
    ) -> "Query":
        """The question in a query string.

        :param params: names and values, in their order
        :param read_json: strict JSON reader for the parameter ``domain``
        :param allowed: the parameters that this endpoint knows, beside filters
        :raises Problem: for the first thing that is wrong
        """
        single: dict[str, str] = {}
        found = []
        for key, value in params:
            if is_filter(key) and "filter" not in single:
                found.append(parse_parameter(key, value, limits))
            elif key not in allowed:
                raise unknown_parameter(key)
            elif key in single:
                text = _lt("The parameter '%(name)s' occurs twice.", name=key)
                raise invalid_parameter(key, text)
            else:
                single[key] = value
        values: dict[str, object] = dict(single)
        if "domain" in single:
            values["domain"] = read_json(single["domain"]) if single["domain"] else []
        for name in ("limit", "offset"):
            if _NUMBER.fullmatch(single.get(name, "")):
                values[name] = int(single[name])
        if "active_test" in single:
            values["active_test"] = FLAGS.get(single["active_test"], single["active_test"])
        query = cls._from_values(values, limits)
        query.filters = found
        if len(found) > limits.domain_leaves:
            raise _too_many_filters(limits)
        return query

    @classmethod
    def from_body(
        cls, body: object, limits: Limits, allowed: Iterable[str] = PARAMETERS
    ) -> "Query":
        """The question in a JSON body: the same parameters, and ``filter`` as an object."""
        if not isinstance(body, dict):
            raise Problem("bad-json", _lt("The body is a JSON object."))
        for key in body:
            if key != "filter" and key not in allowed:
                raise unknown_parameter(key)
        query = cls._from_values(body, limits)
        query.filters = parse_object(body.get("filter"), limits)
        if len(query.filters) > limits.domain_leaves:
            raise _too_many_filters(limits)
        return query

    @classmethod
    def _from_values(cls, values: dict[str, object], limits: Limits) -> "Query":
        domain = values.get("domain")
        query = cls(
            fields=parse_selection(values.get("fields"), limits),
            domain=[] if domain is None else parse_domain(domain, limits),
            order=parse_order(values.get("order")),
            limit=_number(values, "limit", limits.limit_default, limits.limit_max),
            cursor=_cursor(values.get("cursor")),
            count=_choice(values.get("count")),
            active_test=_flag(values, "active_test", True),
        )
        query.offset = _offset(values, limits)
        if query.offset and query.cursor is not None:
            raise invalid_parameter("offset", _lt("Page by offset or by cursor, not by both."))
        return query


def unknown_parameter(name: str) -> Problem:
    """Nobody asks for a parameter in vain: it may have narrowed what is deleted."""
    detail = _lt("There is no parameter '%(name)s' here.", name=str(name)[:60])
    return Problem("unknown-parameter", detail, [_detail(name, "unknown-parameter")])


def invalid_parameter(name: str, detail: Text) -> Problem:
    """A parameter has a value that it cannot have."""
    return Problem("invalid-parameter", detail, [_detail(name, "invalid-parameter")])


def _too_many_filters(limits: Limits) -> Problem:
    most = limits.domain_leaves
    return Problem("domain-too-complex", _lt("At most %(limit)s conditions.", limit=most))


def _detail(name: str, code: str) -> Detail:
    return Detail(f"/{str(name)[:60]}", code)


def _flag(values: dict[str, object], name: str, default: bool) -> bool:
    value = values.get(name)
    if value is None:
        return default
    if not isinstance(value, bool):
        raise invalid_parameter(name, _lt("The parameter '%(name)s' is true or false.", name=name))
    return value


def _whole_number(values: dict[str, object], name: str, default: int) -> int:
    value = values.get(name)
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        detail = _lt("'%(name)s' is a whole number, not below 0.", name=name)
        raise Problem("invalid-limit", detail, [_detail(name, "invalid-limit")])
    return value


def _number(values: dict[str, object], name: str, default: int, highest: int) -> int:
    value = _whole_number(values, name, default)
    if value > highest:
        detail = _lt(
            "'%(name)s' is at most %(limit)s: fetch the rest page by page.",
            name=name,
            limit=highest,
        )
        raise Problem("invalid-limit", detail, [_detail(name, "invalid-limit")])
    return value


def _offset(values: dict[str, object], limits: Limits) -> int:
    value = _whole_number(values, "offset", 0)
    if value > limits.offset_max:
        detail = _lt(
            "'offset' is at most %(limit)s: to go further, page by cursor"
            " (send an empty 'cursor', then meta.next_cursor of each page).",
            limit=limits.offset_max,
        )
        raise Problem("invalid-limit", detail, [_detail("offset", "invalid-limit")])
    return value


def _cursor(value: object) -> str | None:
    if value is None or isinstance(value, str):
        return value
    raise Problem(
        "invalid-cursor", _lt("A cursor is a text."), [_detail("cursor", "invalid-cursor")]
    )


def _choice(value: object) -> str | None:
    if value is None or value in COUNTS:
        return value
    raise invalid_parameter("count", _lt("'count' is one of %(known)s.", known=", ".join(COUNTS)))
