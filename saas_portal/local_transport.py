"""Reaches clients of the local driver inside this process."""

import logging
import threading
from collections.abc import Callable

from psycopg2 import OperationalError
from werkzeug.test import Client

import odoo.http
from odoo.exceptions import AccessDenied, AccessError, UserError
from odoo.service.model import dispatch
from odoo.sql_db import PoolError

from .lib.saas_wire import (
    ADMIN_UID,
    ClientDenied,
    ClientFailed,
    ClientRejected,
    ClientUnavailable,
)
from .lib.saas_wire.transport import GATEWAY
from .loaded_clients import keep, load, spoken_to

_logger = logging.getLogger(__name__)

_visits_lock = threading.Lock()
#: database → the visit that is under way there: its thread, and the status it comes back with
_visits: dict[str, tuple[threading.Thread, list[int]]] = {}


class InProcessTransport:
    """Calls the RPC service of Odoo itself, with the same signature check as over the network.

    A portal that called its own HTTP port would need a second free worker for every request: two
    callers would block a server with two workers for good. The call runs in a thread of its own,
    because a thread that serves a portal request must not show that request to the client's code.
    """

    def execute_kw(self, database: str, token: str, method: str, timeout: float) -> object:
        outcome: dict = {}

        def call():
            try:
                with spoken_to(database):
                    load(database)
                    outcome["result"] = dispatch(
                        "execute_kw", [database, ADMIN_UID, token, GATEWAY, method, [token]]
                    )
            except Exception as error:
                outcome["error"] = error

        thread = threading.Thread(target=call, name=f"saas-{database}", daemon=True)
        thread.start()
        thread.join(timeout)
        if thread.is_alive():
            raise ClientUnavailable(f"No answer from {database} after {timeout:.0f} seconds.")
        if "error" in outcome:
            raise _translate(outcome["error"], database) from outcome["error"]
        return outcome["result"]


def open_first_page(database: str, base_url: str, timeout: float) -> Callable[[], bool]:
    """Let this process answer a visit of the database's login page, so that the next one is quick.

    The first page of a database compiles its templates; the customer shall not wait for that.
    Whoever asks while a visit is under way waits for that one.

    :return: waits for the page, and tells whether it was there within ``timeout`` seconds
    """
    with _visits_lock:
        thread, statuses = _visits.get(database) or (None, [])
        if not thread:
            thread = _visit(database, base_url, statuses)
            _visits[database] = thread, statuses

    def is_there() -> bool:
        thread.join(timeout)
        forget_visit(database)
        keep(database)
        return statuses == [200]

    return is_there


def forget_visit(database: str) -> None:
    """What a visit saw does not hold any more: the name means another database, or none."""
    with _visits_lock:
        _visits.pop(database, None)


def _visit(database: str, base_url: str, statuses: list[int]) -> threading.Thread:
    """Begin a visit that adds its status to the list, when it comes to one."""

    def visit():
        try:
            load(database)
            client = Client(odoo.http.root)
            with client.get("/web/login", base_url=base_url, follow_redirects=True) as page:
                page.get_data()
                # A database that does not load sends people to a list of others.
                arrived = page.request.path == "/web/login"
                statuses.append(page.status_code if arrived else 404)
        except Exception:
            _logger.exception("The first page of %s could not be opened", database)

    thread = threading.Thread(target=visit, name=f"saas-{database}", daemon=True)
    thread.start()
    return thread


def _translate(error: Exception, database: str) -> Exception:
    if isinstance(error, AccessDenied | AccessError):
        return ClientDenied(f"{database} refused the portal's signature.")
    if isinstance(error, UserError):
        return ClientRejected(str(error))
    if isinstance(error, OperationalError | PoolError):
        reason = str(error).strip().splitlines()[-1] if str(error).strip() else "no connection"
        return ClientUnavailable(f"The database {database} cannot be reached: {reason}")
    return ClientFailed(f"{database} failed: {type(error).__name__}: {str(error)[:500]}")
