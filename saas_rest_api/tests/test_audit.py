"""What is kept of each call."""

from odoo.exceptions import AccessError
from odoo.tests import tagged

from .common import RestCase


@tagged("post_install", "-at_install")
class TestAudit(RestCase):
    def last(self):
        self.env.invalidate_all()
        return self.env["saas_rest.audit"].search([], limit=1)

    def test_a_call_leaves_who_what_when_and_how_it_ended(self):
        """B76"""
        record, token = self.token_and_record(self.employee)
        self.call("GET", "/api/v1/me", token=token, headers={"X-Request-ID": "audited"})
        row = self.last()
        self.assertEqual(row.user_id, self.employee)
        self.assertEqual(row.token_prefix, token[len("access_token_") :][:8])
        self.assertEqual((row.method, row.route, row.status), ("GET", "/api/v1/me", 200))
        self.assertEqual((row.request_id, row.ip), ("audited", "127.0.0.1"))
        self.assertGreaterEqual(row.duration, 0)
        record.invalidate_recordset()
        self.assertEqual((record.last_ip, record.last_used_at), ("127.0.0.1", row.at))

    def test_no_body_password_or_token_is_kept(self):
        """B76, H7: also when secrets are put where they do not belong."""
        token = self.token(self.employee)
        credentials = {"login": "rest-employee", "password": "rest-employee-pw"}
        self.call("POST", "/api/v1/tokens", json=credentials)
        self.call("GET", f"/api/v1/tokens/{token}?password=pass-in-url", token=token)
        self.call("GET", f"/api/v1/x/{token}")
        self.env.cr.execute("SELECT a::text FROM saas_rest_audit a")
        kept = " ".join(text for (text,) in self.env.cr.fetchall())
        for secret in (token, token[-32:], "rest-employee-pw", "pass-in-url"):
            self.assertNotIn(secret, kept)

    def test_the_real_reason_of_a_refusal_is_kept(self):
        token = self.token(self.employee)
        self.employee.active = False
        self.env.flush_all()
        self.call("GET", "/api/v1/me", token=token)
        row = self.last()
        self.assertEqual((row.status, row.code), (401, "token-invalid"))
        self.assertTrue(row.reason)
        self.assertEqual(row.token_prefix, token[len("access_token_") :][:8])

    def test_administrators_read_it_by_rest(self):
        """B76: newest first, page by page; nobody else does."""
        token = self.token(self.admin, scopes=["admin"])
        for number in range(3):
            self.call("GET", "/api/v1/me", token=token, headers={"X-Request-ID": f"r{number}"})
        answer = self.call("GET", "/api/v1/audit?limit=2", token=token)
        self.assertEqual([row["request_id"] for row in answer.json()["data"]], ["r2", "r1"])
        answer = self.call("GET", answer.json()["links"]["next"], token=token)
        self.assertIn("r0", [row["request_id"] for row in answer.json()["data"]])
        answer = self.call("GET", "/api/v1/audit?request_id=r1", token=token)
        self.assertEqual([row["status"] for row in answer.json()["data"]], [200])
        for wrong in ("limit=0", "limit=1001", "limit=x", "before=-1", "status=%00"):
            answer = self.call("GET", f"/api/v1/audit?{wrong}", token=token)
            self.assert_problem(answer, 400, "invalid-parameter")
        for other in (self.token(self.admin), self.token(self.employee, scopes=["admin"])):
            answer = self.call("GET", "/api/v1/audit", token=other)
            self.assert_problem(answer, 403, "scope-denied")

    def test_only_managers_see_it_and_nobody_changes_it(self):
        row = self.env["saas_rest.audit"].create({"status": 200, "request_id": "x"})
        for user in (self.employee, self.portal_user):
            with self.assertRaises(AccessError):
                row.with_user(user).read(["status"])
        for call in (lambda r: r.write({"status": 1}), lambda r: r.unlink()):
            with self.assertRaises(AccessError):
                call(row.with_user(self.admin))

    def test_old_calls_are_forgotten(self):
        self.env["saas_rest.audit"].create({"status": 200, "at": "2020-01-01 00:00:00"})
        self.env["saas_rest.audit"]._gc_calls()
        self.assertFalse(self.env["saas_rest.audit"].search([("at", "<", "2021-01-01")]))
