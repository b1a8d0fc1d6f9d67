"""One change of a database's apps at a time; what a process that died had begun is undone."""

import contextlib
import contextvars
from collections.abc import Iterator

from psycopg2.errors import LockNotAvailable

from odoo.api import Environment
from odoo.exceptions import UserError
from odoo.modules.loading import reset_modules_state
from odoo.sql_db import db_connect

_KEY = 1_935_762_291
_UNDER_WAY = ("to install", "to upgrade", "to remove")
_held = contextvars.ContextVar("saas_client.apps_lock", default=False)


@contextlib.contextmanager
def alone(env: Environment, patience: int = 10) -> Iterator[None]:
    """Nobody else changes apps meanwhile. The lock is free as soon as its process has died.

    :param patience: seconds to wait for the change before this one
    :raises UserError: somebody else does not end
    """
    if _held.get():
        yield
        return
    with db_connect(env.cr.dbname).cursor() as cr:
        cr.execute("SELECT set_config('lock_timeout', %s, true)", [f"{patience}s"])
        try:
            cr.execute("SELECT pg_advisory_lock(%s)", [_KEY], log_exceptions=False)
        except LockNotAvailable as error:
            raise UserError(env._("Apps are being changed; try again later.")) from error
        # Who waits would otherwise see what was there when the wait began.
        cr.commit()  # pylint: disable=invalid-commit
        token = _held.set(True)
        try:
            yield
        finally:
            _held.reset(token)
            cr.rollback()
            cr.execute("SELECT pg_advisory_unlock(%s)", [_KEY])


def undo_half_changes(env: Environment) -> None:
    """Put back the states of apps of which nobody brings the change to its end.

    Odoo itself refuses every other change, and runs no scheduled action, for hours.
    The caller is alone.
    """
    with db_connect(env.cr.dbname).cursor() as cr:
        cr.execute("SELECT count(*) FROM ir_module_module WHERE state IN %s", [_UNDER_WAY])
        if not cr.fetchone()[0]:
            return
    reset_modules_state(env.cr.dbname)
    # Only a new transaction sees it.
    env.cr.commit()  # pylint: disable=invalid-commit
    env.invalidate_all()
