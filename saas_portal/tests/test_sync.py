from odoo.tools import mute_logger

from ..lib.saas_driver import DriverUnavailable, Usage
from .common import SaasPortalCase


class TestSync(SaasPortalCase):
    def setUp(self):
        super().setUp()
        self.client = self.new(dbname="acme.localhost")
        self.transport.calls.clear()

    def see(self, users=1, database=30.0, files=10.0, suspended=False):
        self.driver.usages[self.client.name] = Usage(users, database, files, suspended)

    def sync(self):
        answer = self.call(self.user, "saas_portal.client", "action_sync", self.client.ids)
        return answer["params"]["type"]

    # -- statistics --------------------------------------------------------------------------------

    def test_what_is_seen_is_shown(self):
        self.see(users=3, database=40.5, files=2.5)
        self.assertEqual(self.sync(), "success")
        client = self.client
        self.assertEqual((client.users_len, client.db_storage, client.file_storage), (3, 40.5, 2.5))
        self.assertEqual(client.total_storage, 43)
        self.assertTrue(client.synced_at)

    def test_the_name_that_scripts_know_does_the_same(self):
        self.see(users=3)
        answer = self.call(self.user, "saas_portal.client", "sync_client", self.client.ids)
        self.assertIs(answer, True)
        self.assertEqual(self.client.users_len, 3)

    def test_a_client_that_shows_itself_otherwise_than_it_should_is_told_again(self):
        self.see(suspended=True)
        self.sync()
        self.run_operations()
        self.assertEqual(self.client.state, "open")
        self.suspend(self.client)
        self.see(suspended=False)
        self.sync()
        self.run_operations()
        self.assertEqual(self.client.state, "pending", "its people could have made it say so")
        rungs = [claims["policy"]["rung"] for claims in self.transport.policies]
        self.assertEqual(rungs, ["open", "closed", "closed"])

    def test_a_client_that_never_had_a_policy_is_given_one(self):
        self.client.policy_serial = False
        self.see()
        self.sync()
        self.run_operations()
        self.assertTrue(self.client.policy_serial)
        self.assertEqual(len(self.transport.policies), 1)
        self.sync()
        self.run_operations()
        self.assertEqual(len(self.transport.policies), 1, "once is enough")

    def test_a_client_that_cannot_be_reached_keeps_its_state_and_gets_one_note(self):
        self.see(users=3)
        self.sync()
        self.driver.failures["usage"] = DriverUnavailable("PostgreSQL sleeps.")
        for _twice in range(2):
            self.assertEqual(self.sync(), "warning")
        client = self.client
        self.assertEqual((client.state, client.users_len), ("open", 3))
        self.assertTrue(client.unreachable_since)
        notes = [m for m in client.message_ids if "PostgreSQL sleeps." in m.body]
        self.assertEqual(len(notes), 1)
        self.driver.failures.clear()
        self.sync()
        self.assertFalse(client.unreachable_since)

    def test_a_database_that_vanished_is_unreachable_and_not_deleted(self):
        self.driver.databases.pop("acme.localhost")
        self.assertEqual(self.sync(), "warning")
        self.assertEqual(self.client.state, "open")
        self.assertTrue(self.client.unreachable_since)

    def test_the_cron_reads_all_and_one_that_fails_keeps_nobody_from_the_rest(self):
        other = self.new(dbname="other.localhost")
        self.driver.databases.pop("acme.localhost")
        self.driver.usages["other.localhost"] = Usage(7, 1, 1, False)
        with self.registry.cursor() as cr:
            self.env(cr=cr)["saas_portal.client"]._cron_sync()
        self.env.invalidate_all()
        self.assertEqual(other.users_len, 7)
        self.assertTrue(self.client.unreachable_since)

    def test_a_client_that_answers_nonsense_keeps_nobody_from_the_rest(self):
        other = self.new(dbname="other.localhost")
        self.driver.usages["acme.localhost"] = None
        self.driver.usages["other.localhost"] = Usage(7, 1, 1, False)
        with (
            mute_logger("odoo.addons.saas_portal.models.saas_portal_client_usage"),
            self.registry.cursor() as cr,
        ):
            self.env(cr=cr)["saas_portal.client"]._cron_sync()
        self.env.invalidate_all()
        self.assertEqual(other.users_len, 7)
        self.assertTrue(self.client.unreachable_since)

    def test_what_has_no_database_is_not_asked(self):
        self.client.state = "broken"
        self.driver.calls.clear()
        self.sync()
        self.assertEqual(self.driver.calls, [])

    # -- storage -----------------------------------------------------------------------------------

    def limit(self, megabytes, block=True):
        self.client.write({"total_storage_limit": megabytes, "block_on_storage_exceed": block})

    def test_too_much_storage_suspends_once_and_less_resumes(self):
        self.limit(100)
        self.see(database=90, files=20)
        for _twice in range(2):
            self.sync()
        self.assertTrue(self.client.storage_exceed)
        self.run_operations()
        self.assertEqual((self.client.state, self.client.suspended_for), ("pending", "storage"))
        self.see(database=90, files=20, suspended=True)
        self.sync()
        self.run_operations()
        self.assertEqual(len(self.transport.calls), 1)
        self.see(database=70, files=20, suspended=True)
        for _twice in range(2):
            self.sync()
        self.run_operations()
        self.assertEqual((self.client.state, self.client.suspended_for), ("open", False))
        self.assertFalse(self.client.storage_exceed)
        values = [self.params_of(p)["saas_client.suspended"] for p in self.transport.payloads]
        self.assertEqual(values, ["1", "0"])

    def test_without_the_policy_too_much_storage_is_only_flagged(self):
        self.limit(100, block=False)
        self.see(database=200)
        self.sync()
        self.run_operations()
        self.assertEqual((self.client.state, self.client.storage_exceed), ("open", True))

    def test_no_limit_is_never_exceeded(self):
        self.limit(0)
        self.see(database=10**6)
        self.sync()
        self.assertFalse(self.client.storage_exceed)

    def test_an_operators_suspension_is_not_lifted_by_less_storage(self):
        self.suspend(self.client)
        self.limit(100)
        for database in (200, 10):
            self.see(database=database, suspended=True)
            self.sync()
            self.run_operations()
        self.assertEqual((self.client.state, self.client.suspended_for), ("pending", "operator"))

    def test_an_operators_suspension_on_top_of_storage_stays(self):
        self.limit(100)
        self.see(database=200)
        self.sync()
        self.run_operations()
        self.suspend(self.client)
        self.assertEqual(self.client.suspended_for, "operator")
        self.see(database=10, suspended=True)
        self.sync()
        self.run_operations()
        self.assertEqual(self.client.state, "pending")

    def test_a_higher_limit_resumes_without_waiting_for_the_next_sync(self):
        self.limit(100)
        self.see(database=200)
        self.sync()
        self.run_operations()
        self.assertEqual(self.client.state, "pending")
        self.up(self.client, params=[{"key": "saas_client.total_storage_limit", "value": "1000"}])
        self.run_operations()
        self.assertEqual(self.client.state, "open")
