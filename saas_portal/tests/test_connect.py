import re
from datetime import timedelta

from odoo import fields
from odoo.exceptions import AccessError, UserError
from odoo.tests import tagged

from .test_pages import PASSWORD, PagesCase


@tagged("post_install", "-at_install")
class TestConnect(PagesCase):
    """Operators enter clients: they say why, once and at once, and it is written down."""

    def setUp(self):
        super().setUp()
        self.client = self.new(dbname="acme.localhost")
        self.other_operator = self.make_user("other-operator", "saas_portal.group_user")
        for user in (self.user, self.other_operator, self.internal):
            user.password = PASSWORD

    def ask(self, reason="Ticket 7", user=None):
        action = self.call(
            user or self.user, "saas_portal.client", "action_connect", self.client.ids, reason
        )
        return action["url"]

    def follow(self, link, status):
        answer = self.url_open(link)
        self.assertEqual(answer.status_code, status, answer.text[:500])
        self.assertNotIn("Traceback", answer.text)
        self.env.invalidate_all()
        return answer

    @property
    def connection(self):
        return self.env["saas_portal.connection"].search([], limit=1)

    def assertRefused(self, link, word):
        answer = self.follow(link, 403)
        self.assertIn(word, answer.text)
        self.assertNotIn("token", answer.text)

    def test_the_link_posts_a_token_for_this_client_to_its_own_address(self):
        self.log_in(self.user)
        answer = self.follow(self.ask("Ticket  7\n again"), 200)
        self.assertIn('action="http://acme.localhost:8069/saas_client/connect"', answer.text)
        token = re.search(r'name="token" value="([^"]+)"', answer.text)[1]
        claims = self.read_token(token)
        self.assertEqual(claims["aud"], self.client.client_id)
        self.assertEqual(claims["exp"] - claims["iat"], 60)
        self.assertEqual(claims["reason"], "Ticket 7 again")
        self.assertIn(self.user.login, claims["operator"])
        self.assertEqual(answer.headers["Cache-Control"], "no-store")
        self.assertEqual(answer.headers["Referrer-Policy"], "no-referrer")

    def test_who_when_and_why_are_kept(self):
        link = self.ask()
        self.assertEqual(self.connection.user_id, self.user)
        self.assertEqual(self.connection.reason, "Ticket 7")
        self.assertEqual(self.connection.database, "acme.localhost")
        self.assertFalse(self.connection.opened_at)
        self.log_in(self.user)
        self.follow(link, 200)
        self.assertTrue(self.connection.opened_at)
        self.assertEqual(self.client.connection_ids, self.connection)

    def test_a_reason_is_needed(self):
        for reason in ("", "   ", None, False, 7, "x" * 301):
            with self.refused():
                self.ask(reason)
        self.assertFalse(self.connection)

    def test_a_link_opens_once(self):
        link = self.ask()
        self.log_in(self.user)
        self.follow(link, 200)
        self.assertRefused(link, "has been used")

    def test_a_link_is_good_for_a_minute(self):
        link = self.ask()
        late = fields.Datetime.now() - timedelta(seconds=61)
        self.env.cr.execute("UPDATE saas_portal_connection SET create_date = %s", [late])
        self.env.invalidate_all()
        self.log_in(self.user)
        self.assertRefused(link, "too old")

    def test_a_link_is_for_who_asked(self):
        link = self.ask()
        self.log_in(self.other_operator)
        self.assertRefused(link, "belongs to somebody else")
        for user in (self.internal, self.customer):
            self.log_in(user)
            self.assertRefused(link, "belongs to somebody else")
        self.assertRefused("/saas/connect/999999", "belongs to somebody else")
        self.assertFalse(self.connection.opened_at)
        self.log_in(self.user)
        self.follow(link, 200)

    def test_who_is_not_logged_in_logs_in_first(self):
        link = self.ask()
        answer = self.url_open(link, allow_redirects=False)
        self.assertIn("/web/login", answer.headers["Location"])

    def test_who_has_lost_his_rights_meanwhile_is_refused(self):
        link = self.ask()
        self.user.group_ids = self.env.ref("base.group_user")
        self.env.flush_all()
        self.log_in(self.user)
        self.assertRefused(link, "may not connect")

    def test_only_users_of_the_portal_connect(self):
        for user in (self.internal, self.customer, self.env.ref("base.public_user")):
            with self.refused(error=AccessError):
                self.ask(user=user)
        self.assertFalse(self.connection)

    def test_operators_of_another_company_do_not_connect(self):
        company = self.env["res.company"].create({"name": "Another"})
        self.client.company_id = company
        with self.refused(error=AccessError):
            self.ask()

    def test_a_suspended_client_is_entered_and_a_client_that_is_not_running_is_not(self):
        self.suspend(self.client)
        self.assertTrue(self.ask())
        self.client.rung = "stopped"
        with self.refused("not running"):
            self.ask()
        self.client.rung = "open"
        for state in ("draft", "building", "broken", "deleted"):
            self.client.state = state
            with self.refused("not running"):
                self.ask()

    def test_a_client_that_ended_after_the_question_is_not_entered(self):
        link = self.ask()
        self.client.state = "deleted"
        self.env.flush_all()
        self.log_in(self.user)
        self.assertRefused(link, "not running")

    def test_nobody_changes_the_log(self):
        self.ask()
        for user in (self.user, self.manager, self.env.ref("base.user_admin")):
            log = self.connection.with_user(user)
            self.assertEqual(log.reason, "Ticket 7")
            for attempt in (
                lambda log=log: log.write({"reason": "Tea"}),
                lambda log=log: log.unlink(),
                lambda log=log: log.create({"database": "x", "reason": "y", "user_id": 1}),
            ):
                with self.assertRaises(AccessError):
                    attempt()

    def test_nobody_else_reads_the_log(self):
        self.ask()
        for user in (self.internal, self.customer):
            with self.assertRaises(AccessError):
                self.connection.with_user(user).read(["reason"])

    def test_the_log_outlives_the_client(self):
        self.ask()
        self.client.state = "deleted"
        self.client.unlink()
        self.env.invalidate_all()
        self.assertEqual(self.connection.database, "acme.localhost")
        self.assertFalse(self.connection.client_id)

    def test_the_wizard_asks_why_and_gives_the_link(self):
        wizard = (
            self.env["saas_portal.connect_client"]
            .with_user(self.user)
            .with_context(active_id=self.client.id)
            .create({"reason": "Ticket 7"})
        )
        action = self.call(self.user, wizard._name, "action_connect", wizard.ids)
        self.assertEqual(action["url"], f"/saas/connect/{self.connection.id}")
        with self.assertRaises(AccessError):
            wizard.with_user(self.internal).read(["reason"])

    def test_the_log_never_holds_a_token(self):
        self.log_in(self.user)
        with self.assertLogs("odoo.addons.saas_portal", level="DEBUG") as logs:
            answer = self.follow(self.ask(), 200)
        token = re.search(r'name="token" value="([^"]+)"', answer.text)[1]
        self.assertNotIn(token, "".join(logs.output))
        self.assertIn(self.user.login, "".join(logs.output))

    def test_a_connection_is_for_one_client(self):
        with self.assertRaises(ValueError):
            (self.client + self.new()).with_user(self.user).action_connect("Ticket 7")

    def test_a_server_that_is_archived_is_entered_by_nobody(self):
        self.server.active = False
        with self.assertRaises(UserError):
            self.client.with_user(self.user).action_connect("Ticket 7")
