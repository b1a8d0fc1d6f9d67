"""A portal to measure: with a plan, its template, and the ways to make a database beside it."""

import contextlib
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from devkit import odoo
from devkit.cluster import throw_away_cluster
from devkit.console import Failure, Step
from devkit.paths import ROOT

for folder in ("tests/e2e", "saas_portal/lib"):
    sys.path.insert(0, str(ROOT / folder))

from saas_driver import Identity, databases, local_sql  # noqa: E402

from harness import Portal, ServerShape  # noqa: E402

TEMPLATE = "template-bench.localhost"
#: Runs inside Odoo: its own way to copy a database, timed without the start of the process.
DUPLICATE = """
import json, time
from odoo.service.db import exp_duplicate_database
from odoo.tools import config
config["list_db"] = True
start = time.perf_counter()
exp_duplicate_database({source!r}, {target!r})
print(json.dumps(time.perf_counter() - start))
"""


class PortalWorld:
    """One portal with the plan ``plan``; ``apps`` are in its template besides Odoo's base."""

    def __init__(self, portal: Portal, apps: tuple[str, ...]):
        self.portal, self.apps = portal, apps
        self.plan = portal.make_plan("Bench", TEMPLATE, app_names=",".join(apps))
        with Step("Building the template"):
            portal.admin.call("saas_portal.plan", "create_template", [self.plan])
        self.numbers = iter(range(1, 1_000_000))

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
        deadline = time.monotonic() + 300
        while True:
            found = self.portal.admin.read(
                "saas_portal.plan", self.plan, "spare_target", "spare_count", "spare_ids"
            )
            if found["spare_count"] == len(found["spare_ids"]) == found["spare_target"]:
                return
            if time.monotonic() > deadline:
                raise Failure(f"The spares were not ready after five minutes: {found}")
            # Another worker may be at it already: then it is refused, and asked again.
            with contextlib.suppress(Exception):
                self.portal.admin.call("ir.cron", "method_direct_trigger", [cron])

    def open_page(self, name: str) -> float:
        """Seconds until the login page of a database is there, asked for once."""
        start = time.perf_counter()
        page = self.portal.http(name).get("/web/login")
        if page.status_code != 200 or "oe_login_form" not in page.text:
            raise Failure(f"The login page of {name} is not there: {page.status_code}")
        return time.perf_counter() - start

    def delete(self, client_id: int) -> None:
        self.portal.admin.call("saas_portal.client", "delete_database", [client_id])

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

    def duplicate(self, name: str) -> float:
        """Odoo's own copy of a database; seconds."""
        script = DUPLICATE.format(source=TEMPLATE, target=name)
        portal = self.portal
        return odoo.run_script(portal.conf, portal.cluster, portal.name, script)

    def install(self, name: str) -> None:
        """The same apps, installed into a new database."""
        log = self.portal.folder / "bench-install.log"
        odoo.install(self.portal.conf, self.portal.cluster, name, ["saas_client", *self.apps], log)

    def let_in(self, name: str, allowed: bool) -> None:
        """Whether anybody may connect to a database."""
        with self._statements("postgres") as cursor:
            databases.alter(cursor, name, f"ALLOW_CONNECTIONS {str(allowed).lower()}")

    def open_page_of_ours(self, name: str) -> float:
        """The login page of a database that no portal made, and that obeys none."""
        # Beside a portal, what has no policy stays closed; a portal itself has none.
        (self.portal.data / "saas_trust" / f"{name}.portal").write_text(name)
        return self.open_page(name)

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


@contextlib.contextmanager
def running(workers: int = 0, apps: tuple[str, ...] = ()) -> Iterator[PortalWorld]:
    """A portal of its own, gone afterwards."""
    with throw_away_cluster("bench") as cluster, tempfile.TemporaryDirectory() as folder:
        portal = Portal(cluster, Path(folder), ServerShape(workers))
        with Step("Making the portal"):
            portal.create()
            portal.server.start()
        try:
            yield PortalWorld(portal, apps)
        finally:
            portal.server.stop()
