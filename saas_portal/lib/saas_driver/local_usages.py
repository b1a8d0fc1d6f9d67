"""Statistics of clients that are databases beside the portal, read without loading any of them."""

import contextlib
import os
from collections.abc import Sequence

from . import local_sql
from .errors import (
    DriverError,
    DriverNotFound,
    DriverRejected,
    DriverUnavailable,
    ServerUnavailable,
)
from .types import ClientRef, Usage

_MB = 1024 * 1024


class LocalUsages:
    """Part of the local driver: one connection for what PostgreSQL knows, one for each client."""

    def usage(self, ref: ClientRef) -> Usage:
        answer = self.list_usages([ref])[ref.key]
        if isinstance(answer, DriverError):
            raise answer
        return answer

    def list_usages(self, refs: Sequence[ClientRef]) -> dict[str, Usage | DriverError]:
        """By key, the statistics of each of these clients, or why there are none.

        :raises ServerUnavailable: PostgreSQL does not answer
        """
        sizes = self._read_sizes([ref.name for ref in refs])
        return {ref.key: self._read_client(ref, sizes.get(ref.name)) for ref in refs}

    def _read_sizes(self, names: list[str]) -> dict[str, tuple[str, int]]:
        try:
            with self._cluster() as cursor:
                return local_sql.read_sizes(cursor, names)
        except DriverUnavailable as error:
            raise ServerUnavailable(str(error)) from error

    def _read_client(self, ref: ClientRef, found: tuple[str, int] | None) -> Usage | DriverError:
        if not found:
            return DriverNotFound(f"There is no database {ref.name}.")
        key, size = found
        if key != ref.key:
            return DriverRejected(f"The database {ref.name} belongs to somebody else.")
        try:
            with self._transaction(ref.name) as cursor:
                users, suspended = local_sql.read_usage(cursor)
        except DriverUnavailable as error:
            # Is it this database, or all of them by now?
            self._read_sizes([])
            return error
        except DriverError as error:
            return error
        return Usage(users, size / _MB, self._files_size(ref.name) / _MB, suspended)

    def _files_size(self, name: str) -> int:
        total = 0
        for folder, _folders, files in os.walk(self._filestore / name):
            for file in files:
                # A file may be collected as garbage while we count.
                with contextlib.suppress(FileNotFoundError):
                    total += os.stat(os.path.join(folder, file)).st_size
        return total
