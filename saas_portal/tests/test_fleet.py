import threading
from datetime import timedelta
from unittest.mock import patch

import psycopg2

from odoo import fields
from odoo.modules.registry import Registry
from odoo.sql_db import connection_info_for
from odoo.tools import SQL, mute_logger

from ..lanes import in_lanes
from ..lib.saas_driver import DriverUnavailable, ServerUnavailable, Usage
from ..models import saas_portal_client_usage
from .common import FakeDriver, SaasPortalCase

#: What a client adds at most to the statements of a pass in which nothing is to be done about it.
STATISTICS_EACH = 1
#: What a client adds whose time is over: its mail, its operation, and its record.
EXPIRY_EACH = 45
#: What a deleted client adds whose days are over.
PURGE_EACH = 4
#: As much of an Odoo database as is read of a client.
ODOO = """
CREATE TABLE res_users (id serial, active boolean, share boolean);
INSERT INTO res_users (active, share) VALUES (TRUE, FALSE), (TRUE, FALSE), (TRUE, TRUE);
CREATE TABLE ir_model_data (module varchar, name varchar, model varchar, res_id int);
CREATE TABLE ir_config_parameter (key varchar, value text);
"""


class FleetCase(SaasPortalCase):
    def make_clients(self, count, first=0, **values):
        """Records of clients that are there, without what making them takes."""
        vals = {
            "plan_id": self.plan.id,
            "server_id": self.server.id,
            "partner_id": self.customer.partner_id.id,
            "owner_id": self.customer.id,
            "state": "open",
            "policy_serial": "1",
            "login_portal_url": self.env["saas_portal.client"]._get_portal_url(),
            **values,
        }
        names = [f"fleet-{number}.localhost" for number in range(first, first + count)]
        clients = self.env["saas_portal.client"].create([{"name": name, **vals} for name in names])
        for client in clients:
            self.driver.put(client.name, client.client_id)
        self.env.flush_all()
        return clients

    def run_cron(self, model, method):
        """One call of a scheduled action; returns how many statements it took."""
        self.env.flush_all()
        before = self.env.cr.sql_log_count
        with self.registry.cursor() as cr:
            getattr(self.env(cr=cr)[model], method)()
        self.env.invalidate_all()
        return self.env.cr.sql_log_count - before

    def sync(self):
        return self.run_cron("saas_portal.client", "_cron_sync")

    def begin_anew(self):
        """An hour is over."""
        self.env["saas_portal.server"].search([]).sync_begun_at = False
        self.env["saas_portal.client"].search([]).sync_tried_at = False

    def asked(self, driver=None):
        """Names of the clients that the server was asked for since the last look, in order."""
        driver = driver or self.driver
        names = [name for verb, name in driver.calls if verb == "usage"]
        driver.calls.clear()
        return names


