"""Runs inside Odoo: everything that looks at the whole fleet, in a small and a large portal."""

import contextlib
import gc
import os
import threading
import time

import psycopg2
from fleet_records import fill
from fleet_views import CUSTOMER_PAGE, READS

import odoo
from odoo import SUPERUSER_ID, api
from odoo.modules.registry import Registry
from odoo.sql_db import Cursor

from odoo.addons.saas_portal.lib.saas_driver import ClientStatus, Spare, Usage

#: So many of a hundred clients have reached the end of their time, or of their retention days.
DUE = 2


class MemoryDriver:
    """A server that answers at once, so that what is measured is the portal."""

    def __init__(self, fleet):
        live = "SELECT name, client_id, rung FROM saas_portal_client WHERE state IN %s"
        rows = fleet.query(live, ("open", "pending"))
        self.statuses = [ClientStatus(name, True, True, key) for name, key, _rung in rows]
        self.closed = {key for _name, key, rung in rows if rung == "closed"}
        self.spares = {}

    def list_usages(self, refs):
        return {ref.key: Usage(3, 40.0, 30.0, ref.key in self.closed) for ref in refs}

    def make_spare(self, key, template):
        self.spares[key] = template

    def drop_spare(self, key):
        self.spares.pop(key, None)

    def list(self):
        return self.statuses

    def list_spares(self):
        return [Spare(key, "") for key in self.spares]


class Statements:
    """Counts what all cursors of the process send."""

    def __init__(self):
        self.count = 0
        self._lock = threading.Lock()
        plain = Cursor.execute

        def execute(cursor, *args, **kwargs):
            with self._lock:
                self.count += 1
            return plain(cursor, *args, **kwargs)

        Cursor.execute = execute


class Connections:
    """The most connections to the cluster at a time, looked at from the side."""

    def __init__(self):
        self.most = 0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_error):
        self._over.set()
        self._thread.join()

    def _look(self):
        info = odoo.sql_db.connection_info_for("postgres")[1]
        connection = psycopg2.connect(**info)
        connection.autocommit = True
        with connection.cursor() as cursor:
            while not self._over.wait(0.005):
                cursor.execute(
                    "SELECT count(*) FROM pg_stat_activity"
                    " WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
                )
                self.most = max(self.most, cursor.fetchone()[0])
        connection.close()


class Fleet:
    """One portal with so many clients."""

    def __init__(self, database, count, statements):
        self.database, self.count, self.statements = database, count, statements
        self.registry = Registry(database)
        with self.environment() as env:
            fill(env, count)
        self.records = {}

    @contextlib.contextmanager
    def environment(self, login=None):
        with self.registry.cursor() as cr:
            env = api.Environment(cr, SUPERUSER_ID, {})
            if login:
                env = env(user=env["res.users"].search([("login", "=", login)]), su=False)
            yield env

    def query(self, statement, *values):
        with self.registry.cursor() as cr:
            cr.execute(statement, values)
            return cr.fetchall() if cr.description else cr.rowcount

    def measure(self, work, login=None):
        """(seconds, statements) of work in a transaction with empty caches of records."""
        with self.environment(login) as env:
            env.user.has_group("base.group_user")
            before, start = self.statements.count, time.perf_counter()
            work(env)
            return time.perf_counter() - start, self.statements.count - before


# -- passes ----------------------------------------------------------------------------------------


def prepare_statistics(fleet):
    fleet.query("UPDATE saas_portal_client SET sync_tried_at = NULL")
    fleet.query("UPDATE saas_portal_server SET sync_begun_at = NULL")
    live = "SELECT count(*) FROM saas_portal_client WHERE state IN ('open', 'pending')"
    return fleet.query(live)[0][0]


