"""Rules of the portal that need no database: names of clients, payloads of the API."""

from .names import InvalidName, check_label, check_name, expand_pattern, is_reserved
from .payload import Payload, PayloadError, parse_payload

__all__ = [
    "InvalidName",
    "Payload",
    "PayloadError",
    "check_label",
    "check_name",
    "expand_pattern",
    "is_reserved",
    "parse_payload",
]
