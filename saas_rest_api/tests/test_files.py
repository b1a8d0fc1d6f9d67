import base64
import hashlib
import io
import os

from PIL import Image

from odoo.tests import tagged

from .common import RestCase

FIELD = "/api/v1/res.partner/{}/binary/image_1920"


def picture(color="red", size=(16, 16)):
    content = io.BytesIO()
    Image.new("RGB", size, color).save(content, "PNG")
    return content.getvalue()


@tagged("post_install", "-at_install")
class TestFiles(RestCase):
    def setUp(self):
        super().setUp()
        self.key = self.token(self.employee)
        self.partner = self.env["res.partner"].create({"name": "Deco"})
        self.path = FIELD.format(self.partner.id)
        self.attachments = f"/api/v1/res.partner/{self.partner.id}/attachments"

    def attach(self, name="note.txt", content=b"0123456789", **options):
        options.setdefault("token", self.key)
        return self.call("POST", self.attachments, files={"file": (name, content)}, **options)

    def test_a_picture_goes_up_and_comes_down_as_it_is(self):
        """B73: PUT takes the bytes themselves, GET gives them back with ETag and a safe name."""
        content = picture()
        headers = {"Content-Type": "image/png"}
        answer = self.call("PUT", self.path, data=content, token=self.key, headers=headers)
        self.assertEqual(answer.status_code, 204, answer.text)
        answer = self.call("GET", self.path, token=self.key)
        self.assertEqual(answer.content, content)
        self.assertEqual(answer.headers["Content-Type"], "image/png")
        self.assertEqual(answer.headers["Cache-Control"], "private, no-cache")
        self.assertEqual(answer.headers["ETag"], f'"{hashlib.sha1(content).hexdigest()}"')
        self.assertIn("attachment", answer.headers["Content-Disposition"])
        self.assertIn("sandbox", answer.headers["Content-Security-Policy"])
        known = {"If-None-Match": answer.headers["ETag"]}
        again = self.call("GET", self.path, token=self.key, headers=known)
        self.assertEqual((again.status_code, again.content), (304, b""))
        self.assertEqual(self.call("DELETE", self.path, token=self.key).status_code, 204)
        self.assert_problem(self.call("GET", self.path, token=self.key), 404, "not-found")

    def test_a_part_is_206_and_no_part_is_416(self):
        """B73: Range is answered with 206 and the bytes that were asked for, or with 416."""
        number = self.attach().json()["data"][0]["id"]
        path = f"{self.attachments}/{number}"

        def get(part):
            return self.call("GET", path, token=self.key, headers={"Range": f"bytes={part}"})

        self.assertEqual((get("2-4").status_code, get("2-4").content), (206, b"234"))
        self.assertEqual(get("2-4").headers["Content-Range"], "bytes 2-4/10")
        self.assertEqual(get("-3").content, b"789")
        answer = get("10-")
        self.assert_problem(answer, 416, "range")
        self.assertEqual(answer.headers["Content-Range"], "bytes */10")

    def test_a_content_that_has_changed_is_not_overwritten(self):
        self.call("PUT", self.path, data=picture("red"), token=self.key)
        stale = {"If-Match": '"another"'}
        answer = self.call("PUT", self.path, data=picture("blue"), token=self.key, headers=stale)
        self.assert_problem(answer, 412, "etag-mismatch")
        etag = self.call("GET", self.path, token=self.key).headers["ETag"]
        fresh = {"If-Match": etag}
        answer = self.call("PUT", self.path, data=picture("blue"), token=self.key, headers=fresh)
        self.assertEqual(answer.status_code, 204, answer.text)

    def test_too_much_is_refused_before_it_is_read(self):
        """B73, B59: the limit for files is their own, and 413 above it."""
        parameters = self.env["ir.config_parameter"].sudo()
        parameters.set_param("saas_rest_api.upload_max", 1000)
        answer = self.call("PUT", self.path, data=b"x" * 1001, token=self.key)
        self.assert_problem(answer, 413, "body-too-large")
        pieces = (b"x" * 300 for _piece in range(5))
        answer = self.call("PUT", self.path, data=pieces, token=self.key)
        self.assertIn(answer.status_code, (411, 413))

    def test_fields_that_hold_no_file_and_hidden_ones_are_refused(self):
        base = f"/api/v1/res.partner/{self.partner.id}/binary"
        self.assert_problem(self.call("GET", f"{base}/name", token=self.key), 400, "unknown-field")
        self.assert_problem(self.call("GET", f"{base}/nope", token=self.key), 400, "unknown-field")
        hidden = "/api/v1/ir.config_parameter/1/binary/value"
        self.assert_problem(self.call("GET", hidden, token=self.key), 404, "not-found")

    def test_ids_that_cannot_be_are_not_found(self):
        """B61: id 0, -1, 99999999999999999999 and 1.5 are 404 in JSON."""
        for number in ("0", "-1", "99999999999999999999", "1.5", "999999"):
            for path in (FIELD, "/api/v1/res.partner/{}/attachments"):
                answer = self.call("GET", path.format(number), token=self.key)
                self.assert_problem(answer, 404, "not-found")

    def test_who_may_not_write_may_not_upload(self):
        partner = self.env.ref("base.main_partner")
        self.env["ir.rule"].create(
            {
                "name": "Readable only",
                "model_id": self.env["ir.model"]._get_id("res.partner"),
                "domain_force": f"[('id', '!=', {partner.id})]",
                "perm_read": False,
            }
        )
        path = FIELD.format(partner.id)
        answer = self.call("PUT", path, data=picture(), token=self.key)
        self.assert_problem(answer, 403, "access-denied")
        read_only = self.token(self.employee, read_only=True)
        answer = self.call("PUT", self.path, data=picture(), token=read_only)
        self.assert_problem(answer, 403, "read-only-token")

    def test_files_are_attached_listed_and_removed(self):
        answer = self.attach("été.txt", b"hello")
        self.assertEqual(answer.status_code, 201, answer.text)
        (made,) = answer.json()["data"]
        self.assertEqual((made["name"], made["size"]), ("été.txt", 5))
        listed = self.call("GET", self.attachments, token=self.key).json()["data"]
        self.assertEqual(listed, [made])
        path = f"{self.attachments}/{made['id']}"
        self.assertEqual(self.call("GET", path, token=self.key).content, b"hello")
        self.assertEqual(self.call("DELETE", path, token=self.key).status_code, 204)
        self.assert_problem(self.call("GET", path, token=self.key), 404, "not-found")

    def test_names_that_would_break_a_header_are_made_safe(self):
        """B62: CR, quotes and Arabic in a file's name are safe in Content-Disposition."""
        for name in ('a"b\r\nSet-Cookie: x=1.txt', "ملف.txt", "../../etc/passwd", "\u202egpj.exe"):
            attachment = self.env["ir.attachment"].create(
                {
                    "name": name,
                    "raw": b"x",
                    "res_model": "res.partner",
                    "res_id": self.partner.id,
                }
            )
            answer = self.call("GET", f"{self.attachments}/{attachment.id}", token=self.key)
            self.assertEqual(answer.status_code, 200, name)
            self.assertNotIn("Set-Cookie", answer.headers)
            disposition = answer.headers["Content-Disposition"]
            self.assertNotRegex(disposition, r"[\r\n/\\]|%2F|%E2%80%AE")

    def test_a_page_is_sent_as_a_download_that_runs_nothing(self):
        number = self.attach("page.html", b"<script>alert(1)</script>").json()["data"][0]["id"]
        answer = self.call("GET", f"{self.attachments}/{number}", token=self.key)
        self.assertTrue(answer.headers["Content-Disposition"].startswith("attachment"))
        self.assertEqual(answer.headers["Content-Security-Policy"], "default-src 'none'; sandbox")
        self.assertEqual(answer.headers["X-Content-Type-Options"], "nosniff")

    def test_attachments_of_another_record_are_not_found(self):
        other = self.env["res.partner"].create({"name": "Other"})
        number = self.attach().json()["data"][0]["id"]
        path = f"/api/v1/res.partner/{other.id}/attachments/{number}"
        self.assert_problem(self.call("GET", path, token=self.key), 404, "not-found")
        self.assert_problem(self.call("DELETE", path, token=self.key), 404, "not-found")

    def test_a_form_without_files_or_no_form_is_refused(self):
        answer = self.call("POST", self.attachments, json={}, token=self.key)
        self.assert_problem(answer, 415, "media-type")
        headers = {"Content-Type": "multipart/form-data;"}
        answer = self.call("POST", self.attachments, data="a=b", token=self.key, headers=headers)
        self.assertGreaterEqual(answer.status_code, 400)
        self.assertLess(answer.status_code, 500)

    def test_a_large_file_comes_back_whole(self):
        content = os.urandom(3_000_000)
        number = self.attach("large.bin", content).json()["data"][0]["id"]
        answer = self.call("GET", f"{self.attachments}/{number}", token=self.key)
        self.assertEqual(hashlib.sha256(answer.content).digest(), hashlib.sha256(content).digest())

    def test_json_names_the_address_of_a_content(self):
        self.partner.image_1920 = base64.b64encode(picture())
        path = f"/api/v1/res.partner/{self.partner.id}?fields=image_1920"
        answer = self.call("GET", path, token=self.key)
        self.assertEqual(answer.json()["data"]["image_1920"], {"href": self.path})


