"""Clients that the portal loads into its own process to speak to them: a few, for a while.

A loaded client takes some 4 MB, and keeps connections to PostgreSQL open. Odoo keeps up to 136 of
them in each process: a portal that speaks to every client would hold them all in each of its
processes, though nobody visits them there.
"""

import threading
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager

import odoo.sql_db
from odoo.modules.registry import Registry

#: More than are ever spoken to at the same time.
KEPT = 16

_ours: OrderedDict[str, None] = OrderedDict()
_lock = threading.Lock()
_loading = threading.Lock()


def load(database: str) -> None:
    """Let this process know a client, one after the other.

    While Odoo loads a database, every request of the process waits. Ten creations that queued for
    that would be ten loads between two pages of somebody else.
    """
    if database not in Registry.registries:
        with _loading:
            Registry(database)


@contextmanager
def spoken_to(database: str) -> Iterator[None]:
    """Let go again of what is loaded in the block, as soon as so many others were after it.

    Clients that were loaded before, because people visit them here, stay as they are.
    """
    loaded = database in Registry.registries
    try:
        yield
    finally:
        with _lock:
            if not loaded or database in _ours:
                _ours[database] = None
                _ours.move_to_end(database)
            old = [_ours.popitem(last=False)[0] for _number in range(len(_ours) - KEPT)]
        for name in old:
            _let_go(name)


def keep(database: str) -> None:
    """People are about to visit this client here: it is theirs now."""
    with _lock:
        _ours.pop(database, None)


def _let_go(database: str) -> None:
    Registry.delete(database)
    pool = odoo.sql_db._Pool
    if pool is None:
        return
    wanted = odoo.sql_db.connection_info_for(database)[1]
    # Odoo itself can only close all of them, also those that somebody works with.
    with pool._lock:
        for connection in list(pool._connections):
            if not connection._pool_in_use and pool._dsn_equals(connection.dsn, wanted):
                pool._connections.remove(connection)
                connection.close()
