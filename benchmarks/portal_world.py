"""A portal to measure: with a plan, its template, and the ways to make a database beside it.

A part that runs by itself makes its own. Parts of one run share one: making it takes longer than
most of what they measure.
"""

import contextlib
import os
import secrets
import shutil
import sys
import tempfile
import time
import xmlrpc.client
from collections.abc import Iterator
from pathlib import Path

from passlib.context import CryptContext

from devkit import odoo
from devkit.cluster import throw_away_cluster
from devkit.console import Failure, Step
from devkit.paths import ROOT
from devkit.waiting import wait_for

for folder in ("tests/e2e", "saas_portal/lib"):
    sys.path.insert(0, str(ROOT / folder))

from saas_driver import Identity, databases, local_sql  # noqa: E402

from harness import Portal, ServerShape  # noqa: E402

TEMPLATE = "template-bench.localhost"
INSTALLED = "portal-installed"


class PortalWorld:
    """One portal with the plan ``plan``; ``apps`` are in its template besides Odoo's base."""

    def __init__(self, portal: Portal, apps: tuple[str, ...]):
        self.portal, self.apps = portal, apps
        self.plan = portal.make_plan("Bench", TEMPLATE, app_names=",".join(apps))
        with Step("Building the template"):
            portal.admin.call("saas_portal.plan", "create_template", [self.plan])
        # Whoever copies without the portal looks for the files under the database's name.
        files = portal.filestore_of_template(TEMPLATE), portal.filestore(TEMPLATE)
        shutil.copytree(*files, copy_function=os.link)
        self.numbers = iter(range(1, 1_000_000))
        self._left: list[str] = []

    def new_name(self, stem: str) -> str:
        return f"{stem}-{next(self.numbers)}.localhost"

    # -- the portal --------------------------------------------------------------------------------

    def create(self, name: str, rpc=None, **arguments) -> dict:
        """The public call, as a script makes it."""
        return (rpc or self.portal.admin).call(
            "saas_portal.plan",
            "create_new_database",
            [self.plan],
            dbname=name,
            notify_user=False,
            **arguments,
        )

    def keep_spares(self, count: int) -> None:
        """Set the number of spares and wait until so many are ready."""
        self.portal.admin.call("saas_portal.plan", "write", [self.plan], {"spare_target": count})
        self.refill()

    def refill(self) -> None:
        cron = self.portal.admin.ref("saas_portal.ir_cron_refill_spares")

        def are_ready():
            found = self.portal.admin.read(
                "saas_portal.plan", self.plan, "spare_target", "spare_count", "spare_ids"
            )
            if found["spare_count"] == len(found["spare_ids"]) == found["spare_target"]:
                return True
            # Another worker may be at it already: then it is refused, and asked again.
            with contextlib.suppress(Exception):
                self.portal.admin.call("ir.cron", "method_direct_trigger", [cron])
            return False

        wait_for(are_ready, 300, "the spares")

    def settle(self) -> None:
        """Have all that was done so far written to disk, so that the next does not wait for it."""
        self.portal.cluster.query("postgres", "CHECKPOINT", superuser=True)
        os.sync()

    def count_spares(self) -> int:
        return self.portal.admin.read("saas_portal.plan", self.plan, "spare_count")

    @contextlib.contextmanager
    def left_alone(self) -> Iterator[None]:
        """No spare is made or removed meanwhile, whatever is taken."""
        self._have_refills(False)
        try:
            yield
        finally:
            self._have_refills(True)

    def _have_refills(self, active: bool) -> None:
        cron = self.portal.admin.ref("saas_portal.ir_cron_refill_spares")

        def written():
            # Refused as long as it runs.
            with contextlib.suppress(xmlrpc.client.Fault):
                return self.portal.admin.call("ir.cron", "write", [cron], {"active": active})

        wait_for(written, 120, "the spares' scheduled action to end")

    def open_page(self, name: str, port: int | None = None) -> float:
        """Seconds until the login page of a database is there, asked for once."""
        start = time.perf_counter()
        page = self.portal.http(name, port).get("/web/login")
        if page.status_code != 200 or "oe_login_form" not in page.text:
            raise Failure(f"The login page of {name} is not there: {page.status_code}")
        return time.perf_counter() - start

    def delete(self, client_id: int) -> None:
        self.portal.admin.call("saas_portal.client", "delete_database", [client_id])

    def delete_all(self) -> None:
        """Drop every client, for the disk's sake."""
        call = self.portal.admin.call
        call("saas_portal.plan", "write", [self.plan], {"retention_days": 0})
        clients = call("saas_portal.client", "search", [("state", "!=", "deleted")])
        call("saas_portal.client", "delete_database", clients)

    # -- the least that has to be done -------------------------------------------------------------

    def rename(self, source: str, name: str) -> None:
        """Let a copy that is there have another name, with its files."""
        with self._statements("postgres") as cursor:
            databases.rename(cursor, source, name)
        os.rename(self.portal.filestore(source), self.portal.filestore(name))

    def copy(self, name: str) -> None:
        """``CREATE DATABASE … TEMPLATE``, and hard links for the files."""
        with self._statements("postgres") as cursor:
            databases.create_database(cursor, name, TEMPLATE)
        shutil.copytree(
            self.portal.filestore(TEMPLATE), self.portal.filestore(name), copy_function=os.link
        )

    def identify(self, name: str) -> None:
        """The identity of a client, in one transaction, and let people in."""
        identity = Identity(f"uuid-{name}", f"http://{name}", "portal", "key")
        with self._statements(name, autocommit=False) as cursor:
            local_sql.give_identity(cursor, identity)
        with self._statements("postgres") as cursor:
            databases.alter(cursor, name, "IS_TEMPLATE false")

    @contextlib.contextmanager
    def managed(self) -> Iterator[None]:
        """Another Odoo process, whose database manager is open to who knows the master password."""
        password = secrets.token_urlsafe(12)
        stored = CryptContext(["pbkdf2_sha512"], pbkdf2_sha512__rounds=600_000).hash(password)
        with self.portal.second_server(list_db=True, admin_passwd=stored) as port:
            self.manager, self._master = port, password
            yield

    def duplicate(self, name: str) -> None:
        """Odoo's own copy of a database, as its manager makes it."""
        url = f"http://127.0.0.1:{self.manager}/xmlrpc/2/db"
        with xmlrpc.client.ServerProxy(url) as service:
            service.duplicate_database(self._master, TEMPLATE, name)

    def install(self, name: str) -> None:
        """The same apps, installed into a new database."""
        log = self.portal.folder / "bench-install.log"
        odoo.install(self.portal.conf, self.portal.cluster, name, ["saas_client", *self.apps], log)

    def let_in(self, name: str, allowed: bool) -> None:
        """Whether anybody may connect to a database."""
        with self._statements("postgres") as cursor:
            databases.alter(cursor, name, f"ALLOW_CONNECTIONS {str(allowed).lower()}")

    def open_page_of_ours(self, name: str, port: int | None = None) -> float:
        """The login page of a database that no portal made, and that obeys none."""
        # Beside a portal, what has no policy stays closed; a portal itself has none.
        (self.portal.data / "saas_trust" / f"{name}.portal").write_text(name)
        return self.open_page(name, port)

    def drop_later(self, name: str) -> None:
        """With the next `drop_left`."""
        self._left.append(name)

    def drop_left(self) -> None:
        while self._left:
            self.drop(self._left.pop())

    def drop(self, name: str) -> None:
        (self.portal.data / "saas_trust" / f"{name}.portal").unlink(missing_ok=True)
        self.portal.drop(name)
        shutil.rmtree(self.portal.filestore(name), ignore_errors=True)

    @contextlib.contextmanager
    def _statements(self, database: str, autocommit: bool = True) -> Iterator:
        connection = self.portal.cluster.connect(database)
        connection.autocommit = autocommit
        try:
            with connection.cursor() as cursor:
                yield cursor
            if not autocommit:
                connection.commit()
        finally:
            connection.close()


