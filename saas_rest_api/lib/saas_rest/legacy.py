"""The grammar of the older ``/api/<model>`` calls, in terms of the present one."""

import json
import re
from collections.abc import Iterable

from .filters import Filter, parse_parameter
from .limits import Limits
from .literals import parse_literal
from .problems import Detail, Problem
from .query import Query
from .strict_json import check_text
from .text import _lt

COMMAND_PREFIX = "__api__"
PARAMETERS = ("domain", "fields", "limit", "offset", "order")
#: operators of ``field:operator:value`` by those of the filters
OPERATORS = {
    "=": "eq",
    "==": "eq",
    "!=": "ne",
    "<>": "ne",
    "<": "lt",
    "<=": "lte",
    ">": "gt",
    ">=": "gte",
    "like": "like",
    "ilike": "ilike",
    "in": "in",
    "not in": "nin",
    "child_of": "child_of",
    "parent_of": "parent_of",
}
_CONDITION = re.compile(r"(?P<path>[A-Za-z_][\w.]*):(?P<operator>[^:,]{1,12}):(?P<value>[^:]*)")


def parse_query(params: Iterable[tuple[str, str]], limits: Limits) -> Query:
    """The question in the query string of an older call.

    A limit of 0 meant all records there; here it means as many as one answer may hold.

    :raises Problem: for the first thing that is wrong
    """
    values = {}
    for name, value in params:
        if name not in PARAMETERS:
            raise Problem(
                "unknown-parameter", _lt("'%(name)s' is not known here.", name=name[:100])
            )
        if name in values:
            raise Problem("invalid-parameter", _lt("'%(name)s' occurs twice.", name=name))
        check_text(value)
        values[name] = value
    domain_text = values.pop("domain", "").strip()
    if re.fullmatch(r"0+", values.get("limit", "").strip()):
        values["limit"] = str(limits.limit_max)
    values = {name: value for name, value in values.items() if value.strip()}
    values.setdefault("order", "id")
    values["fields"] = _clean_fields(values.get("fields", ""))
    literal = _is_literal(domain_text)
    if literal:
        values["domain"] = domain_text
    query = Query.from_params(
        values.items(), limits, lambda text: _as_json(parse_literal(text)), PARAMETERS
    )
    if not literal:
        query.filters = parse_conditions(domain_text, limits)
    return query


def parse_conditions(text: str, limits: Limits) -> list[Filter]:
    """Read ``name:ilike:deco,id:>:1``; values hold neither comma nor colon."""
    if not text:
        return []
    parts = text.split(",")
    if len(parts) > limits.domain_leaves:
        raise Problem(
            "domain-too-complex", _lt("At most %(limit)s conditions.", limit=limits.domain_leaves)
        )
    found = []
    for index, part in enumerate(parts):
        match = _CONDITION.fullmatch(part.strip())
        if not match or match["operator"].strip() not in OPERATORS:
            raise Problem(
                "invalid-domain",
                _lt("'%(text)s' is no condition: write field:operator:value.", text=part[:60]),
                [Detail(f"/domain/{index}", "invalid-domain")],
            )
        operator = OPERATORS[match["operator"].strip()]
        found.append(
            parse_parameter(f"filter[{match['path']}][{operator}]", match["value"], limits)
        )
    return found


def parse_values(values: dict[str, object]) -> dict[str, object]:
    """The values of a record; texts under ``__api__<field>`` are literals of commands."""
    found = {}
    for key, value in values.items():
        name = key.removeprefix(COMMAND_PREFIX)
        if name in found:
            raise Problem("duplicate-key", _lt("'%(name)s' occurs twice.", name=name[:100]))
        if name != key and isinstance(value, str):
            value = parse_literal(value)
        found[name] = value
    return found


def parse_arguments(text: str) -> list[object] | dict[str, object]:
    """The arguments of an action: a list (by position) or an object (by name); empty for none."""
    if not text.strip():
        return {}
    value = parse_literal(text)
    if not isinstance(value, list | dict):
        raise Problem("bad-json", _lt("Arguments are a list or an object."))
    return value


def envelope(data: object) -> dict[str, object]:
    """``{"count", "data"}`` as these calls have always answered."""
    count = len(data) if isinstance(data, list | dict) else int(data is not None)
    return {"count": count, "data": data}


def _is_literal(text: str) -> bool:
    return text[:1] in ("[", "(")


def _clean_fields(text: str) -> str:
    """``"['name', 'id']"`` and ``name, id`` alike; no comma too many."""
    names = parse_literal(text) if _is_literal(text.strip()) else text.split(",")
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise Problem("invalid-selection", _lt("Fields are names with commas between them."))
    return ",".join(name.strip() for name in names if name.strip())


def _as_json(value: object) -> object:
    """What JSON could have said: numbers that it cannot write are refused."""
    try:
        json.dumps(value, allow_nan=False)
    except ValueError:
        raise Problem("invalid-number") from None
    if isinstance(value, list) and len(value) == 3 and isinstance(value[0], str):
        # A single condition without the list around it.
        return value if value[0] in ("&", "|", "!") else [value]
    return value