@tagged("post_install", "-at_install")
class TestReports(RestCase):
    def test_printable_reports_are_those_of_readable_models(self):
        rows = self.call("GET", "/api/v1/reports", token=self.token(self.employee)).json()["data"]
        models = {row["model"] for row in rows}
        self.assertNotIn("ir.module.module", models)
        admin = self.token(self.admin, scopes=["*:*", "admin"])
        rows = self.call("GET", "/api/v1/reports?model=res.company", token=admin).json()["data"]
        self.assertIn("web.action_report_externalpreview", {row["report"] for row in rows})

    def test_hidden_records_and_foreign_reports_are_not_found(self):
        """B74: 404 for a record that the user may not see, and for what is not its report."""
        key = self.token(self.admin)
        report = "web.action_report_externalpreview"
        for path in (
            f"/api/v1/res.company/999999/report/{report}.pdf",
            f"/api/v1/res.partner/1/report/{report}.pdf",
            "/api/v1/res.company/1/report/base.user_admin.pdf",
            "/api/v1/res.company/1/report/nope.pdf",
            f"/api/v1/ir.config_parameter/1/report/{report}.pdf",
        ):
            self.assert_problem(self.call("GET", path, token=key), 404, "not-found")

    def test_a_server_without_the_printing_program_says_so(self):
        reports = type(self.env["ir.actions.report"])
        self.patch(reports, "get_wkhtmltopdf_state", lambda model: "install")
        path = "/api/v1/res.company/1/report/web.action_report_externalpreview.pdf"
        answer = self.call("GET", path, token=self.token(self.admin))
        body = self.assert_problem(answer, 422, "report-unavailable")
        self.assertIn("wkhtmltopdf", body["detail"])


@tagged("post_install", "-at_install")
class TestMetrics(RestCase):
    def test_prometheus_needs_the_scope_admin_and_a_settings_user(self):
        admin = self.token(self.admin, scopes=["*:*", "admin"])
        answer = self.call("GET", "/api/v1/metrics", token=admin)
        self.assertEqual(answer.status_code, 200, answer.text)
        self.assertTrue(answer.headers["Content-Type"].startswith("text/plain; version=0.0.4"))
        self.assertRegex(answer.text, r'(?m)^saas_rest_tokens\{state="valid"\} \d+$')
        self.assertNotIn(admin[:21], answer.text)
        plain = self.token(self.admin)
        answer = self.call("GET", "/api/v1/metrics", token=plain)
        self.assert_problem(answer, 403, "scope-denied")
