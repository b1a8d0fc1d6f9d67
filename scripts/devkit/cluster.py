"""A private PostgreSQL cluster on a loopback port."""

import contextlib
import glob
import hashlib
import itertools
import os
import pwd
import re
import secrets
import shutil
import subprocess
import tempfile
from pathlib import Path

import psycopg2

from .console import Failure
from .paths import DEV, ensure_secret
from .ports import free_port

ROLE = "odoo"
OUTSIDE = Path("/var/lib/saas-dev")
SHARED_MEMORY = Path("/dev/shm")
ROOM_FOR_TESTS = 3 * 1024**3
_numbers = itertools.count(1)
CONF = """
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
max_connections = 200
shared_buffers = 256MB
"""
THROW_AWAY = """
fsync = off
synchronous_commit = off
full_page_writes = off
"""


def programs():
    """The folder of the newest PostgreSQL server programs."""
    folders = [
        folder
        for folder in glob.glob("/usr/lib/postgresql/*/bin")
        if os.path.exists(f"{folder}/initdb")
    ]
    if folders:
        return Path(max(folders, key=lambda folder: int(re.findall(r"\d+", folder)[-1])))
    found = shutil.which("initdb")
    if not found:
        raise Failure("PostgreSQL's server programs were not found; `./dev setup` installs them.")
    return Path(found).resolve().parent