class _Common:
    """The portal of a run of several parts; made when the first of them needs it."""

    def __init__(self):
        self.wanted, self.world, self._stack = False, None, contextlib.ExitStack()

    def serve(self, workers: int, apps: tuple[str, ...]) -> PortalWorld:
        if self.world and self.world.apps != apps:
            self.forget()
        if not self.world:
            self.world = _make(self._stack, workers, apps)
        else:
            self.world.portal.serve_with(workers)
        return self.world

    def forget(self) -> None:
        """What a part that broke down has left behind is of no use to the next one."""
        self.world = None
        self._stack.close()


_common = _Common()


@contextlib.contextmanager
def running(workers: int = 0, apps: tuple[str, ...] = ()) -> Iterator[PortalWorld]:
    """A portal with so many workers; that of the whole run, or one that is gone afterwards."""
    if _common.wanted:
        yield _common.serve(workers, apps)
    else:
        with contextlib.ExitStack() as stack:
            yield _make(stack, workers, apps)


def get_unserved() -> PortalWorld | None:
    """The portal of the whole run, when there is one, with its server stopped.

    A server would run the scheduled actions of whatever portal is made in its cluster.
    """
    if _common.world:
        _common.world.portal.server.stop()
    return _common.world


@contextlib.contextmanager
def shared() -> Iterator[_Common]:
    """Let all that is measured in the block use the same portal."""
    _common.wanted = True
    try:
        yield _common
    finally:
        _common.wanted = False
        _common.forget()


def _make(stack: contextlib.ExitStack, workers: int, apps: tuple[str, ...]) -> PortalWorld:
    """A portal whose PostgreSQL keeps data through a power cut; it goes with the stack."""
    cluster = stack.enter_context(throw_away_cluster("bench", durable=True))
    folder = stack.enter_context(tempfile.TemporaryDirectory())
    portal = Portal(cluster, Path(folder), ServerShape(workers))
    with Step("Making the portal"):
        portal.create()
        # A template: no Odoo looks into it.
        statement = f'CREATE DATABASE "{INSTALLED}" TEMPLATE "{portal.name}" IS_TEMPLATE true'
        cluster.query("postgres", statement)
        stack.callback(portal.server.stop)
        portal.server.start()
    return PortalWorld(portal, apps)