class TestFleet(FleetCase):
    """Whatever looks at all clients costs each of many no more than each of few."""

    def test_statistics_take_few_statements_for_each_client(self):
        counts = {}
        for count in (25, 100):
            self.make_clients(count - sum(counts), first=sum(counts))
            self.sync()
            self.begin_anew()
            counts[count] = self.sync()
        self.assertLess((counts[100] - counts[25]) / 75, STATISTICS_EACH)

    def test_an_expiry_costs_the_same_among_many(self):
        over = {"trial": True, "expiration_datetime": fields.Datetime.now() - timedelta(hours=1)}
        self.make_clients(1, **over)
        self.run_cron("saas_portal.client", "_cron_expire")
        counts = []
        for count in (2, 8):
            self.make_clients(count, first=count, **over)
            counts.append(self.run_cron("saas_portal.client", "_cron_expire"))
        self.assertLess((counts[1] - counts[0]) / 6, EXPIRY_EACH)

    def test_a_purge_costs_the_same_among_many(self):
        gone = {"state": "deleted", "name_released": True}
        over = fields.Datetime.now() - timedelta(hours=1)
        counts = []
        for count in (2, 8):
            clients = self.make_clients(count, first=count, purge_at=over, **gone)
            for client in clients:
                client.trash_name = f"trash-{client.id}"
            counts.append(self.run_cron("saas_portal.client", "_cron_purge"))
            self.assertEqual(clients.operation_ids.mapped("kind"), ["purge"] * count)
        self.assertLess((counts[1] - counts[0]) / 6, PURGE_EACH)

    def test_lists_and_pages_take_as_many_statements_for_many_clients_as_for_few(self):
        names = ["name", "partner_id", "plan_id", "operation_state", "operation_progress"]
        names += ["operation_step", "operation_error", "public_url", "total_storage"]
        listed = {name: {} for name in names}
        user = self.env(user=self.user, su=False)["saas_portal.client"]
        customer = self.env(user=self.customer, su=False)["saas_portal.client"]

        def show_list():
            user.web_search_read([], listed, limit=80, count_limit=10001)

        def show_board():
            user.web_read_group(
                [], ["state"], ["__count"], auto_unfold=True, unfold_read_specification=listed
            )

        def show_page():
            for client in customer._get_own():
                client._get_usage_bars()
                client._can("open")
                client._get_progress()

        counts = {look.__name__: [] for look in (show_list, show_board, show_page)}
        for first, count in ((0, 4), (4, 30)):
            for client in self.make_clients(count, first=first):
                client._start_operation("sync").state = "failed" if client.id % 2 else "pending"
            for look in (show_list, show_board, show_page):
                look()
                self.env.flush_all()
                self.env.invalidate_all()
                before = self.env.cr.sql_log_count
                look()
                counts[look.__name__].append(self.env.cr.sql_log_count - before)
        for name, (few, many) in counts.items():
            self.assertLessEqual(many, few, name)

    def test_what_is_searched_all_the_time_is_found_by_an_index(self):
        now = fields.Datetime.now()
        clients = self.env["saas_portal.client"].with_context(active_test=False)
        operations = self.env["saas_portal.operation"]
        ended = [("expired", "=", False), ("expiration_datetime", "<=", now)]
        warned = [("notification_sent", "=", False), ("notice_due_at", "<=", now)]
        shut = [("state", "=", "open"), ("expiry_suspended", "=", False)]
        opened = [("state", "=", "pending"), ("suspended_for", "=", "expiration")]
        self.fill_tables()
        for model, domain, index in (
            (clients, [("trash_name", "!=", False), ("purge_at", "<=", now)], "purge_index"),
            (clients, ended, "expiry_index"),
            (clients, [*warned, ("expired", "=", False)], "notice_index"),
            (clients, [*shut, ("suspension_due_at", "<=", now)], "suspension_index"),
            (clients, [*opened, ("suspension_due_at", ">", now)], "resumption_index"),
            (clients, [("active", "=", False)], "inactive_index"),
            (clients, [("unreachable_since", "!=", False)], "unreachable_index"),
            (clients, [("storage_exceed", "=", True)], "exceeding_index"),
            (clients, [("owner_id", "=", self.customer.id)], "_owner_id_index"),
            (clients, [("name", "ilike", "acme")], "_name_index"),
            (operations, [("state", "=", "failed")], "failed_index"),
            (operations, [("create_date", ">=", now)], "create_date_index"),
            (operations, [("client_id", "=", 1)], "client_index"),
        ):
            self.assertIn(f"{model._table}_{index}", self.explain(model, domain))

    def fill_tables(self):
        """Makes a long fleet, known to PostgreSQL: in a short one every index serves as well."""
        client = self.make_clients(1)
        self.fill(
            client,
            name=SQL("'fill-' || number || '.localhost'"),
            client_id=SQL("gen_random_uuid()::varchar"),
            owner_id=SQL("NULL"),
            notice_due_at=SQL("now() + interval '1 year'"),
            suspension_due_at=SQL("now() + interval '1 year'"),
            expiration_datetime=SQL("now() + interval '1 year'"),
        )
        operation = client._start_operation("sync")
        self.env.flush_all()
        self.fill(
            operation,
            state=SQL("'done'"),
            client_id=SQL("%s + number", client.id),
            create_date=SQL("now() - interval '1 day'"),
        )

    def fill(self, record, **values):
        """Copies a record 5,000 times with other values."""
        columns = [
            name for name, field in record._fields.items() if field.column_type and field.store
        ]
        columns.remove("id")
        self.env.execute_query(
            SQL(
                "INSERT INTO %(table)s (%(columns)s)"
                " SELECT %(values)s FROM %(table)s, generate_series(1, 5000) number"
                " WHERE id = %(id)s",
                table=SQL.identifier(record._table),
                columns=SQL(", ").join(map(SQL.identifier, columns)),
                values=SQL(", ").join(values.get(name, SQL.identifier(name)) for name in columns),
                id=record.id,
            )
        )
        self.env.cr.execute(SQL("ANALYZE %s", SQL.identifier(record._table)))

    def explain(self, model, domain):
        """How PostgreSQL would find the records, if it has an index for them at all."""
        self.env.cr.execute("SET LOCAL enable_seqscan = off")
        query = model._search(domain)
        rows = self.env.execute_query(SQL("EXPLAIN %s", query.select(SQL("COUNT(*)"))))
        return "\n".join(row for (row,) in rows)