def prepare_expiry(fleet):
    """The clients whose time is over are those of the round before, opened again."""
    count = max(fleet.count * DUE // 100, 1)
    fleet.query(
        "UPDATE saas_portal_client SET trial = TRUE, expired = FALSE, notification_sent = FALSE,"
        " expiry_suspended = FALSE, suspended_for = NULL, expiration_datetime = now() - interval"
        " '1 hour', suspension_due_at = now() - interval '1 hour' WHERE id IN ("
        " SELECT id FROM saas_portal_client WHERE state = 'open' ORDER BY id LIMIT %s)",
        count,
    )
    return count


def prepare_purge(fleet):
    return fleet.query(
        "UPDATE saas_portal_client SET purge_at = now() - interval '1 hour' WHERE id IN ("
        " SELECT id FROM saas_portal_client WHERE trash_name IS NOT NULL ORDER BY id LIMIT %s)",
        max(fleet.count * DUE // 100, 1),
    )


def prepare_refill(fleet):
    fleet.query(
        "UPDATE saas_portal_plan SET spare_target = 2 WHERE name ->> 'en_US' LIKE 'Fleet%%'"
    )
    return fleet.count


def prepare_comparison(fleet):
    return fleet.count


#: name → what brings the fleet to where the pass has work (and tells how much), the pass
PASSES = {
    "reconciliation": (prepare_comparison, lambda env: env["saas_portal.server"]._compare_all()),
    "statistics": (prepare_statistics, lambda env: env["saas_portal.client"]._cron_sync()),
    "expiry": (prepare_expiry, lambda env: env["saas_portal.client"]._cron_expire()),
    "purge": (prepare_purge, lambda env: env["saas_portal.client"]._cron_purge()),
    "spares are kept": (
        prepare_refill,
        lambda env: env["saas_portal.plan"]._cron_refill_spares(),
    ),
}
_LEFT = ("saas_portal_operation", "mail_mail", "mail_message", "ir_cron_trigger")


@contextlib.contextmanager
def leaving_nothing(fleet):
    """Remove the operations and mails that a pass writes, so that the next finds the same."""
    last = {name: fleet.query(f"SELECT COALESCE(max(id), 0) FROM {name}")[0][0] for name in _LEFT}
    yield
    for name, number in last.items():
        fleet.query(f"DELETE FROM {name} WHERE id > %s", number)


# -- all of it -------------------------------------------------------------------------------------


def run(small, large, rounds, real=()):
    """Figures of everything: {"reads": {name: {count: [[seconds, statements], …]}}, …}.

    :param real: (portal, number of its clients that are open) where databases are beside it; the
        last one has all of them
    """
    statements = Statements()
    fleets = [Fleet(database, count, statements) for database, count in (small, large)]
    servers = [fleet.registry["saas_portal.server"] for fleet in fleets]
    plain = [server._get_driver for server in servers]
    # What is loaded by now stays; looking for garbage in it again and again would be measured too.
    gc.collect()
    gc.freeze()
    for server, fleet in zip(servers, fleets, strict=True):
        driver = MemoryDriver(fleet)
        server._get_driver = lambda _server, driver=driver: driver
    found = {"reads": _measure_reads(fleets, rounds), "passes": _measure_passes(fleets, rounds)}
    for server, method in zip(servers, plain, strict=True):
        server._get_driver = method
    if real:
        found["real"] = _measure_real(_open_real(real, statements), rounds)
    return found


def _measure_reads(fleets, rounds):
    found = {name: {fleet.count: [] for fleet in fleets} for name in [*READS, CUSTOMER_PAGE.name]}
    for number in range(rounds + 1):
        for fleet in fleets:
            for name, read in READS.items():
                figures = fleet.measure(read, "admin")
                found[name][fleet.count] += [figures] if number else []
            figures = CUSTOMER_PAGE.measure(fleet)
            found[CUSTOMER_PAGE.name][fleet.count] += [figures] if number else []
    return found


def _measure_passes(fleets, rounds):
    found = {name: {fleet.count: [] for fleet in fleets} for name in PASSES}
    for name, (prepare, work) in PASSES.items():
        for number in range(rounds + 1):
            for fleet in fleets:
                with leaving_nothing(fleet):
                    subjects = prepare(fleet)
                    figures = fleet.measure(work)
                found[name][fleet.count] += [[*figures, subjects]] if number else []
    return found


def _open_real(real, statements):
    """Portals that know all databases, and of which some are in use."""
    fleets = []
    for database, count in real:
        fleet = Fleet(database, real[-1][1], statements)
        fleet.count = count
        fleet.query(
            "UPDATE saas_portal_client SET active = TRUE, trash_name = NULL, rung = 'open',"
            " state = CASE WHEN id IN (SELECT id FROM saas_portal_client ORDER BY id LIMIT %s)"
            " THEN 'open' ELSE 'broken' END",
            count,
        )
        fleets.append(fleet)
    return fleets


def _measure_real(fleets, rounds):
    """The statistics of databases that are there, with connections, registries and memory."""
    found = {"figures": {fleet.count: [] for fleet in fleets}, "connections": {}}
    found["memory_kb"] = {}
    for number in range(rounds + 1):
        for fleet in fleets:
            subjects, before = prepare_statistics(fleet), _memory()
            with Connections() as connections:
                figures = fleet.measure(PASSES["statistics"][1])
            most = max(found["connections"].get(fleet.count, 0), connections.most)
            found["connections"][fleet.count] = most
            found["memory_kb"][fleet.count] = _memory() - before
            found["figures"][fleet.count] += [[*figures, subjects]] if number else []
    seen = "SELECT count(*) FROM saas_portal_client WHERE synced_at > now() - interval '10 minute'"
    found["read"] = {fleet.count: fleet.query(seen)[0][0] for fleet in fleets}
    ours = {fleet.database for fleet in fleets}
    found["loaded"] = sorted(name for name in Registry.registries if name.endswith(".localhost"))
    found["portals"] = sorted(ours)
    return found


def _memory():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") // 1024
