"""The local driver, as far as a container needs another one."""

import hashlib
import sys
from collections.abc import Callable
from pathlib import Path

from psycopg2 import sql
from saas_driver import (
    ClientRef,
    DriverError,
    DriverNotFound,
    DriverRejected,
    Identity,
    LocalDriver,
    TemplateSpec,
    check_archive,
    databases,
    local_sql,
)
from saas_driver.local_backup import write_archive

from .odoo_programs import OdooPrograms, StillAwake
from .settings import Settings

_OWN = """
SELECT datname, shobj_description(oid, 'pg_database') FROM pg_database
 WHERE NOT datistemplate AND datdba = (SELECT oid FROM pg_roles WHERE rolname = current_user)
"""
_STRANGER = """
SELECT datname, pg_get_userbyid(datdba) FROM pg_database
 WHERE lower(datname) = lower(%s) AND pg_get_userbyid(datdba) <> current_user
"""


class ClientDatabases(LocalDriver):
    """Makes clients of archives: there are no other databases here to copy."""

    def __init__(self, settings: Settings):
        self._programs = OdooPrograms(
            settings.odoo_options(), settings.update, settings.install, settings.image
        )
        super().__init__(
            settings.connection_info,
            settings.filestore,
            self._programs,
            neutralize=self._programs.neutralize,
        )
        self._hidden = settings.hidden

    def fill(self, ref: ClientRef, identity: Identity, archive: Path) -> None:
        """Make the client from a template's archive, unless it is there.

        :raises DriverRejected: the archive is damaged, or the name is somebody else's
        """

        def settle(staging):
            with self._transaction(staging) as cursor:
                local_sql.give_identity(cursor, identity)

        self._make(ref, archive, settle)

    def copy_in(
        self, ref: ClientRef, identity: Identity, archive: Path, neutralize: bool = False
    ) -> None:
        """Make the client from another one's backup, unless it is there; see ``copy``."""

        def settle(staging):
            self._make_stranger(staging, identity, neutralize)

        self._make(ref, archive, settle)

    def _settle_restored(self, staging: str, neutralize: bool) -> None:
        """Modules are changed where nobody sees them; those of a stage wake it for a moment."""
        super()._settle_restored(staging, neutralize)
        with self._transaction(staging) as cursor:
            try:
                self._programs.apply_modules(cursor)
            except StillAwake:
                raise
            except DriverError as error:
                # `look` tells it too: the data is back all the same.
                sys.stderr.write(f"saas-agent: {error}\n")

    def _make(self, ref: ClientRef, archive: Path, settle: Callable[[str], None]) -> None:
        with self._cluster() as cursor:
            if self._check_free(cursor, ref.name, ref.key):
                self._settle_files(ref)
                return
        check_archive(archive)
        staging = self._stage_archive(ref, archive)
        settle(staging)
        with self._transaction(staging) as cursor:
            self._programs.apply_modules(cursor)
        self._remove_files(ref.name)
        self._publish(staging, ref)

    def build_archive(self, spec: TemplateSpec, archive: Path) -> None:
        """Build a template and keep nothing of it but the archive."""
        staging = self._staging_name(spec.key)
        with self._cluster() as cursor:
            self._drop_if_exists(cursor, staging)
            self._remove_files(staging)
            self._create_empty(cursor, staging)
        try:
            self._builder.build(staging, spec)
            with self._transaction(staging) as cursor:
                manifest = {"db_name": spec.name, **local_sql.read_manifest(cursor)}
            files = self._filestore / staging
            write_archive(archive, lambda out: self._dump(staging, out), manifest, files)
        finally:
            with self._cluster() as cursor:
                self._drop_if_exists(cursor, staging)

    # -- what is here ------------------------------------------------------------------------------

    def find_own(self, key: str = "") -> str:
        """The name of the client's database, '' when there is none; of any client without a key."""
        with self._cluster() as cursor:
            cursor.execute(_OWN)
            marks = [(name, local_sql.read_mark(comment)) for name, comment in cursor.fetchall()]
        return next(
            (name for name, mark in marks if mark and key in ("", mark) and name != self._hidden),
            "",
        )

    def apply_modules(self) -> bool:
        """Update and install what the settings name, once; False when there was nothing to do."""
        name = self.find_own()
        if not name:
            return False
        with self._transaction(name) as cursor:
            return self._programs.apply_modules(cursor)

    def complaint(self) -> str:
        """Why modules could not be updated or installed as the settings say, '' when they were."""
        try:
            name = self.find_own()
            if not name:
                return ""
            with self._transaction(name) as cursor:
                return self._programs.complaint(cursor)
        except DriverNotFound:
            return ""

    # -- a server that clients share ---------------------------------------------------------------

    def _check_free(self, cursor, name: str, key: str) -> bool:
        self._check_no_stranger(cursor, name)
        return super()._check_free(cursor, name, key)

    def _check_no_stranger(self, cursor, name: str) -> None:
        """Any role that may make databases can take any name, and nothing else with that."""
        cursor.execute(_STRANGER, [name])
        if row := cursor.fetchone():
            raise DriverRejected(
                f"The name {name} is taken on the PostgreSQL server: its role {row[1]} has a"
                f" database {row[0]}. Have the server's administrator rename or drop that one, or"
                " choose another name."
            )

    def _create_empty(self, cursor, name: str) -> None:
        """Nobody else may so much as connect, not even at first."""
        self._check_no_stranger(cursor, name)
        hidden = "false" if name == self._hidden else "true"
        databases.create_database(
            cursor,
            name,
            self._builder.empty_database,
            f"IS_TEMPLATE {hidden} ALLOW_CONNECTIONS false",
        )
        cursor.execute(
            sql.SQL("REVOKE CONNECT, TEMPORARY ON DATABASE {} FROM PUBLIC").format(
                sql.Identifier(name)
            )
        )
        databases.alter(cursor, name, "ALLOW_CONNECTIONS true")

    def _withdraw(self, ref: ClientRef, staging: str) -> None:
        with self._cluster() as cursor:
            self._check_no_stranger(cursor, staging)
        super()._withdraw(ref, staging)

    def _hide(self, cursor, name: str) -> None:
        """A template may be copied by every role that may make databases: by other clients."""
        if not self._hidden:
            super()._hide(cursor, name)


def digest_of(path: Path) -> dict:
    """Size and SHA-256 of a file, for whoever downloads it."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return {"size": path.stat().st_size, "sha256": digest}
