"""The life of tokens."""

import time

from odoo.exceptions import AccessError, UserError
from odoo.tests import new_test_user, tagged
from odoo.tools import mute_logger

from .common import RestCase

WEEK = 604_800


@tagged("post_install", "-at_install")
class TestTokens(RestCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.tokens = cls.env["saas_rest.token"]

    def status(self, token, **options):
        return self.call("GET", "/api/v1/me", token=token, **options).status_code

    def mint(self, **values):
        body = {"login": "rest-employee", "password": "rest-employee", **values}
        return self.call("POST", "/api/v1/tokens", json=body)

    def assert_mint(self, **values):
        answer = self.mint(**values)
        self.assertEqual(answer.status_code, 201, answer.text)
        return answer.json()["data"]

    # --- making -----------------------------------------------------------------

    def test_a_password_makes_a_token_with_the_wanted_limits(self):
        made = self.assert_mint(
            name="Shop", expires_in=3600, scopes=["res.partner:read"], read_only=True
        )
        self.assertEqual(made["token_type"], "Bearer")
        self.assertAlmostEqual(made["expires_in"], 3600, delta=2)
        me = self.call("GET", "/api/v1/me", token=made["access_token"]).json()["data"]
        self.assertEqual(me["scopes"], ["res.partner:read"])
        self.assertTrue(me["read_only"])

    def test_what_cannot_be_is_refused_with_a_pointer(self):
        """Among others: expiry in the past, never for those who may not, beyond the group's."""
        for wrong, pointer in (
            ({"expires_in": 0}, "/expires_in"),
            ({"expires_in": -1}, "/expires_in"),
            ({"expires_in": None}, "/expires_in"),
            ({"expires_in": 91 * 86400}, "/expires_in"),
            ({"expires_in": True}, "/expires_in"),
            ({"expires_in": "3600"}, "/expires_in"),
            ({"scopes": ["nonsense"]}, "/scopes"),
            ({"scopes": "res.partner:read"}, "/scopes"),
            ({"allowed_ips": "everywhere"}, "/allowed_ips"),
            ({"unknown": 1}, "/unknown"),
        ):
            with self.subTest(wrong):
                body = self.assert_problem(self.mint(**wrong), 422, "validation")
                self.assertEqual(body["errors"][0]["pointer"], pointer)
        answer = self.mint(company_ids=[999_999])
        self.assert_problem(answer, 403, "company-denied")
        answer = self.call("POST", "/api/v1/tokens", json={"login": "x"})
        self.assert_problem(answer, 422, "required-missing")

    def test_settings_users_may_have_tokens_that_never_expire(self):
        boss = new_test_user(self.env, "rest-boss", "base.group_system")
        made = self.assert_mint(login=boss.login, password=boss.login, expires_in=None)
        self.assertIsNone(made["expires_at"])
        self.assertEqual(self.status(made["access_token"]), 200)

    def test_an_api_key_stands_for_the_password(self):
        key = (
            self.env["res.users.apikeys"]
            .with_user(self.employee)
            .sudo()
            ._generate(None, "key", None)
        )
        self.env.flush_all()
        made = self.assert_mint(password=key)
        self.assertEqual(self.status(made["access_token"]), 200)
        self.assertEqual(self.status(key), 200, "and is accepted as Bearer")

    def test_who_has_a_second_factor_uses_other_tokens(self):
        """B19: told only to whoever knows the password; a token of the user form works."""
        self.assertIn("totp_enabled", self.env["res.users"]._fields, "Odoo installs auth_totp")
        self.env.cr.execute(
            "UPDATE res_users SET totp_secret = 'JBSWY3DPEHPK3PXP' WHERE id = %s",
            [self.employee.id],
        )
        self.env.invalidate_all()
        self.assert_problem(self.mint(), 403, "mfa-required")
        self.assert_problem(self.mint(password="wrong"), 401, "credentials-invalid")
        seed = {"db": self.env.cr.dbname, "login": "rest-employee", "password": "rest-employee"}
        answer = self.call("GET", "/api/auth/token", data=seed)
        self.assertEqual((answer.status_code, answer.json()["type"]), (403, "mfa-required"))
        self.assertEqual(self.status(self.token(self.employee)), 200)
        key = (
            self.env["res.users.apikeys"]
            .with_user(self.employee)
            .sudo()
            ._generate(None, "key", None)
        )
        self.assert_mint(password=key)

    def test_an_expired_api_key_is_refused(self):
        """H21: each time, also right after it was accepted."""
        key = (
            self.env["res.users.apikeys"]
            .with_user(self.employee)
            .sudo()
            ._generate(None, "key", None)
        )
        self.assertEqual(self.status(key), 200)
        self.env.cr.execute(
            "UPDATE res_users_apikeys SET expiration_date = now() AT TIME ZONE 'utc'"
            " - interval '1 second' WHERE user_id = %s",
            [self.employee.id],
        )
        self.assertEqual(self.status(key), 401)

    def test_a_wrong_password_gets_no_token_although_there_is_one(self):
        """H15"""
        self.assert_mint()
        answer = self.mint(password="wrong")
        self.assert_problem(answer, 401, "credentials-invalid")
        self.assertNotIn("access_token_", answer.text)

    def test_who_may_have_no_tokens_gets_none(self):
        answer = self.mint(login="rest-portal", password="rest-portal")
        self.assert_problem(answer, 403, "access-denied")

    # --- ending -----------------------------------------------------------------

    def test_an_expired_token_is_refused_right_after_a_successful_call(self):
        """B14, H8: nothing of the answer is remembered."""
        record, token = self.token_and_record(self.employee)
        self.assertEqual(self.status(token), 200)
        self.env.cr.execute(
            "UPDATE saas_rest_token SET expiration_date = now() AT TIME ZONE 'utc'"
            " - interval '1 second' WHERE id = %s",
            [record.id],
        )
        self.assert_problem(self.call("GET", "/api/v1/me", token=token), 401, "token-expired")
        forged = token[:-1] + ("0" if token[-1] != "0" else "1")
        self.assert_problem(self.call("GET", "/api/v1/me", token=forged), 401, "token-invalid")

    def test_archiving_ends_tokens_for_ever(self):
        """B15"""
        token = self.token(self.employee)
        self.employee.active = False
        self.env.flush_all()
        self.assert_problem(self.call("GET", "/api/v1/me", token=token), 401, "token-invalid")
        self.employee.active = True
        self.env.flush_all()
        self.assert_problem(self.call("GET", "/api/v1/me", token=token), 401, "token-invalid")

    def test_a_new_password_ends_what_the_old_one_has_made(self):
        """B16"""
        minted = self.assert_mint()["access_token"]
        backend = self.token(self.employee)
        self.employee.password = "another password"
        self.env.flush_all()
        self.assertEqual(self.status(minted), 401)
        self.assertEqual(self.status(backend), 200)

    def test_losing_the_group_ends_tokens(self):
        group = self.env.ref("saas_rest_api.group_rest_user")
        guest = new_test_user(self.env, "rest-guest", "base.group_portal")
        guest.group_ids += group
        token = self.token(guest)
        self.assertEqual(self.status(token), 200)
        guest.group_ids -= group
        self.env.flush_all()
        self.assertEqual(self.status(token), 401)
        guest.group_ids += group
        self.env.flush_all()
        self.assertEqual(self.status(token), 401)
        token = self.token(guest)
        group.user_ids -= guest
        self.env.flush_all()
        self.assertEqual(self.status(token), 401)

    def test_expired_tokens_lose_their_hash_and_disappear(self):
        record, _token = self.token_and_record(self.employee)
        fresh, _token = self.token_and_record(self.employee)
        self.env.cr.execute(
            "UPDATE saas_rest_token SET expiration_date = now() - interval '2 days' WHERE id = %s",
            [record.id],
        )
        self.tokens._gc_tokens()
        self.env.cr.execute(
            "SELECT id, hash IS NULL FROM saas_rest_token WHERE id IN %s", [(record.id, fresh.id)]
        )
        self.assertEqual(dict(self.env.cr.fetchall()), {record.id: True, fresh.id: False})
        self.env.cr.execute(
            "UPDATE saas_rest_token SET expiration_date = now() - interval '40 days' WHERE id = %s",
            [record.id],
        )
        self.tokens._gc_tokens()
        self.env.cr.execute("SELECT count(*) FROM saas_rest_token WHERE id = %s", [record.id])
        self.assertEqual(self.env.cr.fetchone(), (0,))

    # --- by REST ----------------------------------------------------------------

    def test_own_tokens_are_listed_without_their_values(self):
        record, token = self.token_and_record(self.employee, name="Shop")
        self.token(self.admin, name="Admin's")
        answer = self.call("GET", "/api/v1/tokens", token=token)
        self.assertEqual([row["name"] for row in answer.json()["data"]], ["Shop"])
        self.assertNotIn(token, answer.text)
        self.assertNotIn("hash", answer.text)
        for name in ("current", str(record.id)):
            answer = self.call("GET", f"/api/v1/tokens/{name}", token=token)
            self.assertEqual(answer.json()["data"]["prefix"], token[:21] + "…")

    def test_tokens_of_others_are_not_there(self):
        other, others_value = self.token_and_record(self.admin)
        token = self.token(self.employee)
        for method in ("GET", "DELETE"):
            for name in (other.id, 0, -1, 99_999_999_999_999_999_999, "1.5", "%00", "x"):
                answer = self.call(method, f"/api/v1/tokens/{name}", token=token)
                self.assert_problem(answer, 404, "not-found")
        self.assertEqual(self.status(others_value), 200)

    def test_a_token_can_revoke_itself_and_its_siblings(self):
        _record, token = self.token_and_record(self.employee, read_only=True)
        sibling, siblings_value = self.token_and_record(self.employee)
        answer = self.call("DELETE", f"/api/v1/tokens/{sibling.id}", token=token)
        self.assertEqual((answer.status_code, answer.content), (204, b""))
        self.assertEqual(self.status(siblings_value), 401)
        self.assertEqual(
            self.call("DELETE", "/api/v1/tokens/current", token=token).status_code, 204
        )
        self.assertEqual(self.status(token), 401)

    def test_rotation_replaces_the_value_and_keeps_the_limits(self):
        _record, token = self.token_and_record(
            self.employee, scopes=["res.partner:read"], read_only=True, expires_in=3600
        )
        answer = self.call("POST", "/api/v1/tokens/current/rotate", token=token, json={})
        self.assertEqual(answer.status_code, 201, answer.text)
        new = answer.json()["data"]
        self.assertEqual(self.status(token), 401)
        self.assertEqual(self.status(new["access_token"]), 200)
        self.assertEqual(new["scopes"], ["res.partner:read"])
        self.assertTrue(new["read_only"])
        self.assertAlmostEqual(new["expires_in"], 3600, delta=2)

    def test_the_old_token_may_live_on_for_an_hour_at_most(self):
        record, token = self.token_and_record(self.employee)
        path = "/api/v1/tokens/current/rotate"
        answer = self.call("POST", path, token=token, json={"overlap": 3601})
        self.assert_problem(answer, 422, "validation")
        answer = self.call("POST", path, token=token, json={"overlap": 300})
        self.assertEqual(answer.status_code, 201)
        self.assertEqual(self.status(token), 200)
        record.invalidate_recordset()
        left = record.expiration_date.timestamp() - time.time()
        self.assertLess(left, 301)

    # --- what a token may -------------------------------------------------------

    def test_a_token_is_bound_to_its_networks(self):
        """B26: a header that anybody can send changes nothing."""
        token = self.token(self.employee, allowed_ips="10.0.0.0/8")
        for headers in ({}, {"X-Forwarded-For": "10.1.1.1", "X-Forwarded-Host": "x"}):
            answer = self.call("GET", "/api/v1/me", token=token, headers=headers)
            self.assert_problem(answer, 403, "ip-denied")
        self.assertEqual(self.status(self.token(self.employee, allowed_ips="127.0.0.0/8 ::1")), 200)

    def test_scopes_open_what_they_name_and_nothing_else(self):
        """B25: neither to read, nor in the list of models, nor in the document."""
        token = self.token(self.admin, scopes=["res.partner:read"])
        self.assertEqual(self.call("GET", "/api/v1/res.partner", token=token).status_code, 200)
        answer = self.call("GET", "/api/v1/res.country", token=token)
        self.assertIn(answer.status_code, (403, 404))
        partner = f"/api/v1/res.partner/{self.employee.partner_id.id}"
        answer = self.call("PATCH", partner, token=token, json={"name": "Changed"})
        self.assert_problem(answer, 403, "scope-denied")
        models = self.call("GET", "/api/v1/models", token=token).json()["data"]
        self.assertEqual([model["model"] for model in models], ["res.partner"])
        path = "/api/v1/openapi.json?models="
        document = self.call("GET", path + "res.partner", token=token)
        self.assertIn("/api/v1/res.partner", document.json()["paths"])
        self.assertNotIn("res.country", "".join(document.json()["paths"]))
        answer = self.call("GET", path + "res.country", token=token)
        self.assert_problem(answer, 404, "not-found")

    @mute_logger("odoo.sql_db")
    def test_read_only_tokens_change_nothing(self):
        """B24: neither directly nor by a method that writes (PostgreSQL refuses)."""
        token = self.token(self.admin, read_only=True)
        partner = self.env["res.partner"].create({"name": "Kept"})
        path = f"/api/v1/res.partner/{partner.id}"
        for answer in (
            self.call("PATCH", path, token=token, json={"name": "Changed"}),
            self.call("POST", f"{path}/call/action_archive", token=token, json={}),
        ):
            self.assert_problem(answer, 403, "read-only-token")
        partner.invalidate_recordset()
        self.assertEqual((partner.name, partner.active), ("Kept", True))
        self.assertEqual(self.call("GET", path, token=token).status_code, 200)

    def test_each_token_has_its_own_rate(self):
        """B27: 429 with all headers for one, nothing for the other."""
        token = self.token(self.employee, rate_per_minute=5)
        remaining = []
        for _number in range(5):
            answer = self.call("GET", "/api/v1/me", token=token)
            remaining.append(answer.headers["X-RateLimit-Remaining"])
        self.assertEqual(remaining, ["4", "3", "2", "1", "0"])
        answer = self.call("GET", "/api/v1/me", token=token)
        self.assert_problem(answer, 429, "rate-limited")
        self.assertEqual(answer.headers["Retry-After"], answer.headers["X-RateLimit-Reset"])
        self.assertEqual(answer.headers["RateLimit-Policy"], '"token";q=5;w=60')
        self.assertRegex(answer.headers["RateLimit"], r'^"token";r=0;t=\d+$')
        self.assertEqual(self.status(self.token(self.employee)), 200)

    def test_the_sixth_wrong_password_waits(self):
        """B20 (in one process; two workers in tests/e2e), H25"""
        user = new_test_user(self.env, f"rest-{time.time_ns()}", "base.group_user")
        for _number in range(5):
            answer = self.mint(login=user.login, password="wrong")
            self.assert_problem(answer, 401, "credentials-invalid")
        answer = self.mint(login=user.login, password="wrong")
        self.assert_problem(answer, 429, "login-throttled")
        self.assertAlmostEqual(int(answer.headers["Retry-After"]), 60, delta=2)
        answer = self.mint(login=user.login, password=user.login)
        self.assert_problem(answer, 429, "login-throttled")
        self.assert_mint()
        answer = self.mint(login=user.login, password=user.login)
        self.assert_problem(answer, 429, "login-throttled")

    # --- secrecy ----------------------------------------------------------------

    def test_the_table_holds_nothing_that_opens_anything(self):
        """B22, H1"""
        _record, token = self.token_and_record(self.employee)
        self.env.cr.execute("SELECT t::text FROM saas_rest_token t")
        rows = " ".join(text for (text,) in self.env.cr.fetchall())
        self.assertNotIn(token, rows)
        self.assertNotIn(token[len("access_token_") :], rows)
        self.env.cr.execute("SELECT hash FROM saas_rest_token WHERE hash IS NOT NULL")
        for (value,) in self.env.cr.fetchall():
            self.assertEqual(self.status(f"access_token_{value[:40]}"), 401)
            self.assertEqual(self.status(value), 401)

    def test_the_orm_knows_neither_hash_nor_value(self):
        """H1: no reading, searching, exporting or grouping by what it does not know."""
        record, _token = self.token_and_record(self.employee)
        own = self.tokens.with_user(self.employee)
        self.assertFalse({"hash", "prefix"} & set(own.fields_get()))
        for call in (
            lambda: record.read(["hash"]),
            lambda: own.search([("hash", "=like", "a%")]),
            lambda: record.export_data(["hash"]),
            lambda: own.search([], order="hash"),
        ):
            with self.assertRaises(ValueError):
                call()

    def test_others_do_not_get_near_tokens(self):
        """B23, H2: portal users not at all, employees only to their own, nobody by writing."""
        record, _token = self.token_and_record(self.admin)
        own, _token = self.token_and_record(self.employee)
        portal = self.tokens.with_user(self.portal_user)
        for call in (
            lambda: portal.browse(record.id).read(["name"]),
            lambda: portal.search([]),
            portal.fields_get,
            lambda: portal.onchange({}, [], {"name": {}}),
            lambda: portal.create({"name": "x", "user_id": self.admin.id, "source": "api"}),
            lambda: portal.browse(record.id).write({"name": "x"}),
            lambda: portal.browse(record.id).unlink(),
        ):
            with self.assertRaises(AccessError):
                call()
        with self.assertRaises(UserError):
            portal.browse(record.id).export_data(["name"])
        employee = self.tokens.with_user(self.employee)
        self.assertEqual(employee.search([]), own)
        for call in (
            lambda: employee.browse(record.id).read(["name"]),
            lambda: employee.create({"name": "x", "user_id": self.admin.id, "source": "api"}),
            lambda: employee.browse(own.id).write({"user_id": self.admin.id}),
            lambda: employee.browse(own.id).unlink(),
            lambda: self.tokens.with_user(self.admin).browse(own.id).write({"name": "x"}),
        ):
            with self.assertRaises(AccessError):
                call()

    def test_neutralizing_deletes_all_tokens(self):
        """B77"""
        from odoo.modules.neutralize import get_neutralization_queries

        token = self.token(self.employee)
        for query in get_neutralization_queries(["saas_rest_api"]):
            self.env.cr.execute(query)
        self.assertEqual(self.status(token), 401)
