"""Reaches clients of the local driver inside this process."""

import threading

from psycopg2 import OperationalError

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


def _translate(error: Exception, database: str) -> Exception:
    if isinstance(error, AccessDenied | AccessError):
        return ClientDenied(f"{database} refused the portal's signature.")
    if isinstance(error, UserError):
        return ClientRejected(str(error))
    if isinstance(error, OperationalError | PoolError):
        reason = str(error).strip().splitlines()[-1] if str(error).strip() else "no connection"
        return ClientUnavailable(f"The database {database} cannot be reached: {reason}")
    return ClientFailed(f"{database} failed: {type(error).__name__}: {str(error)[:500]}")
