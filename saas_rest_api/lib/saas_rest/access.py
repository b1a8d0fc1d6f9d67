"""Who asks: what the token lets its owner do, beside the owner's own rights."""

from dataclasses import dataclass
from datetime import tzinfo
from typing import Protocol


class ScopesLike(Protocol):
    """What the engine needs to know of a token's scopes."""

    def allows(self, model: str, operation: str) -> bool:
        """Whether ``operation`` (read, create, write, unlink, call) is open on ``model``."""


@dataclass(frozen=True)
class Access:
    """First argument of every method of the engine.

    :param scopes: the token's scopes; None leaves everything to the user's own rights
    :param read_only: the token never changes anything
    :param admin: the token has the scope ``admin``
    :param tz: time zone in which datetimes are shown; None shows UTC with a ``Z``
    """

    scopes: ScopesLike | None = None
    read_only: bool = False
    admin: bool = False
    tz: tzinfo | None = None

    @classmethod
    def full(cls) -> "Access":
        """An access that only the user's own rights limit."""
        return cls(admin=True)

    def allows(self, model: str, operation: str) -> bool:
        """Whether the scopes open ``operation`` on ``model``."""
        return self.scopes is None or self.scopes.allows(model, operation)
