"""Transactions and locks that outlive, or stand beside, the transaction of a request.

An operation is written, run and judged in transactions of its own: what it did stays true, and its
evidence stays readable, whatever happens to the request that asked for it.
"""

import contextlib
import logging
import random
import time
import zlib
from collections.abc import Callable, Iterator

from psycopg2.errors import LockNotAvailable

from odoo import api
from odoo.exceptions import UserError
from odoo.models import BaseModel
from odoo.service.model import PG_CONCURRENCY_EXCEPTIONS_TO_RETRY

_logger = logging.getLogger(__name__)

_ATTEMPTS = 6
#: A row that the very request holds in its own transaction would be waited for without end.
_ROW_TIMEOUT = "10s"


class Busy(Exception):
    """Somebody else holds the lock."""


def in_own_transaction(records: BaseModel, work: Callable[[BaseModel], object]) -> object:
    """Call ``work`` with the same records in a new transaction, commit, and return its result.

    Runs as superuser, with the user and context of ``records``. A conflict with another transaction
    starts ``work`` again, so it has to bear repetition.
    """
    attempt = 0
    while True:
        attempt += 1
        try:
            with records.env.registry.cursor() as cr:
                cr.execute("SELECT set_config('lock_timeout', %s, true)", [_ROW_TIMEOUT])
                env = api.Environment(cr, records.env.uid, records.env.context, su=True)
                # What is read here is for these records, not for all that were found with them.
                return work(records.with_env(env).with_prefetch())
        except LockNotAvailable as error:
            raise UserError(
                records.env._("Somebody else is changing the same record; try again later.")
            ) from error
        except PG_CONCURRENCY_EXCEPTIONS_TO_RETRY:
            if attempt == _ATTEMPTS:
                raise
            pause = random.uniform(0, 0.05 * 2**attempt)
            _logger.info("Conflict on %s, attempt %d; again in %.2f s", records, attempt, pause)
            # The other transaction is about to end; there is no event to wait for.
            time.sleep(pause)


def leave_to_later_commits(env: api.Environment):
    """Let the commit of this transaction not wait for the disk.

    For what is worth nothing without a later commit in the same PostgreSQL, which waits: commits
    reach the disk in their order. And for what is simply done again when a power cut has taken it.
    """
    env.cr.execute("SET LOCAL synchronous_commit = off")


@contextlib.contextmanager
def locked(env: api.Environment, name: str, number: int, wait: float = 0) -> Iterator:
    """Hold the lock (name, number) among all processes; yields an environment that began after it.

    The lock belongs to a database session: when the process dies it is free at once, which is how
    interrupted work is told from work that goes on.

    :param wait: seconds to wait for the lock, 0 for not at all
    :raises Busy: somebody else has it
    """
    keys = [zlib.crc32(name.encode()) - 2**31, number]
    with env.registry.cursor() as cr:
        if not wait:
            cr.execute("SELECT pg_try_advisory_lock(%s, %s)", keys)
            if not cr.fetchone()[0]:
                raise Busy()
        else:
            cr.execute("SELECT set_config('lock_timeout', %s, true)", [f"{int(wait * 1000)}ms"])
            try:
                cr.execute("SELECT pg_advisory_lock(%s, %s)", keys, log_exceptions=False)
            except LockNotAvailable as error:
                raise Busy() from error
        # A transaction sees what was committed before it began: begin only now.
        cr.commit()  # pylint: disable=invalid-commit
        try:
            yield api.Environment(cr, env.uid, env.context, su=True)
            cr.commit()  # pylint: disable=invalid-commit
        finally:
            cr.rollback()
            cr.execute("SELECT pg_advisory_unlock(%s, %s)", keys)
