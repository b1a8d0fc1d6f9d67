"""Filters of the query string, ``filter[country_id.code][in]=MA,FR``, and of JSON bodies."""

import re
from dataclasses import dataclass

from .limits import Limits
from .problems import Detail, Problem
from .text import Text, _lt

#: operator: how many values it takes ("one", "list", "two" or "flag")
OPERATORS = {
    "eq": "one",
    "ne": "one",
    "lt": "one",
    "lte": "one",
    "gt": "one",
    "gte": "one",
    "like": "one",
    "ilike": "one",
    "starts": "one",
    "ends": "one",
    "in": "list",
    "nin": "list",
    "child_of": "list",
    "parent_of": "list",
    "between": "two",
    "null": "flag",
}

_KEY = re.compile(r"filter\[(?P<path>[^\[\]]{1,400})\](?:\[(?P<operator>[^\[\]]{1,20})\])?")
_PATH = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)*")


@dataclass(frozen=True)
class Filter:
    """One condition; all of them hold together.

    :param values: one or more values, texts when they came in a query string
    :param typed: the values are JSON values, not texts
    """

    path: str
    operator: str
    values: tuple[object, ...]
    pointer: str
    typed: bool = False


def is_filter(key: str) -> bool:
    """Whether a parameter of the query string is a filter, well-formed or not."""
    return key == "filter" or key.startswith("filter[")


def parse_parameter(key: str, value: str, limits: Limits) -> Filter:
    """Read one parameter of a query string.

    :raises Problem: ``invalid-parameter``, with a pointer to the filter
    """
    match = _KEY.fullmatch(key)
    if not match:
        raise _invalid(f"/{key[:60]}", _lt("A filter looks like filter[name][ilike]=deco."))
    path, operator = match["path"], match["operator"] or "eq"
    pointer = f"/filter/{path}/{operator}"
    _check(path, operator, pointer, limits)
    if OPERATORS[operator] in ("list", "two"):
        values = tuple(value.split(",")) if value else ()
    else:
        values = (value,)
    return _checked(Filter(path, operator, values, pointer), limits)


def parse_object(value: object, limits: Limits) -> list[Filter]:
    """Read ``{"name": {"ilike": "deco"}, "active": true}``.

    :raises Problem: ``invalid-parameter``, with a pointer to the filter
    """
    if value is None:
        return []
    if not isinstance(value, dict):
        raise _invalid("/filter", _lt("Filters are an object."))
    found = []
    for path, conditions in value.items():
        if not isinstance(conditions, dict):
            conditions = {"eq": conditions}
        for operator, operand in conditions.items():
            pointer = f"/filter/{path}/{operator}"
            _check(path, operator, pointer, limits)
            many = OPERATORS[operator] in ("list", "two")
            values = tuple(operand) if many and isinstance(operand, list) else (operand,)
            if any(isinstance(item, dict | list) for item in values):
                raise _invalid(pointer, _lt("A list or an object is no value here."))
            found.append(_checked(Filter(path, operator, values, pointer, True), limits))
    return found


def _check(path: str, operator: str, pointer: str, limits: Limits) -> None:
    if not _PATH.fullmatch(path):
        raise _invalid(pointer, _lt("'%(field)s' is no field.", field=path[:60]))
    if path.count(".") >= limits.path_segments:
        longest = limits.path_segments
        raise _invalid(pointer, _lt("At most %(limit)s fields in a row.", limit=longest))
    if operator not in OPERATORS:
        known = ", ".join(OPERATORS)
        text = _lt(
            "'%(operator)s' is not an operator; these are: %(known)s.",
            operator=operator[:20],
            known=known,
        )
        raise _invalid(pointer, text)


def _checked(found: Filter, limits: Limits) -> Filter:
    kind = OPERATORS[found.operator]
    if kind == "two" and len(found.values) != 2:
        raise _invalid(found.pointer, _lt("Two values are expected, with a comma between them."))
    if len(found.values) > limits.domain_values:
        most = limits.domain_values
        raise _invalid(found.pointer, _lt("At most %(limit)s values in a list.", limit=most))
    if kind == "flag" and found.values[0] not in (True, False, "true", "false"):
        raise _invalid(found.pointer, _lt("True or false is expected."))
    return found


def _invalid(pointer: str, text: Text) -> Problem:
    return Problem("invalid-parameter", text, [Detail(pointer, "invalid-parameter")])
