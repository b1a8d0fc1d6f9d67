import json
import re
import time
import uuid
from urllib.parse import parse_qs, urlsplit

import jwt

from odoo import SUPERUSER_ID
from odoo.exceptions import AccessDenied, UserError
from odoo.service.model import call_kw
from odoo.tests import HttpCase, TransactionCase, tagged

from ..lib.client_rules import LOGIN_TYPE
from .common import Portal, SaasClientCommon


class PortalLoginCommon(SaasClientCommon):
    """A database whose portal has told it where to log in, and who its owner is there."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.subject = str(uuid.uuid4())
        cls.apply(
            portal_url="https://portal.example.com/",
            owner={"login": "owner@example.com", "name": "Owner"},
            owner_subject=cls.subject,
        )
        cls.owner = cls.env["res.users"]._saas_get_owner()
        cls.provider = cls.env.ref("saas_client.provider_portal")

    @classmethod
    def sign_login(cls, portal=None, typ=LOGIN_TYPE, **changes):
        now = int(time.time())
        claims = {
            "iss": cls.portal.uuid,
            "aud": cls.database_uuid,
            "sub": cls.subject,
            "iat": now,
            "exp": now + 300,
            "jti": uuid.uuid4().hex,
            **changes,
        }
        key = (portal or cls.portal).private_key
        return jwt.encode(claims, key, algorithm="EdDSA", headers={"typ": typ})


@tagged("post_install", "-at_install")
class TestPortalLoginTokens(PortalLoginCommon, TransactionCase):
    """Which answers of the portal log somebody in, and as whom."""

    def setUp(self):
        super().setUp()
        self.users = self.env(user=SUPERUSER_ID)["res.users"]

    def log_in(self, token, provider=None):
        params = {"access_token": token, "state": json.dumps({"d": "x", "p": 1})}
        return self.users.auth_oauth(provider or self.provider.id, params)

    def assertRefused(self, token, **kwargs):
        with self.assertRaises(AccessDenied):
            self.log_in(token, **kwargs)

    def test_the_owner_is_known_by_his_subject(self):
        _dbname, login, key = self.log_in(self.sign_login())
        self.assertEqual(login, "owner@example.com")
        auth = self.users.authenticate(
            {"type": "oauth_token", "login": login, "token": key}, {"interactive": True}
        )
        self.assertEqual(auth["uid"], self.owner.id)

    def test_a_login_made_for_another_database_is_refused(self):
        self.assertRefused(self.sign_login(aud=str(uuid.uuid4())))

    def test_a_login_is_good_once(self):
        token = self.sign_login()
        self.log_in(token)
        self.assertRefused(token)

    def test_forged_expired_foreign_and_empty_logins_are_refused(self):
        now = int(time.time())
        stranger = Portal()
        for token in (
            "",
            "x",
            self.sign_login(portal=stranger),
            self.sign_login(iss=stranger.uuid),
            self.sign_login(iat=now - 400, exp=now - 100),
            self.sign_login(exp=now + 3700),
            self.sign_login(typ="JWT"),
            self.sign_login(sub=""),
            self.sign("apply"),
        ):
            self.assertRefused(token)

    def test_a_login_opens_no_door_of_the_portal_itself(self):
        token = self.sign_login(action="status", payload={})
        with self.assertRaises(AccessDenied):
            self.users._check_uid_passwd(self.admin.id, token)
        with self.assertRaises(AccessDenied):
            self.gateway.status(token)

    def test_a_stranger_is_refused_and_no_user_is_made_even_when_anybody_may_sign_up(self):
        self.parameters.set_param("auth_signup.invitation_scope", "b2c")
        before = self.users.with_context(active_test=False).search([])
        self.assertRefused(self.sign_login(sub=str(uuid.uuid4()), email="s@example.com", name="S"))
        self.assertEqual(self.users.with_context(active_test=False).search([]), before)

    def test_an_archived_owner_is_refused(self):
        self.owner.active = False
        self.assertRefused(self.sign_login())

    def test_nobody_comes_in_as_the_operator(self):
        self.owner.oauth_uid = False
        self.admin.write({"oauth_provider_id": self.provider.id, "oauth_uid": self.subject})
        self.assertRefused(self.sign_login())

    def test_an_administrator_cannot_tie_the_operators_account_to_a_login(self):
        manager = self.make_user("manager", "base.group_system")
        for vals in ({"oauth_uid": "mine"}, {"oauth_provider_id": self.provider.id}):
            with self.assertRaises(UserError):
                self.admin.with_user(manager).write(vals)

    def test_a_number_that_only_looks_like_the_provider_is_refused(self):
        """Odoo would read the provider all the same, and skip our verification"""
        for provider in (str(self.provider.id), float(self.provider.id), True, [self.provider.id]):
            self.assertRefused(self.sign_login(), provider=provider)

    def test_the_secret_of_the_session_is_not_to_be_had_over_rpc(self):
        params = {"access_token": self.sign_login(), "state": "{}"}
        for user in (self.owner, self.admin):
            with self.assertRaises(AccessDenied):
                call_kw(
                    self.env(user=user)["res.users"], "auth_oauth", [self.provider.id, params], {}
                )

    def test_the_portals_token_is_not_kept(self):
        token = self.sign_login()
        self.log_in(token)
        self.env.flush_all()
        self.env.cr.execute("SELECT oauth_access_token FROM res_users WHERE oauth_uid IS NOT NULL")
        kept = [row[0] for row in self.env.cr.fetchall()]
        self.assertTrue(all(kept))
        self.assertNotIn(token, kept)
        self.env.cr.execute("SELECT jti FROM saas_client_used_token")
        self.assertNotIn(token, [row[0] for row in self.env.cr.fetchall()])

    def test_a_second_device_does_not_log_the_first_one_out(self):
        first = self.log_in(self.sign_login())
        self.assertEqual(self.log_in(self.sign_login()), first)

    def test_a_login_is_never_logged(self):
        good, bad = self.sign_login(), self.sign_login(aud="another")
        with self.assertLogs(level="DEBUG") as logs:
            self.log_in(good)
            self.assertRefused(bad)
        text = "".join(logs.output)
        for token in (good, bad):
            self.assertNotIn(token.rsplit(".", 1)[1], text)

    def test_used_numbers_are_forgotten_when_they_have_expired(self):
        used = self.env["saas_client.used_token"]
        self.assertTrue(used._use("old", time.time() - 10))
        self.assertTrue(used._use("new", time.time() + 60))
        used._gc_expired()
        self.assertTrue(used._use("old", time.time() - 10))
        self.assertFalse(used._use("new", time.time() + 60))

    # -- what the portal tells ---------------------------------------------------------------------

    def test_the_way_in_is_set_up_by_the_portal(self):
        self.assertTrue(self.provider.enabled)
        self.assertEqual(self.provider.client_id, self.database_uuid)
        self.assertEqual(self.provider.auth_endpoint, "https://portal.example.com/oauth2/auth")
        self.assertEqual(self.provider.body, "Log in via SaaS Portal")
        publisher = self.env.ref("auth_oauth.provider_openerp")
        self.assertFalse(publisher.enabled, "nobody asked for a log-in at Odoo's publisher")

    def test_a_portal_that_moves_is_followed_and_what_the_customer_chose_is_kept(self):
        self.provider.body = "Log in with your Acme account"
        self.env.ref("auth_oauth.provider_openerp").enabled = True
        self.apply(portal_url="http://moved.example.com")
        self.assertEqual(self.provider.auth_endpoint, "http://moved.example.com/oauth2/auth")
        self.assertEqual(self.provider.body, "Log in with your Acme account")
        self.assertTrue(self.env.ref("auth_oauth.provider_openerp").enabled)

    def test_a_deleted_way_in_comes_back_with_the_next_word_of_the_portal(self):
        self.owner.write({"oauth_provider_id": False})
        self.provider.unlink()
        self.apply(portal_url="https://portal.example.com", owner_subject=self.subject)
        self.provider = self.env.ref("saas_client.provider_portal")
        self.assertEqual(self.log_in(self.sign_login())[1], "owner@example.com")

    def test_an_address_that_is_none_is_refused(self):
        for url in ("", "javascript:alert(1)", "portal.example.com", "https://u:p@example.com"):
            with self.assertRaises(UserError):
                self.apply(portal_url=url)

    def test_the_subject_moves_with_the_owner(self):
        other = self.make_user("other@example.com")
        other._saas_link_to_portal(self.subject)
        self.assertEqual(self.log_in(self.sign_login())[1], "other@example.com")
        self.assertFalse(self.owner.oauth_uid)

    def test_a_database_without_an_owner_says_so(self):
        self.parameters.set_param("res.users.owner", False)
        report = self.apply(owner_subject=self.subject)
        self.assertIn("owner", report["owner_subject"][0])

    # -- keys --------------------------------------------------------------------------------------

    def test_a_new_key_is_taken_from_the_former_one_and_both_serve_for_a_while(self):
        new = Portal()
        new.uuid = self.portal.uuid
        self.apply(portal_keys=new.public_pem + self.portal.public_pem)
        for portal in (self.portal, new):
            self.assertEqual(self.log_in(self.sign_login(portal=portal))[1], "owner@example.com")
        token = new.sign(self.database_uuid, "apply", {"portal_keys": new.public_pem})
        self.gateway.apply(token)
        self.assertRefused(self.sign_login())
        with self.assertRaises(AccessDenied):
            self.gateway.status(self.sign("status"))

    def test_a_key_that_cannot_be_read_is_refused_and_the_old_one_kept(self):
        for pem in (
            " ",
            "nonsense",
            self.portal.public_pem + self.portal.public_pem[:60] + "\n-----END PUBLIC KEY-----\n",
        ):
            with self.assertRaises(UserError):
                self.apply(portal_keys=pem)
        self.assertTrue(self.gateway.status(self.sign("status")))


class PortalLoginPagesCommon(PortalLoginCommon):
    """What a browser does on its way to the portal and back."""

    def get_link(self):
        page = self.url_open("/web/login")
        link = re.search(r'href="(https://portal\.example\.com/oauth2/auth[^"]+)"', page.text)
        return link[1].replace("&amp;", "&")

    def get_query(self, link):
        return {name: value[0] for name, value in parse_qs(urlsplit(link).query).items()}

    def sign_in(self, token, state):
        return self.url_open(
            "/auth_oauth/signin",
            data={"access_token": token, "state": state},
            allow_redirects=False,
        )


@tagged("post_install", "-at_install")
class TestPortalLoginPages(PortalLoginPagesCommon, HttpCase):
    """The pages on the way to the portal and back, as a browser loads them."""

    def where_to(self, response):
        return urlsplit(response.headers["Location"])

    def is_inside(self):
        return self.url_open("/odoo", allow_redirects=False).status_code == 200

    def test_the_login_page_has_one_button_that_leads_to_the_portal(self):
        page = self.url_open("/web/login").text
        self.assertEqual(page.count("Log in via SaaS Portal"), 1)
        self.assertNotIn("accounts.odoo.com", page)
        self.assertEqual(page.count("location.replace(this.href)"), 1, "the page must not be kept")
        query = self.get_query(self.get_link())
        self.assertEqual(query["response_type"], "token")
        self.assertEqual(query["client_id"], self.database_uuid)
        self.assertEqual(query["redirect_uri"], f"{self.base_url()}/auth_oauth/signin")
        self.assertNotIn("prompt", query)

    def test_an_answer_of_the_portal_logs_in_the_browser_that_asked(self):
        state = self.get_query(self.get_link())["state"]
        answer = self.sign_in(self.sign_login(), state)
        self.assertEqual(answer.status_code, 303)
        self.assertEqual(self.where_to(answer).path, "/web")
        self.assertTrue(self.is_inside())

    def test_an_answer_that_this_browser_did_not_ask_for_is_refused(self):
        """Else a link could log somebody in to a database that is not his"""
        state = self.get_query(self.get_link())["state"]
        self.opener.cookies.clear()
        self.url_open("/web/login")
        token = self.sign_login()
        without = json.dumps({k: v for k, v in json.loads(state).items() if k != "n"})
        for wrong in (state, without):
            answer = self.sign_in(token, wrong)
            self.assertEqual(self.where_to(answer).query, "oauth_error=saas")
            self.assertFalse(self.is_inside())
        page = self.url_open("/web/login?oauth_error=saas")
        self.assertIn("begun in another window", page.text)

    def test_a_question_is_answered_once(self):
        state = self.get_query(self.get_link())["state"]
        self.sign_in(self.sign_login(aud="another"), state)
        answer = self.sign_in(self.sign_login(), state)
        self.assertEqual(self.where_to(answer).query, "oauth_error=saas")

    def test_a_stranger_reads_that_he_has_no_access(self):
        state = self.get_query(self.get_link())["state"]
        answer = self.sign_in(self.sign_login(sub="somebody"), state)
        self.assertEqual(self.where_to(answer).path, "/web/login")
        self.assertIn("oauth_error=3", self.where_to(answer).query)
        self.assertIn("do not have access", self.url_open(answer.headers["Location"]).text)
        self.assertFalse(self.is_inside())

    def test_the_answer_never_stands_in_an_address(self):
        """The page that gets the fragment posts it; other providers keep Odoo's own way"""
        page = self.url_open("/auth_oauth/signin")
        self.assertIn('method="post"', page.text)
        self.assertIn(f'data-portal="{self.provider.id}"', page.text)
        self.assertEqual(page.headers["Referrer-Policy"], "no-referrer")
        self.assertEqual(page.headers["Cache-Control"], "no-store")

    def test_an_answer_that_is_none_is_a_bad_request(self):
        for data in (
            {"access_token": "x"},
            {"state": "x"},
            {"state": "[]"},
            {"state": "{}"},
            {"state": json.dumps({"d": 1, "p": self.provider.id})},
            {"state": json.dumps({"d": self.env.cr.dbname, "p": str(self.provider.id)})},
        ):
            self.assertEqual(self.url_open("/auth_oauth/signin", data=data).status_code, 400, data)

    def test_one_address_leads_straight_to_the_portal(self):
        answer = self.url_open("/saas_client/login", allow_redirects=False)
        self.assertTrue(
            answer.headers["Location"].startswith("https://portal.example.com/oauth2/auth?")
        )
        state = self.get_query(answer.headers["Location"])["state"]
        self.sign_in(self.sign_login(), state)
        self.assertTrue(self.is_inside())
        again = self.url_open("/saas_client/login", allow_redirects=False)
        self.assertEqual(self.where_to(again).path, "/odoo", "he is in already")

    def test_without_the_portal_the_same_address_is_the_login_page(self):
        self.provider.enabled = False
        answer = self.url_open("/saas_client/login", allow_redirects=False)
        self.assertEqual(self.where_to(answer).path, "/web/login")

    def test_who_has_logged_out_is_asked_by_the_portal_before_he_is_in_again(self):
        state = self.get_query(self.get_link())["state"]
        self.sign_in(self.sign_login(), state)
        self.url_open("/web/session/logout", allow_redirects=False)
        self.assertFalse(self.is_inside())
        del self.opener.cookies["session_id"]
        self.assertEqual(self.get_query(self.get_link())["prompt"], "select_account")
        self.sign_in(self.sign_login(), self.get_query(self.get_link())["state"])
        self.assertTrue(self.is_inside())
        self.assertNotIn("saas_logged_out", self.opener.cookies)

    def test_the_owners_password_still_opens_the_form(self):
        """T18: both ways lead in"""
        self.owner.password = "Owner Password 1"
        self.authenticate("owner@example.com", "Owner Password 1")
        self.assertTrue(self.is_inside())
