"""Backups of local clients, in the format of Odoo's own database manager."""

import contextlib
import json
import os
import re
import shutil
import subprocess
import tempfile
import threading
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

from . import cpu_time, local_sql
from .errors import DriverNotFound, DriverRejected, DriverUnavailable
from .types import ClientRef, Identity

#: Seconds for the dump or the load of one database.
_TIMEOUT = 4 * 3600
_CHUNK = 1024 * 1024
#: How many times its size an archive may become, and bytes that every one may: a database with
#: the same text in all rows is packed to a hundredth, what was made to fill disks to a thousandth.
_DENSEST, _SMALL = 200, 1024**3
#: Bytes of an archive's directory, which is held in memory, ten times as large: 600,000 files.
_LONGEST_DIRECTORY = 64 * 1024**2
_DUMP, _MANIFEST, _FILES = "dump.sql", "manifest.json", "filestore/"
#: Names that Odoo gives to stored files: nothing that could lead out of the folder.
_STORED_FILE = re.compile(r"filestore/(?:[\w-]+/)*[\w-][\w.-]*", re.ASCII)
#: libpq's variables for what psycopg2 takes as arguments.
_ENVIRONMENT = {
    "host": "PGHOST",
    "port": "PGPORT",
    "user": "PGUSER",
    "password": "PGPASSWORD",
    "sslmode": "PGSSLMODE",
}


def write_archive(archive: Path, dump: Callable, manifest: dict, files: Path) -> None:
    """Write an archive that is there whole or not at all, for nobody else to read.

    :param dump: called with a file to write the SQL into
    """
    archive.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{archive.name}.", dir=archive.parent)
    part = Path(name)
    try:
        with (
            os.fdopen(handle, "wb") as stream,
            zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED, compresslevel=3) as target,
        ):
            with target.open(_DUMP, "w", force_zip64=True) as out:
                dump(out)
            target.writestr(_MANIFEST, json.dumps(manifest, indent=4))
            for path in sorted(files.rglob("*")):
                # A file may be collected as garbage meanwhile; then no record needs it.
                with contextlib.suppress(FileNotFoundError):
                    if path.is_file():
                        target.write(path, _FILES + path.relative_to(files).as_posix())
        os.replace(part, archive)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


@contextlib.contextmanager
def open_archive(archive: Path) -> Iterator[zipfile.ZipFile]:
    """The archive for reading.

    :raises DriverNotFound: there is no such file
    :raises DriverRejected: it is no backup, or not whole
    """
    try:
        _check_directory(archive)
        with zipfile.ZipFile(archive) as source:
            if _DUMP not in source.namelist():
                raise DriverRejected(f"{archive.name} is no backup: it has no {_DUMP}.")
            yield source
    except FileNotFoundError:
        raise DriverNotFound(f"There is no file {archive.name}.") from None
    except (zipfile.BadZipFile, EOFError) as error:
        raise DriverRejected(f"{archive.name} is no whole backup: {error}.") from error


def _check_directory(archive: Path) -> None:
    """Look at the end of an archive before the rest is read.

    :raises DriverRejected: its directory alone would take all memory
    """
    with archive.open("rb") as stream:
        # What ZipFile itself goes by: another reading could be told another size.
        end = zipfile._EndRecData(stream)
    if end and end[zipfile._ECD_SIZE] > _LONGEST_DIRECTORY:
        raise DriverRejected(
            f"{archive.name} is no backup: its directory has {end[zipfile._ECD_SIZE]} bytes."
        )


@cpu_time.unlimited()
def check_archive(archive: Path) -> int:
    """Read the whole archive; returns the number of files in it besides the database.

    :raises DriverNotFound: there is no such file
    :raises DriverRejected: it is no backup, or not whole
    """
    with open_archive(archive) as source:
        unpacked = sum(entry.file_size for entry in source.infolist())
        if unpacked > max(_SMALL, _DENSEST * archive.stat().st_size):
            raise DriverRejected(f"{archive.name} is no backup: it would become {unpacked} bytes.")
        if damaged := source.testzip():
            raise DriverRejected(f"{archive.name} is damaged: {damaged}.")
        return len([name for name in source.namelist() if name.startswith(_FILES)])


