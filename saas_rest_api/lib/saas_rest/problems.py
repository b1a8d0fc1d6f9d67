"""Every way in which a request can fail, as RFC 9457 problem details.

The codes are part of the API: they never change their meaning, and each has one HTTP status.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import ClassVar

from .text import Text, _lt

TYPE_PREFIX = "/api/v1/problems/"

#: code: (HTTP status, title)
CATALOGUE: dict[str, tuple[int, Text]] = {
    # What was sent cannot be understood.
    "bad-json": (400, _lt("The body is not valid JSON")),
    "duplicate-key": (400, _lt("A key occurs twice")),
    "invalid-utf8": (400, _lt("The body is not valid UTF-8")),
    "invalid-number": (400, _lt("Not a number that JSON knows")),
    "nul-character": (400, _lt("NUL characters cannot be stored")),
    "json-too-deep": (400, _lt("The body is nested too deeply")),
    "unknown-parameter": (400, _lt("Unknown parameter")),
    "unknown-field": (400, _lt("Unknown field")),
    "invalid-parameter": (400, _lt("Invalid parameter")),
    "invalid-header": (400, _lt("Invalid header")),
    "invalid-domain": (400, _lt("Invalid domain")),
    "domain-too-complex": (400, _lt("The domain is too complex")),
    "invalid-order": (400, _lt("Invalid order")),
    "invalid-cursor": (400, _lt("Invalid cursor")),
    "cursor-unsupported-order": (400, _lt("This order cannot be paged by cursor")),
    "invalid-limit": (400, _lt("Invalid limit or offset")),
    "invalid-selection": (400, _lt("Invalid selection of fields")),
    "database-required": (400, _lt("Choose a database")),
    "conflicting-tokens": (400, _lt("Two different tokens were sent")),
    "password-in-url": (400, _lt("Passwords do not belong in an address")),
    # Who asks, and what he may.
    "token-missing": (401, _lt("No access token")),
    "token-expired": (401, _lt("The access token has expired")),
    "token-invalid": (401, _lt("The access token is not valid")),
    "credentials-invalid": (401, _lt("Wrong database, login or password")),
    "payment-required": (402, _lt("The database is closed until it is paid for")),
    "access-denied": (403, _lt("Access denied")),
    "scope-denied": (403, _lt("The token's scopes do not allow this")),
    "read-only-token": (403, _lt("The token may only read")),
    "ip-denied": (403, _lt("The token may not be used from this address")),
    "field-forbidden": (403, _lt("The field may not be used")),
    "company-denied": (403, _lt("The company may not be used")),
    "mfa-required": (403, _lt("This user logs in with a second factor")),
    # What is asked for.
    "not-found": (404, _lt("Not found")),
    "method-not-allowed": (405, _lt("Method not allowed")),
    "not-acceptable": (406, _lt("Not acceptable")),
    "unique-violation": (409, _lt("There is one already")),
    "referenced": (409, _lt("Still in use elsewhere")),
    "locked": (409, _lt("Being changed by somebody else")),
    "etag-mismatch": (412, _lt("The record has changed since it was read")),
    "body-too-large": (413, _lt("The body is too large")),
    "uri-too-long": (414, _lt("The address is too long")),
    "media-type": (415, _lt("Unsupported media type")),
    "range": (416, _lt("Range not satisfiable")),
    "validation": (422, _lt("The values are not valid")),
    "user-error": (422, _lt("Refused")),
    "readonly-field": (422, _lt("The field is read-only")),
    "required-missing": (422, _lt("A required value is missing")),
    "invalid-value": (422, _lt("Invalid value")),
    "value-too-large": (422, _lt("The value is too large")),
    "idempotency-mismatch": (422, _lt("The idempotency key belongs to another request")),
    "report-unavailable": (422, _lt("This server cannot print")),
    "etag-required": (428, _lt("An If-Match header is required")),
    "rate-limited": (429, _lt("Too many requests")),
    "login-throttled": (429, _lt("Too many failed logins")),
    # Our side.
    "internal": (500, _lt("Internal error")),
    "serialization": (503, _lt("Too many changes at the same time")),
    "database-unavailable": (503, _lt("The database is not available")),
    "unavailable": (503, _lt("Not available for the moment")),
    "query-timeout": (504, _lt("The query took too long")),
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
    :param detail: one sentence for whoever wrote the request, best made by :func:`.text._lt`;
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
        503: "unavailable",
    }
    if status in special:
        return special[status]
    for code, (known, _title) in CATALOGUE.items():
        if known == status:
            return code
    return "internal" if status >= HTTPStatus.INTERNAL_SERVER_ERROR else "invalid-parameter"
