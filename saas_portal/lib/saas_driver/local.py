"""Clients as databases in the PostgreSQL cluster of the portal, files beside the portal's."""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg2
from psycopg2 import sql

from . import connections, databases, local_sql
from .errors import DriverNotFound, DriverRejected, DriverUnavailable
from .local_backup import LocalBackups
from .local_files import LocalFiles, working_on_files
from .local_owners import LocalOwners
from .local_spares import LocalSpares
from .local_templates import LocalTemplates
from .local_usages import LocalUsages
from .template_builder import TemplateBuilder
from .types import ClientRef, ClientSpec, ClientStatus

_CONNECT_TIMEOUT = 10
#: Connected to for what is done to other databases.
_ALWAYS_THERE = "postgres"


class LocalDriver(LocalBackups, LocalFiles, LocalOwners, LocalSpares, LocalTemplates, LocalUsages):
    """Copies databases with ``CREATE DATABASE … TEMPLATE`` and their files with hard links.

    Needs a PostgreSQL role that may create databases; uses neither Odoo's database manager nor
    ``list_db``. While a database is being made it is marked as a template, which hides it from
    Odoo's cron workers and database list.

    :param connection_info: database name → keyword arguments for ``psycopg2.connect``
    :param filestore: folder with one folder of files for each database
    :param forget: called with a name that no longer means the same database, so that this process
        can drop its connections and caches
    :param builder: makes template databases
    :param neutralize: called with a cursor of a copy, so that it sends and runs nothing by itself
    :param portal: uuid of the portal in whose name unfinished databases and spares are made
    """

    def __init__(
        self,
        connection_info: Callable[[str], dict],
        filestore: Path,
        builder: TemplateBuilder,
        forget: Callable[[str], None] = lambda name: None,
        neutralize: Callable | None = None,
        portal: str = "",
    ):
        self._connection_info = connection_info
        self._filestore = Path(filestore)
        self._builder = builder
        self._forget = forget
        self._neutralize = neutralize
        self._portal = portal

    # -- clients ---------------------------------------------------------------------------------

    def create(self, spec: ClientSpec) -> bool:  # pylint: disable=method-required-super
        ref, staging = spec.ref, _staging_name(spec.ref.key)
        with self._cluster() as cursor:
            if self._check_free(cursor, ref.name, ref.key):
                # Made before, by a call whose answer was lost.
                self._settle_files(ref)
                return False
            # What a former call left half may be of another build than is to be copied now.
            self._drop_if_exists(cursor, staging)
            if not self._take_spare(cursor, spec.spare, staging):
                self._copy_template(cursor, spec.template, staging)
                self._note_maker(cursor, staging)
            with self._transaction(staging) as inside:
                # To be published waits for the disk, for both.
                inside.execute("SET LOCAL synchronous_commit = off")
                is_set_up = local_sql.give_identity(inside, spec.identity, spec.setup)
            # Nothing of a former database of this name may stay: its files have no owner any more.
            self._remove_files(ref.name)
            self._publish(staging, ref, cursor)
        return is_set_up

    def start(self, ref: ClientRef) -> None:
        with self._cluster() as cursor:
            self._require(cursor, ref)
            databases.alter(cursor, ref.name, "ALLOW_CONNECTIONS true")

    def stop(self, ref: ClientRef) -> None:
        with self._cluster() as cursor:
            self._require(cursor, ref)
            databases.alter(cursor, ref.name, "ALLOW_CONNECTIONS false")
            databases.disconnect_others(cursor, ref.name)
        self._forget(ref.name)

    def delete(self, ref: ClientRef) -> None:
        with self._cluster() as cursor:
            for name in (ref.name, _staging_name(ref.key)):
                staged = name != ref.name
                if databases.exists(cursor, name) and (
                    staged or databases.key_of(cursor, name) == ref.key
                ):
                    self._drop(cursor, name)
                elif staged:
                    self._remove_files(name)
        self._forget(ref.name)

    def rename(self, ref: ClientRef, new_name: str, base_url: str) -> None:
        new_ref = ClientRef(new_name, ref.key)
        staging = _staging_name(ref.key)
        with self._cluster() as cursor:
            renamed = self._check_free(cursor, new_name, ref.key)
            if not renamed and self._is_there(cursor, ref):
                # Not the client on its way to a name: half of what it should have been restored to.
                self._drop_if_exists(cursor, staging)
            # On its way from the one name to the other when a former call was cut off.
            elif not renamed and not databases.exists(cursor, staging):
                self._require(cursor, ref)
        if not renamed:
            self._withdraw(ref, staging)
            self._recall_files(staging)
            self._remove_files(new_name)
            with self._transaction(staging) as cursor:
                local_sql.set_parameter(cursor, "web.base.url", base_url)
                local_sql.distrust_caches(cursor)
            self._announce_files(staging, new_name)
            self._publish(staging, new_ref)
        self._goal(staging).unlink(missing_ok=True)
        self._settle_files(new_ref)

    def status(self, name: str) -> ClientStatus:
        with self._cluster() as cursor:
            found = databases.find(cursor, name)
        if not found:
            return ClientStatus(name, exists=False)
        real_name, allowed, comment = found
        return ClientStatus(real_name, True, allowed, local_sql.read_mark(comment))

    def list(self) -> list[ClientStatus]:
        with self._cluster() as cursor:
            cursor.execute(
                "SELECT datname, datallowconn, shobj_description(oid, 'pg_database')"
                " FROM pg_database WHERE NOT datistemplate ORDER BY datname"
            )
            rows = cursor.fetchall()
        marked = [(name, allowed, local_sql.read_mark(comment)) for name, allowed, comment in rows]
        return [ClientStatus(name, True, allowed, key) for name, allowed, key in marked if key]

    # -- databases -------------------------------------------------------------------------------

    @contextlib.contextmanager
    def _connect(self, database: str) -> Iterator:
        info = {**self._connection_info(database), "connect_timeout": _CONNECT_TIMEOUT}
        connect = connections.borrow if database == _ALWAYS_THERE else psycopg2.connect
        try:
            connection = connect(**info)
        except psycopg2.OperationalError as error:
            reason = str(error).strip().splitlines()[-1]
            if f'database "{database}" does not exist' in reason:
                raise DriverNotFound(f"There is no database {database}.") from error
            raise DriverUnavailable(f"PostgreSQL refuses a connection: {reason}") from error
        kept = False
        try:
            yield connection
            kept = database == _ALWAYS_THERE and connections.keep(info, connection)
        except psycopg2.Error as error:
            raise databases.translate(error) from error
        finally:
            if not kept:
                connection.close()

    @contextlib.contextmanager
    def _cluster(self) -> Iterator:
        """A cursor for statements on databases, each its own transaction."""
        with self._connect(_ALWAYS_THERE) as connection:
            connection.autocommit = True
            with connection.cursor() as cursor:
                yield cursor

    def _statements(self) -> contextlib.AbstractContextManager:
        """A cursor for statements on databases that hold together or not at all."""
        return self._transaction(_ALWAYS_THERE)

    @contextlib.contextmanager
    def _transaction(self, database: str) -> Iterator:
        with self._connect(database) as connection, connection, connection.cursor() as cursor:
            yield cursor

    def _check_free(self, cursor, name: str, key: str) -> bool:
        """Whether the name is already the one of ``key``; raises when it is anybody else's."""
        found = databases.find(cursor, name)
        if found and (found[0] != name or local_sql.read_mark(found[2]) != key):
            raise DriverRejected(f"The name {name} is taken: there is a database {found[0]}.")
        return bool(found)

    def _is_there(self, cursor, ref: ClientRef) -> bool:
        return databases.exists(cursor, ref.name) and databases.key_of(cursor, ref.name) == ref.key

    def _require(self, cursor, ref: ClientRef) -> None:
        if not databases.exists(cursor, ref.name):
            raise DriverNotFound(f"There is no database {ref.name}.")
        if databases.key_of(cursor, ref.name) != ref.key:
            raise DriverRejected(f"The database {ref.name} belongs to somebody else.")

    def _publish(self, staging: str, ref: ClientRef, cursor=None) -> None:
        """Let the finished database appear under its name: files first, then all at once.

        :param cursor: of `_cluster`, when the caller has one
        """
        with working_on_files(ref.name):
            self._move_files(staging, ref.name)
        with databases.at_once(cursor) if cursor else self._statements() as statements:
            databases.disconnect_others(statements, staging)
            databases.rename(statements, staging, ref.name)
            databases.comment(statements, ref.name, local_sql.make_mark(ref.key))
            databases.alter(statements, ref.name, "IS_TEMPLATE false")
        self._forget(ref.name)

    def _withdraw(self, ref: ClientRef, staging: str) -> None:
        """The contrary of ``_publish``: the name is free afterwards, the database out of sight."""
        with self._statements() as cursor:
            if not databases.exists(cursor, staging):
                self._hide(cursor, ref.name)
                databases.alter(cursor, ref.name, "ALLOW_CONNECTIONS true")
                databases.disconnect_others(cursor, ref.name)
                databases.rename(cursor, ref.name, staging)
        self._forget(ref.name)
        if not (self._filestore / staging).exists():
            with working_on_files(ref.name):
                self._move_files(ref.name, staging)

    def _drop(self, cursor, name: str) -> None:
        """Files first: once the database is gone they could be those of its successor."""
        # At once: Odoo's workers run the scheduled actions of whatever they may open.
        databases.alter(cursor, name, "ALLOW_CONNECTIONS false IS_TEMPLATE false")
        databases.disconnect_others(cursor, name)
        self._remove_files(name)
        cursor.execute(sql.SQL("DROP DATABASE IF EXISTS {}").format(sql.Identifier(name)))
        self._forget(name)

    def _drop_if_exists(self, cursor, name: str) -> None:
        if databases.exists(cursor, name):
            self._drop(cursor, name)

    def _create_empty(self, cursor, name: str) -> None:
        databases.create_database(cursor, name, self._builder.empty_database)
        self._note_maker(cursor, name)

    def _hide(self, cursor, name: str) -> None:
        """Have no Odoo see the database while it is on its way to another name."""
        databases.alter(cursor, name, "IS_TEMPLATE true")

    def _staging_name(self, key: str) -> str:
        return _staging_name(key)


def _staging_name(key: str) -> str:
    return f"saas-new-{key}"
