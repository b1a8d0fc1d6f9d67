from odoo import fields
from odoo.exceptions import AccessError
from odoo.modules.registry import Registry

from ..lib.saas_driver import DriverUnavailable, Usage
from ..lib.saas_wire import ClientRejected
from .common import SaasPortalCase


class TestBatch(SaasPortalCase):
    """Orders to a selection of clients."""

    def setUp(self):
        super().setUp()
        self.clients = self.env["saas_portal.client"]
        for number in range(3):
            self.clients += self.new(dbname=f"b{number}.localhost")
        self.transport.calls.clear()

    def order(self, method, clients=None, user=None):
        clients = self.clients if clients is None else clients
        action = self.call(user or self.user, "saas_portal.client", method, clients.ids)
        return self.env["saas_portal.batch"].browse(action["res_id"])

    def results(self, batch):
        self.env.invalidate_all()
        return batch.with_user(self.user).line_ids.mapped("state")

    def test_each_client_gets_an_operation_and_a_result_of_its_own(self):
        for client in self.clients.sudo():
            client._set_suspended("operator")
        batch = self.order("action_batch_resume")
        self.assertEqual(self.results(batch), ["pending"] * 3)
        self.assertEqual((batch.state, batch.progress), ("running", 0))
        self.assertEqual(self.transport.calls, [])
        self.transport.failures["b1.localhost"] = ClientRejected("I will not")
        self.run_operations()
        self.assertEqual(self.results(batch), ["done", "failed", "done"])
        self.assertEqual((batch.done_count, batch.failed_count), (2, 1))
        self.assertEqual((batch.state, batch.progress), ("done", 100))
        self.assertIn("I will not", batch.line_ids[1].message)
        self.assertEqual(self.clients.mapped("state"), ["open", "pending", "open"])
        self.assertEqual(len(batch.line_ids.operation_id), 3)

    def test_what_cannot_be_begun_says_why_and_keeps_nobody_from_the_rest(self):
        self.clients[1].sudo()._set_deleted()
        batch = self.order("action_batch_sync")
        self.run_operations()
        self.assertEqual(self.results(batch), ["done", "refused", "done"])
        self.assertIn("no database that is in use", batch.line_ids[1].message)

    def test_sync_reads_figures_and_says_whom_it_could_not_reach(self):
        self.driver.usages["b0.localhost"] = Usage(7, 70, 7, False)
        self.driver.databases.pop("b2.localhost")
        batch = self.order("action_batch_sync")
        self.run_operations()
        self.assertEqual(self.results(batch), ["done", "done", "failed"])
        self.assertEqual(self.clients[0].users_len, 7)
        self.assertEqual(batch.line_ids[0].message, "7 users, 77 MB")
        self.assertIn("There is no database", batch.line_ids[2].message)
        self.assertEqual(self.clients[2].state, "open")

    def test_deleting_many_needs_their_number_and_a_manager(self):
        wizard = self.env["saas_portal.delete_client"].with_user(self.manager)
        wizard = wizard.with_context(active_ids=self.clients.ids).create({})
        wizard.confirmation = "delete 2"
        with self.refused("delete 3"):
            self.call(self.manager, wizard._name, "action_apply", wizard.ids)
        wizard.confirmation = "delete 3"
        self.driver.failures["rename"] = DriverUnavailable("away")
        action = self.call(self.manager, wizard._name, "action_apply", wizard.ids)
        batch = self.env["saas_portal.batch"].browse(action["res_id"])
        self.assertEqual(self.clients.mapped("state"), ["open"] * 3)
        self.run_operations()
        self.assertEqual(self.results(batch), ["pending"] * 3)
        self.driver.failures.clear()
        batch.line_ids.operation_id.next_attempt_at = False
        self.run_operations()
        self.assertEqual(self.results(batch), ["done"] * 3)
        self.assertEqual(self.clients.mapped("state"), ["deleted"] * 3)
        with self.refused(error=AccessError):
            self.clients.with_user(self.user)._start_batch_delete()

    def test_remarks_of_a_client_are_shown(self):
        self.transport.answer = {"install_addons": ["addon not found: x"]}
        payload = {"install_addons": ["x"]}
        action = self.clients.with_user(self.user)._start_batch(
            "configure", lambda client: client._begin_configuration(payload)
        )
        self.run_operations()
        batch = self.env["saas_portal.batch"].browse(action["res_id"])
        self.env.invalidate_all()
        self.assertEqual(batch.line_ids[0].message, "addon not found: x")

    def test_two_batches_on_the_same_clients_are_carried_out_one_after_the_other(self):
        batches = []
        for value in ("7", "9"):
            payload = {"params": [{"key": "saas_client.max_users", "value": value}]}
            action = self.clients.with_user(self.user)._start_batch(
                "configure", lambda client, payload=payload: client._begin_configuration(payload)
            )
            batches.append(self.env["saas_portal.batch"].browse(action["res_id"]))
        self.run_operations()
        for batch in batches:
            self.assertEqual(self.results(batch), ["done"] * 3)
        self.assertEqual(self.clients.mapped("max_users"), [9] * 3)
        for client in self.clients:
            told = [
                self.params_of(payload)["saas_client.max_users"]
                for database, payload, _timeout in self.transport.calls
                if database == client.name
            ]
            self.assertEqual(told, ["7", "9"])

    def test_who_asks_for_one_client_does_not_wait_for_the_rest_of_a_batch(self):
        self.driver.calls.clear()
        self.order("action_batch_sync")
        single = self.call(self.user, "saas_portal.client", "action_backup", self.clients[2].ids)
        self.assertTrue(single)
        self.run_operations()
        order = [verb for verb, _name in self.driver.calls if verb in ("usage", "backup")]
        self.assertEqual(order.count("usage"), 3)
        self.assertLess(order.index("backup"), 2)

    def read_triggers(self):
        """Which scheduled actions would be woken by a commit, each as often as it would."""
        self.env.cr.flush()
        return self.env["ir.cron.trigger"].sudo().search([])

    def test_orders_to_many_wake_each_lane_once(self):
        names = [f"saas_portal.ir_cron_run_operations_{lane}" for lane in (1, 2, 3)]
        lanes = [self.env.ref(name).id for name in names]
        ids = self.clients.ids
        for give in (
            lambda: self.order("action_batch_sync"),
            lambda: self.call(self.user, "saas_portal.client", "write", ids, {"max_users": 9}),
            self.env["saas_portal.client"]._give_keys_later,
        ):
            self.read_triggers().unlink()
            before = self.clients.operation_ids
            give()
            self.assertEqual([trigger.cron_id.id for trigger in self.read_triggers()], lanes)
            self.assertEqual(len(self.clients.operation_ids - before), 3)

    def test_an_empty_selection_is_refused(self):
        with self.refused("Choose at least one client"):
            self.order("action_batch_sync", self.clients.browse())

    def test_the_results_of_another_company_are_not_shown(self):
        batch = self.order("action_batch_sync")
        company = self.env["res.company"].create({"name": "Second"})
        self.clients[0].sudo().company_id = company
        self.env.flush_all()
        self.assertEqual(len(self.results(batch)), 2)
        line = batch.line_ids[0]
        action = line.with_user(self.user).browse(batch.line_ids[-1].id).action_open_operation()
        self.assertEqual(action["res_id"], batch.line_ids[-1].operation_id.id)

    def test_customers_and_other_employees_order_nothing(self):
        for user in (self.customer, self.internal):
            for method in ("action_batch_sync", "action_batch_resume", "action_batch_backup"):
                with self.refused(error=AccessError):
                    self.order(method, user=user)
        self.assertFalse(self.env["saas_portal.batch"].search([]))


