"""Transactions and locks beside the transaction of a request.

What was told to a server stays told when the request that told it is rolled back, so it is written
down in transactions of its own, under a lock that a second request meets.
"""

import collections
import contextlib
import logging
import random
import threading
import time
import zlib
from collections.abc import Callable, Iterator

from psycopg2.errors import LockNotAvailable

from odoo import api
from odoo.models import BaseModel
from odoo.service.model import PG_CONCURRENCY_EXCEPTIONS_TO_RETRY

_logger = logging.getLogger(__name__)

_ATTEMPTS = 6
#: Waiting for a row that this very request holds in its own transaction would never end.
_ROW_TIMEOUT = "10s"
# Within one process threads queue here, and only the first of them takes a database connection.
_QUEUES: dict[tuple, threading.Lock] = collections.defaultdict(threading.Lock)


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
                return work(records.with_env(env))
        except PG_CONCURRENCY_EXCEPTIONS_TO_RETRY as error:
            if attempt == _ATTEMPTS or isinstance(error, LockNotAvailable):
                raise
            pause = random.uniform(0, 0.05 * 2**attempt)
            _logger.info("Conflict on %s, attempt %d; again in %.2f s", records, attempt, pause)
            # The other transaction is about to end; there is no event to wait for.
            time.sleep(pause)


@contextlib.contextmanager
def locked(record: BaseModel, wait: float = 0) -> Iterator[None]:
    """Hold the record's lock among all threads and processes.

    The lock belongs to a database session: when the process dies it is free at once. Begin a
    transaction inside it: one that began before does not see what the former holder wrote.

    :param wait: seconds to wait for the lock, 0 for not at all
    :raises Busy: somebody else has it
    """
    record.ensure_one()
    queue = _QUEUES[record.env.cr.dbname, record._name, record.id]
    deadline = time.monotonic() + wait
    if not queue.acquire(timeout=wait) if wait else not queue.acquire(blocking=False):
        raise Busy()
    try:
        with _database_lock(record, max(deadline - time.monotonic(), 0.1) if wait else 0):
            yield
    finally:
        queue.release()


@contextlib.contextmanager
def _database_lock(record: BaseModel, wait: float) -> Iterator[None]:
    keys = [zlib.crc32(record._name.encode()) - 2**31, record.id]
    with record.env.registry.cursor() as cr:
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
        # Leave the session idle: it may hold the lock for minutes.
        cr.commit()  # pylint: disable=invalid-commit
        try:
            yield
        finally:
            cr.rollback()
            cr.execute("SELECT pg_advisory_unlock(%s, %s)", keys)
