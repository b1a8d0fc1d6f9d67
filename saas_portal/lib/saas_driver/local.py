"""Clients as databases in the PostgreSQL cluster of the portal, files beside the portal's."""

import contextlib
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg2
from psycopg2 import sql

from . import databases, local_sql
from .errors import DriverError, DriverNotFound, DriverRejected, DriverUnavailable
from .local_backup import LocalBackups
from .local_spares import LocalSpares, take_spare
from .template_builder import TemplateBuilder
from .types import ClientRef, ClientSpec, ClientStatus, TemplateSpec, Usage

_CONNECT_TIMEOUT = 10
_MB = 1024 * 1024


class LocalDriver(LocalBackups, LocalSpares):
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
    """

    def __init__(
        self,
        connection_info: Callable[[str], dict],
        filestore: Path,
        builder: TemplateBuilder,
        forget: Callable[[str], None] = lambda name: None,
        neutralize: Callable | None = None,
    ):
        self._connection_info = connection_info
        self._filestore = Path(filestore)
        self._builder = builder
        self._forget = forget
        self._neutralize = neutralize

    # -- clients ---------------------------------------------------------------------------------

    def create(self, spec: ClientSpec) -> None:  # pylint: disable=method-required-super
        ref = spec.ref
        with self._cluster() as cursor:
            if self._check_free(cursor, ref.name, ref.key):
                # Made before, by a call whose answer was lost.
                self._settle_files(ref)
                return
            staging = _staging_name(ref.key)
            if not databases.exists(cursor, staging) and not take_spare(
                cursor, spec.spare, staging
            ):
                self._copy_database(cursor, spec.template, staging)
        self._take_spare_files(spec.spare, staging)
        self._copy_files(spec.template, staging)
        with self._transaction(staging) as cursor:
            local_sql.give_identity(cursor, spec.identity)
        # Nothing of a former database of this name may stay: its files have no owner any more.
        self._remove_files(ref.name)
        self._publish(staging, ref)

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
            # On its way from the one name to the other when a former call was cut off.
            if not renamed and not databases.exists(cursor, staging):
                self._require(cursor, ref)
        if not renamed:
            self._withdraw(ref, staging)
            self._remove_files(new_name)
            with self._transaction(staging) as cursor:
                local_sql.set_parameter(cursor, "web.base.url", base_url)
                local_sql.distrust_caches(cursor)
            self._publish(staging, new_ref)
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

    def usage(self, ref: ClientRef) -> Usage:
        with self._cluster() as cursor:
            self._require(cursor, ref)
        with self._transaction(ref.name) as cursor:
            users, size, suspended = local_sql.read_usage(cursor)
        return Usage(users, size / _MB, self._files_size(ref.name) / _MB, suspended)

    # -- templates -------------------------------------------------------------------------------

    def build_template(self, spec: TemplateSpec) -> None:
        staging = _staging_name(spec.key)
        with self._cluster() as cursor:
            found = databases.find(cursor, spec.name)
            if found and local_sql.read_mark(found[2]) != f"template {spec.key}":
                raise DriverRejected(f"The name {spec.name} belongs to another database.")
            # A build that was cut off: what it installed half is not worth keeping.
            self._drop_if_exists(cursor, staging)
            self._remove_files(staging)
            self._create_empty(cursor, staging)
        try:
            self._builder.build(staging, spec)
        except DriverError:
            with self._cluster() as cursor:
                self._drop(cursor, staging)
            raise
        with self._cluster() as cursor:
            self._drop_if_exists(cursor, spec.name)
        self._remove_files(spec.name)
        if (self._filestore / staging).exists():
            os.rename(self._filestore / staging, self._filestore / spec.name)
        with self._statements() as cursor:
            databases.disconnect_others(cursor, staging)
            databases.rename(cursor, staging, spec.name)
            databases.comment(cursor, spec.name, local_sql.make_mark(f"template {spec.key}"))
            databases.alter(cursor, spec.name, "ALLOW_CONNECTIONS false")

    def delete_template(self, name: str) -> None:
        with self._cluster() as cursor:
            found = databases.find(cursor, name)
            if found and not local_sql.read_mark(found[2]).startswith("template "):
                raise DriverRejected(f"{name} is not a template of the portal.")
            if found:
                self._drop(cursor, name)
        self._remove_files(name)

    # -- databases -------------------------------------------------------------------------------

    @contextlib.contextmanager
    def _connect(self, database: str) -> Iterator:
        info = {**self._connection_info(database), "connect_timeout": _CONNECT_TIMEOUT}
        try:
            connection = psycopg2.connect(**info)
        except psycopg2.OperationalError as error:
            reason = str(error).strip().splitlines()[-1]
            if f'database "{database}" does not exist' in reason:
                raise DriverNotFound(f"There is no database {database}.") from error
            raise DriverUnavailable(f"PostgreSQL refuses a connection: {reason}") from error
        try:
            yield connection
        except psycopg2.Error as error:
            raise databases.translate(error) from error
        finally:
            connection.close()

    @contextlib.contextmanager
    def _cluster(self) -> Iterator:
        """A cursor for statements on databases, each its own transaction."""
        with self._connect("postgres") as connection:
            connection.autocommit = True
            with connection.cursor() as cursor:
                yield cursor

    def _statements(self) -> contextlib.AbstractContextManager:
        """A cursor for statements on databases that hold together or not at all."""
        return self._transaction("postgres")

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

    def _require(self, cursor, ref: ClientRef) -> None:
        if not databases.exists(cursor, ref.name):
            raise DriverNotFound(f"There is no database {ref.name}.")
        if databases.key_of(cursor, ref.name) != ref.key:
            raise DriverRejected(f"The database {ref.name} belongs to somebody else.")

    def _copy_database(self, cursor, template: str, name: str) -> None:
        if not databases.exists(cursor, template):
            raise DriverNotFound(f"There is no template {template}; build it first.")
        if not databases.key_of(cursor, template).startswith("template "):
            # A client's database, or the portal's: nobody is given a copy of these.
            raise DriverRejected(f"{template} is not a template of the portal.")
        databases.disconnect_others(cursor, template)
        databases.create_database(cursor, name, template)

    def _publish(self, staging: str, ref: ClientRef) -> None:
        """Let the finished database appear under its name: files first, then all at once."""
        if (self._filestore / staging).exists():
            os.rename(self._filestore / staging, self._filestore / ref.name)
        with self._statements() as cursor:
            databases.disconnect_others(cursor, staging)
            databases.rename(cursor, staging, ref.name)
            databases.comment(cursor, ref.name, local_sql.make_mark(ref.key))
            databases.alter(cursor, ref.name, "IS_TEMPLATE false")
        self._forget(ref.name)

    def _withdraw(self, ref: ClientRef, staging: str) -> None:
        """The contrary of ``_publish``: the name is free afterwards, the database out of sight."""
        with self._statements() as cursor:
            if not databases.exists(cursor, staging):
                databases.alter(cursor, ref.name, "IS_TEMPLATE true")
                databases.alter(cursor, ref.name, "ALLOW_CONNECTIONS true")
                databases.disconnect_others(cursor, ref.name)
                databases.rename(cursor, ref.name, staging)
        self._forget(ref.name)
        if (self._filestore / ref.name).exists() and not (self._filestore / staging).exists():
            os.rename(self._filestore / ref.name, self._filestore / staging)

    def _drop(self, cursor, name: str) -> None:
        """Files first: once the database is gone they could be those of its successor."""
        databases.alter(cursor, name, "IS_TEMPLATE false")
        databases.alter(cursor, name, "ALLOW_CONNECTIONS false")
        databases.disconnect_others(cursor, name)
        self._remove_files(name)
        cursor.execute(sql.SQL("DROP DATABASE IF EXISTS {}").format(sql.Identifier(name)))
        self._forget(name)

    def _drop_if_exists(self, cursor, name: str) -> None:
        if databases.exists(cursor, name):
            self._drop(cursor, name)

    def _create_empty(self, cursor, name: str) -> None:
        databases.create_database(cursor, name, self._builder.empty_database)

    def _staging_name(self, key: str) -> str:
        return _staging_name(key)

    # -- files -----------------------------------------------------------------------------------

    def _copy_files(self, source: str, target: str) -> None:
        """Hard-link: Odoo never writes into a stored file, and unlinks only its own name."""
        if (self._filestore / source).is_dir():
            shutil.copytree(
                self._filestore / source,
                self._filestore / target,
                copy_function=_link_or_copy,
                dirs_exist_ok=True,
            )

    def _settle_files(self, ref: ClientRef) -> None:
        """Finish the move of the files that a crash between two renames left undone."""
        staging = self._filestore / _staging_name(ref.key)
        if staging.exists() and not (self._filestore / ref.name).exists():
            os.rename(staging, self._filestore / ref.name)

    def _remove_files(self, name: str) -> None:
        with contextlib.suppress(FileNotFoundError):
            shutil.rmtree(self._filestore / name)

    def _files_size(self, name: str) -> int:
        total = 0
        for folder, _folders, files in os.walk(self._filestore / name):
            for file in files:
                # A file may be collected as garbage while we count.
                with contextlib.suppress(FileNotFoundError):
                    total += os.stat(os.path.join(folder, file)).st_size
        return total


def _staging_name(key: str) -> str:
    return f"saas-new-{key}"


def _link_or_copy(source: str, target: str) -> None:
    if os.path.exists(target):
        return
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)
