"""The token calls that older clients know."""

import json
import logging
import re
import time
from unittest.mock import patch

from passlib.hash import pbkdf2_sha512

from odoo.tests import new_test_user, tagged

from .common import RestCase

WEEK = 604_800
PATHS = ("/api/auth/token", "/rest/sky/token")


@tagged("post_install", "-at_install")
class TestSeed(RestCase):
    """Every call here is typed as the older documentation has it."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.user = new_test_user(
            cls.env, "seed@example.com", "base.group_user", password="s3cret+ü"
        )
        cls.credentials = {
            "db": cls.env.cr.dbname,
            "login": "seed@example.com",
            "password": "s3cret+ü",
        }

    def get_token(self, path="/api/auth/token", **options):
        return self.call("GET", path, **(options or {"data": self.credentials}))

    def assert_seed_answer(self, answer):
        self.assertEqual(answer.status_code, 200, answer.text)
        body = answer.json()
        self.assertEqual(list(body), ["uid", "company_id", "partner_id", "access_token"])
        self.assertEqual(body["uid"], self.user.id)
        self.assertEqual(body["company_id"], self.user.company_id.id)
        self.assertEqual(body["partner_id"], self.user.partner_id.id)
        self.assertRegex(body["access_token"], r"^access_token_[0-9a-f]{40}$")
        return body["access_token"]

    def assert_legacy_error(self, answer, status, kind):
        self.assertEqual(answer.status_code, status, answer.text)
        self.assertEqual(set(answer.json()), {"type", "message"})
        self.assertEqual(answer.json()["type"], kind)

    def test_get_with_a_form_body_answers_the_four_keys_in_their_order(self):
        """B1: also byte for byte, blanks included."""
        answer = self.get_token()
        token = self.assert_seed_answer(answer)
        expected = {
            "uid": self.user.id,
            "company_id": self.user.company_id.id,
            "partner_id": self.user.partner_id.id,
            "access_token": token,
        }
        self.assertEqual(answer.text, json.dumps(expected))
        self.assertEqual(answer.headers["Cache-Control"], "no-store")

    def test_multipart_without_a_boundary_is_read(self):
        """B2: the header that the documentation's own sample sends."""
        headers = {"content-type": "multipart/form-data;"}
        self.assert_seed_answer(self.get_token(data=self.credentials, headers=headers))

    def test_multipart_json_and_headers_are_read(self):
        """B3"""
        parts = {name: (None, value) for name, value in self.credentials.items()}
        self.assert_seed_answer(self.get_token(files=parts))
        self.assert_seed_answer(self.get_token(json=self.credentials))
        plain = new_test_user(self.env, "plain@example.com", "base.group_user", password="plain-pw")
        sent = {**self.credentials, "login": plain.login, "password": "plain-pw"}
        answer = self.get_token(headers=sent)
        self.assertEqual(answer.json()["uid"], plain.id)

    def test_two_calls_give_two_tokens(self):
        """B4, H15: no token is ever handed out again."""
        tokens = {self.assert_seed_answer(self.get_token()) for _number in range(2)}
        self.assertEqual(len(tokens), 2)

    def test_delete_revokes_the_token(self):
        """B5: the answer's bytes, and the end of the token."""
        token = self.assert_seed_answer(self.get_token())
        headers = {"content-type": "multipart/form-data;", "access-token": token}
        answer = self.call("DELETE", "/api/auth/token", data=self.credentials, headers=headers)
        self.assertEqual(
            answer.text,
            '{"count": 1, "data": [{"desc": "access token successfully deleted", "delete": true}]}',
        )
        again = self.call("DELETE", "/api/auth/token", headers={"access-token": token})
        self.assert_legacy_error(again, 401, "token-invalid")
        self.assert_problem(self.call("GET", "/api/v1/me", token=token), 401, "token-invalid")

    def test_the_other_address_behaves_the_same(self):
        """B7"""
        token = self.assert_seed_answer(self.get_token("/rest/sky/token"))
        answer = self.call("DELETE", "/rest/sky/token", headers={"access-token": token})
        self.assertEqual(answer.json()["count"], 1)

    def test_a_made_up_token_deletes_nothing(self):
        """B8, H18"""
        token = self.assert_seed_answer(self.get_token())
        for path in PATHS:
            headers = {"access-token": "weoiruoewr234234kjhewfsdf324d"}
            self.assert_legacy_error(
                self.call("DELETE", path, headers=headers), 401, "token-invalid"
            )
        self.assertEqual(self.call("GET", "/api/v1/me", token=token).status_code, 200)

    def test_delete_without_a_token_is_400(self):
        """B9"""
        answer = self.call("DELETE", "/api/auth/token", data=self.credentials)
        self.assert_legacy_error(answer, 400, "token-missing")

    def test_a_token_in_the_form_is_found_too(self):
        token = self.assert_seed_answer(self.get_token())
        answer = self.call("DELETE", "/api/auth/token", data={"access_token": token})
        self.assertEqual(answer.status_code, 200)

    def test_two_different_tokens_are_refused(self):
        """B10"""
        one, other = (self.assert_seed_answer(self.get_token()) for _number in range(2))
        headers = {"access-token": one, "access_token": other}
        answer = self.call("DELETE", "/api/auth/token", headers=headers)
        self.assert_legacy_error(answer, 400, "conflicting-tokens")
        answer = self.call("GET", "/api/v1/me", token=one, headers={"access_token": other})
        self.assert_problem(answer, 400, "conflicting-tokens")
        answer = self.call("GET", "/api/v1/me", headers={"access-token": one, "access_token": one})
        self.assertEqual(answer.status_code, 200)

    def test_the_underscore_header_arrives(self):
        """B6 (in the tests' own server; both server shapes in tests/e2e)"""
        token = self.assert_seed_answer(self.get_token())
        answer = self.call("GET", "/api/v1/me", headers={"access_token": token})
        self.assertEqual(answer.json()["data"]["uid"], self.user.id)

    def test_a_week_is_the_default(self):
        """B13: and the system parameter changes it."""
        self.get_token()
        tokens = self.env["saas_rest.token"].search([("user_id", "=", self.user.id)])
        lifetime = tokens.expiration_date - tokens.create_date
        self.assertAlmostEqual(lifetime.total_seconds(), WEEK, delta=1)
        self.env["ir.config_parameter"].set_param("saas_rest_api.token_ttl", 3600)
        expires_in = self.call("POST", "/api/auth/token", data=self.credentials).json()[
            "expires_in"
        ]
        self.assertAlmostEqual(expires_in, 3600, delta=1)

    def test_post_tells_more(self):
        body = self.call("POST", "/api/auth/token", data=self.credentials).json()
        self.assertEqual(
            list(body)[4:],
            ["expires_in", "expires_at", "token_type", "user_context", "company_ids"],
        )
        self.assertEqual(body["user_context"]["lang"], "en_US")

    def test_wrong_credentials_all_look_the_same(self):
        """B18: wrong password, unknown login, unknown database."""
        answers = []
        for wrong in ({"password": "no"}, {"login": "nobody"}, {"db": "no_such_database"}):
            answer = self.get_token(data={**self.credentials, **wrong})
            self.assert_legacy_error(answer, 401, "credentials-invalid")
            answers.append(answer.text)
        self.assertEqual(len(set(answers)), 1)

    def hashes(self, **wrong):
        """How many hashes a refused login has cost: what else it does takes no time beside."""
        with patch.object(
            pbkdf2_sha512,
            "_calc_checksum",
            autospec=True,
            side_effect=pbkdf2_sha512._calc_checksum,
        ) as made:
            answer = self.get_token(data={**self.credentials, **wrong})
        self.assert_legacy_error(answer, 401, "credentials-invalid")
        return made.call_count

    def test_wrong_credentials_all_cost_the_same(self):
        """B18: one hash each; how long they take is measured by ./dev bench rest."""
        # Failures are counted outside of the tests' transaction: each run has its own logins.
        login = f"hashed-{time.time_ns()}"
        user = new_test_user(self.env, login, "base.group_user", password="s3cret+ü")
        self.credentials = {**self.credentials, "login": user.login}
        nobody = new_test_user(self.env, f"{login}-empty", "base.group_user")
        self.env.cr.execute("UPDATE res_users SET password = NULL WHERE id = %s", nobody.ids)
        cases = {
            "wrong password": {"password": "no"},
            "unknown login": {"login": f"{login}-unknown"},
            "unknown database": {"db": "no_such_database"},
            "a database without Odoo": {"db": "postgres"},
            "no password": {"login": nobody.login},
            "something like an API key": {"password": "0" * 40},
            "the same of nobody": {"login": f"{login}-unknown", "password": "0" * 40},
        }
        # The first one of a process makes the hash itself ready.
        self.hashes(login=f"{login}-first")
        self.assertEqual({self.hashes(**wrong) for wrong in cases.values()}, {1})

    def test_credentials_in_the_address_are_refused_and_not_logged(self):
        """B21, H7"""
        query = {**self.credentials, "password": "v3ry-s3cret"}
        with self.assertLogs("werkzeug", logging.INFO) as logs:
            answer = self.call("GET", "/api/auth/token", params=query)
            self.assert_legacy_error(answer, 400, "password-in-url")
            answer = self.call("GET", "/api/v1/me", params={"password": "v3ry-s3cret"})
            self.assert_problem(answer, 400, "password-in-url")
        self.assertTrue(any("password=***" in line for line in logs.output), logs.output)
        self.assertFalse([line for line in logs.output if "v3ry-s3cret" in line])

    def test_credentials_in_the_address_can_be_allowed_for_old_clients(self):
        self.env["ir.config_parameter"].set_param("saas_rest_api.legacy_query_credentials", "1")
        self.assert_seed_answer(self.get_token(params=self.credentials))
        answer = self.call("GET", "/api/v1/me", params={"password": "x"})
        self.assert_problem(answer, 400, "password-in-url")

    def test_what_is_missing_is_named(self):
        answer = self.get_token(data={"db": self.env.cr.dbname})
        self.assert_legacy_error(answer, 400, "invalid-parameter")
        self.assertIn("login, password", answer.json()["message"])

    def test_the_successor_is_named(self):
        answer = self.get_token()
        self.assertRegex(answer.headers["Deprecation"], r"^@\d+$")
        self.assertEqual(answer.headers["Link"], '</api/v1/tokens>; rel="successor-version"')

    def test_other_verbs_are_refused_in_json(self):
        answer = self.call("PUT", "/rest/sky/token")
        self.assert_legacy_error(answer, 405, "method-not-allowed")
        self.assertIn("DELETE", answer.headers["Allow"])

    def test_neither_password_nor_token_is_logged(self):
        """H7: whatever the level."""
        with self.assertLogs("", logging.DEBUG) as logs:
            token = self.assert_seed_answer(self.get_token())
            self.call("DELETE", "/api/auth/token", headers={"access-token": token})
        own = [line for line in logs.output if not re.match(r"DEBUG:urllib3", line)]
        self.assertFalse([line for line in own if "s3cret" in line or token in line])

    def test_at_most_ten_tokens_of_passwords_live(self):
        tokens = [self.assert_seed_answer(self.get_token()) for _number in range(11)]
        answers = [self.call("GET", "/api/v1/me", token=token).status_code for token in tokens]
        self.assertEqual(answers, [401] + [200] * 10)
