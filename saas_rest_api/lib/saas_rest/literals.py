"""Python literals that older clients send, read without running any of Python's own parser.

Lists, tuples, dicts, texts, numbers, True, False and None; nothing else, nothing nested deeply.
"""

import re
from collections.abc import Iterator

from .problems import Problem
from .strict_json import check_text
from .text import _lt

MAX_LENGTH = 256 * 1024
MAX_DEPTH = 32

_TOKEN = re.compile(
    r"""\s*(?:
        (?P<text>[uU]?(?:'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*"))
      | (?P<number>[+-]?(?:\d{1,30}\.\d{0,30}|\.\d{1,30}|\d{1,30})(?:[eE][+-]?\d{1,3})?)
      | (?P<name>[A-Za-z_]+)
      | (?P<mark>[\[\](){},:])
    )\s*""",
    re.VERBOSE | re.DOTALL,
)
_ESCAPE = re.compile(
    r"\\(x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U000[0-9a-fA-F]{5}|U0010[0-9a-fA-F]{4}|.)", re.DOTALL
)
_ESCAPED = {"n": "\n", "t": "\t", "r": "\r", "\n": ""}
#: JSON's own words too: clients mix them up
_NAMES = {"True": True, "False": False, "None": None, "true": True, "false": False, "null": None}
_CLOSING = {"[": "]", "(": ")", "{": "}"}


def parse_literal(text: str) -> object:
    """The value of a literal; tuples come back as lists.

    :raises Problem: ``invalid-domain`` for anything else, ``domain-too-complex`` when too large
    """
    if len(text) > MAX_LENGTH:
        raise Problem(
            "domain-too-complex", _lt("At most %(limit)s characters are read.", limit=MAX_LENGTH)
        )
    reader = _Reader(text)
    value = reader.value(next(reader.tokens), 0)
    if next(reader.tokens) != ("end", ""):
        raise reader.problem()
    return value


class _Reader:
    def __init__(self, text: str):
        self.tokens = self.split(text)

    @staticmethod
    def problem() -> Problem:
        return Problem("invalid-domain", _lt("This is not a list of conditions or commands."))

    def split(self, text: str) -> Iterator[tuple[str, str]]:
        position, length = 0, len(text.rstrip())
        while position < length:
            match = _TOKEN.match(text, position)
            if not match:
                raise self.problem()
            position = match.end()
            yield match.lastgroup or "", match[match.lastgroup or 0]
        while True:
            yield "end", ""

    def value(self, token: tuple[str, str], depth: int) -> object:
        kind, text = token
        if kind == "text":
            return _unescape(text)
        if kind == "number":
            return int(text) if re.fullmatch(r"[+-]?\d+", text) else float(text)
        if kind == "name" and text in _NAMES:
            return _NAMES[text]
        if kind == "mark" and text in _CLOSING:
            if depth >= MAX_DEPTH:
                raise Problem(
                    "domain-too-complex", _lt("Nested at most %(limit)s deep.", limit=MAX_DEPTH)
                )
            if text == "{":
                return self.read_dict(depth + 1)
            return self.read_list(text, depth + 1)
        raise self.problem()

    def read_list(self, opening: str, depth: int) -> object:
        values, comma = [], False
        closing = ("mark", _CLOSING[opening])
        while (token := next(self.tokens)) != closing:
            values.append(self.value(token, depth))
            comma = (token := next(self.tokens)) == ("mark", ",")
            if token == closing:
                break
            if not comma:
                raise self.problem()
        # Brackets around one value without a comma are only brackets.
        if opening == "(" and len(values) == 1 and not comma:
            return values[0]
        return values

    def read_dict(self, depth: int) -> dict[str, object]:
        values: dict[str, object] = {}
        closing = ("mark", "}")
        while (token := next(self.tokens)) != closing:
            key = self.value(token, depth)
            if not isinstance(key, str) or next(self.tokens) != ("mark", ":"):
                raise self.problem()
            values[key] = self.value(next(self.tokens), depth)
            token = next(self.tokens)
            if token == closing:
                break
            if token != ("mark", ","):
                raise self.problem()
        return values


def _unescape(token: str) -> str:
    def replace(match: re.Match[str]) -> str:
        sign = match[1]
        if sign[0] in "xuU" and len(sign) > 1:
            return chr(int(sign[1:], 16))
        return _ESCAPED.get(sign, sign)

    text = _ESCAPE.sub(replace, token.lstrip("uU")[1:-1])
    check_text(text)
    return text
