"""One thing that a client wants done, whether it came alone or inside a batch."""

from collections.abc import Callable
from dataclasses import dataclass, field

from .access import Access
from .limits import Limits


@dataclass
class Operation:
    """A request without HTTP.

    :param params: names and values of the query string, in their order
    :param read_body: the JSON value of the body; an argument is what stands for no body
    :param preferences: what ``Prefer`` asks for
    :param path: address without query string, for links
    """

    access: Access
    limits: Limits
    params: list[tuple[str, str]] = field(default_factory=list)
    read_body: Callable[..., object] = lambda default=None: default
    preferences: dict[str, str] = field(default_factory=dict)
    if_match: str | None = None
    if_none_match: str | None = None
    path: str = ""

    @property
    def minimal(self) -> bool:
        """The client wants no more back than it must have."""
        return self.preferences.get("return") == "minimal"
