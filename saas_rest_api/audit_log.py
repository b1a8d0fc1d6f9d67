"""Writes what the audit log keeps of a call, after the call's own transaction."""

import logging

import psycopg2
from psycopg2 import errors

from odoo.sql_db import Cursor, PoolError

_logger = logging.getLogger(__name__)

# Losing the last calls with a crashed server is no harm, waiting for a disk is.
_INSERT = """
    SET LOCAL synchronous_commit = off;
    INSERT INTO saas_rest_audit (at, user_id, token_prefix, method, route, path, status, code,
                                 reason, duration, request_id, ip)
    VALUES (%(at)s, %(user_id)s, %(token_prefix)s, %(method)s, %(route)s, %(path)s, %(status)s,
            %(code)s, %(reason)s, %(duration)s, %(request_id)s, %(ip)s)
"""
_TOUCH = """
    UPDATE saas_rest_token SET last_used_at = %(at)s, last_ip = %(ip)s
     WHERE id = (SELECT id FROM saas_rest_token WHERE id = %(used_token_id)s
                    FOR UPDATE SKIP LOCKED)
"""


def write_call(registry, row):
    """Write a call's row, and that its token was used, on a connection of its own.

    Whatever fails here is logged and forgotten: the caller has his answer already.
    """
    try:
        with registry.cursor() as cr:
            write_call_after(cr, row)
    except (PoolError, psycopg2.Error) as error:
        _log_failure(row, error)


def write_call_after(cr, row):
    """The same with a cursor whose transaction has ended, and that is used for nothing else."""
    try:
        try:
            _execute(cr, _INSERT + (";" + _TOUCH if row["used_token_id"] else ""), row)
        except errors.SerializationFailure:
            # Another call with this token has just noted its use.
            _execute(cr, _INSERT, row)
    except psycopg2.Error as error:
        _log_failure(row, error)


def _execute(cr, statements, row):
    if isinstance(cr, Cursor):
        # PostgreSQL makes one transaction of statements that come together: it need not be told
        # to begin and to end one. The pool takes the setting back.
        cr.connection.autocommit = True
    cr.execute(statements, row, log_exceptions=False)


def _log_failure(row, error):
    _logger.warning(
        "Request %s is missing in the audit log: %s", row["request_id"], type(error).__name__
    )
