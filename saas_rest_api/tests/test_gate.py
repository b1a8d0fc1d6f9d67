"""Who comes in."""

from odoo.tests import tagged

from .common import RestCase


@tagged("post_install", "-at_install")
class TestGate(RestCase):
    def test_a_token_opens_the_api_as_its_user(self):
        token = self.token(self.employee)
        answer = self.call("GET", "/api/v1/me", token=token)
        self.assertEqual(answer.status_code, 200, answer.text)
        self.assertEqual(answer.json()["data"]["login"], "rest-employee")

    def test_without_a_token_nothing_opens(self):
        self.assert_problem(self.call("GET", "/api/v1/me"), 401, "token-missing")

    def test_an_unknown_address_is_answered_in_json(self):
        """B63: unknown paths and wrong verbs are problem+json, with Allow."""
        self.assert_problem(self.call("PUT", "/api/v1/x/y/z/a/b/c"), 404, "not-found")
        answer = self.call("DELETE", "/api/v1/me")
        self.assert_problem(answer, 405, "method-not-allowed")
        self.assertEqual(answer.headers["Allow"], "GET, HEAD, OPTIONS")

    def test_the_index_and_the_health_check_are_open(self):
        self.assertEqual(self.call("GET", "/api/v1").status_code, 200)
        self.assertEqual(self.call("GET", "/api/v1/health").json(), {"data": {"status": "ok"}})
