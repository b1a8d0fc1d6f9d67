import json
from datetime import timedelta

from odoo import fields
from odoo.exceptions import AccessDenied
from odoo.http import root
from odoo.tests import HttpCase, tagged

from .common import SaasClientCommon


@tagged("post_install", "-at_install")
class TestSuspension(SaasClientCommon, HttpCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.user = cls.make_user("customer", password="customer password")
        cls.users = cls.env["res.users"]

    def assertSuspendedPage(self, response):
        self.assertEqual(response.status_code, 503)
        self.assertIn("This database is suspended", response.text)
        self.assertIn("no-store", response.headers["Cache-Control"])

    def log_in(self):
        credential = {"type": "password", "login": "customer", "password": "customer password"}
        return self.users.authenticate(credential, {"interactive": False})["uid"]

    def open_session_while_suspended(self, login):
        """Suspend, and give a session the token that a signed link would give it then."""
        session = self.authenticate(login, login)
        self.suspend()
        user = self.users.browse(session.uid)
        session.session_token = user._compute_session_token(session.sid)
        root.session_store.save(session)

    def call(self, url):
        body = {"jsonrpc": "2.0", "method": "call", "params": {}, "id": 1}
        return self.url_open(
            url, data=json.dumps(body), headers={"Content-Type": "application/json"}
        )

    # --- credentials ---

    def test_a_remembered_password_is_refused_at_once_and_accepted_after(self):
        self.users._check_uid_passwd(self.user.id, "customer password")
        self.suspend()
        with self.assertRaises(AccessDenied):
            self.users._check_uid_passwd(self.user.id, "customer password")
        self.suspend("0")
        self.users._check_uid_passwd(self.user.id, "customer password")

    def test_a_login_sees_a_suspension_that_this_worker_has_not_heard_of(self):
        self.suspend("0")
        self.assertEqual(self.log_in(), self.user.id)
        self.env.flush_all()
        self.env.cr.execute(
            "UPDATE ir_config_parameter SET value = '1' WHERE key = 'saas_client.suspended'"
        )
        with self.assertRaises(AccessDenied):
            self.log_in()

    def test_nobody_logs_in_not_even_the_operator_with_a_password(self):
        self.admin.password = "admin password"
        self.suspend()
        with self.assertRaises(AccessDenied):
            self.log_in()
        with self.assertRaises(AccessDenied):
            self.users._check_uid_passwd(self.admin.id, "admin password")

    def test_the_portal_gets_in_to_resume(self):
        self.suspend()
        self.users._check_uid_passwd(self.admin.id, self.sign("apply"))
        self.assertTrue(self.gateway.status(self.sign("status"))["suspended"])
        self.suspend("0")
        self.assertEqual(self.log_in(), self.user.id)

    def test_suspending_and_resuming_twice_is_harmless(self):
        for value in ("1", "1", "0", "0"):
            self.assertEqual(self.suspend(value), {})
        self.assertEqual(self.log_in(), self.user.id)

    def test_an_api_key_is_refused(self):
        tomorrow = fields.Datetime.now() + timedelta(days=1)
        keys = self.env["res.users.apikeys"].with_user(self.user)
        headers = {
            "Authorization": f"Bearer {keys._generate(None, 'test', tomorrow)}",
            "Content-Type": "application/json",
        }
        url = "/json/2/res.users/context_get"
        self.assertEqual(self.url_open(url, data="{}", headers=headers).status_code, 200)
        self.suspend()
        response = self.url_open(url, data="{}", headers=headers)
        self.assertEqual(response.status_code, 503)
        self.assertIn("suspended", response.json()["message"])

    # --- sessions ---

    def test_sessions_are_unchanged_until_the_first_suspension(self):
        names = [name for name, _value in self.user._session_token_get_values()]
        self.assertNotIn("saas_session_epoch", names)

    def test_a_session_that_slept_through_the_suspension_has_ended(self):
        session = self.authenticate("customer", "customer password")
        before = self.user._compute_session_token(session.sid)
        self.suspend()
        self.suspend("0")
        self.assertNotEqual(self.user._compute_session_token(session.sid), before)
        response = self.url_open("/odoo", allow_redirects=False)
        self.assertEqual(response.status_code, 303)
        self.assertIn("/web/login", response.headers["Location"])

    def test_every_suspension_ends_the_sessions_anew(self):
        self.suspend()
        first = self.parameters.get_param("saas_client.session_epoch")
        self.suspend("0")
        self.assertEqual(self.parameters.get_param("saas_client.session_epoch"), first)
        self.suspend()
        self.assertNotEqual(self.parameters.get_param("saas_client.session_epoch"), first)

    # --- pages ---

    def test_every_request_of_a_session_gets_the_page(self):
        self.authenticate("customer", "customer password")
        self.suspend()
        for url in ("/odoo", "/web", "/web/login", "/odoo/action-1", "/web/session/logout", "/x"):
            for _again in range(2):
                with self.subTest(url):
                    self.assertSuspendedPage(self.url_open(url, allow_redirects=False))

    def test_a_session_opened_during_the_suspension_gets_the_page_too(self):
        self.open_session_while_suspended("customer")
        self.assertSuspendedPage(self.url_open("/odoo", allow_redirects=False))

    def test_the_doors_are_closed_to_anonymous_visitors(self):
        self.suspend()
        for url in ("/web/login", "/odoo", "/web", "/web/signup", "/web/reset_password"):
            with self.subTest(url):
                self.assertSuspendedPage(self.url_open(url, allow_redirects=False))
        data = {"login": "customer", "password": "customer password"}
        self.assertSuspendedPage(self.url_open("/web/login", data=data))

    def test_public_pages_are_closed_and_files_and_the_sign_of_life_stay(self):
        self.suspend()
        self.assertSuspendedPage(self.url_open("/robots.txt"))
        self.assertEqual(self.url_open("/web/health").status_code, 200)
        self.assertEqual(self.url_open("/web/static/img/favicon.ico").status_code, 200)

    def test_the_web_client_is_told_in_its_own_language(self):
        self.authenticate("customer", "customer password")
        self.suspend()
        response = self.call("/web/session/get_session_info")
        self.assertEqual(response.status_code, 200)
        self.assertEqual(response.json()["error"]["code"], 100)

    def test_the_page_links_to_the_provider_when_told_where(self):
        self.suspend()
        self.assertNotIn("<a ", self.url_open("/web/login").text)
        self.parameters.set_param("saas_client.support_url", "https://portal.example.com/my")
        self.assertIn('href="https://portal.example.com/my"', self.url_open("/web/login").text)
        self.parameters.set_param("saas_client.support_url", "javascript:alert(1)")
        self.assertNotIn("<a ", self.url_open("/web/login").text)

    def test_a_broken_view_still_gives_the_page_and_no_error(self):
        self.suspend()
        self.env.ref("saas_client.suspended").unlink()
        with self.assertLogs("odoo.addons.saas_client.models.ir_http", level="ERROR"):
            response = self.url_open("/web/login")
        self.assertEqual(response.status_code, 503)
        self.assertIn("This database is suspended", response.text)

    def test_a_session_that_the_operator_opens_during_the_suspension_works(self):
        self.open_session_while_suspended("admin")
        self.assertEqual(self.url_open("/odoo", allow_redirects=False).status_code, 200)

    def test_a_session_that_the_operator_had_before_has_ended(self):
        self.authenticate("admin", "admin")
        self.suspend()
        self.assertSuspendedPage(self.url_open("/odoo", allow_redirects=False))

    def test_resuming_opens_the_login_page_again(self):
        self.suspend()
        self.suspend("0")
        response = self.url_open("/web/login")
        self.assertEqual(response.status_code, 200)
        self.assertIn('name="password"', response.text)

    def test_an_administrator_does_not_become_the_superuser(self):
        self.make_user("manager", "base.group_system", password="manager password")
        self.authenticate("manager", "manager password")
        self.assertEqual(self.url_open("/web/become", allow_redirects=False).status_code, 403)
