"""Has this addon loaded in every database that a policy governs.

Somebody who changes `ir_module_module` by SQL would be rid of it at the next start of a process.
"""

import base64
import functools
import json
import logging

from odoo.modules.module import Manifest
from odoo.modules.registry import Registry
from odoo.sql_db import db_connect
from odoo.tools import sql

from . import access_log, trust

_logger = logging.getLogger(__name__)

_ADDON = "saas_client"
_LOADED_STATES = ("installed", "to upgrade", "to install")


def post_load():
    """What is done once in each process, before any database is loaded."""
    watch_registries()
    access_log.install()


def watch_registries():
    """Look at a database before Odoo reads there which addons it has."""
    make = Registry.new.__func__

    @functools.wraps(make)
    def new(cls, db_name, **options):
        if db_name in list_governed_databases():
            restore_addon(db_name)
        return make(cls, db_name, **options)

    Registry.new = classmethod(new)


def list_governed_databases() -> frozenset:
    """Names of the databases for which there is a policy on this server."""
    return trust.remember(
        "governed",
        trust.stamp(trust.get_folder()),
        lambda: frozenset(map(_read_database, trust.list_policy_tokens())),
    )


def restore_addon(database: str) -> None:
    """Undo what somebody did to the state of this addon, or of one that it needs."""
    with db_connect(database).cursor() as cr:
        if not sql.table_exists(cr, "ir_module_module"):
            return
        names = _list_needed()
        cr.execute(
            "SELECT count(*) FROM ir_module_module WHERE name IN %s AND state IN %s",
            [names, _LOADED_STATES],
        )
        if cr.fetchone()[0] == len(names):
            return
        cr.execute(
            "UPDATE ir_module_module SET state = 'installed' WHERE name IN %s"
            " AND state NOT IN %s RETURNING name",
            [names, _LOADED_STATES],
        )
        restored = [name for (name,) in cr.fetchall()]
        cr.execute(
            "INSERT INTO ir_module_module (name, state) SELECT name, 'installed'"
            " FROM unnest(%s) AS name WHERE name NOT IN (SELECT name FROM ir_module_module)"
            " RETURNING name",
            [list(names)],
        )
        restored += [name for (name,) in cr.fetchall()]
    if restored:
        _logger.warning("%s: restored the state of %s", database, ", ".join(restored))


@functools.cache
def _list_needed() -> tuple:
    """This addon and all that it depends on."""
    found, waiting = set(), [_ADDON]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += Manifest.for_addon(name)["depends"]
    return tuple(sorted(found))


def _read_database(token: str) -> str:
    """For which database a policy is; that it is genuine is found out where it is obeyed."""
    try:
        claims = token.split(".")[1]
        return str(json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))["sub"])
    except (IndexError, KeyError, TypeError, ValueError):
        return ""
