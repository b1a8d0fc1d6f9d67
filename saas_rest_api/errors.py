"""What went wrong, as a problem that may be told. Nothing here touches the database."""

import logging
from http import HTTPStatus

import psycopg2
from psycopg2 import errorcodes, errors
from werkzeug.exceptions import HTTPException

from odoo.exceptions import (
    AccessDenied,
    AccessError,
    ConcurrencyError,
    LockError,
    MissingError,
    RedirectWarning,
    UserError,
    ValidationError,
)
from odoo.http import RegistryError, SessionExpiredException
from odoo.sql_db import PoolError

from .lib.saas_rest.problems import Problem, code_for_status
from .lib.saas_rest.text import _lt

_logger = logging.getLogger(__name__)

RETRY_LATER = {"Retry-After": "1"}
_TOLD = (HTTPStatus.PAYMENT_REQUIRED, HTTPStatus.SERVICE_UNAVAILABLE)
_CONCURRENCY = (
    ConcurrencyError,
    errors.SerializationFailure,
    errors.DeadlockDetected,
    errors.LockNotAvailable,
)
_BY_INTEGRITY_CODE = {
    errorcodes.UNIQUE_VIOLATION: ("unique-violation", _lt("Another record has these values.")),
    errorcodes.FOREIGN_KEY_VIOLATION: ("referenced", _lt("Other records still refer to it.")),
    errorcodes.NOT_NULL_VIOLATION: ("required-missing", _lt("A required value is missing.")),
}


def to_problem(error: Exception, read_only: bool = False) -> Problem:
    """The problem that stands for any exception.

    :param read_only: the request came with a read-only token
    """
    if isinstance(error, Problem):
        return error
    if isinstance(error, HTTPException):
        return _from_http(error)
    if isinstance(error, psycopg2.Error | PoolError | RegistryError | ConcurrencyError):
        return _from_database(error, read_only)
    return _from_odoo(error)


def _from_odoo(error: Exception) -> Problem:
    match error:
        case AccessDenied():
            return Problem("access-denied")
        case AccessError():
            # Odoo's own text names records, rules and groups.
            return Problem("access-denied", _lt("You may not do this with these records."))
        case MissingError():
            return Problem("not-found", _lt("The record does not exist any more."))
        case LockError():
            return Problem("locked")
        case ValidationError(__cause__=psycopg2.IntegrityError() as cause):
            return _from_integrity(cause, str(error))
        case ValidationError():
            return Problem("validation", str(error))
        case RedirectWarning():
            return Problem("user-error", str(error.args[0]))
        case SessionExpiredException():
            return Problem("token-missing")
        case UserError():
            return Problem("user-error", str(error))
        case UnicodeError():
            return Problem("invalid-utf8")
    return Problem("internal", _lt("The request's id leads to the reason in the server's log."))


def _from_integrity(error: psycopg2.IntegrityError, message: str = "") -> Problem:
    if error.pgcode in _BY_INTEGRITY_CODE:
        return Problem(*_BY_INTEGRITY_CODE[error.pgcode])
    return Problem("validation", message or _lt("The values break a rule of the database."))


def _from_database(error: Exception, read_only: bool) -> Problem:
    match error:
        case errors.ReadOnlySqlTransaction():
            if read_only:
                return Problem("read-only-token")
            return Problem("read-only-token", _lt("Requests of this kind change nothing."))
        case errors.QueryCanceled():
            return Problem("query-timeout", _lt("Ask for less at once."))
        case psycopg2.IntegrityError():
            return _from_integrity(error)
        case errors.ProgramLimitExceeded():
            return Problem("value-too-large", _lt("A value is too large for the database."))
        case psycopg2.DataError():
            return Problem("invalid-value", _lt("A value does not fit its field."))
    if isinstance(error, _CONCURRENCY):
        return Problem("serialization", headers=dict(RETRY_LATER))
    if isinstance(error, psycopg2.OperationalError | psycopg2.InterfaceError | PoolError):
        return Problem("database-unavailable", headers=dict(RETRY_LATER))
    if isinstance(error, RegistryError):
        return Problem("database-unavailable", headers=dict(RETRY_LATER))
    return Problem("internal", _lt("The request's id leads to the reason in the server's log."))


def _from_http(error: HTTPException) -> Problem:
    status = error.code or 500
    # Whoever closes a database, such as a portal, says why in words for people.
    told = error.description if status in _TOLD else ""
    kept = ("Allow", "Content-Range", "Retry-After")
    headers = {name: value for name, value in error.get_headers() if name in kept}
    return Problem(code_for_status(status), told or "", headers=headers)
