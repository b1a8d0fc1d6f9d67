"""Reaches clients of the local driver inside this process."""

import logging
import threading

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

_logger = logging.getLogger(__name__)


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


def open_first_page(database: str, base_url: str, timeout: float) -> bool:
    """Let this process answer a visit of the database's login page, so that the next one is quick.

    The first page of a database compiles its templates; the customer shall not wait for that.

    :return: whether the page was there within ``timeout`` seconds
    """
    statuses: list[int] = []

    def visit():
        try:
            client = Client(odoo.http.root)
            with client.get("/web/login", base_url=base_url, follow_redirects=True) as page:
                page.get_data()
                statuses.append(page.status_code)
        except Exception:
            _logger.exception("The first page of %s could not be opened", database)

    thread = threading.Thread(target=visit, name=f"saas-{database}", daemon=True)
    thread.start()
    thread.join(timeout)
    return statuses == [200]


def _translate(error: Exception, database: str) -> Exception:
    if isinstance(error, AccessDenied | AccessError):
        return ClientDenied(f"{database} refused the portal's signature.")
    if isinstance(error, UserError):
        return ClientRejected(str(error))
    if isinstance(error, OperationalError | PoolError):
        reason = str(error).strip().splitlines()[-1] if str(error).strip() else "no connection"
        return ClientUnavailable(f"The database {database} cannot be reached: {reason}")
    return ClientFailed(f"{database} failed: {type(error).__name__}: {str(error)[:500]}")
