"""Every way in which a request can fail, as RFC 9457 problem details.

The codes are part of the API: they never change their meaning, and each has one HTTP status.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import ClassVar

from .text import Text, _

TYPE_PREFIX = "/api/v1/problems/"

#: code: (HTTP status, title)
CATALOGUE: dict[str, tuple[int, Text]] = {
    # What was sent cannot be understood.
    "bad-json": (400, _("The body is not valid JSON")),
    "duplicate-key": (400, _("A key occurs twice")),
    "invalid-utf8": (400, _("The body is not valid UTF-8")),
    "invalid-number": (400, _("Not a number that JSON knows")),
    "nul-character": (400, _("NUL characters cannot be stored")),
    "json-too-deep": (400, _("The body is nested too deeply")),
    "unknown-parameter": (400, _("Unknown parameter")),
    "unknown-field": (400, _("Unknown field")),
    "invalid-parameter": (400, _("Invalid parameter")),
    "invalid-header": (400, _("Invalid header")),
    "invalid-domain": (400, _("Invalid domain")),
    "domain-too-complex": (400, _("The domain is too complex")),
    "invalid-order": (400, _("Invalid order")),
    "invalid-cursor": (400, _("Invalid cursor")),
    "cursor-unsupported-order": (400, _("This order cannot be paged by cursor")),
    "invalid-limit": (400, _("Invalid limit or offset")),
    "invalid-selection": (400, _("Invalid selection of fields")),
    "database-required": (400, _("Choose a database")),
    "conflicting-tokens": (400, _("Two different tokens were sent")),
    "password-in-url": (400, _("Passwords do not belong in an address")),
    # Who asks, and what he may.
    "token-missing": (401, _("No access token")),
    "token-expired": (401, _("The access token has expired")),
    "token-invalid": (401, _("The access token is not valid")),
    "credentials-invalid": (401, _("Wrong database, login or password")),
    "access-denied": (403, _("Access denied")),
    "scope-denied": (403, _("The token's scopes do not allow this")),
    "read-only-token": (403, _("The token may only read")),
    "ip-denied": (403, _("The token may not be used from this address")),
    "field-forbidden": (403, _("The field may not be used")),
    "company-denied": (403, _("The company may not be used")),
    "mfa-required": (403, _("This user logs in with a second factor")),
    # What is asked for.
    "not-found": (404, _("Not found")),
    "method-not-allowed": (405, _("Method not allowed")),
    "not-acceptable": (406, _("Not acceptable")),
    "unique-violation": (409, _("There is one already")),
    "referenced": (409, _("Still in use elsewhere")),
    "locked": (409, _("Being changed by somebody else")),
    "etag-mismatch": (412, _("The record has changed since it was read")),
    "body-too-large": (413, _("The body is too large")),
    "uri-too-long": (414, _("The address is too long")),
    "media-type": (415, _("Unsupported media type")),
    "range": (416, _("Range not satisfiable")),
    "validation": (422, _("The values are not valid")),
    "user-error": (422, _("Refused")),
    "readonly-field": (422, _("The field is read-only")),
    "required-missing": (422, _("A required value is missing")),
    "invalid-value": (422, _("Invalid value")),
    "value-too-large": (422, _("The value is too large")),
    "idempotency-mismatch": (422, _("The idempotency key belongs to another request")),
    "report-unavailable": (422, _("This server cannot print")),
    "etag-required": (428, _("An If-Match header is required")),
    "rate-limited": (429, _("Too many requests")),
    "login-throttled": (429, _("Too many failed logins")),
    # Our side.
    "internal": (500, _("Internal error")),
    "serialization": (503, _("Too many changes at the same time")),
    "database-unavailable": (503, _("The database is not available")),
    "query-timeout": (504, _("The query took too long")),
}


@dataclass(frozen=True)
class Detail:
    """One of the things that are wrong. ``pointer``: JSON pointer into what was sent."""

    pointer: str
    code: str
    detail: str = ""

    def as_dict(self, translator: Callable[[str], str] = str) -> dict[str, str]:
        detail = translator(self.detail)
        parts = {"pointer": self.pointer, "code": self.code, "detail": detail}
        return {key: value for key, value in parts.items() if value or key != "detail"}


@dataclass(eq=False)
class Problem(Exception):
    """A request failed in a way that its sender is told about.

    :param code: key of :data:`CATALOGUE`
    :param detail: one sentence for whoever wrote the request, best made by :func:`.text._`;
        never a secret, never a traceback
    :param errors: what exactly is wrong, and where
    :param headers: further HTTP headers of the answer, such as ``Retry-After``
    """

    code: str
    detail: str = ""
    errors: list[Detail] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)

    # Odoo logs what requests raise at this level, and without a traceback.
    loglevel: ClassVar[int] = logging.DEBUG

    def __post_init__(self):
        self.status, self.title = CATALOGUE[self.code]

    def __str__(self) -> str:
        return self.detail or self.title

    def as_dict(
        self, request_id: str = "", translator: Callable[[str], str] = str
    ) -> dict[str, object]:
        """The body of the answer; ``translator`` says our texts in another language."""
        body: dict[str, object] = {
            "type": TYPE_PREFIX + self.code,
            "title": translator(self.title),
            "status": self.status,
        }
        if self.detail:
            body["detail"] = translator(self.detail)
        if request_id:
            body["instance"] = f"urn:request:{request_id}"
        if self.errors:
            body["errors"] = [error.as_dict(translator) for error in self.errors]
        return body


def code_for_status(status: int) -> str:
    """The code that stands for an HTTP status which something else than us has chosen."""
    special = {
        400: "invalid-parameter",
        401: "token-missing",
        403: "access-denied",
        422: "user-error",
    }
    if status in special:
        return special[status]
    for code, (known, _title) in CATALOGUE.items():
        if known == status:
            return code
    return "internal" if status >= HTTPStatus.INTERNAL_SERVER_ERROR else "invalid-parameter"