class TestStatisticsPass(FleetCase):
    """Reading the figures of all clients, whatever happens meanwhile."""

    def setUp(self):
        super().setUp()
        self.patch(saas_portal_client_usage, "_WAVE", 2)
        self.patch(saas_portal_client_usage, "_CHUNK", 1)
        self.seconds_left = float("inf")
        commit = type(self.env["ir.cron"])._commit_progress

        def commit_progress(cron, processed=0, **options):
            commit(cron, processed, **options)
            self.remaining = options.get("remaining", self.remaining - processed)
            return self.seconds_left if processed else float("inf")

        self.remaining = 0
        self.patch(type(self.env["ir.cron"]), "_commit_progress", commit_progress)

    def test_a_pass_takes_several_runs_and_asks_each_client_once(self):
        clients = self.make_clients(5)
        names = clients.mapped("name")
        self.seconds_left = 0
        remaining, asked = [], []
        for _run in range(3):
            self.sync()
            asked += self.asked()
            remaining.append(self.remaining)
        self.assertEqual((asked, remaining), (names, [3, 1, 0]))
        self.assertTrue(all(clients.mapped("synced_at")))

    def test_the_next_pass_begins_with_those_that_have_waited_longest(self):
        clients = self.make_clients(4)
        self.sync()
        self.asked()
        ago = fields.Datetime.now() - timedelta(hours=2)
        self.env["saas_portal.server"].search([]).sync_begun_at = ago
        for number, client in enumerate(reversed(clients)):
            client.sync_tried_at = ago + timedelta(minutes=number)
        self.sync()
        self.assertEqual(self.asked(), clients.mapped("name")[::-1])

    def test_nobody_is_asked_who_is_stopped_deleted_or_was_not_made(self):
        clients = self.make_clients(4)
        clients[0].rung = "stopped"
        clients[1].state = "deleted"
        clients[2].state = "building"
        self.sync()
        self.assertEqual(self.asked(), [clients[3].name])

    def test_a_pass_that_was_killed_goes_on_where_it_was(self):
        class Killed(BaseException):
            """No `except` of the portal sees it."""

        clients = self.make_clients(6)
        usage = FakeDriver.usage

        def die(driver, ref):
            if ref.name == clients[3].name:
                raise Killed()
            return usage(driver, ref)

        with self.patch_usage(die):
            # assertRaises would take back what was committed.
            try:
                self.sync()
            except Killed:
                self.env.invalidate_all()
        seen = set(self.asked())
        self.sync()
        again = self.asked()
        self.assertFalse(set(clients[:2].mapped("name")) & set(again))
        self.assertEqual(seen | set(again) | {clients[3].name}, set(clients.mapped("name")))

    def patch_usage(self, usage):
        return patch.object(FakeDriver, "usage", usage)

    @mute_logger("odoo.addons.saas_portal.models.saas_portal_client_usage")
    def test_a_server_that_is_dead_is_asked_once_and_holds_up_nobody(self):
        dead = self.env["saas_portal.server"].create({"name": "Dead Server"})
        lost = self.make_clients(7, server_id=dead.id)
        clients = self.make_clients(5, first=10)
        driver = FakeDriver()
        driver.failures["usage"] = ServerUnavailable("Nobody is there.")
        of_all = {dead: driver}
        self.patch(
            self.registry["saas_portal.server"],
            "_get_driver",
            lambda server: of_all.get(server, self.driver),
        )
        self.sync()
        self.assertEqual(self.asked(driver), [lost[0].name])
        self.assertEqual(set(self.asked()), set(clients.mapped("name")))
        self.assertTrue(all(lost.mapped("unreachable_since")))
        self.assertEqual(set(lost.mapped("state")), {"open"})
        self.assertFalse(any(clients.mapped("unreachable_since")))

    def test_one_client_that_does_not_answer_says_nothing_of_its_neighbours(self):
        clients = self.make_clients(3)
        usage = FakeDriver.usage

        def answer(driver, ref):
            if ref.name == clients[0].name:
                raise DriverUnavailable("It starts just now.")
            return usage(driver, ref)

        with self.patch_usage(answer):
            self.sync()
        self.assertEqual([bool(c.unreachable_since) for c in clients], [True, False, False])
        self.assertIn("It starts just now.", clients[0].message_ids[0].body)

    def test_the_figures_of_the_day_are_those_that_were_read(self):
        clients = self.make_clients(3)
        for number, client in enumerate(clients):
            self.driver.usages[client.name] = Usage(number, 10.04 * number, 5, False)
        self.sync()
        rows = self.env["saas_portal.client.usage"].search([("client_id", "in", clients.ids)])
        self.assertEqual(
            sorted((row.client_id.name, row.users, row.database_mb) for row in rows),
            [(client.name, n, round(10.04 * n, 1)) for n, client in enumerate(clients)],
        )


