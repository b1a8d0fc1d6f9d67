"""Who comes in, in which language, for which companies, and what is refused at the door."""

from odoo.http import root
from odoo.tests import new_test_user, tagged

from .common import RestCase

ME = "/api/v1/me"


@tagged("post_install", "-at_install")
class TestGate(RestCase):
    def me(self, token, **headers):
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.call("GET", ME, token=token, headers=names)

    # --- tokens -----------------------------------------------------------------

    def test_a_token_opens_the_api_as_its_user_in_each_spelling(self):
        """B11 (the token's making on the user form is in test_token_page)"""
        token = self.token(self.employee)
        for headers in (
            {"Authorization": f"Bearer {token}"},
            {"Authorization": f"bearer {token}"},
            {"access-token": token},
            {"access_token": token},
        ):
            answer = self.call("GET", ME, headers=headers)
            self.assertEqual(answer.status_code, 200, answer.text)
            self.assertEqual(answer.json()["data"]["login"], "rest-employee")

    def test_without_a_valid_token_nothing_opens(self):
        answer = self.call("GET", ME)
        self.assert_problem(answer, 401, "token-missing")
        self.assertEqual(answer.headers["WWW-Authenticate"], "Bearer")
        for value in ("x", "access_token_", "access_token_" + "0" * 40, "0" * 40, "'; DROP", "é"):
            headers = {"Authorization": f"Bearer {value}".encode()}
            answer = self.call("GET", ME, headers=headers)
            self.assert_problem(answer, 401, "token-invalid")

    def test_the_session_of_another_user_changes_nothing(self):
        """B28, B29, H9: neither the user, nor the session, and no cookie comes back."""
        session = self.authenticate("admin", "admin")
        before = dict(root.session_store.get(session.sid))
        token = self.token(self.employee)
        answer = self.call("GET", ME, token=token)
        self.assertEqual(answer.json()["data"]["login"], "rest-employee")
        self.assertNotIn("Set-Cookie", answer.headers)
        self.assertEqual(dict(root.session_store.get(session.sid)), before)
        self.assert_problem(self.call("GET", ME), 401, "token-missing")

    def test_nothing_sets_a_cookie(self):
        """B29, H9: also without any cookie in the request, and when it fails."""
        token = self.token(self.employee)
        self.opener.cookies.clear()
        for method, path in (
            ("GET", ME),
            ("GET", "/api/v1"),
            ("GET", "/api/v1/health"),
            ("GET", "/api/v1/nope/nope/nope/nope/nope"),
            ("POST", ME),
            ("GET", "/api/auth/token"),
            ("OPTIONS", ME),
        ):
            for sent in (token, None):
                answer = self.call(method, path, token=sent)
                self.assertNotIn("Set-Cookie", answer.headers, (method, path))

    # --- language, time zone, company ---------------------------------------------

    def test_problems_follow_the_wanted_language(self):
        """B43 (what the addon itself says; names of records are the engine's)"""
        self.env["res.lang"]._activate_lang("fr_FR")
        token = self.token(self.employee)
        answer = self.call("POST", ME, token=token, headers={"Accept-Language": "fr-CH, en;q=0.5"})
        self.assertEqual(answer.json()["title"], "Méthode non autorisée")
        self.assertEqual(answer.headers["Content-Language"], "fr-FR")
        answer = self.call("GET", ME, headers={"Accept-Language": "fr"})
        self.assertEqual(answer.json()["title"], "Aucun jeton d'accès")

    def test_a_language_that_is_not_installed_falls_back_and_says_so(self):
        """B43"""
        answer = self.me(self.token(self.employee), Accept_Language="ja, de;q=0.9")
        self.assertEqual(answer.headers["Content-Language"], "en-US")
        self.assertEqual(self.me(self.token(self.employee)).headers["Content-Language"], "en-US")

    def test_without_a_wish_the_users_language_is_spoken(self):
        self.env["res.lang"]._activate_lang("fr_FR")
        self.employee.lang = "fr_FR"
        self.env.flush_all()
        answer = self.me(self.token(self.employee))
        self.assertEqual(answer.headers["Content-Language"], "fr-FR")

    def test_a_wrong_preference_is_refused(self):
        token = self.token(self.employee)
        for wrong in ("timezone=Mars/Olympus", "count=many"):
            self.assert_problem(self.me(token, Prefer=wrong), 400, "invalid-header")
        self.assertEqual(self.me(token, Prefer="timezone=Africa/Casablanca").status_code, 200)

    def test_companies_are_those_of_the_user_and_the_token(self):
        """B44"""
        companies = self.env["res.company"].create([{"name": "Second"}, {"name": "Third"}])
        second, third = companies
        first = self.env.company
        user = new_test_user(
            self.env, "rest-two", "base.group_user", company_ids=[(6, 0, (first + second).ids)]
        )
        token = self.token(user)
        me = self.me(token, X_Company_Id=f"{second.id},{first.id}").json()["data"]
        self.assertEqual(me["company_id"], second.id)
        self.assertEqual(me["company_ids"], [second.id, first.id])
        for wrong in (third.id, f"{first.id},{third.id}", 999_999):
            self.assert_problem(self.me(token, X_Company_Id=str(wrong)), 403, "company-denied")
        for wrong in ("", "x", "1;2", "-1"):
            self.assert_problem(self.me(token, X_Company_Id=wrong), 400, "invalid-header")
        bound = self.token(user, company_ids=second.ids)
        self.assertEqual(self.me(bound).json()["data"]["company_ids"], second.ids)
        answer = self.me(bound, X_Company_Id=str(first.id))
        self.assert_problem(answer, 403, "company-denied")

    # --- at the door --------------------------------------------------------------

    def test_unknown_addresses_and_verbs_are_answered_in_json(self):
        """B63"""
        token = self.token(self.employee)
        for sent in (token, None):
            answer = self.call("PUT", "/api/v1/x/y/z/a/b/c/d", token=sent)
            self.assert_problem(answer, 404, "not-found")
            answer = self.call("DELETE", ME, token=sent)
            self.assert_problem(answer, 405, "method-not-allowed")
            self.assertEqual(answer.headers["Allow"], "GET, HEAD, OPTIONS")

    def test_media_types_are_negotiated(self):
        """B60"""
        token = self.token(self.employee)
        answer = self.me(token, Accept="text/html")
        self.assert_problem(answer, 406, "not-acceptable")
        for fine in ("application/json", "*/*", "text/html, */*;q=0.1", "application/problem+json"):
            self.assertEqual(self.me(token, Accept=fine).status_code, 200)
        path = "/api/v1/tokens/current/rotate"
        for wrong in ("text/xml", "application/x-www-form-urlencoded"):
            headers = {"Content-Type": wrong}
            answer = self.call("POST", path, token=token, data="<a/>", headers=headers)
            self.assert_problem(answer, 415, "media-type")

    def test_too_much_is_refused(self):
        """B59 (bodies of 10 MiB are seen in tests/e2e)"""
        body = {"login": "x" * 9000, "password": "y"}
        self.assert_problem(self.call("POST", "/api/v1/tokens", json=body), 413, "body-too-large")

        def chunks():
            yield b"x" * 9000

        answer = self.call("GET", "/api/auth/token", data=chunks())
        self.assertEqual(answer.status_code, 413)
        token = self.token(self.employee)
        answer = self.call("GET", ME + "?a=" + "x" * 17_000, token=token)
        self.assert_problem(answer, 414, "uri-too-long")

    def test_hostile_bodies_are_refused(self):
        """B58: through the whole stack; all kinds are in tests/unit/test_rest_strict_json.py."""
        for body, code in (
            (b'{"login": NaN}', "invalid-number"),
            (b'{"login": "a", "login": "b"}', "duplicate-key"),
            (b'{"login": "\\u0000"}', "nul-character"),
            (b'{"login": "\\ud800"}', "invalid-utf8"),
            (b'{"login": "\xff"}', "invalid-utf8"),
            (b"[" * 8000, "json-too-deep"),
            (b'{"login": ', "bad-json"),
            (b"[]", "bad-json"),
            (b"3", "bad-json"),
        ):
            headers = {"Content-Type": "application/json"}
            answer = self.call("POST", "/api/v1/tokens", data=body, headers=headers)
            self.assert_problem(answer, 400, code)

    def test_unknown_parameters_are_named(self):
        answer = self.call("GET", ME + "?nope=1", token=self.token(self.employee))
        self.assertIn("nope", self.assert_problem(answer, 400, "unknown-parameter")["detail"])

    def test_request_ids_are_handed_back_or_replaced(self):
        """B62 (names of files are the file endpoints')"""
        token = self.token(self.employee)
        self.assertEqual(self.me(token, X_Request_ID="my-1").headers["X-Request-ID"], "my-1")
        for wrong in ("x" * 10_000, "a b", "a;b"):
            self.assertRegex(
                self.me(token, X_Request_ID=wrong).headers["X-Request-ID"], r"^[0-9a-f]{32}$"
            )
        answer = self.call("GET", ME, headers={"X-Request-ID": "mine"})
        self.assertEqual(answer.json()["instance"], "urn:request:mine")

    def test_pages_of_listed_origins_only_may_read(self):
        """B64"""
        self.env["ir.config_parameter"].set_param(
            "saas_rest_api.cors_origins", "https://shop.example https://other.example"
        )
        token = self.token(self.employee)
        asked = {"Access-Control-Request-Method": "GET"}
        answer = self.call("OPTIONS", ME, headers={"Origin": "https://shop.example", **asked})
        self.assertEqual(answer.status_code, 204)
        self.assertEqual(answer.headers["Access-Control-Allow-Origin"], "https://shop.example")
        for name in ("access-token", "If-Match", "Idempotency-Key", "X-Company-Id"):
            self.assertIn(name, answer.headers["Access-Control-Allow-Headers"])
        self.assertIn("Origin", answer.headers["Vary"])
        for method in ("OPTIONS", "GET"):
            answer = self.call(method, ME, token=token, headers={"Origin": "https://evil.example"})
            self.assertNotIn("Access-Control-Allow-Origin", answer.headers)
        answer = self.call("GET", ME, headers={"Origin": "https://shop.example"})
        self.assertEqual(answer.status_code, 401)
        self.assertEqual(answer.headers["Access-Control-Allow-Origin"], "https://shop.example")
        self.assertNotIn("Access-Control-Allow-Credentials", answer.headers)

    def test_options_tells_the_verbs(self):
        answer = self.call("OPTIONS", "/api/v1/tokens")
        self.assertEqual((answer.status_code, answer.content), (204, b""))
        self.assertEqual(answer.headers["Allow"], "GET, HEAD, OPTIONS, POST")
        answer = self.call("OPTIONS", "/api/v1/x/y/z/a/b/c/d")
        self.assert_problem(answer, 404, "not-found")

    def test_options_tells_a_tokens_owner_the_verbs_that_he_may_use(self):
        countries = "/api/v1/res.country"
        for sent, verbs in (
            (None, "DELETE, GET, HEAD, OPTIONS, PATCH, POST"),
            ("access_token_" + "0" * 40, "DELETE, GET, HEAD, OPTIONS, PATCH, POST"),
            (self.token(self.employee), "GET, HEAD, OPTIONS"),
            (self.token(self.admin, scopes=["*:read", "*:create"]), "GET, HEAD, OPTIONS, POST"),
        ):
            answer = self.call("OPTIONS", countries, token=sent)
            self.assertEqual((answer.status_code, answer.headers["Allow"]), (204, verbs))

    def test_who_may_not_do_it_is_not_told_what_else_is_wrong(self):
        token = self.token(self.employee)
        headers = {"Content-Type": "application/json"}
        country = f"/api/v1/res.country/{self.env.ref('base.ma').id}"
        for verb, path in (
            ("PUT", country),
            ("PATCH", country),
            ("PUT", f"{country}/binary/nope"),
            ("POST", f"{country}/attachments"),
            ("PUT", "/api/v1/res.country/ext/shop/1"),
        ):
            answer = self.call(verb, path, token=token, data=b"", headers=headers)
            self.assert_problem(answer, 403, "access-denied")

    def test_the_index_and_the_health_check_are_open(self):
        index = self.call("GET", "/api/v1").json()["data"]
        self.assertEqual(index["limits"]["limit_max"], 1000)
        self.assertEqual(self.call("GET", "/api/v1/health").json(), {"data": {"status": "ok"}})

    def test_strangers_have_few_requests(self):
        """B27: without a token, by address."""
        self.env["ir.config_parameter"].set_param("saas_rest_api.rate_per_ip", "3")
        self.env.cr.precommit.run()
        statuses = [self.call("GET", "/api/v1/health").status_code for _number in range(5)]
        self.assertIn(429, statuses)
        self.assertEqual(self.me(self.token(self.employee)).status_code, 200)
