"""Files of local databases: folders beside each other, one for each database or template."""

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from .errors import DriverUnavailable
from .types import ClientRef


class LocalFiles:
    """How the local driver moves, links and removes the files of a database."""

    def _copy_files(self, source: str, target: str) -> None:
        """Hard-link: Odoo never writes into a stored file, and unlinks only its own name."""
        if (self._filestore / source).is_dir():
            shutil.copytree(
                self._filestore / source,
                self._filestore / target,
                copy_function=_link_or_copy,
            )

    def _move_files(self, source: str, target: str) -> None:
        if (self._filestore / source).exists():
            os.rename(self._filestore / source, self._filestore / target)

    def _settle_files(self, ref: ClientRef) -> None:
        """Finish the move of the files that a crash between two renames left undone."""
        if not (self._filestore / ref.name).exists():
            self._move_files(self._staging_name(ref.key), ref.name)

    def _goal(self, staging: str) -> Path:
        """Says where the files go next: a rename that is cut off must not lose sight of them."""
        return self._filestore / f"{staging}.goal"

    def _announce_files(self, staging: str, name: str) -> None:
        if (self._filestore / staging).exists():
            self._goal(staging).write_text(name)

    def _recall_files(self, staging: str) -> None:
        """Take back files that were moved to a name at which the database never arrived."""
        if self._goal(staging).exists() and not (self._filestore / staging).exists():
            os.rename(self._filestore / self._goal(staging).read_text(), self._filestore / staging)

    def _remove_files(self, name: str) -> None:
        with contextlib.suppress(FileNotFoundError):
            shutil.rmtree(self._filestore / name)


@contextlib.contextmanager
def working_on_files(of: str) -> Iterator[None]:
    """Say what went wrong with files in words for the operator, without the server's paths.

    :raises DriverUnavailable: the disk is full, away or forbidden
    """
    try:
        yield
    except OSError as error:
        # An error of many files holds a list instead of a reason.
        reason = error.strerror or "some cannot be read or written"
        raise DriverUnavailable(
            f"The files of {of} cannot be moved: {reason}. See to the disk, then try again."
        ) from error


def _link_or_copy(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)
