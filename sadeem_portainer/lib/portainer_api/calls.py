"""What the groups of calls share."""

from .transport import Transport


class Calls:
    """Base of the groups of calls that make up the client."""

    _transport: Transport

    @property
    def server(self) -> str:
        return self._transport.server

    def _request(self, method: str, path: str, action: str, **options):
        return self._transport.request(method, path, action, **options)

    def _json(self, method: str, path: str, action: str, **options):
        answer = self._request(method, path, action, **options)
        return self._transport.read_json(answer, action, reads=method == "GET")