class Cluster:
    """PostgreSQL refuses to run as root: Debian's account `postgres` runs it then."""

    def __init__(self, folder, durable=True, first_port=5469):
        self.folder = Path(folder)
        self.durable = durable
        self.first_port = first_port
        self.account = "postgres" if os.geteuid() == 0 else None

    # --- life -----------------------------------------------------------------

    @property
    def data(self):
        # Resolved: the account that runs PostgreSQL may not be able to follow a link from here.
        return self.folder.resolve() / "data"

    @property
    def port(self):
        return int((self.folder / "port").read_text())

    @property
    def password(self):
        return (self.folder / "password").read_text()

    def exists(self):
        return (self.folder / "password").exists()

    def is_running(self):
        return self.exists() and self._run("pg_ctl", "-D", self.data, "status", check=False) == 0

    def create(self):
        """Makes the cluster; whatever an interrupted attempt left is thrown away."""
        self._place()
        self._run("pg_ctl", "-D", self.data, "-m", "immediate", "stop", check=False)
        for entry in self.folder.iterdir():
            shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
        password = self.folder.resolve() / "password.new"
        ensure_secret(password, lambda: secrets.token_urlsafe(24))
        self._give(password)
        options = [] if self.durable else ["--no-sync"]
        self._run(
            "initdb", "-D", self.data, "-U", "postgres", "-E", "UTF8", "--locale=C.UTF-8",
            "--auth=scram-sha-256", f"--pwfile={password}", *options,
        )  # fmt: skip
        with (self.data / "postgresql.conf").open("a") as conf:
            conf.write(CONF if self.durable else CONF + THROW_AWAY)
        password.rename(self.folder / "password")

    def start(self):
        """Starts the cluster when it does not run, and sees that Odoo's role is there."""
        if not self.is_running():
            (self.folder / "port").write_text(str(self._choose_port()))
            log = self.data / "server.log"
            try:
                self._run(
                    "pg_ctl", "-D", self.data, "-o", f"-p {self.port}", "-l", log, "-w", "start"
                )
            except Failure as error:
                tail = log.read_text(errors="replace")[-2000:] if log.exists() else ""
                raise Failure(f"{error}\n{tail}") from None
        exists = self.query("postgres", "SELECT 1 FROM pg_roles WHERE rolname = %s", [ROLE], True)
        verb = "ALTER" if exists else "CREATE"
        self.query(
            "postgres", f"{verb} ROLE {ROLE} LOGIN CREATEDB PASSWORD %s", [self.password], True
        )

    def _choose_port(self):
        """The one that it had, which others have written down, unless that is taken by now."""
        file = self.folder / "port"
        return free_port(int(file.read_text()) if file.exists() else self.first_port)

    def stop(self, mode="fast"):
        if self.is_running():
            self._run("pg_ctl", "-D", self.data, "-m", mode, "-w", "stop")

    def destroy(self):
        """Stops the cluster and removes all of it, also what lies outside the folder."""
        self._run("pg_ctl", "-D", self.data, "-m", "immediate", "-w", "stop", check=False)
        if self.folder.is_symlink():
            target = self.folder.resolve()
            if target.parent == OUTSIDE:
                shutil.rmtree(target, ignore_errors=True)
            self.folder.unlink()
        shutil.rmtree(self.folder, ignore_errors=True)

    # --- use ------------------------------------------------------------------

    def connect(self, database, superuser=False):
        connection = psycopg2.connect(
            host="127.0.0.1",
            port=self.port,
            dbname=database,
            user="postgres" if superuser else ROLE,
            password=self.password,
            connect_timeout=10,
        )
        connection.autocommit = True
        return connection

    def query(self, database, sql, params=None, superuser=False):
        """The rows of one statement as a list of tuples ([] when it returns none)."""
        with (
            contextlib.closing(self.connect(database, superuser)) as connection,
            connection.cursor() as cursor,
        ):
            cursor.execute(sql, params)
            return cursor.fetchall() if cursor.description else []

    def databases(self):
        rows = self.query("postgres", "SELECT datname FROM pg_database")
        return {name for (name,) in rows} - {"postgres", "template0", "template1"}

    def environment(self):
        """libpq's variables: Odoo's read-only pool falls back to them."""
        return {
            "PGHOST": "127.0.0.1",
            "PGPORT": str(self.port),
            "PGUSER": ROLE,
            "PGPASSWORD": self.password,
        }

    def options(self):
        """The same for odoo.conf."""
        return {
            "db_host": "127.0.0.1",
            "db_port": self.port,
            "db_user": ROLE,
            "db_password": self.password,
        }

    # --- parts ----------------------------------------------------------------

    def _place(self):
        if self.folder.is_dir():
            return
        self.folder.unlink(missing_ok=True)
        self.folder.mkdir(parents=True)
        if self.account and self._run_plain("test", "-x", self.folder) != 0:
            # The folder lies where the account cannot go (such as /root): keep the data elsewhere.
            self.folder.rmdir()
            name = hashlib.sha256(str(self.folder.absolute()).encode()).hexdigest()[:12]
            target = OUTSIDE / name
            target.mkdir(parents=True, exist_ok=True)
            self.folder.symlink_to(target)
        self._give(self.folder)

    def _give(self, path):
        if self.account:
            shutil.chown(path.resolve(), self.account)

    def _run_plain(self, *command):
        return self._popen(command)[0]

    def _run(self, program, *arguments, check=True):
        status, output = self._popen([programs() / program, *arguments])
        if check and status:
            raise Failure(f"{program} failed:\n{output[-3000:]}")
        return status

    def _popen(self, command):
        options = {}
        if self.account:
            account = pwd.getpwnam(self.account)
            options = {
                "user": account.pw_uid,
                "group": account.pw_gid,
                "extra_groups": os.getgrouplist(self.account, account.pw_gid),
            }
        # A file, not a pipe: the server that pg_ctl leaves behind would keep a pipe open.
        with tempfile.TemporaryFile("w+", errors="replace") as output:
            status = subprocess.run(
                [str(part) for part in command],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd="/",
                env={"HOME": "/", "PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"},
                start_new_session=True,
                check=False,
                **options,
            ).returncode
            output.seek(0)
            return status, output.read()


@contextlib.contextmanager
def throw_away_cluster(purpose, durable=False):
    """A cluster for one test run: in shared memory when there is room, gone afterwards.

    `durable`: on a disk, and with PostgreSQL's own settings for keeping data through a power cut.
    """
    parent = DEV / "test"
    if SHARED_MEMORY.is_dir() and os.access(SHARED_MEMORY, os.W_OK):
        _sweep(SHARED_MEMORY)
        if not durable and shutil.disk_usage(SHARED_MEMORY).free > ROOM_FOR_TESTS:
            parent = SHARED_MEMORY
    parent.mkdir(parents=True, exist_ok=True)
    _sweep(parent)
    # One process may have several at a time; by its number `_sweep` knows whose they are.
    folder = parent / f"saas-{purpose}-{next(_numbers)}-{os.getpid()}"
    cluster = Cluster(folder, durable, first_port=5600)
    try:
        cluster.create()
        cluster.start()
        yield cluster
    finally:
        cluster.destroy()


def _sweep(parent):
    """Removes the clusters of test runs that were killed."""
    for folder in parent.glob("saas-*-*"):
        owner = folder.name.rpartition("-")[2]
        if owner.isdigit() and not Path(f"/proc/{owner}").exists():
            Cluster(folder).destroy()
