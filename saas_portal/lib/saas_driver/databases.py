"""SQL on databases as wholes: finding, copying, renaming and marking them."""

import time

import psycopg2
from psycopg2 import errorcodes, sql

from . import local_sql
from .errors import DriverError, DriverNotFound, DriverRejected, DriverUnavailable

#: How long to wait for others to leave a database before it is copied, renamed or dropped.
BUSY_SECONDS = 15


def find(cursor, name: str) -> tuple | None:
    """(name, allows connections, comment) of the database of this name, capitals not counting."""
    cursor.execute(
        "SELECT datname, datallowconn, shobj_description(oid, 'pg_database') FROM pg_database"
        " WHERE lower(datname) = lower(%s) ORDER BY datname = %s DESC LIMIT 1",
        [name, name],
    )
    return cursor.fetchone()


def exists(cursor, name: str) -> bool:
    cursor.execute("SELECT FROM pg_database WHERE datname = %s", [name])
    return bool(cursor.rowcount)


def key_of(cursor, name: str) -> str:
    cursor.execute(
        "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = %s", [name]
    )
    row = cursor.fetchone()
    return local_sql.read_mark(row and row[0])


def create_database(cursor, name: str, template: str) -> None:
    cursor.execute(
        sql.SQL("CREATE DATABASE {} ENCODING 'unicode' {} TEMPLATE {} IS_TEMPLATE true").format(
            sql.Identifier(name),
            # Odoo's own choice for a database that it makes from an empty one.
            sql.SQL("LC_COLLATE 'C'" if template == "template0" else ""),
            sql.Identifier(template),
        )
    )


def rename(cursor, old: str, new: str) -> None:
    cursor.execute(
        sql.SQL("ALTER DATABASE {} RENAME TO {}").format(sql.Identifier(old), sql.Identifier(new))
    )


def comment(cursor, name: str, text: str) -> None:
    cursor.execute(
        sql.SQL("COMMENT ON DATABASE {} IS {}").format(sql.Identifier(name), sql.Literal(text))
    )


def alter(cursor, name: str, option: str) -> None:
    cursor.execute(sql.SQL("ALTER DATABASE {} WITH " + option).format(sql.Identifier(name)))


def disconnect_others(cursor, name: str) -> None:
    """End the sessions of our own role on a database and wait until they are gone.

    :raises DriverUnavailable: somebody else stays connected, or comes back again and again
    """
    deadline = time.monotonic() + BUSY_SECONDS
    while True:
        # Inside a transaction PostgreSQL would show the same list of sessions for ever.
        cursor.execute("SELECT pg_stat_clear_snapshot()")
        cursor.execute(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
            " WHERE datname = %s AND usename = current_user AND pid <> pg_backend_pid()",
            [name],
        )
        # Autovacuum has no user name and leaves by itself.
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE datname = %s AND usename IS NOT NULL AND pid <> pg_backend_pid()",
            [name],
        )
        if not cursor.fetchone()[0]:
            return
        if time.monotonic() > deadline:
            raise DriverUnavailable(f"The database {name} is in use and cannot be moved now.")
        # PostgreSQL ends a session at its next chance, with nothing to wait on: ask again soon.
        cursor.execute("SELECT pg_sleep(0.02)")


def translate(error: psycopg2.Error) -> DriverError:
    text = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    if error.pgcode == errorcodes.DUPLICATE_DATABASE:
        return DriverRejected(f"The name is taken: {text}")
    if error.pgcode == errorcodes.INVALID_CATALOG_NAME:
        return DriverNotFound(text)
    if error.pgcode == errorcodes.INSUFFICIENT_PRIVILEGE:
        return DriverRejected(f"PostgreSQL: {text}")
    return DriverUnavailable(f"PostgreSQL: {text}")
