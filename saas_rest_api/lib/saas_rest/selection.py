"""Which fields a client wants: ``name,country_id(code),child_ids:10(name,email),*``."""

import re
from dataclasses import dataclass, field

from .limits import Limits
from .problems import Detail, Problem
from .text import Text, _lt

#: Stands for the default fields of a model.
DEFAULT = "*"

_TOKEN = re.compile(
    r"\s*(?:(?P<name>[A-Za-z_][A-Za-z0-9_]*|\*)|(?P<limit>:\s*[0-9]{1,9})|(?P<mark>[(),]))\s*"
)


@dataclass
class Node:
    """A field that is wanted.

    :param children: fields of the related records; None when only the relation is wanted
    :param limit: how many related records; None for the usual number
    """

    children: "Selection | None" = None
    limit: int | None = None


@dataclass
class Selection:
    """The wanted fields by name, in the order in which they were asked for."""

    fields: dict[str, Node] = field(default_factory=dict)
    defaults: bool = False

    @classmethod
    def of(cls, *names: str) -> "Selection":
        """A flat selection of these fields."""
        return cls({name: Node() for name in names})

    def __bool__(self) -> bool:
        return bool(self.fields) or self.defaults

    def as_text(self) -> str:
        """The selection in its own grammar; equal selections have equal texts."""
        parts = [DEFAULT] if self.defaults else []
        for name, node in self.fields.items():
            limit = "" if node.limit is None else f":{node.limit}"
            children = "" if node.children is None else f"({node.children.as_text()})"
            parts.append(f"{name}{limit}{children}")
        return ",".join(parts)


def parse_selection(value: object, limits: Limits) -> Selection | None:
    """Read a selection given as text or as a list of texts; None when there is none.

    :raises Problem: ``invalid-selection``, with a pointer to the entry
    """
    if value is None or value == "":
        return None
    texts = value if isinstance(value, list) else [value]
    if not all(isinstance(text, str) for text in texts):
        raise Problem("invalid-selection", _lt("Fields are a text or a list of texts."))
    parser = _Parser(limits)
    selection = Selection()
    for index, text in enumerate(texts):
        parser.parse(text, selection, index if isinstance(value, list) else None)
    return selection or None


class _Parser:
    """Reads the grammar without recursion, so that no text can exhaust the stack."""

    def __init__(self, limits: Limits):
        self.limits = limits
        self.count = 0
        self.pointer = "/fields"

    def parse(self, text: str, selection: Selection, index: int | None) -> None:
        self.pointer = "/fields" if index is None else f"/fields/{index}"
        stack = [selection]
        last: Node | None = None
        comma = True
        position = 0
        while position < len(text):
            match = _TOKEN.match(text, position)
            if not match:
                rest = text[position : position + 20]
                raise self.problem(_lt("In the fields, '%(text)s' is not understood.", text=rest))
            position = match.end()
            if name := match["name"]:
                if not comma:
                    raise self.problem(_lt("A comma is missing before '%(text)s'.", text=name))
                last, comma = self.add(stack[-1], name), False
            elif limit := match["limit"]:
                if last is None or last.limit is not None or last.children is not None:
                    raise self.problem(_lt("'%(text)s' follows no field.", text=limit))
                last.limit = self.checked_limit(int(limit[1:]))
            elif match["mark"] == "(":
                if last is None or last.children is not None:
                    raise self.problem(_lt("'%(text)s' follows no field.", text="("))
                last.children = Selection()
                stack.append(last.children)
                if len(stack) > self.limits.nesting_default + 1:
                    raise self.problem(
                        _lt(
                            "Fields nest at most %(limit)s deep.", limit=self.limits.nesting_default
                        )
                    )
                last, comma = None, True
            elif match["mark"] == ")":
                if len(stack) == 1 or comma:
                    raise self.problem(_lt("A closing bracket is out of place."))
                stack.pop()
                last = None
            elif comma:
                raise self.problem(_lt("A field is missing between two commas."))
            else:
                last, comma = None, True
        if len(stack) > 1 or comma:
            raise self.problem(_lt("The fields end too early."))

    def add(self, selection: Selection, name: str) -> Node | None:
        self.count += 1
        if self.count > self.limits.fields_max:
            raise self.problem(_lt("At most %(limit)s fields.", limit=self.limits.fields_max))
        if name == DEFAULT:
            selection.defaults = True
            return None
        return selection.fields.setdefault(name, Node())

    def checked_limit(self, limit: int) -> int:
        if limit > self.limits.nested_max:
            highest = self.limits.nested_max
            raise self.problem(_lt("At most %(limit)s related records.", limit=highest))
        return limit

    def problem(self, text: Text) -> Problem:
        return Problem("invalid-selection", text, [Detail(self.pointer, "invalid-selection")])
