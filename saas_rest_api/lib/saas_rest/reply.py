"""What an endpoint answers, before it becomes bytes."""

from dataclasses import dataclass, field


@dataclass
class Reply:
    """A successful answer.

    :param data: what stands under ``data``; with ``raw`` the whole body
    :param status: HTTP status; 204 and 304 have no body
    :param meta: what stands beside the data, such as limit and total
    :param links: addresses of neighbouring pages
    :param headers: further HTTP headers
    :param raw: the data is the whole body, as the seed's calls and OpenAPI want it
    :param encoded: the body's bytes, when they are known already
    """

    data: object = None
    status: int = 200
    meta: dict[str, object] | None = None
    links: dict[str, str | None] | None = None
    headers: dict[str, str] = field(default_factory=dict)
    raw: bool = False
    encoded: bytes | None = None

    def as_body(self) -> object:
        """The JSON value of the body."""
        if self.raw:
            return self.data
        body: dict[str, object] = {"data": self.data}
        if self.meta is not None:
            body["meta"] = self.meta
        if self.links is not None:
            body["links"] = self.links
        return body
