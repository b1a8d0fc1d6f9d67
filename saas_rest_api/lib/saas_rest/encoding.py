"""JSON as it leaves: UTF-8, without blanks."""

import json


def encode(value: object) -> bytes:
    """The value's bytes; it consists of JSON types only."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.encode("utf-8", "replace")
