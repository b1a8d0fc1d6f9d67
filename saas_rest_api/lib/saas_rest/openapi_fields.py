"""JSON Schemas of fields, as they are read and as they are written."""

from collections.abc import Iterable
from dataclasses import dataclass

from .openapi_schemas import TEXT_OR_NULL, Schema, ref

MAX_CHOICES = 60
_TEXTS = ("char", "text", "html")
_NUMBERS = {"integer": "integer", "float": "number", "monetary": "number"}


@dataclass(frozen=True)
class FieldFacts:
    """What is known of a field.

    :param choices: the values of a selection, empty when they are too many or change
    """

    name: str
    type: str
    title: str
    help: str = ""
    writable: bool = True
    required: bool = False
    choices: tuple[str, ...] = ()


def row_schema(fields: Iterable[FieldFacts], title: str) -> Schema:
    """A record in an answer; which of its fields are there depends on the question."""
    properties = {field.name: _describe(field, _read(field)) for field in fields}
    return {
        "type": "object",
        "description": title,
        "properties": properties,
        "required": ["id"],
        "additionalProperties": True,
    }


def values_schema(fields: Iterable[FieldFacts], title: str) -> Schema:
    """The values that may be written."""
    return {
        "type": "object",
        "description": title,
        "properties": {
            field.name: _describe(field, _write(field)) for field in fields if field.writable
        },
        "additionalProperties": False,
    }


def _describe(field: FieldFacts, schema: Schema) -> Schema:
    # No `title`: generators call classes after it.
    texts = [field.title, str(schema.get("description", "")), field.help]
    return {**schema, "description": ". ".join(text.strip(" .") for text in texts if text)}


def _plain(field: FieldFacts) -> Schema:
    """Types that are read and written alike."""
    if field.type in _TEXTS:
        return dict(TEXT_OR_NULL)
    if field.type == "selection":
        choices = {"enum": [*field.choices, None]} if field.choices else {}
        return {**TEXT_OR_NULL, **choices}
    if field.type in ("date", "datetime"):
        kind = "date-time" if field.type == "datetime" else "date"
        return {**TEXT_OR_NULL, "format": kind}
    if field.type == "many2one_reference":
        return {"type": ["integer", "null"]}
    return {}


def _read(field: FieldFacts) -> Schema:
    if field.name == "id":
        return {"type": "integer"}
    if field.type in _NUMBERS:
        return {"type": _NUMBERS[field.type]}
    if field.type == "boolean":
        return {"type": "boolean"}
    if field.type in ("many2one", "reference"):
        return {"oneOf": [ref("Reference"), {"type": "null"}]}
    if field.type in ("one2many", "many2many"):
        return {"type": "array", "items": {"oneOf": [{"type": "integer"}, ref("Reference")]}}
    if field.type == "binary":
        return {"type": ["object", "null"], "properties": {"href": {"type": "string"}}}
    return _plain(field)


def _write(field: FieldFacts) -> Schema:
    if field.type in _NUMBERS:
        return {"type": [_NUMBERS[field.type], "null"]}
    if field.type == "boolean":
        return {"type": ["boolean", "null"]}
    if field.type == "many2one":
        return {"allOf": [ref("Link")]}
    if field.type in ("one2many", "many2many"):
        text = "Ids or objects; or `create`, `update`, `link`, `unlink`, `delete` and `set`."
        return {"type": ["array", "object", "null"], "items": {}, "description": text}
    if field.type == "binary":
        return {**TEXT_OR_NULL, "contentEncoding": "base64"}
    return _plain(field)
