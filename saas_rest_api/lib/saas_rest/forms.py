"""Bodies of clients that say one thing and send another."""

import io
from urllib.parse import parse_qsl

from werkzeug.formparser import MultiPartParser
from werkzeug.http import parse_options_header

from . import strict_json
from .problems import Problem
from .text import _lt


def parse(body: bytes, content_type: str) -> dict[str, str]:
    """The text fields of a body: form, multipart or JSON object, whatever its type is called.

    ``multipart/form-data`` without a boundary, which real clients send with an urlencoded body,
    is read as such. Files are left out.
    """
    if not body.strip():
        return {}
    media_type, options = parse_options_header(content_type)
    boundary = options.get("boundary", "").encode("latin1", "ignore")
    if media_type == "multipart/form-data" and boundary:
        return _multipart(body, boundary)
    if body.lstrip()[:1] in b"{[":
        return _json_fields(body)
    return _urlencoded(body)


def _multipart(body: bytes, boundary: bytes) -> dict[str, str]:
    parser = MultiPartParser(max_form_parts=100)
    try:
        form, _files = parser.parse(io.BytesIO(body), boundary, len(body))
    except ValueError:
        raise Problem("bad-json", _lt("The body is no multipart form.")) from None
    return _checked(form.to_dict())


def _json_fields(body: bytes) -> dict[str, str]:
    value = strict_json.loads(body)
    if not isinstance(value, dict):
        raise Problem("bad-json", _lt("The body has to be a JSON object."))
    return {key: item for key, item in value.items() if isinstance(item, str)}


def _urlencoded(body: bytes) -> dict[str, str]:
    try:
        text = body.decode("ascii")
        fields = parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=100)
    except UnicodeDecodeError:
        raise Problem("invalid-utf8", _lt("The form is not valid UTF-8.")) from None
    except ValueError:
        raise Problem("bad-json", _lt("The form has too many fields.")) from None
    return _checked(dict(fields))


def _checked(fields: dict[str, str]) -> dict[str, str]:
    for name, value in fields.items():
        strict_json.check_text(name)
        strict_json.check_text(value)
    return fields
