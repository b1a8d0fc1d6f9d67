"""Copies of templates that wait, out of sight, for the client that takes them."""

import shutil
from pathlib import Path

from psycopg2.errors import InvalidCatalogName

from . import databases, local_sql
from .errors import DriverRejected, DriverUnavailable
from .local_files import working_on_files
from .types import Spare

_PREFIX = "saas-spare-"
_STAGED = "saas-new-"
_PORTAL = "portal"
#: What the mark of a database says that has never been a client or a template.
_UNFINISHED, _SPARE = "unfinished", "spare"
#: What a spare leaves free besides room for another one, in bytes.
_MB = 1024**2
_RESERVE = 1024 * _MB
# Where the databases are may only be asked by roles that may read all settings.
_ROOM = """
SELECT pg_database_size(oid),
       CASE WHEN pg_has_role('pg_read_all_settings', 'MEMBER')
            THEN current_setting('data_directory') END
  FROM pg_database WHERE datname = %s
"""
_LIST = """
SELECT datname, shobj_description(oid, 'pg_database') FROM pg_database
 WHERE starts_with(datname, %s) ORDER BY datname
"""


class LocalSpares:
    """The verbs of the local driver for spares; a spare is a database without an identity."""

    def make_spare(self, key: str, template: str) -> None:
        name = _PREFIX + key
        with self._cluster() as cursor:
            if databases.exists(cursor, name):
                owner = databases.key_of(cursor, template).removeprefix("template ")
            else:
                self._check_room(cursor, template)
                owner = self._copy_template(cursor, template, name)
            mark = local_sql.make_mark(f"{_SPARE} {owner}", **{_PORTAL: self._portal})
            databases.comment(cursor, name, mark)

    def drop_spare(self, key: str) -> None:
        name = _PREFIX + key
        with self._cluster() as cursor:
            if found := databases.look(cursor, name):
                self._check_maker(name, found[1])
                self._drop(cursor, name)
        self._remove_files(name)

    def list_spares(self) -> list[Spare]:
        return [
            Spare(key, mark.removeprefix(_SPARE).strip(), portal)
            for key, mark, portal in self._list_made(_PREFIX)
        ]

    def list_unfinished(self) -> list[Spare]:
        return [
            Spare(key, "", portal)
            for key, mark, portal in self._list_made(_STAGED)
            if _was_never_finished(mark)
        ]

    def drop_unfinished(self, key: str) -> None:
        name = _STAGED + key
        with self._cluster() as cursor:
            found = databases.look(cursor, name)
            if found and _was_never_finished(local_sql.read_mark(found[1])):
                self._check_maker(name, found[1])
                self._drop(cursor, name)

    def _check_room(self, cursor, template: str) -> None:
        """Spares are a convenience: they leave room for the clients that are there.

        :raises DriverUnavailable: too little is free, as far as it can be seen from here
        """
        cursor.execute(_ROOM, [template])
        row = cursor.fetchone()
        if not row:
            # Who copies it says so.
            return
        size, data = row
        folders = [self._filestore, *([Path(data)] if data and Path(data).is_dir() else [])]
        free = min(shutil.disk_usage(folder).free for folder in folders)
        if free < 2 * size + _RESERVE:
            raise DriverUnavailable(
                f"No spare of {template} is made: {free // _MB} MB are free on the disk, and it"
                f" takes {size // _MB} MB. Make room, or keep fewer spares."
            )

    def _list_made(self, prefix: str) -> list[tuple[str, str, str]]:
        """(key, mark, portal) of databases with hidden names."""
        with self._cluster() as cursor:
            cursor.execute(_LIST, [prefix])
            return [
                (
                    name.removeprefix(prefix),
                    local_sql.read_mark(comment),
                    local_sql.read_note(comment, _PORTAL),
                )
                for name, comment in cursor
            ]

    def _take_spare(self, cursor, key: str, staging: str) -> bool:
        """Let the spare be the client in the making; False when there is none."""
        name = _PREFIX + key
        self._remove_files(staging)
        found = databases.look(cursor, name) if key else None
        # One that nobody may connect to is being removed, and may have lost its files.
        if not found or not found[0] or not self._is_ours(found[1]):
            return False
        databases.disconnect_others(cursor, name)
        try:
            databases.rename(cursor, name, staging)
        except InvalidCatalogName:
            # Somebody else has taken it a moment ago.
            return False
        with working_on_files(name):
            self._move_files(name, staging)
        return True

    def _note_maker(self, cursor, name: str) -> None:
        """Have an unfinished database say whose it is, should nobody ever finish it."""
        if self._portal:
            mark = local_sql.make_mark(_UNFINISHED, **{_PORTAL: self._portal})
            databases.comment(cursor, name, mark)

    def _is_ours(self, comment: str | None) -> bool:
        """A copy of a portal knows the spares of its original, and leaves them alone."""
        return local_sql.read_note(comment, _PORTAL) in ("", self._portal)

    def _check_maker(self, name: str, comment: str | None) -> None:
        if not self._is_ours(comment):
            raise DriverRejected(f"{name} belongs to another portal.")


def _was_never_finished(mark: str) -> bool:
    """A client on its way to another name has the mark of the client."""
    return mark.startswith((_UNFINISHED, _SPARE))
