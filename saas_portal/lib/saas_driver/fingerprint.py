"""What an addon is made of, so that a change of it can be noticed."""

import hashlib
import os
from pathlib import Path

#: Files that a database takes something from when the addon is installed or upgraded.
_SUFFIXES = (".py", ".xml", ".csv", ".sql")
_LEFT_OUT = frozenset({"tests", "static", "i18n", "lib", "doc", "readme", "__pycache__"})


def fingerprint(folder: Path) -> str:
    """A short text that changes when one of the addon's models, views or data does."""
    digest = hashlib.sha256()
    for path in _list_files(folder):
        digest.update(os.path.relpath(path, folder).encode())
        with open(path, "rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()[:16]


def _list_files(folder: Path) -> list[str]:
    found = []
    for path, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if name not in _LEFT_OUT]
        found += [os.path.join(path, name) for name in names if name.endswith(_SUFFIXES)]
    return sorted(found)
