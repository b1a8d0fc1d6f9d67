from datetime import timedelta

from odoo import fields
from odoo.exceptions import AccessError

from ..lib.saas_wire import ClientUnavailable
from .common import SaasPortalCase


class TestExpiry(SaasPortalCase):
    """What time does to a client; the clock is moved by moving the dates."""

    def setUp(self):
        super().setUp()
        self.plan.write({"expiration": 3, "notice_days": 2, "on_create_email_template": False})
        self.now = fields.Datetime.now()

    def expiring(self, trial=False, **delta):
        """A client that expires in, or before, a while, as operations leave it."""
        client = self.new(dbname=f"c{len(self.driver.databases)}.localhost", trial=trial)
        client.sudo().expiration_datetime = self.now + timedelta(**delta)
        self.transport.calls.clear()
        return client

    def cron(self):
        self.env.flush_all()
        with self.registry.cursor() as cr:
            self.env(cr=cr)["saas_portal.client"]._cron_expire()
        self.env.invalidate_all()
        self.run_operations()

    def move(self, client, **delta):
        self.call(
            self.user, "saas_portal.client", "write", [client.id],
            {"expiration_datetime": fields.Datetime.now() + timedelta(**delta)},
        )  # fmt: skip
        self.run_operations()

    def mails(self, client):
        """Subjects of the mails that wait in the queue, without the client's name."""
        mails = self.env["mail.mail"].search(
            [("model", "=", "saas_portal.client"), ("res_id", "=", client.id)], order="id"
        )
        self.assertEqual(set(mails.mapped("state")) - {"outgoing"}, set())
        return [mail.subject.removeprefix(f"{client.name} ") for mail in mails]

    # -- when a new client expires -----------------------------------------------------------------

    def test_a_trial_ends_after_the_plans_hours(self):
        client = self.new(trial=True)
        self.assertAlmostEqual(
            client.expiration_datetime,
            fields.Datetime.now() + timedelta(hours=3),
            delta=timedelta(minutes=1),
        )

    def test_what_is_no_trial_expires_after_the_plans_period_or_never(self):
        self.assertFalse(self.new().expiration_datetime)
        self.plan.period_days = 30
        self.assertAlmostEqual(
            self.new().expiration_datetime,
            fields.Datetime.now() + timedelta(days=30),
            delta=timedelta(minutes=1),
        )

    # -- notice ------------------------------------------------------------------------------------

    def test_the_customer_is_warned_once_before_the_expiry(self):
        client = self.expiring(days=1)
        for _twice in range(2):
            self.cron()
        self.assertEqual(self.mails(client), ["expires soon"])
        self.assertEqual((client.state, client.expired), ("open", False))

    def test_nobody_is_warned_too_early_or_when_the_plan_says_not_at_all(self):
        early = self.expiring(days=3)
        self.cron()
        self.assertEqual(self.mails(early), [])
        self.plan.notice_days = 0
        silent = self.expiring(hours=1)
        self.cron()
        self.assertEqual(self.mails(silent), [])

    def test_a_deleted_client_is_left_alone(self):
        client = self.expiring(days=-1)
        client._set_deleted()
        self.cron()
        self.assertEqual((self.mails(client), client.expired), ([], False))

    def test_another_date_is_another_notice(self):
        client = self.expiring(days=1)
        self.cron()
        self.move(client, hours=36)
        self.cron()
        self.assertEqual(self.mails(client), ["expires soon"] * 2)

    # -- expiry ------------------------------------------------------------------------------------

    def test_a_trial_that_is_over_is_suspended_with_one_mail(self):
        client = self.expiring(trial=True, minutes=10)
        self.cron()
        self.assertEqual(client.state, "open")
        client.sudo().expiration_datetime = self.now - timedelta(minutes=1)
        for _twice in range(2):
            self.cron()
        self.assertEqual((client.state, client.suspended_for), ("pending", "expiration"))
        self.assertEqual(self.mails(client), ["expires soon", "has expired"])
        self.assertEqual(len(self.transport.calls), 1)

    def test_without_blocking_an_expired_client_is_only_flagged(self):
        client = self.expiring(days=-1)
        for _twice in range(2):
            self.cron()
        self.assertEqual((client.state, client.expired), ("open", True))
        self.assertEqual(self.mails(client), ["has expired"])
        self.assertEqual(self.transport.calls, [])

    def test_days_of_grace_are_for_those_who_pay(self):
        self.plan.write({"grace_period": 3, "block_on_expiration": True})
        paying, trial = self.expiring(days=-1), self.expiring(trial=True, days=-1)
        self.cron()
        self.assertEqual((paying.state, trial.state), ("open", "pending"))
        paying.sudo().write({"expiration_datetime": self.now - timedelta(days=4)})
        self.cron()
        self.assertEqual(paying.state, "pending")
        self.assertEqual(self.mails(paying), ["has expired", "is suspended"])

    def test_blocking_that_is_switched_on_later_counts(self):
        client = self.expiring(days=-1)
        self.cron()
        self.call(
            self.user,
            "saas_portal.client",
            "write",
            [client.id],
            {"block_on_expiration": True},
        )
        self.cron()
        self.assertEqual(client.state, "pending")

    def test_a_client_that_does_not_answer_is_suspended_when_it_does(self):
        client = self.expiring(trial=True, days=-1)
        self.transport.failures[client.name] = ClientUnavailable("No answer.")
        self.cron()
        self.cron()
        self.assertEqual(client.state, "open")
        operation = client.operation_ids[0]
        self.assertEqual(len(client.operation_ids), 2)
        self.transport.failures.clear()
        operation.next_attempt_at = False
        self.run_operations()
        self.assertEqual(client.state, "pending")
        self.assertEqual(self.mails(client), ["has expired"])

    def test_one_client_in_trouble_keeps_nobody_from_the_rest(self):
        first, second = self.expiring(days=-1), self.expiring(days=-1)
        clients = self.registry["saas_portal.client"]
        real = clients._follow_expiry

        def follow(client):
            if client == first:
                raise ValueError("boom")
            return real(client)

        self.patch(clients, "_follow_expiry", follow)
        with self.assertLogs("odoo.addons.saas_portal.models.saas_portal_client_lifecycle"):
            self.cron()
        self.assertEqual((first.expired, second.expired), (False, True))

    def test_the_cron_calls_no_client_itself(self):
        self.expiring(trial=True, days=-1)
        with self.registry.cursor() as cr:
            self.env(cr=cr)["saas_portal.client"]._cron_expire()
        self.assertEqual(self.transport.calls, [])

    def test_a_customer_without_address_gets_no_mail_and_is_suspended_all_the_same(self):
        self.customer.partner_id.email = False
        client = self.expiring(trial=True, days=-1)
        self.cron()
        self.assertEqual((client.state, self.mails(client)), ("pending", []))

    # -- and back ----------------------------------------------------------------------------------

    def test_a_date_in_the_future_resumes_and_begins_anew(self):
        client = self.expiring(trial=True, days=-1)
        self.cron()
        self.move(client, days=1)
        self.assertEqual((client.state, client.suspended_for), ("open", False))
        self.assertFalse(client.expired)
        params = self.params_of(self.transport.payloads[-1])
        self.assertEqual(params["saas_client.suspended"], "0")
        self.cron()
        self.move(client, days=-1)
        self.cron()
        self.assertEqual(client.state, "pending")
        self.assertEqual(
            self.mails(client), ["has expired", "is open again", "expires soon", "has expired"]
        )

    def test_the_api_resumes_in_the_same_call(self):
        client = self.expiring(trial=True, days=-1)
        self.cron()
        self.up(client, params=[{"key": "saas_client.expiration_datetime", "value": "2099-01-01"}])
        self.assertEqual((client.state, client.expired), ("open", False))
        self.assertEqual(str(client.expiration_datetime), "2099-01-01 00:00:00")

    def test_a_trial_that_becomes_a_paid_client_resumes(self):
        client = self.expiring(trial=True, days=-1)
        self.cron()
        self.up(client, params=[{"key": "saas_client.trial", "value": "0"}])
        self.assertEqual((client.state, client.trial), ("open", False))

    def test_a_new_date_does_not_lift_an_operators_suspension(self):
        client = self.expiring(trial=True, days=-1)
        self.suspend(client)
        self.cron()
        self.move(client, days=10)
        self.assertEqual((client.state, client.suspended_for), ("pending", "operator"))

    def test_an_operator_who_resumes_an_expired_client_is_not_overruled(self):
        client = self.expiring(trial=True, days=-1)
        self.cron()
        self.suspend(client, "0")
        self.cron()
        self.assertEqual(client.state, "open")

    def test_a_suspension_that_came_too_late_is_dropped(self):
        client = self.expiring(trial=True, days=-1)
        with self.registry.cursor() as cr:
            self.env(cr=cr)["saas_portal.client"]._cron_expire()
        self.env.invalidate_all()
        client.sudo().expiration_datetime = self.now + timedelta(days=9)
        self.run_operations()
        self.assertEqual((client.state, self.transport.calls), ("open", []))

    def test_a_block_that_is_lifted_resumes(self):
        self.plan.block_on_expiration = True
        client = self.expiring(days=-1)
        self.cron()
        self.assertEqual(client.state, "pending")
        client.sudo().block_on_expiration = False
        self.cron()
        self.assertEqual(client.state, "open")

    # -- storage and welcome -----------------------------------------------------------------------

    def test_exceeded_storage_is_told_once(self):
        client = self.expiring(days=30)
        client.sudo().total_storage_limit = 20
        for _twice in range(2):
            client._sync()
            self.env.invalidate_all()
        self.assertEqual(self.mails(client), ["needs more room than it has"])

    def test_the_welcome_mail_is_sent_once(self):
        self.plan.on_create_email_template = self.env.ref("saas_portal.email_template_create_saas")
        client = self.new(dbname="acme.localhost")
        self.run_operations()
        self.assertEqual(self.mails(client), ["Your database acme.localhost is ready"])

    def test_every_mail_speaks_the_customers_language(self):
        self.env["res.lang"]._activate_lang("fr_FR")
        self.customer.partner_id.lang = "fr_FR"
        client = self.expiring(days=-1)
        template = self.env.ref("saas_portal.email_template_expired")
        template.with_context(lang="fr_FR").subject = "{{ object.name }} a expiré"
        self.cron()
        self.assertEqual(self.mails(client), ["a expiré"])

    def test_the_mails_say_what_happens_and_lead_to_the_portal(self):
        self.plan.write({"grace_period": 3, "block_on_expiration": True})
        client = self.expiring(days=1)
        for name, words in {
            "expiring": "nobody can log in from",
            "expired": "You can go on working until",
            "suspended": "a renewal opens the database at once",
            "resumed": "is open again",
            "storage_exceed": "its plan has room for",
            "create_saas": "You log in with your account",
        }.items():
            template = self.env.ref(f"saas_portal.email_template_{name}")
            body = template._render_field("body_html", client.ids)[client.id]
            self.assertIn(words, " ".join(body.split()))
            self.assertIn(f"/my/databases/{client.id}", body)

    def test_nobody_writes_the_flags_by_hand(self):
        client = self.expiring(days=1)
        for name in ("expired", "notification_sent", "expiry_suspended"):
            with self.refused(error=AccessError):
                self.call(self.user, "saas_portal.client", "write", [client.id], {name: True})
