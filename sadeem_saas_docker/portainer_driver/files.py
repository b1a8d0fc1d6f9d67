"""Templates on the portal's machine: archives that any environment can make clients of."""

import contextlib
import json
import os
import re
import shutil
import tempfile
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

from odoo.addons.saas_portal.lib.saas_driver import DriverRejected

_MARK = "saas_template"
_NAME = re.compile(r"[\w][\w.-]*", re.ASCII)
_TRANSIT = ".transit-"
#: Seconds after which a file on its way is one that a killed process has left.
_LEFT = 24 * 3600


class Templates:
    """A folder with one archive for each template; its comment says whose it is."""

    def __init__(self, folder: Path):
        self._folder = Path(folder)

    def find(self, name: str) -> Path | None:
        path = self._path(name)
        return path if path.exists() else None

    def key_of(self, path: Path) -> str:
        """The key of the template that the archive is; '' for what is none of ours."""
        try:
            with zipfile.ZipFile(path) as archive:
                mark = json.loads(archive.comment or b"{}")
        except (OSError, ValueError, zipfile.BadZipFile):
            return ""
        return str(mark.get(_MARK, "")) if isinstance(mark, dict) else ""

    def keep(self, name: str, key: str, archive: Path) -> None:
        """Make an archive the template, in the place of a former one, at once."""
        with zipfile.ZipFile(archive, "a") as target:
            target.comment = json.dumps({_MARK: key}).encode()
        os.replace(archive, self._path(name))

    def remove(self, name: str) -> None:
        self._path(name).unlink(missing_ok=True)

    @contextlib.contextmanager
    def transit(self) -> Iterator[Path]:
        """A folder for what is on its way, which nobody else reads and which goes afterwards."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for path in self._folder.glob(f"{_TRANSIT}*"):
            with contextlib.suppress(OSError):
                if path.stat().st_mtime < time.time() - _LEFT:
                    shutil.rmtree(path)
        with tempfile.TemporaryDirectory(prefix=_TRANSIT, dir=self._folder) as folder:
            yield Path(folder)

    def _path(self, name: str) -> Path:
        if not _NAME.fullmatch(name):
            raise DriverRejected(f"{name!r} is no name of a template.")
        return self._folder / f"{name}.zip"
