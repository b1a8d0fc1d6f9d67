"""What a token may be used for: operations on models, by patterns such as ``sale.*:read``."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

OPERATIONS = ("read", "create", "write", "unlink", "call")
ADMIN = "admin"
_MODEL = re.compile(r"\*|[a-z0-9_.]+\*?")


@lru_cache(maxsize=1024)
def _matcher(pattern: str) -> re.Pattern[str]:
    return re.compile(".*".join(re.escape(part) for part in pattern.split("*")))


@dataclass(frozen=True)
class Scopes:
    """Rules as pairs of a model's pattern and an operation (``*``: all of them).

    A token without any scope may do what its user may, except for what ``admin`` guards.
    """

    rules: tuple[tuple[str, str], ...] = (("*", "*"),)
    admin: bool = False

    @classmethod
    def parse(cls, texts: Iterable[str]) -> "Scopes":
        """Reads ``["sale.*:read", "res.partner:*", "admin"]``.

        :raises ValueError: with the text that is no scope
        """
        texts = tuple(texts)
        rules = tuple(cls._parse_rule(text) for text in texts if text != ADMIN)
        # Somebody who asks for admin alone wants the rest too: it takes nothing away.
        return cls(rules or (("*", "*"),), ADMIN in texts)

    @staticmethod
    def _parse_rule(text: str) -> tuple[str, str]:
        model, colon, operation = text.partition(":")
        if not colon or not _MODEL.fullmatch(model) or operation not in (*OPERATIONS, "*"):
            raise ValueError(text)
        return model, operation

    def allows(self, model: str, operation: str) -> bool:
        """Whether a model's operation is within the scopes."""
        return any(
            allowed in ("*", operation) and _matcher(pattern).fullmatch(model)
            for pattern, allowed in self.rules
        )

    def includes(self, other: "Scopes") -> bool:
        """Whether all that ``other`` allows is allowed here: rules may be narrowed, not widened."""

        def covered(rule):
            pattern, operation = rule
            return any(
                allowed in ("*", operation) and _matcher(mine).fullmatch(pattern)
                for mine, allowed in self.rules
            )

        return all(covered(rule) for rule in other.rules) and (self.admin or not other.admin)

    def as_texts(self) -> list[str]:
        """The scopes as they are written in requests; nothing for a token without any."""
        texts = [] if self.rules == (("*", "*"),) else [":".join(rule) for rule in self.rules]
        return texts + ([ADMIN] if self.admin else [])
