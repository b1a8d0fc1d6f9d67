"""Work on many records side by side, a few at a time."""

import logging
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from queue import SimpleQueue

from odoo import api
from odoo.models import BaseModel

_logger = logging.getLogger(__name__)

#: System parameter: on how many clients each of the portal's processes works at a time.
LIMIT = "saas_portal.clients_at_once"
_DEFAULT = 4
#: Each takes up to five connections, and Odoo's pool has 64 for a process.
_MOST = 12
_NAME = "saas-parallel"


class _Gate:
    """Lets so many threads of this process through at a time, whatever they were begun for."""

    def __init__(self):
        self._changed = threading.Condition()
        self._inside = 0

    @contextmanager
    def passed(self, most: int):
        with self._changed:
            self._changed.wait_for(lambda: self._inside < most)
            self._inside += 1
        try:
            yield
        finally:
            with self._changed:
                self._inside -= 1
                self._changed.notify_all()


_gate = _Gate()


def get_limit(env: api.Environment) -> int:
    """The number of clients that this process works on at a time."""
    value = env["ir.config_parameter"].sudo().get_param(LIMIT)
    try:
        return min(max(int(value or _DEFAULT), 1), _MOST)
    except ValueError:
        _logger.warning(
            "%s is %r and no number; %d are worked on at a time", LIMIT, value, _DEFAULT
        )
        return _DEFAULT


def side_by_side(
    records: BaseModel | Iterable[BaseModel], work: Callable[[BaseModel], object], at_once: int
) -> Iterator[tuple[BaseModel, object, Exception | None]]:
    """Call ``work`` with each record, several at a time; yields (record, result, error) at its end.

    Each call has a thread and a transaction of its own, with the user and context of its record:
    it sees what is committed, and is committed when it ends. An error ends that call alone. Records
    are asked for as places become free, in the caller's thread. Whoever stops asking waits for the
    calls that have begun; the others are never made. ``work`` must not come back here.

    :param at_once: `get_limit`, or less
    """
    if at_once == 1:
        for record in records:
            yield record, *_attempt(record, work)
        return
    todo, done, threads = SimpleQueue(), SimpleQueue(), []

    def take_turns():
        while (record := todo.get()) is not None:
            thread = threading.current_thread()
            thread.dbname, thread.uid = record.env.registry.db_name, record.env.uid
            with _gate.passed(at_once):
                done.put((record, *_attempt(record, work)))

    source, waiting = iter(records), 0
    try:
        while True:
            for record in islice(source, at_once - waiting):
                todo.put(record)
                waiting += 1
                if len(threads) < waiting:
                    # Daemons: a server that stops waits for no request either.
                    threads.append(threading.Thread(target=take_turns, name=_NAME, daemon=True))
                    threads[-1].start()
            if not waiting:
                return
            outcome = done.get()
            waiting -= 1
            yield outcome
    finally:
        for _thread in threads:
            todo.put(None)
        for thread in threads:
            thread.join()


def _attempt(record: BaseModel, work: Callable) -> tuple[object, Exception | None]:
    env, registry = record.env, record.env.registry
    try:
        with registry.cursor() as cr:
            own = api.Environment(cr, env.uid, env.context, env.su)
            result = work(record.with_env(own))
    except Exception as error:
        registry.reset_changes()
        return None, error
    # Odoo notes for each thread by itself which caches the other processes have to drop.
    registry.signal_changes()
    return result, None
