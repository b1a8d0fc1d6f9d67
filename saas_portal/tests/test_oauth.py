import json
import time
from unittest.mock import patch
from urllib.parse import parse_qs, urlencode, urlsplit

import jwt

from odoo.exceptions import AccessError
from odoo.tests import tagged

from ..lib.saas_wire import SigningKey
from .test_pages import PagesCase

STATE = json.dumps({"d": "acme.localhost", "p": 4, "r": "https%3A%2F%2Fx", "n": "nonce"})


@tagged("post_install", "-at_install")
class TestOAuth(PagesCase):
    """The portal as OAuth provider: who gets a token, for which client, and where it is sent."""

    def setUp(self):
        super().setUp()
        self.client = self.new(dbname="acme.localhost")
        self.target = "http://acme.localhost:8069/auth_oauth/signin"

    def ask(self, **changes):
        params = {
            "response_type": "token",
            "client_id": self.client.client_id,
            "redirect_uri": self.target,
            "scope": "userinfo",
            "state": STATE,
            **changes,
        }
        query = urlencode({name: value for name, value in params.items() if value is not None})
        return self.url_open(f"/oauth2/auth?{query}", allow_redirects=False)

    def get_token(self, **changes):
        location = self.ask(**changes).headers["Location"]
        return parse_qs(urlsplit(location).fragment)["access_token"][0]

    def assertRefused(self, answer, status=400):
        self.assertEqual(answer.status_code, status)
        self.assertNotIn("Location", answer.headers)
        self.assertNotIn("access_token", answer.text)
        self.assertNotIn("Traceback", answer.text)
        self.env.invalidate_all()

    def tokeninfo(self, token=None, **kwargs):
        params = {"access_token": token} if token is not None else {}
        return self.url_open("/oauth2/tokeninfo?" + urlencode(params), **kwargs)

    # -- the way of the owner ----------------------------------------------------------------------

    def test_the_owner_goes_straight_back_with_a_token_for_this_client(self):
        self.log_in()
        answer = self.ask()
        self.assertEqual(answer.status_code, 303)
        url = urlsplit(answer.headers["Location"])
        self.assertEqual(url._replace(fragment="").geturl(), self.target)
        self.assertEqual(url.query, "", "nothing that a server could log")
        fragment = {name: value[0] for name, value in parse_qs(url.fragment).items()}
        self.assertEqual(fragment["state"], STATE)
        self.assertEqual(fragment["token_type"], "Bearer")
        self.assertLessEqual(int(fragment["expires_in"]), 3600)
        claims = self.read_token(fragment["access_token"])
        self.assertEqual(claims["aud"], self.client.client_id)
        self.assertEqual(claims["exp"] - claims["iat"], int(fragment["expires_in"]))
        self.assertEqual(claims["sub"], self.customer._get_saas_subject())
        for name in ("Cache-Control", "Referrer-Policy", "X-Frame-Options"):
            self.assertIn(answer.headers[name], ("no-store", "no-referrer", "DENY"))

    def test_who_is_not_logged_in_logs_in_first_and_comes_back_to_the_same_question(self):
        answer = self.ask()
        location = urlsplit(answer.headers["Location"])
        self.assertEqual(location.path, "/web/login")
        back = urlsplit(parse_qs(location.query)["redirect"][0])
        self.assertEqual(back.path, "/oauth2/auth")
        self.assertEqual(parse_qs(back.query)["state"], [STATE])
        page = self.page(answer.headers["Location"])
        self.assertIn("acme.localhost", page, "he reads where he will go on to")
        self.assertNotIn("acme.localhost", self.page("/web/login?redirect=/my"))
        self.post(
            answer.headers["Location"], login=self.customer.login, password="customer password",
            redirect=back.geturl(), status=303,
        )  # fmt: skip
        self.assertEqual(self.url_open(back.geturl(), allow_redirects=False).status_code, 303)

    def test_without_a_target_in_the_request_the_records_say_where_to(self):
        self.log_in()
        self.assertTrue(self.ask(redirect_uri=None).headers["Location"].startswith(self.target))

    def test_after_a_logout_in_the_client_the_portal_asks_first(self):
        self.log_in()
        answer = self.ask(prompt="select_account")
        self.assertEqual(answer.status_code, 200)
        self.assertIn("Continue as", answer.text)
        self.assertIn("Use another account", answer.text)
        self.assertNotIn("access_token", answer.text)

    def test_the_subject_stays_when_login_name_and_address_change(self):
        self.log_in()
        before = self.read_token(self.get_token())["sub"]
        self.customer.write({"login": "new@example.com", "name": "New", "email": "n@example.com"})
        self.authenticate("new@example.com", "customer password")
        self.assertEqual(self.read_token(self.get_token())["sub"], before)
        copy = self.customer.copy({"login": "copy@example.com"})
        self.assertNotEqual(copy._get_saas_subject(), before)

    def test_a_suspended_client_is_left_to_explain_itself(self):
        self.suspend(self.client)
        self.log_in()
        self.assertTrue(self.ask().headers["Location"].startswith(self.target))

    # -- tricks ------------------------------------------------------------------------------------

    def test_a_user_in_the_address_gives_nothing(self):
        """S1, T71"""
        for name in ("uid", "user_id", "login", "user", "sub", "access_token"):
            answer = self.ask(**{name: str(self.customer.id)})
            self.assertEqual(urlsplit(answer.headers["Location"]).path, "/web/login", name)
            self.assertNotIn("access_token", urlsplit(answer.headers["Location"]).fragment)
        self.log_in(self.stranger)
        for name in ("uid", "user_id", "login", "user", "sub"):
            self.assertRefused(self.ask(**{name: str(self.customer.id)}), 403)

    def test_another_target_is_an_error_and_nobody_is_sent_there(self):
        """S3, S9, T70"""
        self.log_in()
        for target in (
            "https://evil.example.com/auth_oauth/signin",
            "http://acme.localhost:8069/auth_oauth/signin/",
            "http://acme.localhost:8069/auth_oauth/signin?x=1",
            "http://acme.localhost:8069/auth_oauth/signin#x",
            "http://acme.localhost:8069/auth_oauth/../web",
            "http://acme.localhost:8069@evil.example.com/auth_oauth/signin",
            "http://ACME.localhost:8069/auth_oauth/signin",
            "https://acme.localhost:8069/auth_oauth/signin",
            "http://acme.localhost/auth_oauth/signin",
            "//acme.localhost:8069/auth_oauth/signin",
            "/auth_oauth/signin",
            "javascript:alert(1)",
            "http://acme.localhost:8069/auth_oauth/signin\r\nX: y",
        ):
            answer = self.ask(redirect_uri=target)
            self.assertRefused(answer)
            self.assertNotIn("evil", answer.text)

    def test_who_is_not_logged_in_is_not_asked_to_for_another_target(self):
        self.assertRefused(self.ask(redirect_uri="https://evil.example.com/"))

    def test_a_client_that_nobody_knows_is_an_error_and_is_not_made(self):
        """S3"""
        self.log_in()
        before = self.env["saas_portal.client"].search_count([])
        for client_id in (
            "9e0a5c0e-2f4b-4d3e-8a53-0e2d7a4f6b11",
            "acme.localhost",
            "",
            None,
            "' OR 1=1 --",
            "\x00",
        ):
            self.assertRefused(self.ask(client_id=client_id))
        self.assertEqual(self.env["saas_portal.client"].search_count([]), before)

    def test_deleted_broken_and_unbuilt_clients_get_nobody(self):
        self.log_in()
        for state in ("draft", "building", "broken", "deleted"):
            self.client.state = state
            self.env.flush_all()
            self.assertRefused(self.ask())

    def test_the_clients_of_a_neutralised_portal_get_nobody(self):
        self.log_in()
        self.server.active = False
        self.assertRefused(self.ask())

    def test_other_flows_and_oversized_requests_are_an_error(self):
        self.log_in()
        self.assertRefused(self.ask(response_type="code"))
        self.assertRefused(self.ask(response_type=None))
        self.assertRefused(self.ask(state="x" * 4001))

    def test_a_scope_gives_no_more_rights(self):
        self.log_in()
        token = self.get_token(scope="userinfo force_login trial skiptheuse admin")
        self.assertNotIn("scope", self.read_token(token))

    def test_a_post_is_no_question(self):
        self.assertEqual(self.url_open("/oauth2/auth", data={"client_id": "x"}).status_code, 405)

    def test_a_stranger_is_told_so_and_gets_no_token(self):
        """T69"""
        for user in (self.stranger, self.internal, self.manager):
            user.password = "customer password"
            self.log_in(user)
            answer = self.ask()
            self.assertRefused(answer, 403)
            self.assertIn("No access to this database", answer.text)
            self.assertIn(user.login, answer.text)

    def test_texts_of_the_request_are_shown_as_text(self):
        self.log_in(self.stranger)
        answer = self.ask(state="<script>alert(1)</script>", scope="<b>")
        self.assertNotIn("<script>alert(1)", answer.text)

    # -- tokens ------------------------------------------------------------------------------------

    def test_a_token_tells_whom_and_for_which_client(self):
        self.log_in()
        answer = self.tokeninfo(token := self.get_token())
        self.assertEqual(answer.status_code, 200)
        info = answer.json()
        self.assertEqual(info["aud"], self.client.client_id)
        self.assertEqual(info["client_id"], self.client.client_id)
        self.assertEqual(info["sub"], self.customer._get_saas_subject())
        self.assertEqual(info["user_id"], info["sub"])
        self.assertEqual(info["name"], "Customer")
        self.assertLessEqual(info["expires_in"], 300)
        headers = {"Authorization": f"Bearer {token}"}
        self.assertEqual(self.tokeninfo(headers=headers).json()["sub"], info["sub"])

    def test_no_other_token_is_valid(self):
        """S4"""
        self.log_in()
        keyring = self.env["saas_portal.keyring"]
        key, uuid = keyring._get_signing_key(), keyring._get_portal_uuid()
        subject, audience = self.customer._get_saas_subject(), self.client.client_id
        stranger = SigningKey.generate()
        now = int(time.time())
        old = {"iss": uuid, "aud": audience, "sub": subject, "jti": "1", "iat": now - 400}
        for token in (
            "",
            "x",
            None,
            stranger.sign_login(uuid, audience, subject),
            key.sign_login("another", audience, subject),
            key.sign_login(uuid, "9e0a5c0e-2f4b-4d3e-8a53-0e2d7a4f6b11", subject),
            key.sign_login(uuid, audience, "somebody"),
            key.sign_login(uuid, audience, self.stranger._get_saas_subject()),
            key.sign("saas-login+jwt", {**old, "exp": now - 100}),
            key.sign_request(uuid, audience, "status"),
            key.sign_connect(uuid, audience, "o", "r"),
            jwt.encode({**old, "exp": now + 100}, None, algorithm="none"),
        ):
            answer = self.tokeninfo(token)
            self.assertEqual(answer.status_code, 401)
            self.assertEqual(answer.json(), {"error": "invalid_token"})

    def test_a_token_ends_with_the_client_and_with_the_account(self):
        self.log_in()
        token = self.get_token()
        self.client.state = "deleted"
        self.env.flush_all()
        self.assertEqual(self.tokeninfo(token).status_code, 401)
        self.client.state = "open"
        self.customer.active = False
        self.env.flush_all()
        self.assertEqual(self.tokeninfo(token).status_code, 401)

    def test_no_table_of_the_portal_and_no_line_of_its_log_holds_a_token(self):
        """S2, S8"""
        self.log_in()
        with self.assertLogs("odoo.addons.saas_portal", level="DEBUG") as logs:
            token = self.get_token()
            self.ask(redirect_uri="https://evil.example.com/")
        self.assertNotIn(token, "".join(logs.output))
        self.assertFalse([name for name in self.env.registry if "oauth" in name])
        self.assertFalse(
            self.env["ir.model.fields"].search(
                [("model", "=like", "saas_portal.%"), ("name", "like", "access_token")]
            )
        )

    def test_nobody_reads_or_writes_a_subject(self):
        self.customer._get_saas_subject()
        for user in (self.customer, self.manager, self.env.ref("base.user_admin")):
            record = self.customer.with_user(user)
            with self.assertRaises(AccessError):
                record.read(["saas_subject"])
            with self.assertRaises(AccessError):
                record.write({"saas_subject": "mine"})

    # -- what clients are told ---------------------------------------------------------------------

    def test_a_new_client_is_told_where_to_log_in_and_who_its_owner_is(self):
        self.env["ir.config_parameter"].set_param("web.base.url", "https://portal.example.com/")
        self.new(dbname="shop.localhost")
        payload = [sent for sent in self.transport.payloads if "owner" in sent][-1]
        self.assertEqual(payload["portal_url"], "https://portal.example.com")
        self.assertEqual(payload["owner_subject"], self.customer._get_saas_subject())
        self.assertNotIn(str(self.customer.id), payload["owner_subject"].split("-"))

    def test_auth_url_leads_in_and_url_is_the_login_page(self):
        answer = self.call(
            self.user, "saas_portal.plan", "create_new_database",
            [self.plan.id], dbname="shop.localhost", user_id=self.customer.id,
        )  # fmt: skip
        self.assertEqual(answer["url"], "http://shop.localhost:8069/web/login")
        self.assertEqual(answer["auth_url"], "http://shop.localhost:8069/saas_client/login")

    def test_a_client_from_before_is_brought_up_to_date_and_told(self):
        self.client.login_portal_url = False
        self.call(self.user, "saas_portal.client", "sync_client", self.client.ids)
        sent = len(self.transport.calls)
        self.run_operations()
        (payload,) = self.transport.payloads[sent:]
        self.assertEqual(payload["update_addons"], ["saas_client"])
        self.assertEqual(payload["owner_subject"], self.customer._get_saas_subject())
        self.assertTrue(self.client.login_portal_url)
        self.call(self.user, "saas_portal.client", "sync_client", self.client.ids)
        self.assertFalse(self.client.current_operation_id, "told once is enough")

    def test_a_portal_that_moves_tells_its_clients(self):
        self.env["ir.config_parameter"].set_param("web.base.url", "https://new.example.com")
        self.call(self.user, "saas_portal.client", "sync_client", self.client.ids)
        self.run_operations()
        payload = self.transport.payloads[-1]
        self.assertEqual(payload["portal_url"], "https://new.example.com")
        self.assertNotIn("update_addons", payload)

    def test_a_client_that_is_busy_or_shut_is_told_later(self):
        self.client.login_portal_url = False
        with patch.object(type(self.client), "_is_occupied", lambda client: True):
            self.call(self.user, "saas_portal.client", "sync_client", self.client.ids)
        self.assertFalse(self.client.current_operation_id)
