"""The shape of domains that arrive as JSON: what they are made of, and how large they may be.

Whether the fields exist, and whether the values fit them, is the engine's to say.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from .limits import Limits
from .problems import Detail, Problem
from .text import Text, _lt

LIST_OPERATORS = frozenset({"in", "not in"})
HIERARCHY_OPERATORS = frozenset({"child_of", "parent_of"})
SUBDOMAIN_OPERATORS = frozenset({"any", "not any"})
TEXT_OPERATORS = frozenset(
    f"{negation}{operator}"
    for negation in ("", "not ")
    for operator in ("like", "ilike", "=like", "=ilike")
)
EQUALITY_OPERATORS = frozenset({"=", "!=", "<>", "=?"})
ORDER_OPERATORS = frozenset({"<", "<=", ">", ">="})
OPERATORS = (
    LIST_OPERATORS
    | HIERARCHY_OPERATORS
    | SUBDOMAIN_OPERATORS
    | TEXT_OPERATORS
    | EQUALITY_OPERATORS
    | ORDER_OPERATORS
)


@dataclass
class Leaf:
    """One condition. ``value`` of a subdomain operator is a list of nodes."""

    path: str
    operator: str
    value: object
    pointer: str


@dataclass
class Mark:
    """``&``, ``|`` or ``!``, in prefix notation as Odoo writes domains."""

    sign: str


Node = Leaf | Mark


def parse_domain(value: object, limits: Limits, pointer: str = "/domain") -> list[Node]:
    """The domain as a flat list of marks and conditions, in the order in which it was written.

    :raises Problem: ``invalid-domain`` or ``domain-too-complex``, with a pointer to the place
    """
    return _Reader(limits).parse(value, pointer, 1)


class _Reader:
    def __init__(self, limits: Limits):
        self.limits = limits
        self.leaves = 0

    def parse(self, value: object, pointer: str, depth: int) -> list[Node]:
        if not isinstance(value, list):
            raise _invalid(pointer, _lt("A domain is a list of conditions."))
        if len(value) > 2 * self.limits.domain_leaves + self.limits.domain_depth:
            raise self.too_many(pointer)
        nodes = [
            self.read_item(item, f"{pointer}/{index}", depth) for index, item in enumerate(value)
        ]
        self.check_arity(nodes, pointer, depth)
        return nodes

    def read_item(self, item: object, pointer: str, depth: int) -> Node:
        if isinstance(item, str) and item in ("&", "|", "!"):
            return Mark(item)
        if not isinstance(item, list) or len(item) != 3:
            raise _invalid(pointer, _lt("A condition is a list of field, operator and value."))
        self.leaves += 1
        if self.leaves > self.limits.domain_leaves:
            raise self.too_many(pointer)
        path, operator, operand = item
        if not isinstance(path, str) or not path:
            raise _invalid(f"{pointer}/0", _lt("A condition begins with the name of a field."))
        if path.count(".") >= self.limits.path_segments:
            longest = self.limits.path_segments
            raise _too_complex(
                f"{pointer}/0", _lt("At most %(limit)s fields in a row.", limit=longest)
            )
        if not isinstance(operator, str) or operator.lower() not in OPERATORS:
            text = _lt("'%(operator)s' is not an operator.", operator=str(operator)[:30])
            raise _invalid(f"{pointer}/1", text)
        operator = operator.lower()
        operand = self.read_operand(operator, operand, f"{pointer}/2", depth)
        return Leaf(path, operator, operand, pointer)

    def read_operand(self, operator: str, operand: object, pointer: str, depth: int) -> object:
        if operator in SUBDOMAIN_OPERATORS:
            if depth >= self.limits.domain_depth:
                raise self.too_deep(pointer)
            return self.parse(operand, pointer, depth + 1)
        if operator in LIST_OPERATORS and not isinstance(operand, list):
            raise _invalid(pointer, _lt("'%(operator)s' needs a list.", operator=operator))
        if isinstance(operand, list):
            if operator not in LIST_OPERATORS | HIERARCHY_OPERATORS:
                raise _invalid(pointer, _lt("'%(operator)s' takes no list.", operator=operator))
            if len(operand) > self.limits.domain_values:
                most = self.limits.domain_values
                raise _too_complex(pointer, _lt("At most %(limit)s values in a list.", limit=most))
        if isinstance(operand, dict):
            raise _invalid(pointer, _lt("An object is no value."))
        return operand

    def check_arity(self, nodes: list[Node], pointer: str, depth: int) -> None:
        """Each mark has its operands, and changes of mark do not nest too deeply."""
        stack: list[tuple[str, int]] = []
        for node in reversed(nodes):
            if isinstance(node, Leaf):
                stack.append(("", depth))
                continue
            wanted = 1 if node.sign == "!" else 2
            if len(stack) < wanted:
                raise _invalid(
                    pointer, _lt("'%(operator)s' has too few conditions.", operator=node.sign)
                )
            operands = [stack.pop() for _ in range(wanted)]
            level = max(
                inner if sign == node.sign and sign != "!" else inner + 1
                for sign, inner in operands
            )
            if level > self.limits.domain_depth:
                raise self.too_deep(pointer)
            stack.append((node.sign, level))

    def too_many(self, pointer: str) -> Problem:
        most = self.limits.domain_leaves
        return _too_complex(pointer, _lt("At most %(limit)s conditions.", limit=most))

    def too_deep(self, pointer: str) -> Problem:
        deepest = self.limits.domain_depth
        return _too_complex(pointer, _lt("At most %(limit)s levels of conditions.", limit=deepest))


def iter_leaves(nodes: list[Node]) -> Iterator[Leaf]:
    """The conditions of one level, without those inside ``any``."""
    return (node for node in nodes if isinstance(node, Leaf))


def _invalid(pointer: str, text: Text) -> Problem:
    return Problem("invalid-domain", text, [Detail(pointer, "invalid-domain")])


def _too_complex(pointer: str, text: Text) -> Problem:
    return Problem("domain-too-complex", text, [Detail(pointer, "domain-too-complex")])
