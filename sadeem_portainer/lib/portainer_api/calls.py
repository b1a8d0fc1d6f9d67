"""What the groups of calls share."""

from collections.abc import Callable
from typing import TypeVar

from .transport import Transport

T = TypeVar("T")


class Calls:
    """Base of the groups of calls that make up the client."""

    _transport: Transport

    @property
    def server(self) -> str:
        return self._transport.server

    def _request(self, method: str, path: str, action: str, **options):
        return self._transport.request(method, path, action, **options)

    def _json(
        self,
        method: str,
        path: str,
        action: str,
        parse: Callable[[object], T] = lambda data: data,
        **options,
    ) -> T:
        """The answer as ``parse`` reads it; one of another shape is an error as any other."""
        answer = self._request(method, path, action, **options)
        return self._transport.read_json(answer, action, method == "GET", parse)


def rows_of(parse: Callable[[dict], T]) -> Callable[[object], list[T]]:
    """Reads a list, which Go writes as null when it is empty."""

    def parse_rows(data):
        if data is not None and not isinstance(data, list):
            raise TypeError("not a list")
        return [parse(row) for row in data or []]

    return parse_rows
