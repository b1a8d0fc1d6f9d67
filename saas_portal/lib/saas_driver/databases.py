"""SQL on databases as wholes: finding, copying, renaming and marking them."""

import contextlib
import time
import zlib
from collections.abc import Iterator

import psycopg2
from psycopg2 import errorcodes, sql
from psycopg2.errors import LockNotAvailable

from . import local_sql
from .errors import DriverError, DriverNotFound, DriverRejected, DriverUnavailable

#: How long to wait for others to leave a database before it is copied, renamed or dropped.
BUSY_SECONDS = 15
#: How long a copy of a template waits for an exchange of it, and the exchange for copies.
LOCK_SECONDS = 300
#: The first half of the advisory locks on names of templates, in the database "postgres".
_LOCKS = zlib.crc32(b"saas_driver.template") - 2**31
#: Seconds between two looks at a session that ends: at first, and at most.
_SOON, _LATER = 0.001, 0.02
#: On a server that roles share, what another role has made may say of itself what it likes.
_OURS = "(pg_get_userbyid(datdba) = current_user OR current_setting('is_superuser') = 'on')"


@contextlib.contextmanager
def at_once(cursor) -> Iterator:
    """Let statements of a connection that commits each one hold together or not at all."""
    cursor.execute("BEGIN")
    try:
        yield cursor
    except BaseException:
        cursor.execute("ROLLBACK")
        raise
    cursor.execute("COMMIT")


def find(cursor, name: str) -> tuple | None:
    """(name, allows connections, comment) of the database of this name, capitals not counting.

    The comment of another role's database is None: nothing that it says can be believed.
    """
    cursor.execute(
        "SELECT datname, datallowconn,"
        f" CASE WHEN {_OURS} THEN shobj_description(oid, 'pg_database') END FROM pg_database"
        " WHERE lower(datname) = lower(%s) ORDER BY datname = %s DESC LIMIT 1",
        [name, name],
    )
    return cursor.fetchone()


def exists(cursor, name: str) -> bool:
    """Whether we have a database of this name; another role's is none."""
    cursor.execute(f"SELECT FROM pg_database WHERE datname = %s AND {_OURS}", [name])
    return bool(cursor.rowcount)


def look(cursor, name: str) -> tuple[bool, str | None] | None:
    """(allows connections, comment) of our database of this name, None when there is none."""
    cursor.execute(
        "SELECT datallowconn, shobj_description(oid, 'pg_database') FROM pg_database"
        f" WHERE datname = %s AND {_OURS}",
        [name],
    )
    return cursor.fetchone()


def key_of(cursor, name: str) -> str:
    """The mark of our database of this name, '' when there is none."""
    found = look(cursor, name)
    return local_sql.read_mark(found and found[1])


@contextlib.contextmanager
def locked(cursor, name: str, shared: bool = False) -> Iterator[None]:
    """Hold the lock of a template's name, alone or with others who only copy it.

    PostgreSQL serves who waits in turn: an exchange waits for the copies that were begun before it,
    and copies that come later wait for that.

    :param cursor: of a connection that commits each statement; the lock belongs to it
    :raises DriverUnavailable: it was not free in time
    """
    mode, keys = "_shared" if shared else "", [_LOCKS, zlib.crc32(name.encode()) - 2**31]
    try:
        cursor.execute(
            f"SELECT set_config('lock_timeout', %s, true), pg_advisory_lock{mode}(%s, %s)",
            [f"{LOCK_SECONDS}s", *keys],
        )
    except LockNotAvailable as error:
        raise DriverUnavailable(
            f"The template {name} is being copied or replaced; try again later."
        ) from error
    try:
        yield
    finally:
        if not cursor.connection.closed:
            cursor.execute(f"SELECT pg_advisory_unlock{mode}(%s, %s)", keys)


def create_database(cursor, name: str, template: str, options: str = "IS_TEMPLATE true") -> None:
    cursor.execute(
        sql.SQL("CREATE DATABASE {} ENCODING 'unicode' {} TEMPLATE {} {}").format(
            sql.Identifier(name),
            # Odoo's own choice for a database that it makes from an empty one.
            sql.SQL("LC_COLLATE 'C'" if template == "template0" else ""),
            sql.Identifier(template),
            sql.SQL(options),
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
    deadline, pause = time.monotonic() + BUSY_SECONDS, _SOON
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
        cursor.execute("SELECT pg_sleep(%s)", [pause])
        pause = min(2 * pause, _LATER)


def translate(error: psycopg2.Error) -> DriverError:
    text = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    if error.pgcode == errorcodes.DUPLICATE_DATABASE:
        return DriverRejected(f"The name is taken: {text}")
    if error.pgcode == errorcodes.INVALID_CATALOG_NAME:
        return DriverNotFound(text)
    if error.pgcode == errorcodes.INSUFFICIENT_PRIVILEGE:
        return DriverRejected(f"PostgreSQL: {text}")
    return DriverUnavailable(f"PostgreSQL: {text}")
