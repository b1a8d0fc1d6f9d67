"""What this server knows of portals and policies outside of every database.

Code that an administrator runs inside a database (server actions, SQL) cannot get here: these are
plain functions and files, neither models nor rows.
"""

import fcntl
import json
import os
import threading
from dataclasses import dataclass
from pathlib import Path

from odoo.tools import config

_OPTION = "saas_client_portal_keys"
_FOLDER = "saas_trust"
#: Endings of the files of a portal: its public keys, and the name of its own database.
_KEYS, _DATABASES = ".pem", ".portal"


@dataclass(frozen=True)
class Anchor:
    """The public keys that this server trusts. `keys`: portal uuid ('' when unknown) → PEM."""

    keys: dict
    portal_databases: frozenset

    def __bool__(self):
        return bool(self.keys)


_cache: dict = {}


def get_folder() -> Path:
    """Where policies are kept; also where a portal on this server puts its public keys."""
    return Path(config["data_dir"]) / _FOLDER


def get_anchor() -> Anchor:
    """The keys of the configuration, or of the portals on this server; remembered until touched."""
    source = Path(config.get(_OPTION) or os.environ.get(_OPTION.upper()) or get_folder())
    files = remember("files", (source, stamp(source)), lambda: _list_keys(source))
    stamps = tuple((path, stamp(path)) for path in files)
    return remember("anchor", (source, stamps), lambda: _load_anchor(source, files))


def remember(name: str, state, load):
    """What `load` returned when the state of its sources was last another."""
    known = _cache.get(name)
    if not known or known[0] != state:
        known = _cache[name] = (state, load())
    return known[1]


def _list_keys(source: Path) -> tuple:
    if source.is_dir():
        return tuple(
            sorted(path for path in source.iterdir() if path.suffix in (_KEYS, _DATABASES))
        )
    return (source,) if source.exists() else ()


def _load_anchor(source: Path, files: tuple) -> Anchor:
    keys, databases = {}, set()
    for path in files:
        text = read_text(path)
        if path.suffix == _DATABASES:
            databases.add(text.strip())
            continue
        # A file that was named by itself says nothing of whose key it is. One that cannot be
        # read is not the absence of keys: nothing verifies with it.
        issuer = path.name.split(".")[0] if path.parent == source else ""
        keys[issuer] = keys.get(issuer, "") + text
    return Anchor(keys, frozenset(databases))


# --- files of one client ----------------------------------------------------------


def read_policy_token(uuid: str) -> str:
    return read_text(_path(uuid, "policy"))


def get_policy_stamp(uuid: str):
    """Changes whenever the policy does."""
    return stamp(_path(uuid, "policy"))


def write_policy_token(uuid: str, token: str) -> None:
    _write(_path(uuid, "policy"), token)


def read_state(uuid: str) -> dict:
    """What the database has found out about itself and must not forget: numbers by name."""
    try:
        state = json.loads(read_text(_path(uuid, "state")) or "{}")
    except ValueError:
        return {}
    return state if isinstance(state, dict) else {}


def update_state(uuid: str, change) -> dict:
    """Let `change` alter the numbers, one process after the other; returns them."""
    path = _path(uuid, "state")
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with open(path.with_suffix(".lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        before = read_state(uuid)
        state = dict(before)
        change(state)
        if state != before:
            _write(path, json.dumps(state))
    return state


def list_policy_tokens() -> list:
    """The policy of every client on this server."""
    return [read_text(path) for path in get_folder().glob("*.policy")]


def stamp(path: Path):
    """Something that differs when the file does, None when it is not there."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size


def read_text(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""


def _path(uuid: str, suffix: str) -> Path:
    # The uuid is a text from the database: no path may be made with it.
    name = "".join(char for char in str(uuid) if char.isalnum() or char == "-")
    return get_folder() / f"{name or 'none'}.{suffix}"


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    staged = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}")
    staged.write_text(text)
    os.replace(staged, path)