class TestStatisticsOfDatabases(FleetCase):
    """With the real driver, on databases that are there."""

    def setUp(self):
        real = self.registry["saas_portal.server"]._get_driver
        super().setUp()
        self.patch(self.registry["saas_portal.server"], "_get_driver", real)
        self.clients = self.make_clients(3)
        for client in self.clients:
            self.make_database(client)

    def make_database(self, client):
        comment = f'{{"saas_client": "{client.client_id}"}}'
        self.execute("postgres", f'CREATE DATABASE "{client.name}" TEMPLATE template0')
        self.addCleanup(self.execute, "postgres", f'DROP DATABASE "{client.name}"')
        self.execute("postgres", f"COMMENT ON DATABASE \"{client.name}\" IS '{comment}'")
        self.execute(client.name, ODOO)

    def execute(self, database, statement):
        connection = psycopg2.connect(**connection_info_for(database)[1])
        connection.autocommit = True
        try:
            with connection.cursor() as cursor:
                cursor.execute(statement)
                return cursor.fetchall() if cursor.description else None
        finally:
            connection.close()

    def test_no_client_is_loaded_into_the_portal_and_no_connection_is_kept(self):
        names = set(self.clients.mapped("name"))
        self.sync()
        self.assertEqual(self.clients.mapped("users_len"), [2, 2, 2])
        self.assertTrue(all(size > 1 for size in self.clients.mapped("db_storage")))
        self.assertFalse(names & set(Registry.registries))
        rows = self.execute("postgres", "SELECT datname FROM pg_stat_activity")
        self.assertFalse(names & {name for (name,) in rows})


class TestLanes(FleetCase):
    def test_so_many_are_worked_on_at_a_time_and_no_more(self):
        pair, lock, inside = threading.Barrier(2, timeout=30), threading.Lock(), []
        most = [0]

        def work(number):
            with lock:
                inside.append(number)
                most[0] = max(most[0], len(inside))
            pair.wait()
            with lock:
                inside.remove(number)
            if number == 3:
                raise ValueError("three")
            return number * 2

        found = {item: (result, error) for item, result, error in in_lanes(work, range(8), 2)}
        self.assertEqual(most[0], 2)
        self.assertEqual(set(found), set(range(8)))
        self.assertEqual((found[2][0], str(found[3][1])), (4, "three"))
