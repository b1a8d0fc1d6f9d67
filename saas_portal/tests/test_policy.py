from datetime import timedelta

from odoo import Command, fields
from odoo.exceptions import AccessError, UserError

from ..lib.saas_driver import DriverUnavailable
from ..lib.saas_wire import ClientUnavailable
from .common import SaasPortalCase


class TestPolicy(SaasPortalCase):
    """What the portal signs for a client, and when it does."""

    def setUp(self):
        super().setUp()
        self.client = self.new(dbname="acme.localhost")

    def last(self):
        return self.transport.policies[-1]

    def change(self, **vals):
        self.call(self.user, "saas_portal.client", "write", self.client.ids, vals)
        self.run_operations()

    def shut(self, rung, reason="payment", notice="Please pay.", user=None, clients=None):
        wizard = (
            self.env["saas_portal.suspend_client"]
            .with_user(user or self.user)
            .create(
                {
                    "client_ids": [Command.set((clients or self.client).ids)],
                    "rung": rung,
                    "reason": reason,
                    "notice": notice,
                }
            )
        )
        return self.call(user or self.user, wizard._name, "action_apply", wizard.ids)

    # -- what it says ------------------------------------------------------------------------------

    def test_a_client_has_a_policy_before_it_is_open(self):
        claims = self.transport.policies[0]
        self.assertIn("owner", self.transport.payloads[0])
        self.assertEqual(claims["aud"], self.client.client_id)
        self.assertEqual(claims["sub"], "acme.localhost")
        self.assertEqual(claims["iss"], self.env["saas_portal.keyring"]._get_portal_uuid())
        self.assertEqual(claims["policy"]["rung"], "open")
        self.assertNotIn("exp", claims)

    def test_it_says_what_the_record_says(self):
        moment = fields.Datetime.now().replace(microsecond=0) + timedelta(days=30)
        self.change(max_users=4, total_storage_limit=500, expiration_datetime=moment)
        policy = self.last()["policy"]
        self.assertEqual((policy["max_users"], policy["storage_mb"]), (4, 500))
        self.assertEqual(policy["expires_at"], fields.Datetime.to_string(moment))
        self.assertIsNone(policy["enforce_at"])
        self.assertEqual(policy["plan"], "Test Plan")
        self.assertEqual(policy["support"], self.client.support_team_id.name)
        self.assertIn("/my/", policy["manage_url"])
        self.change(block_on_expiration=True)
        self.assertEqual(self.last()["policy"]["enforce_at"], fields.Datetime.to_string(moment))

    def test_what_is_hidden_stays_so_until_it_is_said_otherwise(self):
        key = "saas_client.max_users"
        self.up(self.client, params=[{"key": key, "value": "4", "hidden": True}])
        self.assertEqual(self.last()["policy"]["hidden"], [key])
        self.change(max_users=5)
        self.assertEqual(self.last()["policy"]["hidden"], [key])
        self.up(self.client, params=[{"key": key, "value": "5", "hidden": False}])
        self.assertEqual(self.last()["policy"]["hidden"], [])

    def test_limits_of_records_are_remembered_and_removed(self):
        def limit(model, maximum, domain="[]"):
            entry = {"model": model, "max_records": maximum, "domain": domain}
            self.up(self.client, limit_number_of_records=[entry])
            return [
                (limit["model"], limit["max_records"])
                for limit in self.last()["policy"]["record_limits"]
            ]

        limit("res.partner", 5)
        self.assertEqual(limit("res.users", 3), [("res.partner", 5), ("res.users", 3)])
        self.assertEqual(limit("res.partner", 7), [("res.users", 3), ("res.partner", 7)])
        self.assertEqual(limit("res.users", 0), [("res.partner", 7)])
        self.transport.answer = {"limit_number_of_records": ["model not found: no.model"]}
        limit("no.model", 3)
        self.transport.answer = {}
        self.change(max_users=9)
        models = [entry["model"] for entry in self.last()["policy"]["record_limits"]]
        self.assertEqual(models, ["res.partner"])

    # -- its number --------------------------------------------------------------------------------

    def test_numbers_rise_also_when_an_answer_is_lost(self):
        self.transport.failures["acme.localhost"] = ClientUnavailable("Lost.")
        with self.refused("Lost."):
            self.up(self.client, params=[{"key": "saas_client.max_users", "value": "4"}])
        self.assertEqual(self.client.max_users, 0, "the portal shows what it knows")
        self.transport.failures.clear()
        self.up(self.client, params=[{"key": "saas_client.max_users", "value": "5"}])
        serials = [claims["serial"] for claims in self.transport.policies]
        self.assertEqual(serials, sorted(set(serials)))
        self.assertEqual(str(serials[-1]), self.client.policy_serial)

    def test_numbers_rise_though_the_clock_goes_back(self):
        self.client.policy_serial = str(10**14)
        self.change(max_users=4)
        self.assertEqual(self.last()["serial"], 10**14 + 1)

    # -- the anchor --------------------------------------------------------------------------------

    def test_the_keys_lie_beside_the_databases(self):
        keyring = self.env["saas_portal.keyring"]
        uuid = keyring._get_portal_uuid()
        pem = self.anchor / f"{uuid}.pem"
        self.assertEqual(pem.read_text(), keyring._get_signing_key().public_pem())
        self.assertEqual((self.anchor / f"{uuid}.portal").read_text(), self.env.cr.dbname)
        pem.unlink()
        self.change(max_users=3)
        self.assertTrue(pem.exists(), "written again when it is missing")

    def test_a_copy_of_the_portal_does_not_take_the_clients_over(self):
        uuid = self.env["saas_portal.keyring"]._get_portal_uuid()
        (self.anchor / f"{uuid}.portal").write_text("the.real.portal")
        (self.anchor / f"{uuid}.pem").write_text("its key")
        self.addCleanup((self.anchor / f"{uuid}.portal").unlink)
        self.addCleanup((self.anchor / f"{uuid}.pem").unlink)
        with self.refused("the.real.portal"):
            self.up(self.client, params=[{"key": "saas_client.max_users", "value": "4"}])
        self.assertEqual((self.anchor / f"{uuid}.pem").read_text(), "its key")

    def test_what_a_dropped_client_kept_is_removed(self):
        kept = self.anchor / f"{self.client.client_id}.policy"
        kept.write_text("x")
        self.call(self.manager, "saas_portal.client", "delete_database", self.client.ids)
        self.assertTrue(kept.exists(), "it can still be restored")
        self.call(self.manager, "saas_portal.client", "action_purge", self.client.ids)
        self.assertFalse(kept.exists())

    # -- moves -------------------------------------------------------------------------------------

    def test_a_renamed_client_gets_a_policy_for_its_new_name(self):
        self.call(
            self.user, "saas_portal.client", "rename_database", self.client.ids, "b.localhost"
        )
        self.assertEqual(self.last()["sub"], "b.localhost")

    def test_a_restored_client_gets_a_policy_again(self):
        self.shut("read_only")
        self.call(self.manager, "saas_portal.client", "delete_database", self.client.ids)
        self.transport.calls.clear()
        self.call(self.manager, "saas_portal.client", "action_restore", self.client.ids)
        self.assertEqual(self.last()["policy"]["rung"], "read_only")
        self.assertEqual(self.client.state, "pending")

    # -- the ladder --------------------------------------------------------------------------------

    def test_each_rung_is_told_and_shown_and_taken_back(self):
        for rung, state, told in (
            ("notice", "open", "notice"),
            ("read_only", "pending", "read_only"),
            ("closed", "pending", "closed"),
            ("stopped", "pending", "closed"),
        ):
            with self.subTest(rung):
                self.shut(rung)
                self.assertEqual((self.client.rung, self.client.state), (rung, state))
                policy = self.last()["policy"]
                self.assertEqual(policy["rung"], told)
                self.assertEqual((policy["reason"], policy["notice"]), ("payment", "Please pay."))
                running = self.driver.status("acme.localhost").running
                self.assertEqual(running, rung != "stopped")
                self.call(self.user, "saas_portal.client", "action_resume", self.client.ids)
                self.assertEqual((self.client.rung, self.client.state), ("open", "open"))
                self.assertTrue(self.driver.status("acme.localhost").running)
                policy = self.last()["policy"]
                self.assertEqual(
                    (policy["rung"], policy["reason"], policy["notice"]), ("open", "", "")
                )

    def test_from_one_rung_to_another(self):
        for rung in ("stopped", "read_only", "closed", "notice", "stopped"):
            self.shut(rung)
            self.assertEqual(self.client.rung, rung)
        self.assertFalse(self.driver.status("acme.localhost").running)

    def test_the_parameter_of_the_api_closes_and_opens(self):
        self.suspend(self.client)
        self.assertEqual(self.client.rung, "closed")
        self.shut("read_only")
        self.suspend(self.client, "0")
        self.assertEqual((self.client.rung, self.client.suspension_notice), ("open", False))

    def test_a_stopped_client_is_configured_and_stays_stopped(self):
        self.shut("stopped")
        self.up(self.client, params=[{"key": "saas_client.max_users", "value": "4"}])
        self.assertEqual((self.client.max_users, self.client.rung), (4, "stopped"))
        self.assertFalse(self.driver.status("acme.localhost").running)

    def test_a_stopped_client_is_not_taken_for_one_that_cannot_be_reached(self):
        self.shut("stopped")
        self.driver.failures["usage"] = DriverUnavailable("It accepts no connections.")
        self.call(self.user, "saas_portal.client", "action_sync", self.client.ids)
        self.assertFalse(self.client.unreachable_since)

    def test_a_rung_that_the_client_was_not_told_of_is_not_shown(self):
        self.transport.failures["acme.localhost"] = ClientUnavailable("Away.")
        with self.refused("Away."):
            self.shut("closed")
        self.assertEqual((self.client.rung, self.client.state), ("open", "open"))

    def test_one_that_fails_does_not_keep_the_others_open(self):
        other = self.new(dbname="b.localhost")
        self.transport.failures["acme.localhost"] = ClientUnavailable("Away.")
        action = self.shut("closed", clients=self.client + other)
        self.run_operations()
        self.assertEqual((self.client.rung, other.rung), ("open", "closed"))
        lines = self.env["saas_portal.batch"].browse(action["res_id"]).line_ids
        self.assertEqual(lines.mapped("state"), ["pending", "done"])
        self.assertIn("Away.", lines[0].message)

    def test_many_are_shut_in_the_background(self):
        clients = self.client
        for number in range(10):
            clients += self.new(dbname=f"b-{number}.localhost")
        self.shut("notice", clients=clients)
        self.assertEqual(set(clients.mapped("rung")), {"open"})
        self.run_operations()
        self.assertEqual(set(clients.mapped("rung")), {"notice"})

    def test_who_may_not_write_clients_does_not_shut_them(self):
        for user in (self.internal, self.customer):
            with self.assertRaises(AccessError), self.env.cr.savepoint():
                self.shut("closed", user=user)
        with self.assertRaises(AccessError), self.env.cr.savepoint():
            self.client.with_user(self.user).write({"rung": "open"})

    def test_a_deleted_client_is_not_shut(self):
        self.call(self.manager, "saas_portal.client", "delete_database", self.client.ids)
        with self.assertRaises(UserError):
            self.shut("closed")

    def test_the_reason_is_that_of_who_shut_it(self):
        self.client.write({"state": "pending", "suspended_for": "storage", "rung": "closed"})
        self.assertEqual(self.client._get_policy_reason(), "storage")
        self.client.write({"suspended_for": "expiration", "trial": True})
        self.assertEqual(self.client._get_policy_reason(), "trial")
        self.client.trial = False
        self.assertEqual(self.client._get_policy_reason(), "expired")
