"""Every way in which a request can fail, as RFC 9457 problem details.

The codes are part of the API: they never change their meaning, and each has one HTTP status.
"""

from dataclasses import dataclass, field
from http import HTTPStatus

TYPE_PREFIX = "/api/v1/problems/"

#: code: (HTTP status, title)
CATALOGUE: dict[str, tuple[int, str]] = {
    # What was sent cannot be understood.
    "bad-json": (400, "The body is not valid JSON"),
    "duplicate-key": (400, "A key occurs twice"),
    "invalid-utf8": (400, "The body is not valid UTF-8"),
    "invalid-number": (400, "Not a number that JSON knows"),
    "nul-character": (400, "NUL characters cannot be stored"),
    "json-too-deep": (400, "The body is nested too deeply"),
    "unknown-parameter": (400, "Unknown parameter"),
    "unknown-field": (400, "Unknown field"),
    "invalid-parameter": (400, "Invalid parameter"),
    "invalid-header": (400, "Invalid header"),
    "invalid-domain": (400, "Invalid domain"),
    "domain-too-complex": (400, "The domain is too complex"),
    "invalid-order": (400, "Invalid order"),
    "invalid-cursor": (400, "Invalid cursor"),
    "cursor-unsupported-order": (400, "This order cannot be paged by cursor"),
    "invalid-limit": (400, "Invalid limit or offset"),
    "invalid-selection": (400, "Invalid selection of fields"),
    "database-required": (400, "Choose a database"),
    "conflicting-tokens": (400, "Two different tokens were sent"),
    "password-in-url": (400, "Passwords do not belong in an address"),
    # Who asks, and what he may.
    "token-missing": (401, "No access token"),
    "token-expired": (401, "The access token has expired"),
    "token-invalid": (401, "The access token is not valid"),
    "credentials-invalid": (401, "Wrong database, login or password"),
    "access-denied": (403, "Access denied"),
    "scope-denied": (403, "The token's scopes do not allow this"),
    "read-only-token": (403, "The token may only read"),
    "ip-denied": (403, "The token may not be used from this address"),
    "field-forbidden": (403, "The field may not be used"),
    "company-denied": (403, "The company may not be used"),
    "mfa-required": (403, "This user logs in with a second factor"),
    # What is asked for.
    "not-found": (404, "Not found"),
    "method-not-allowed": (405, "Method not allowed"),
    "not-acceptable": (406, "Not acceptable"),
    "unique-violation": (409, "There is one already"),
    "referenced": (409, "Still in use elsewhere"),
    "locked": (409, "Being changed by somebody else"),
    "etag-mismatch": (412, "The record has changed since it was read"),
    "body-too-large": (413, "The body is too large"),
    "uri-too-long": (414, "The address is too long"),
    "media-type": (415, "Unsupported media type"),
    "range": (416, "Range not satisfiable"),
    "validation": (422, "The values are not valid"),
    "user-error": (422, "Refused"),
    "readonly-field": (422, "The field is read-only"),
    "required-missing": (422, "A required value is missing"),
    "invalid-value": (422, "Invalid value"),
    "value-too-large": (422, "The value is too large"),
    "idempotency-mismatch": (422, "The idempotency key belongs to another request"),
    "etag-required": (428, "An If-Match header is required"),
    "rate-limited": (429, "Too many requests"),
    "login-throttled": (429, "Too many failed logins"),
    # Our side.
    "internal": (500, "Internal error"),
    "serialization": (503, "Too many changes at the same time"),
    "database-unavailable": (503, "The database is not available"),
    "query-timeout": (504, "The query took too long"),
}


@dataclass(frozen=True)
class Detail:
    """One of the things that are wrong. ``pointer``: JSON pointer into what was sent."""

    pointer: str
    code: str
    detail: str = ""

    def as_dict(self) -> dict[str, str]:
        parts = {"pointer": self.pointer, "code": self.code, "detail": self.detail}
        return {key: value for key, value in parts.items() if value or key != "detail"}


@dataclass(eq=False)
class Problem(Exception):
    """A request failed in a way that its sender is told about.

    :param code: key of :data:`CATALOGUE`
    :param detail: one sentence for whoever wrote the request; never a secret, never a traceback
    :param errors: what exactly is wrong, and where
    :param headers: further HTTP headers of the answer, such as ``Retry-After``
    """

    code: str
    detail: str = ""
    errors: list[Detail] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)

    def __post_init__(self):
        self.status, self.title = CATALOGUE[self.code]

    def __str__(self) -> str:
        return self.detail or self.title

    def as_dict(self, request_id: str = "", title: str = "") -> dict[str, object]:
        """The body of the answer; ``title``: the title in the reader's language."""
        body: dict[str, object] = {
            "type": TYPE_PREFIX + self.code,
            "title": title or self.title,
            "status": self.status,
        }
        if self.detail:
            body["detail"] = self.detail
        if request_id:
            body["instance"] = f"urn:request:{request_id}"
        if self.errors:
            body["errors"] = [error.as_dict() for error in self.errors]
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
