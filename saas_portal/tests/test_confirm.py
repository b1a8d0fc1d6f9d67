import re
from time import time
from unittest.mock import patch

from odoo.exceptions import AccessError
from odoo.tests import tagged
from odoo.tools import mute_logger

from odoo.addons.base.models.ir_mail_server import MailDeliveryException

from ..models import saas_portal_plan_confirm
from .test_pages import PagesCase

PASSWORD_OF_BOB = "password of bob"


@tagged("post_install", "-at_install")
class TestConfirmation(PagesCase):
    """Where e-mail addresses are confirmed, a database comes after the link in the mail."""

    def setUp(self):
        super().setUp()
        self.mails = []
        self.receive_mails(self.mails.append)
        self.set_setting("always")
        self.url = f"/saas/signup/{self.plan.id}"
        self.form = {"dbname": "acme", "name": "Ann Example", "login": "ann@example.com"}

    def receive_mails(self, receive):
        """In the place of an SMTP server, which tests never reach."""
        server = self.registry["ir.mail_server"]
        self.patch(server, "_disable_send", lambda server: False)
        self.patch(server, "_connect__", lambda server, *args, **kwargs: None)
        self.patch(server, "send_email", lambda server, message, **kwargs: receive(message))

    def set_setting(self, value):
        self.env["ir.config_parameter"].set_param("saas_portal.confirm_email", value)

    def ask(self):
        """Fill in the form; returns the path that the mail leads to."""
        self.post(self.url, **self.form)
        return self.read_link()

    def read_link(self):
        text = self.mails[-1].get_body(("plain",)).get_content()
        url = re.search(r"https?://\S+/saas/signup/\S+", text)[0]
        return url[url.index("/saas/signup/") :].rstrip(")]")

    def follow(self, path, status=303, **form):
        csrf = self.read_token_of(self.page(path))
        return self.send(path.partition("token=")[2], status, csrf=csrf, **form)

    def send(self, link, status, end="", csrf=None, **form):
        """Post the form behind the link, from whatever page."""
        csrf = csrf or self.read_token_of(self.page(self.url))
        form = {"csrf_token": csrf, "token": link, "dbname": "acme", **form}
        response = self.url_open(f"{self.url}/confirm{end}", data=form, allow_redirects=False)
        self.env.invalidate_all()
        self.assertEqual(response.status_code, status, response.text[:2000])
        return response

    def clients(self):
        return self.env["saas_portal.client"].search([("name", "like", "acme")])

    def find_user(self, login="ann@example.com"):
        return self.env["res.users"].with_context(active_test=False).search([("login", "=", login)])

    def later(self, hours):
        now = time() + hours * 3600
        return patch.object(saas_portal_plan_confirm, "time", lambda: now)

    # -- the way -----------------------------------------------------------------------------------

    def test_the_database_is_made_after_the_link_was_followed(self):
        self.assertNotIn('name="password"', self.page(self.url))
        text = self.post(self.url, **self.form).text
        self.assertIn("Look", text)
        self.assertIn("ann@example.com", text)
        self.assertFalse(self.clients() or self.find_user())
        self.assertIn("ann@example.com", self.mails[0]["To"])
        self.assertIn("acme.localhost", self.mails[0]["Subject"])
        path = self.read_link()
        self.assertIn("is confirmed", self.page(path))
        self.assertFalse(self.clients() or self.find_user(), "Looking at the link made something")
        answer = self.follow(path, password="long enough")
        client = self.clients()
        self.assertTrue(answer.headers["Location"].endswith(f"/my/databases/{client.id}"))
        self.assertEqual((client.name, client.owner_id), ("acme.localhost", self.find_user()))
        self.assertEqual(client.owner_id.name, "Ann Example")
        self.assertFalse(client.owner_id.saas_email_unconfirmed)
        self.assertIn("Copy the template", self.page(f"/my/databases/{client.id}"))

    def test_the_mail_carries_no_text_of_a_strangers_and_stays_nowhere(self):
        self.form["name"] = "Win at http://evil.example.com"
        self.ask()
        self.assertNotIn("evil.example.com", self.mails[0].as_string())
        self.assertNotIn("Hello Win", self.mails[0].get_body(("plain",)).get_content())
        subject = [("subject", "like", "Confirm your e-mail")]
        self.assertFalse(self.env["mail.mail"].search(subject))
        self.assertFalse(self.env["mail.message"].search(subject))

    def test_who_follows_the_link_may_choose_another_name_when_it_was_taken(self):
        path = self.ask()
        self.new(dbname="acme.localhost")
        refused = self.follow(path, status=422, password="long enough")
        self.assertIn("This name is taken", refused.text)
        self.assertFalse(self.find_user())
        self.follow(path, dbname="acme-two", password="long enough")
        self.assertEqual(self.find_user(), self.clients().filtered("owner_id.login")[:1].owner_id)

    def test_the_link_decides_for_whom_and_the_form_cannot(self):
        path = self.ask()
        self.follow(path, password="long enough", login="evil@example.com", name="Evil")
        self.assertFalse(self.find_user("evil@example.com"))
        self.assertEqual(self.find_user().name, "Ann Example")

    def test_a_bad_password_is_refused_and_the_link_stays_good(self):
        path = self.ask()
        self.assertIn("at least 8", self.follow(path, status=422, password="short").text)
        self.assertFalse(self.find_user())
        self.follow(path, password="long enough")

    # -- links -------------------------------------------------------------------------------------

    def test_a_guessed_link_leads_nowhere(self):
        path = self.ask()
        other = self.plan.copy({"template_id": self.template.id, "is_published": True})
        token = path.partition("token=")[2]
        middle = len(token) // 2
        changed = token[:middle] + ("B" if token[middle] == "A" else "A") + token[middle + 1 :]
        for path in (
            f"{self.url}/confirm",
            f"{self.url}/confirm?token=",
            f"{self.url}/confirm?token=abc",
            f"{self.url}/confirm?token=%00%ff",
            f"{self.url}/confirm?token={changed}",
            f"/saas/signup/{other.id}/confirm?token={token}",
        ):
            self.assertIn("leads nowhere", self.page(path, status=404))
        for bad in ("", "abc", changed):
            for end in ("", "/again"):
                self.send(bad, 404, end, password="long enough")
        self.assertFalse(self.clients() or self.find_user())
        self.assertEqual(len(self.mails), 1)

    def test_an_old_link_says_so_and_a_new_one_can_be_had(self):
        path = self.ask()
        with self.later(25):
            text = self.page(path, status=410)
            self.assertIn("too old", text)
            csrf, link = self.read_token_of(text), path.partition("token=")[2]
            self.send(link, 410, csrf=csrf, password="long enough")
            self.assertFalse(self.find_user())
            self.assertIn("Look", self.send(link, 200, "/again", csrf).text)
            self.assertEqual(len(self.mails), 2)
            self.assertIn("ann@example.com", self.mails[1]["To"])
            self.follow(self.read_link(), password="long enough")
        self.assertTrue(self.find_user())

    def test_a_link_that_was_followed_leads_to_the_login(self):
        path = self.ask()
        self.follow(path, password="long enough")
        self.authenticate(None, None)
        text = self.page(path)
        self.assertIn("There is an account", text)
        self.assertNotIn('name="password"', text)
        self.send(path.partition("token=")[2], 422, dbname="acme-2", password="another one")
        self.assertEqual(len(self.clients()), 1)

    # -- limits ------------------------------------------------------------------------------------

    def test_nobodys_mailbox_is_filled(self):
        for _time in range(4):
            self.ask()
        refused = self.post(self.url, status=422, **self.form)
        self.assertIn("too often", refused.text)
        self.assertEqual(len(self.mails), 4)
        self.ask_for_another()

    def ask_for_another(self):
        self.post(self.url, **{**self.form, "login": "bob@example.com"})
        self.assertEqual(len(self.mails), 5)

    def test_bad_input_sends_no_mail(self):
        for change, words in (
            ({"dbname": "support"}, "cannot be used"),
            ({"name": ""}, "Tell us your name"),
            ({"login": "nobody"}, "Give an e-mail address"),
            ({"login": "customer@example.com"}, "log in first"),
        ):
            response = self.post(self.url, status=422, **{**self.form, **change})
            self.assertIn(words, response.text)
        self.assertFalse(self.mails)

    def test_a_mail_that_cannot_be_sent_is_said(self):
        def refuse(_message):
            raise MailDeliveryException("smtp.internal refuses")

        self.receive_mails(refuse)
        with (
            self.assertLogs("odoo.addons.saas_portal", "WARNING"),
            mute_logger("odoo.addons.mail.models.mail_mail"),
        ):
            response = self.post(self.url, status=422, **self.form)
        self.assertIn("No mail could be sent", response.text)
        self.assertNotIn("smtp.internal", response.text)
        self.assertFalse(self.env["mail.mail"].search([("subject", "like", "Confirm your")]))

    # -- accounts that people made on Odoo's own page ----------------------------------------------

    def test_an_account_without_invitation_confirms_its_address_first(self):
        users = self.env["res.users"].with_user(self.env.ref("base.public_user")).sudo()
        users.signup({"login": "bob@example.com", "name": "Bob", "password": PASSWORD_OF_BOB})
        bob = self.find_user("bob@example.com")
        self.assertTrue(bob.saas_email_unconfirmed)
        self.authenticate("bob@example.com", PASSWORD_OF_BOB)
        self.assertIn("We send you a link first", self.page(self.url))
        self.post(self.url, dbname="acme")
        self.assertFalse(self.clients())
        self.assertIn("bob@example.com", self.mails[0]["To"])
        path = self.read_link()
        self.log_in()
        self.assertIn("This link is for", self.page(path))
        self.send(path.partition("token=")[2], 422)
        self.authenticate("bob@example.com", PASSWORD_OF_BOB)
        self.follow(path)
        self.assertEqual(self.clients().owner_id, bob)
        self.assertFalse(bob.saas_email_unconfirmed)
        self.post(self.url, status=303, dbname="acme-two")

    def test_who_was_invited_or_signed_up_by_the_operator_is_not_asked(self):
        self.log_in()
        self.post(self.url, status=303, dbname="acme")
        partner = self.env["res.partner"].create({"name": "Eve", "email": "eve@example.com"})
        partner.signup_prepare()
        users = self.env["res.users"].with_user(self.env.ref("base.public_user")).sudo()
        users.signup(
            {"login": "eve@example.com", "password": "long enough"},
            partner._generate_signup_token(),
        )
        self.assertFalse(self.find_user("eve@example.com").saas_email_unconfirmed)
        self.assertFalse(self.mails)

    def test_nobody_confirms_himself_over_rpc(self):
        self.customer.saas_email_unconfirmed = True
        with self.assertRaises(AccessError):
            self.call(
                self.customer, "res.users", "write", self.customer.ids,
                {"saas_email_unconfirmed": False},
            )  # fmt: skip

    # -- the setting -------------------------------------------------------------------------------

    def test_unless_set_otherwise_addresses_are_confirmed_where_mails_can_be_sent(self):
        self.env["ir.config_parameter"].set_param("saas_portal.confirm_email", False)
        servers = self.env["ir.mail_server"]
        servers.search([]).active = False
        self.assertFalse(self.plan._asks_for_confirmation())
        servers.create({"name": "Mails", "smtp_host": "smtp.example.com"})
        self.assertTrue(self.plan._asks_for_confirmation())
        settings = self.env["res.config.settings"].create({})
        self.assertEqual(settings.saas_confirm_email, "auto")
        settings.saas_confirm_email = "never"
        settings.execute()
        self.assertFalse(self.plan._asks_for_confirmation())
