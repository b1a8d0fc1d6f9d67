"""Addresses that the portal sends."""

from urllib.parse import urlsplit


def is_http_url(text: object) -> bool:
    """Whether this is the address of a web site, which a link can lead to without harm."""
    if not isinstance(text, str):
        return False
    try:
        parts = urlsplit(text)
        return (
            parts.scheme in ("http", "https") and bool(parts.hostname) and "@" not in parts.netloc
        )
    except ValueError:
        return False