class LocalBackups:
    """The verbs of the local driver that write and read whole databases."""

    @cpu_time.unlimited()
    def backup(self, ref: ClientRef, archive: Path) -> None:
        with self._cluster() as cursor:
            self._require(cursor, ref)
        if archive.exists():
            return
        with self._transaction(ref.name) as cursor:
            manifest = {"db_name": ref.name, **local_sql.read_manifest(cursor)}
        write_archive(
            archive,
            lambda out: self._dump(ref.name, out),
            manifest,
            self._filestore / ref.name,
        )

    @cpu_time.unlimited()
    def restore(
        self, ref: ClientRef, identity: Identity, archive: Path, neutralize: bool = False
    ) -> None:
        """:param neutralize: see ``copy``; what the archive holds is neutral before it is seen"""
        check_archive(archive)
        with self._cluster() as cursor:
            self._check_free(cursor, ref.name, ref.key)
        staging = self._stage_archive(ref, archive)
        with self._transaction(staging) as cursor:
            local_sql.move_in(cursor, identity)
        self._settle_restored(staging, neutralize)
        with self._cluster() as cursor:
            # What was there until now goes only when its successor is complete.
            if self._check_free(cursor, ref.name, ref.key):
                self._drop(cursor, ref.name)
        self._remove_files(ref.name)
        self._publish(staging, ref)

    @cpu_time.unlimited()
    def copy(  # pylint: disable=method-required-super
        self, source: ClientRef, ref: ClientRef, identity: Identity, neutralize: bool = False
    ) -> None:
        with self._cluster() as cursor:
            self._require(cursor, source)
            if self._check_free(cursor, ref.name, ref.key):
                self._settle_files(ref)
                return

        def fill(staging):
            # A dump disturbs nobody in the source; a template lets nobody in while it is copied.
            with tempfile.TemporaryFile() as dump:
                self._dump(source.name, dump)
                dump.seek(0)
                self._load(staging, dump)
            self._copy_files(source.name, staging)

        staging = self._stage(ref, fill)
        self._make_stranger(staging, identity, neutralize)
        self._remove_files(ref.name)
        self._publish(staging, ref)

    def _settle_restored(self, staging: str, neutralize: bool) -> None:
        """What else is done to a database from an archive while nobody can see it."""
        if neutralize:
            with self._transaction(staging) as cursor:
                self._neutralize(cursor)

    def _make_stranger(self, staging: str, identity: Identity, neutralize: bool) -> None:
        """Turn what another client held into a client that does nothing in its name."""
        with self._transaction(staging) as cursor:
            local_sql.move_in(cursor, identity)
            local_sql.forget_machines(cursor)
        if neutralize:
            with self._transaction(staging) as cursor:
                self._neutralize(cursor)

    def _stage_archive(self, ref: ClientRef, archive: Path) -> str:
        """A hidden database that holds what an archive holds."""

        def fill(staging):
            with open_archive(archive) as source:
                with source.open(_DUMP) as dump:
                    self._load(staging, dump)
                self._extract_files(source, staging)

        return self._stage(ref, fill)

    def _stage(self, ref: ClientRef, fill: Callable[[str], None]) -> str:
        """A hidden database, filled anew: what a former call left half is not worth keeping."""
        staging = self._staging_name(ref.key)
        with self._cluster() as cursor:
            self._drop_if_exists(cursor, staging)
            self._remove_files(staging)
            self._create_empty(cursor, staging)
        try:
            fill(staging)
        except (DriverRejected, DriverUnavailable, OSError) as error:
            # What was written so far would only keep a full disk full.
            with self._cluster() as cursor:
                self._drop_if_exists(cursor, staging)
            if isinstance(error, OSError):
                raise DriverUnavailable(
                    f"The files of {ref.name} cannot be written: {error.strerror}. Make room on the"
                    " disk and try again."
                ) from error
            raise
        return staging

    # -- PostgreSQL's programs -------------------------------------------------------------------

    def _dump(self, database: str, out) -> None:
        command = ["pg_dump", "--no-owner", "--no-privileges"]
        with self._program(command, database, stdout=subprocess.PIPE) as process:
            shutil.copyfileobj(process.stdout, out, _CHUNK)

    def _load(self, database: str, dump) -> None:
        command = ["psql", "--no-psqlrc", "--quiet", "--single-transaction"]
        command += ["--set=ON_ERROR_STOP=1", "--output=/dev/null"]
        with self._program(command, database, stdin=subprocess.PIPE) as process:
            # psql that gives up closes its end; what it complains about is read afterwards.
            with contextlib.suppress(BrokenPipeError):
                shutil.copyfileobj(dump, process.stdin, _CHUNK)
            with contextlib.suppress(BrokenPipeError):
                process.stdin.close()

    @contextlib.contextmanager
    def _program(self, command: list[str], database: str, **pipes) -> Iterator:
        """Run pg_dump or psql on a database; the password is in no command line."""
        program = shutil.which(command[0])
        if not program:
            raise DriverRejected(f"{command[0]} is not installed on the portal's server.")
        info = self._connection_info(database)
        environment = {**os.environ, "PGDATABASE": database, "LC_ALL": "C"}
        for name, variable in _ENVIRONMENT.items():
            if info.get(name):
                environment[variable] = str(info[name])
        with tempfile.TemporaryFile() as complaints:
            process = cpu_time.start(
                [program, *command[1:]], env=environment, stderr=complaints, **pipes
            )
            clock = threading.Timer(_TIMEOUT, process.kill)
            clock.start()
            try:
                yield process
                process.wait()
            finally:
                clock.cancel()
                if process.poll() is None:
                    process.kill()
                    process.wait()
                for pipe in (process.stdin, process.stdout):
                    if pipe and not pipe.closed:
                        with contextlib.suppress(BrokenPipeError):
                            pipe.close()
            if process.returncode:
                complaints.seek(0)
                text = complaints.read().decode(errors="replace").strip()
                reason = text.splitlines()[0] if text else f"status {process.returncode}"
                raise DriverUnavailable(f"{command[0]} failed on {database}: {reason[:500]}")

    def _extract_files(self, source: zipfile.ZipFile, staging: str) -> None:
        folder = self._filestore / staging
        for name in source.namelist():
            if _STORED_FILE.fullmatch(name):
                target = folder / name.removeprefix(_FILES)
                target.parent.mkdir(parents=True, exist_ok=True)
                with source.open(name) as stored, target.open("wb") as out:
                    shutil.copyfileobj(stored, out, _CHUNK)