class TestUsage(SaasPortalCase):
    """The time series of what clients use."""

    def setUp(self):
        super().setUp()
        self.client = self.new(dbname="acme.localhost")
        self.samples = self.env["saas_portal.client.usage"]
        self.samples.search([]).unlink()

    def take_figures(self, **figures):
        usage = {"users": 1, "database_mb": 30, "files_mb": 10, "suspended": False, **figures}
        self.driver.usages["acme.localhost"] = Usage(**usage)
        self.env.flush_all()
        self.client._sync()
        self.env.invalidate_all()
        return self.samples.search([("client_id", "=", self.client.id)])

    def test_one_row_a_day_holds_the_last_figures(self):
        self.take_figures(users=2)
        sample = self.take_figures(users=5, database_mb=100, files_mb=50)
        self.assertEqual(len(sample), 1)
        self.assertEqual((sample.date, sample.users), (fields.Date.today(), 5))
        self.assertEqual((sample.database_mb, sample.files_mb, sample.total_mb), (100, 50, 150))
        self.assertEqual((sample.plan_id, sample.server_id), (self.plan, self.server))
        sample.date = fields.Date.subtract(fields.Date.today(), days=1)
        self.assertEqual(self.take_figures().mapped("users"), [1, 5])

    def test_who_cannot_be_reached_leaves_no_figures(self):
        self.driver.failures["usage"] = DriverUnavailable("away")
        self.assertFalse(self.take_figures())

    def test_old_figures_are_forgotten_after_the_days_of_the_setting(self):
        sample = self.take_figures()
        sample.date = fields.Date.subtract(fields.Date.today(), days=40)
        self.samples._gc_samples()
        self.assertTrue(sample.exists())
        self.env["ir.config_parameter"].set_param("saas_portal.usage_days", "30")
        self.samples._gc_samples()
        self.assertFalse(sample.exists())

    def test_figures_are_averaged_over_days_and_clients(self):
        sample = self.take_figures(users=2)
        sample.date = fields.Date.subtract(fields.Date.today(), days=1)
        self.take_figures(users=4)
        (users,) = self.samples._read_group(
            [("client_id", "=", self.client.id)], aggregates=["users:avg"]
        )[0]
        self.assertEqual(users, 3)

    def test_statistics_ask_no_client_and_load_none(self):
        loaded = set(Registry.registries)
        self.transport.calls.clear()
        self.take_figures()
        with self.registry.cursor() as cr:
            self.env(cr=cr)["saas_portal.client"]._cron_sync()
        self.assertEqual(self.transport.calls, [])
        self.assertEqual(set(Registry.registries), loaded)

    def test_only_users_of_saas_see_figures_and_nobody_writes_them(self):
        sample = self.take_figures()
        for user in (self.customer, self.internal):
            with self.assertRaises(AccessError):
                sample.with_user(user).read(["users"])
        self.assertEqual(sample.with_user(self.user).users, 1)
        for right in ("write", "create", "unlink"):
            self.assertFalse(sample.with_user(self.manager).has_access(right))
        sample.company_id = self.env["res.company"].create({"name": "Second"})
        self.assertFalse(sample.with_user(self.user).has_access("read"))
