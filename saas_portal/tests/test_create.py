import zlib
from datetime import timedelta
from unittest.mock import patch

from freezegun import freeze_time

from odoo import fields
from odoo.tools import mute_logger

from ..lib.saas_driver import DriverRejected, DriverUnavailable
from ..lib.saas_wire import ClientRejected, ClientUnavailable
from .common import SaasPortalCase

UUID = "11111111-2222-4333-8444-555555555555"


class TestCreate(SaasPortalCase):
    def ask(self, **arguments):
        return self.call(
            self.user, "saas_portal.plan", "create_new_database", [self.plan.id], **arguments
        )

    def count(self):
        return self.env["saas_portal.client"].with_context(active_test=False).search_count([])

    # -- what is made ------------------------------------------------------------------------------

    def test_the_answer_has_the_four_keys_and_names_an_open_client(self):
        answer = self.ask(dbname="acme.localhost", user_id=self.customer.id)
        client = self.env["saas_portal.client"].browse(answer["id"])
        self.assertEqual(
            answer,
            {
                "id": client.id,
                "client_id": client.client_id,
                "url": "http://acme.localhost:8069/web/login",
                "auth_url": "http://acme.localhost:8069/saas_client/login",
            },
        )
        self.assertEqual((client.name, client.state), ("acme.localhost", "open"))
        self.assertEqual(client.host, "acme.localhost")
        self.assertTrue(self.driver.status("acme.localhost").exists)

    def test_the_client_belongs_to_the_owners_partner_and_the_caller_looks_after_it(self):
        client = self.new()
        self.assertEqual(client.partner_id, self.customer.partner_id)
        self.assertEqual(client.owner_id, self.customer)
        self.assertEqual(client.user_id, self.user)
        self.assertEqual(client.support_team_id, self.env.ref("saas_portal.main_support_team"))

    def test_without_user_the_caller_is_the_owner(self):
        answer = self.ask(dbname="acme.localhost")
        client = self.env["saas_portal.client"].browse(answer["id"])
        self.assertEqual(client.owner_id, self.user)

    def test_the_client_is_found_by_name_and_by_plan_and_partner(self):
        client = self.new(dbname="acme.localhost")
        for domain in (
            [["name", "=", "acme.localhost"]],
            [["plan_id", "=", self.plan.id], ["partner_id", "=", self.customer.partner_id.id]],
        ):
            found = self.call(self.user, "saas_portal.client", "search", domain)
            self.assertEqual(found, [client.id])

    def test_all_arguments_at_once(self):
        partner = self.env["res.partner"].create({"name": "Company"})
        team = self.env["saas_portal.support_team"].create({"name": "Second Level"})
        client = self.new(
            dbname="acme.localhost",
            client_id=UUID,
            partner_id=partner.id,
            notify_user=False,
            trial=True,
            support_team_id=team.id,
            owner_password="correct horse",
            async_creation=False,
        )
        self.assertEqual(client.client_id, UUID)
        self.assertEqual((client.partner_id, client.support_team_id), (partner, team))
        self.assertTrue(client.trial)

    def test_the_plan_gives_its_limits(self):
        self.plan.write(
            {
                "max_users": 4,
                "total_storage_limit": 500,
                "block_on_expiration": True,
                "block_on_storage_exceed": True,
                "expiration": 3,
            }
        )
        client = self.new()
        self.assertEqual((client.max_users, client.total_storage_limit), (4, 500))
        self.assertTrue(client.block_on_expiration)
        self.assertTrue(client.block_on_storage_exceed)
        self.assertFalse(client.expiration_datetime, "only trials expire by themselves")
        params = self.params_of(self.transport.payloads[-1])
        self.assertEqual(params["saas_client.max_users"], "4")
        self.assertEqual(params["saas_client.total_storage_limit"], "500")
        self.assertEqual(params["saas_client.suspended"], "0")
        self.assertEqual(params["saas_client.trial"], "0")
        hidden = [p["key"] for p in self.transport.payloads[-1]["params"] if p["hidden"]]
        self.assertEqual(hidden, [], "customers may know what they have")

    @freeze_time("2030-01-31 12:00:00")
    def test_a_trial_expires_after_the_plans_hours(self):
        self.plan.expiration = 3
        client = self.new(trial=True)
        self.assertEqual(client.expiration_datetime, fields.Datetime.now() + timedelta(hours=3))
        params = self.params_of(self.transport.payloads[-1])
        self.assertEqual(params["saas_client.expiration_datetime"], "2030-01-31 15:00:00")
        self.assertEqual(params["saas_client.trial"], "1")

    def test_the_database_gets_the_portals_trust(self):
        client = self.new(dbname="acme.localhost")
        identity, keyring = self.driver.identity, self.env["saas_portal.keyring"]
        self.assertEqual(identity.database_uuid, client.client_id)
        self.assertEqual(identity.base_url, "http://acme.localhost:8069")
        self.assertEqual(identity.portal_uuid, keyring._get_portal_uuid())
        self.assertEqual(identity.portal_key, keyring._get_signing_key().public_pem())

    def test_the_owner_is_told_to_the_client_with_a_hash_and_no_password(self):
        self.plan.write({"lang": "en_US", "tz": "Europe/Berlin"})
        self.new(owner_password="correct horse")
        owner = self.transport.payloads[-1]["owner"]
        password_hash = owner.pop("password_hash")
        self.assertEqual(
            owner,
            {
                "login": "customer@example.com",
                "name": "Customer",
                "email": self.customer.email,
                "lang": "en_US",
                "tz": "Europe/Berlin",
            },
        )
        context = self.env["res.users"]._crypt_context()
        self.assertTrue(context.verify("correct horse", password_hash))

    def test_without_password_the_owner_has_none(self):
        self.new()
        self.assertIs(self.transport.payloads[-1]["owner"]["password_hash"], False)

    def test_the_customer_gets_the_welcome_mail_unless_told_otherwise(self):
        mails = self.env["mail.mail"].sudo()
        client = self.new(dbname="acme.localhost")
        mail = mails.search([("subject", "ilike", "acme.localhost")])
        self.assertEqual(mail.recipient_ids, client.partner_id)
        self.assertIn("http://acme.localhost:8069/saas_client/login", mail.body_html)
        self.new(dbname="other.localhost", notify_user=False)
        self.assertFalse(mails.search([("subject", "ilike", "other.localhost")]))

    def test_the_welcome_mail_speaks_of_a_password_only_when_one_was_chosen(self):
        mails = self.env["mail.mail"].sudo()
        for name, password in (("with", "correct horse"), ("without", None)):
            self.new(dbname=f"{name}.localhost", owner_password=password)
            body = mails.search([("subject", "ilike", f"{name}.localhost ")]).body_html
            self.assertIn("on our portal", body)
            self.assertEqual("A password was also chosen" in body, bool(password))
            self.assertEqual(f"http://{name}.localhost:8069/web/login" in body, bool(password))
            self.assertNotIn("correct horse", body)
            self.assertNotIn("SaaS Client", body, "This is what operators call it")

    def test_a_welcome_mail_that_cannot_be_written_is_noted_and_no_failure(self):
        self.plan.on_create_email_template.body_html = "<p t-out='object.no_such_field'/>"
        with mute_logger("odoo.addons.mail.models.mail_render_mixin"):
            client = self.new()
        self.assertEqual(client.state, "open")
        self.assertTrue(any("could not be sent" in message.body for message in client.message_ids))

    def test_flags_are_understood_as_scripts_write_them(self):
        for value, trial in (("0", False), ("1", True), (0, False), (None, False)):
            self.assertEqual(self.new(trial=value).trial, trial, repr(value))
        for name in ("trial", "notify_user", "async"):
            with self.refused(name):
                self.new(**{name: "maybe"})

    # -- secrets -----------------------------------------------------------------------------------

    def test_the_password_is_stored_nowhere(self):
        self.transport.failures["acme.localhost"] = ClientRejected("Not today.")
        with self.refused("Not today."), self.assertNoLogs("odoo.addons.saas_portal", "ERROR"):
            self.new(dbname="acme.localhost", owner_password="correct horse")
        client = self.env["saas_portal.client"].search([("name", "=", "acme.localhost")])
        operation = client.operation_ids
        texts = [
            *map(str, client.read()[0].values()),
            *map(str, operation.read()[0].values()),
            *map(str, operation.step_ids.read()),
            *client.message_ids.mapped("body"),
        ]
        self.assertTrue(operation.secrets, "kept for a retry, encrypted")
        for text in texts:
            self.assertNotIn("correct horse", text)
            self.assertNotIn("$pbkdf2", text)

    def test_secrets_are_wiped_when_they_are_not_needed_any_more(self):
        client = self.new(owner_password="correct horse")
        self.assertEqual(client.operation_ids.state, "done")
        self.assertFalse(client.operation_ids.secrets)

    # -- in the background -------------------------------------------------------------------------

    def test_async_returns_at_once_and_the_cron_does_the_rest(self):
        for number, name in enumerate(("async", "async_creation")):
            client = self.new(dbname=f"acme-{number}.localhost", **{name: True})
            self.assertEqual(client.state, "building")
            self.assertFalse(self.driver.status(client.name).exists)
            self.run_operations()
            self.assertEqual(client.state, "open")

    # -- names -------------------------------------------------------------------------------------

    def test_without_name_the_pattern_gives_another_each_time(self):
        names = {self.new(dbname=dbname).name for dbname in (None, "", False)}
        self.assertEqual(len(names), 3)
        for name in names:
            self.assertRegex(name, r"^test-\d{3}\.localhost$")

    def test_generate_dbname_gives_a_free_name(self):
        first = self.call(self.user, "saas_portal.plan", "generate_dbname", [self.plan.id])
        second = self.call(self.user, "saas_portal.plan", "generate_dbname", [self.plan.id])
        self.assertNotEqual(first, second)

    def test_a_generated_name_that_is_taken_is_passed_over(self):
        sequence = self.env.ref("saas_portal.sequence_plan")
        number = sequence.number_next_actual
        self.driver.put(f"test-{number:03}.localhost")
        self.assertEqual(self.new().name, f"test-{number + 1:03}.localhost")

    def test_a_pattern_that_gives_no_free_name_is_refused(self):
        path = "odoo.addons.saas_portal.models.saas_portal_plan.expand_pattern"
        self.driver.put("same.localhost")
        with patch(path, return_value="same.localhost"), self.refused("No free name"):
            self.new()
        self.assertEqual(self.count(), 0)

    def test_neither_name_nor_pattern_is_refused(self):
        self.plan.dbname_template = False
        with self.refused("has no pattern"):
            self.new()
        self.assertEqual(self.count(), 0)

    def test_a_taken_name_is_refused_capitals_not_counting(self):
        self.new(dbname="acme.localhost")
        for dbname in ("acme.localhost", "ACME.localhost"):
            with self.refused("acme.localhost is taken"):
                self.new(dbname=dbname)
        self.assertEqual(self.count(), 1)

    def test_the_name_of_any_database_on_the_server_is_taken(self):
        self.driver.put("Portal.localhost")
        with self.refused("Portal.localhost is taken"):
            self.new(dbname="portal.localhost")
        self.assertEqual(self.count(), 0)

    def test_a_name_that_is_no_host_name_is_refused(self):
        for dbname in ("a/b", "a b", "a'b", "../etc", "postgres", "x" * 64, 5, ["a"]):
            with self.refused():
                self.new(dbname=dbname)
        self.assertEqual(self.count(), 0)

    def test_a_server_that_does_not_answer_refuses_before_anything_is_written(self):
        self.driver.failures["status"] = DriverUnavailable("PostgreSQL sleeps.")
        with self.refused("PostgreSQL sleeps."):
            self.new(dbname="acme.localhost")
        self.assertEqual(self.count(), 0)

    # -- refusals ----------------------------------------------------------------------------------

    def test_others_do_not_wait_for_the_plan_while_a_server_is_asked_for_a_name(self):
        ask, held = self.driver.status, {}
        # As the lock of a plan stands in PostgreSQL's table of them.
        number = (zlib.crc32(self.plan._name.encode()) - 2**31) % 2**32

        def status(name):
            self.env.cr.execute(
                "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND classid = %s"
                " AND objid = %s AND database = (SELECT oid FROM pg_database WHERE datname = %s)",
                [number, self.plan.id, self.env.cr.dbname],
            )
            held.setdefault(name, self.env.cr.fetchone()[0])
            return ask(name)

        self.patch(self.driver, "status", status)
        for dbname in ("named.localhost", None):
            client = self.new(dbname=dbname)
            self.assertEqual(held[client.name], 0)

    def test_a_name_that_another_request_took_in_between_is_refused(self):
        ask = self.driver.status

        def status(name):
            self.patch(self.driver, "status", ask)
            self.new(dbname=name)
            self.driver.databases.clear()
            return ask(name)

        self.patch(self.driver, "status", status)
        with self.refused("acme.localhost is taken"):
            self.new(dbname="acme.localhost")
        self.assertEqual(self.count(), 1)

    def test_a_draft_plan_is_named(self):
        self.template.state = "draft"
        with self.refused("Test Plan is a draft"):
            self.new()
        self.assertEqual(self.count(), 0)

    def test_one_plan_that_exists_is_needed(self):
        for ids in ([], [10**6], [self.plan.id, self.plan.copy().id]):
            with self.refused("one plan"):
                self.call(self.user, "saas_portal.plan", "create_new_database", ids)

    def test_arguments_that_mean_nothing_are_named(self):
        for arguments, text in (
            ({"colour": "red"}, "colour"),
            ({"user_id": 10**6}, "user_id"),
            ({"user_id": "5"}, "user_id"),
            ({"user_id": True}, "user_id"),
            ({"partner_id": 10**6}, "partner_id"),
            ({"support_team_id": 10**6}, "support_team_id"),
            ({"client_id": "no uuid"}, "client_id"),
            ({"client_id": 5}, "client_id"),
            ({"owner_password": 5}, "password"),
        ):
            with self.refused(text):
                self.new(**arguments)
        self.assertEqual(self.count(), 0)

    def test_a_uuid_in_use_is_refused(self):
        client = self.new(dbname="acme.localhost", client_id=UUID)
        with self.refused("acme.localhost"):
            self.new(client_id=UUID)
        self.call(self.manager, "saas_portal.client", "delete_database", [client.id])
        with self.refused("acme.localhost"):
            self.new(client_id=UUID)

    def test_a_draft_client_is_used_by_its_uuid(self):
        draft = self.env["saas_portal.client"].create(
            {
                "name": "draft.localhost",
                "client_id": UUID,
                "server_id": self.server.id,
                "partner_id": self.customer.partner_id.id,
            }
        )
        self.assertEqual(self.new(dbname="acme.localhost", client_id=UUID), draft)
        self.assertEqual((draft.name, draft.state), ("acme.localhost", "open"))

    # -- limits of a customer ----------------------------------------------------------------------

    def test_a_customer_gets_no_more_than_the_plan_allows(self):
        self.plan.maximum_allowed_dbs_per_partner = 2
        self.new()
        self.new()
        with self.refused("allows 2 databases"):
            self.new()
        self.assertEqual(self.count(), 2)

    def test_trials_are_counted_apart(self):
        self.plan.maximum_allowed_dbs_per_partner = 1
        self.plan.maximum_allowed_trial_dbs_per_partner = 1
        self.new()
        self.new(trial=True)
        with self.refused("allows 1 databases"):
            self.new()
        with self.refused("allows 1 trials"):
            self.new(trial=True)

    def test_zero_is_unlimited(self):
        self.plan.maximum_allowed_trial_dbs_per_partner = 1
        for _number in range(3):
            self.new()

    def test_other_customers_other_plans_and_what_is_gone_do_not_count(self):
        self.plan.maximum_allowed_dbs_per_partner = 1
        client = self.new()
        self.new(user_id=self.internal.id)
        self.new(plan=self.plan.copy({"template_id": self.template.id}))
        self.call(self.manager, "saas_portal.client", "delete_database", [client.id])
        self.new()

    def test_what_is_being_built_or_suspended_counts(self):
        self.plan.maximum_allowed_dbs_per_partner = 1
        client = self.new(async_creation=True)
        with self.refused("allows 1"):
            self.new()
        self.run_operations()
        self.suspend(client)
        with self.refused("allows 1"):
            self.new()

    def test_what_failed_does_not_count(self):
        self.plan.maximum_allowed_dbs_per_partner = 1
        self.driver.failures["create"] = DriverRejected("No room.")
        with self.refused("No room."):
            self.new()
        self.driver.failures.clear()
        self.new()

    # -- failures ----------------------------------------------------------------------------------

    def fail_to_create(self, **arguments):
        self.transport.failures["acme.localhost"] = ClientRejected("Not today.")
        with self.refused("Not today."):
            self.new(dbname="acme.localhost", **arguments)
        self.transport.failures.clear()
        return self.env["saas_portal.client"].search([("name", "=", "acme.localhost")])

    def test_a_failed_creation_leaves_a_broken_client_with_its_cause_and_no_database(self):
        client = self.fail_to_create()
        self.assertEqual((client.state, client.name_released), ("broken", True))
        self.assertEqual(client.current_operation_id.state, "failed")
        self.assertEqual(client.operation_error, "Not today.")
        self.assertTrue(any("Not today." in message.body for message in client.message_ids))
        self.assertFalse(self.driver.status("acme.localhost").exists)

    def test_a_failed_creation_can_be_repeated(self):
        client = self.fail_to_create(owner_password="correct horse")
        self.call(self.user, "saas_portal.client", "action_retry", [client.id])
        self.assertEqual(client.state, "building")
        self.run_operations()
        self.assertEqual((client.state, client.name_released), ("open", False))
        password_hash = self.transport.payloads[-1]["owner"]["password_hash"]
        self.assertTrue(
            self.env["res.users"]._crypt_context().verify("correct horse", password_hash)
        )

    def test_the_name_of_a_failed_creation_is_free(self):
        broken = self.fail_to_create()
        client = self.new(dbname="acme.localhost")
        self.assertEqual(client.state, "open")
        self.assertEqual(broken.state, "deleted")
        found = self.env["saas_portal.client"].search([("name", "=", "acme.localhost")])
        self.assertEqual(found, client)

    def test_a_failed_creation_whose_name_was_taken_meanwhile_cannot_be_repeated(self):
        broken = self.fail_to_create()
        client = self.new(dbname="acme.localhost")
        with self.refused("acme.localhost is taken"):
            self.call(self.user, "saas_portal.operation", "action_retry", broken.operation_ids.ids)
        self.assertEqual(self.driver.status("acme.localhost").key, client.client_id)

    def test_a_server_that_goes_away_leaves_a_broken_client_that_keeps_its_name(self):
        error = DriverUnavailable("PostgreSQL is gone.")
        self.driver.failures.update(create=error, delete=error)
        with self.refused("PostgreSQL is gone."):
            self.new(dbname="acme.localhost")
        client = self.env["saas_portal.client"].search([("name", "=", "acme.localhost")])
        self.assertEqual((client.state, client.name_released), ("broken", False))
        self.driver.failures.clear()
        with self.refused("is taken"):
            self.new(dbname="acme.localhost")
        # The database that it half made does not stand in its own way.
        self.driver.put("acme.localhost", client.client_id)
        self.call(self.user, "saas_portal.client", "action_retry", [client.id])
        self.run_operations()
        self.assertEqual(client.state, "open")

    def test_an_unexpected_error_is_a_cause_too(self):
        self.driver.failures["create"] = KeyError("surprise")
        with self.assertLogs("odoo.addons.saas_portal", "ERROR"), self.refused("surprise"):
            self.new(dbname="acme.localhost")
        client = self.env["saas_portal.client"].search([("name", "=", "acme.localhost")])
        self.assertEqual(client.state, "broken")
        self.assertIn("KeyError", client.operation_error)

    def test_in_the_background_a_silent_client_is_asked_again(self):
        self.transport.failures["acme.localhost"] = ClientUnavailable("No answer.")
        client = self.new(dbname="acme.localhost", async_creation=True)
        self.run_operations()
        self.assertEqual((client.state, client.operation_state), ("building", "pending"))
        self.assertEqual(client.operation_error, "No answer.")
        self.transport.failures.clear()
        client.operation_ids.next_attempt_at = False
        self.run_operations()
        self.assertEqual(client.state, "open")
        creations = [verb for verb, _name in self.driver.calls if verb == "create"]
        self.assertEqual(len(creations), 1)

    def test_without_a_key_for_secrets_nothing_is_written(self):
        keyring = "odoo.addons.saas_portal.models.saas_portal_keyring"
        with (
            patch(f"{keyring}.config", {}),
            patch(f"{keyring}.os.environ", {}),
            self.refused("saas_secret_key"),
        ):
            self.new(dbname="acme.localhost", owner_password="correct horse")
        self.assertEqual(self.count(), 0)
