"""ETags, If-Match, Idempotency-Key."""

from odoo.tests import tagged

from .records import RecordsCase


@tagged("post_install", "-at_install")
class TestVersions(RecordsCase):
    def test_unchanged_records_are_not_sent_again(self):
        """B50: 304 without a body, until somebody writes."""
        path = f"/res.partner/{self.partners[0].id}"
        first = self.get(path, fields="name")
        etag = first.headers["ETag"]
        self.assertRegex(etag, rf'^"{self.partners[0].id}-\d+-[0-9a-f]+"$')
        self.assertEqual(first.headers["Cache-Control"], "private, no-cache")
        again = self.get(path, fields="name", headers={"If-None-Match": etag})
        self.assertEqual((again.status_code, again.content), (304, b""))
        self.assertEqual(again.headers["ETag"], etag)
        other = self.get(path, fields="name,email", headers={"If-None-Match": etag})
        self.assertEqual(other.status_code, 200)
        self.ask("PATCH", path, {"name": "Changed"})
        changed = self.get(path, fields="name", headers={"If-None-Match": etag})
        self.assertEqual((changed.status_code, changed.json()["data"]["name"]), (200, "Changed"))

    def test_unchanged_lists_are_not_sent_again(self):
        params = {"domain": self.ours(), "fields": "name"}
        etag = self.get("/res.partner", **params).headers["ETag"]
        again = self.get("/res.partner", headers={"If-None-Match": etag}, **params)
        self.assertEqual(again.status_code, 304)

    def test_stale_changes_are_refused(self):
        """B51: 412, and nothing is changed or deleted."""
        partner = self.partners[0]
        path = f"/res.partner/{partner.id}"
        etag = self.get(path).headers["ETag"]
        fresh = self.ask("PATCH", path, {"ref": "one"}, headers={"If-Match": etag})
        self.assertEqual(fresh.status_code, 200, fresh.text)
        for method, values in (
            ("PATCH", {"ref": "two"}),
            ("PUT", {"ref": "two"}),
            ("DELETE", None),
        ):
            response = self.ask(method, path, values, headers={"If-Match": etag})
            self.assert_problem(response, 412, "etag-mismatch")
        self.env.invalidate_all()
        self.assertEqual(partner.ref, "one")
        newest = fresh.headers["ETag"]
        self.assertEqual(self.ask("DELETE", path, headers={"If-Match": newest}).status_code, 204)

    def test_rows_of_bulk_changes_have_versions_too(self):
        """B51: `_etag` in a row."""
        first, second = self.partners[:2]
        etags = [self.get(f"/res.partner/{one.id}").headers["ETag"] for one in (first, second)]
        self.ask("PATCH", f"/res.partner/{second.id}", {"color": 1})
        rows = [
            {"id": one.id, "color": 5, "_etag": etag}
            for one, etag in zip((first, second), etags, strict=True)
        ]
        body = self.assert_problem(self.ask("PATCH", "/res.partner", rows), 412, "etag-mismatch")
        self.assertEqual(body["errors"][0]["pointer"], "/1")
        self.env.invalidate_all()
        self.assertEqual((first.color, second.color), (0, 1))

    def test_versions_can_be_demanded(self):
        self.env["ir.config_parameter"].set_param("saas_rest_api.require_if_match", "True")
        self.env.flush_all()
        path = f"/res.partner/{self.partners[0].id}"
        self.assert_problem(self.ask("PATCH", path, {"color": 1}), 428, "etag-required")
        self.assert_problem(self.ask("DELETE", path), 428, "etag-required")
        etag = self.get(path).headers["ETag"]
        response = self.ask("PATCH", path, {"color": 1}, headers={"If-Match": etag})
        self.assertEqual(response.status_code, 200)

    def test_repeated_requests_are_done_once(self):
        """B49: the same key gives the same answer; another body is refused."""
        headers = {"Idempotency-Key": "order-4711"}
        values = {"name": "Once", "ref": "ONCE"}
        first = self.ask("POST", "/res.partner", values, headers=headers)
        again = self.ask("POST", "/res.partner", values, headers=headers)
        self.assertEqual((first.status_code, again.status_code), (201, 201))
        self.assertEqual(first.content, again.content)
        self.assertEqual(again.headers["Idempotency-Replayed"], "true")
        self.assertEqual(again.headers["Location"], first.headers["Location"])
        self.assertEqual(self.env["res.partner"].search_count([("ref", "=", "ONCE")]), 1)
        other = self.ask("POST", "/res.partner", {"name": "Other"}, headers=headers)
        self.assert_problem(other, 422, "idempotency-mismatch")
        strangers = self.ask(
            "POST", "/res.partner", values, headers=headers, token=self.admin_token
        )
        self.assertNotIn("Idempotency-Replayed", strangers.headers)

    def test_what_failed_may_be_tried_again(self):
        """B49: a failure is no answer that is kept."""
        headers = {"Idempotency-Key": "again"}
        bad = self.ask("POST", "/res.partner", {"color": "x"}, headers=headers)
        self.assertEqual(bad.status_code, 422)
        good = self.ask("POST", "/res.partner", {"name": "Good"}, headers=headers)
        self.assertEqual(good.status_code, 201)

    def test_keys_are_short_and_visible(self):
        for key in ("", "a b", "x" * 256):
            response = self.ask(
                "POST", "/res.partner", {"name": "x"}, headers={"Idempotency-Key": key}
            )
            self.assert_problem(response, 400, "invalid-header")

    def test_old_keys_are_forgotten(self):
        headers = {"Idempotency-Key": "old"}
        self.ask("POST", "/res.partner", {"name": "Old"}, headers=headers)
        self.env.cr.execute(
            "UPDATE saas_rest_idempotency SET create_date = create_date - interval '25 hours'"
        )
        self.env["saas_rest.idempotency"]._gc_keys()
        self.assertFalse(self.env["saas_rest.idempotency"].search([("key", "=", "old")]))
