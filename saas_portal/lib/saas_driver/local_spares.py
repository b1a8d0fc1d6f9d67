"""Copies of templates that wait, out of sight, for the client that takes them."""

import os

from psycopg2.errors import InvalidCatalogName

from . import databases, local_sql
from .types import Spare

_PREFIX = "saas-spare-"


class LocalSpares:
    """The verbs of the local driver for spares; a spare is a database without an identity."""

    def make_spare(self, key: str, template: str) -> None:
        name = _PREFIX + key
        with self._cluster() as cursor:
            owner = databases.key_of(cursor, template).removeprefix("template ")
            if not databases.exists(cursor, name):
                self._copy_database(cursor, template, name)
            databases.comment(cursor, name, local_sql.make_mark(f"spare {owner}"))
        self._copy_files(template, name)

    def drop_spare(self, key: str) -> None:
        name = _PREFIX + key
        with self._cluster() as cursor:
            self._drop_if_exists(cursor, name)
        self._remove_files(name)

    def list_spares(self) -> list[Spare]:
        with self._cluster() as cursor:
            cursor.execute(
                "SELECT datname, shobj_description(oid, 'pg_database') FROM pg_database"
                " WHERE starts_with(datname, %s) ORDER BY datname",
                [_PREFIX],
            )
            return [
                Spare(name.removeprefix(_PREFIX), local_sql.read_mark(text).removeprefix("spare "))
                for name, text in cursor.fetchall()
            ]

    def _take_spare_files(self, key: str, staging: str) -> None:
        """Let the files follow the database, also where a former call was cut off between both."""
        source, target = self._filestore / f"{_PREFIX}{key}", self._filestore / staging
        if key and source.exists() and not target.exists():
            os.rename(source, target)


def take_spare(cursor, key: str, staging: str) -> bool:
    """Let the spare be the client in the making; False when there is none."""
    name = _PREFIX + key
    if not key or not databases.exists(cursor, name):
        return False
    databases.disconnect_others(cursor, name)
    try:
        databases.rename(cursor, name, staging)
    except InvalidCatalogName:
        # Somebody else has taken it a moment ago.
        return False
    return True
