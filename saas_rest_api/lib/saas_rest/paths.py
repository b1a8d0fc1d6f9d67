"""Which operation an address below ``/api/v1`` stands for, as batches need to know."""

from urllib.parse import unquote

#: (verb, pattern): operation; ``{id}`` is a number
ROUTES = {
    ("GET", "{model}"): "list",
    ("POST", "{model}"): "create",
    ("PATCH", "{model}"): "update_many",
    ("DELETE", "{model}"): "delete_many",
    ("POST", "{model}/search"): "search",
    ("GET", "{model}/count"): "count",
    ("GET", "{model}/aggregate"): "aggregate",
    ("GET", "{model}/{id}"): "read",
    ("PATCH", "{model}/{id}"): "update",
    ("PUT", "{model}/{id}"): "update",
    ("DELETE", "{model}/{id}"): "delete",
    ("GET", "{model}/ext/{namespace}/{key}"): "read_external",
    ("PUT", "{model}/ext/{namespace}/{key}"): "upsert",
    ("DELETE", "{model}/ext/{namespace}/{key}"): "delete_external",
    ("POST", "{model}/call/{method}"): "call",
    ("POST", "{model}/{id}/call/{method}"): "call",
}
#: Addresses that are no models.
RESERVED = frozenset(
    {"tokens", "me", "models", "batch", "webhooks", "reports", "docs", "metrics", "audit", "health"}
)


def find_operation(verb: str, path: str) -> tuple[str, dict[str, object]] | None:
    """The operation and its arguments; None when there is none."""
    parts = [unquote(part) for part in path.removeprefix("/api/v1").strip("/").split("/")]
    if parts[0] in RESERVED or not all(parts):
        return None
    for (known_verb, pattern), operation in ROUTES.items():
        arguments = _match(pattern.split("/"), parts) if known_verb == verb else None
        if arguments is not None:
            return operation, arguments
    return None


def _match(pattern: list[str], parts: list[str]) -> dict[str, object] | None:
    if len(pattern) != len(parts):
        return None
    arguments: dict[str, object] = {}
    for wanted, part in zip(pattern, parts, strict=True):
        if wanted == "{id}":
            if not (part.isascii() and part.isdecimal() and len(part) < 11):
                return None
            arguments["record_id"] = int(part)
        elif wanted.startswith("{"):
            arguments[wanted[1:-1]] = part
        elif wanted != part:
            return None
    return arguments
