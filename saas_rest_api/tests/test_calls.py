"""Methods, batches, and what is never exposed."""

from odoo.tests import tagged

from ..lib.saas_rest.access import Access
from .records import RecordsCase


@tagged("post_install", "-at_install")
class TestCalls(RecordsCase):
    def test_no_private_or_general_method_is_called(self):
        """B54, H5: neither what begins with _ nor what every record can do."""
        names = (
            "_compute_display_name", "_write", "sudo", "mapped", "env", "__class__", "with_user",
            "browse", "write", "create", "unlink", "copy", "read", "search_read", "web_read",
            "web_save", "load", "export_data", "fields_get", "filtered_domain", "onchange",
            "read_group", "name_search", "id", "_name", "pool", "ids", "web_search_read",
        )  # fmt: skip
        for name in names:
            with self.subTest(name=name):
                for path in ("/res.partner/call", f"/res.partner/{self.partners[0].id}/call"):
                    response = self.ask("POST", f"{path}/{name}", {}, token=self.admin_token)
                    self.assert_problem(response, 404, "not-found")

    def test_private_decorator_is_respected(self):
        """H5: `@api.private` of any class of the model."""
        for name in ("init", "search_fetch", "fetch"):
            response = self.ask("POST", f"/res.users/call/{name}", {}, token=self.admin_token)
            self.assert_problem(response, 404, "not-found")

    def test_administration_is_not_changed(self):
        """B55: rules are read with scope admin, and never written, called or deleted."""
        admin = self.token(self.admin, scopes=["admin"])
        rule = self.env["ir.rule"].search([], limit=1)
        before = self.env["ir.rule"].search_count([])
        self.assertEqual(self.get("/ir.rule", limit=1, token=admin).status_code, 200)
        for token in (admin, self.admin_token, self.employee_token):
            for method, path, body in (
                ("POST", f"/ir.rule/{rule.id}/call/unlink", {}),
                ("POST", f"/ir.rule/{rule.id}/call/action_archive", {}),
                ("PATCH", f"/ir.rule/{rule.id}", {"active": False}),
                ("DELETE", f"/ir.rule/{rule.id}", None),
                ("POST", "/ir.rule", {"name": "x"}),
            ):
                response = self.ask(method, path, body, token=token)
                self.assertIn(response.status_code, (403, 404), (path, response.text))
        self.assertEqual(self.env["ir.rule"].search_count([]), before)
        self.assert_problem(self.get("/ir.rule", token=self.admin_token), 404, "not-found")

    def test_export_does_not_walk_round_the_field_filter(self):
        """B56: whatever the path of the export."""
        body = {"args": {"fields_to_export": ["user_ids/password"]}}
        response = self.ask("POST", "/res.partner/call/export_data", body, token=self.admin_token)
        self.assert_problem(response, 404, "not-found")

    def test_arguments_are_named(self):
        """B57: unknown and missing ones are told by name."""
        partner = self.partners[0]
        path = f"/res.partner/{partner.id}/call/address_get"
        good = self.ask("POST", path, {"args": {"adr_pref": ["invoice"]}})
        self.assertEqual(good.json()["data"], {"contact": partner.id, "invoice": partner.id})
        response = self.ask("POST", path, {"args": {"nope": 1}})
        body = self.assert_problem(response, 422, "invalid-value")
        self.assertEqual(body["errors"][0]["pointer"], "/args/nope")
        response = self.ask("POST", "/res.users/call/has_group", {"ids": [2]})
        body = self.assert_problem(response, 422, "required-missing")
        self.assertEqual(body["errors"][0]["pointer"], "/args/group_ext_id")

    def test_methods_that_return_nothing_answer_null(self):
        """H12: 200 with null."""
        partner = self.partners[0]
        response = self.ask("POST", f"/res.partner/{partner.id}/call/action_archive", {})
        self.assertEqual(response.status_code, 200, response.text)
        self.env.invalidate_all()
        self.assertFalse(partner.active)
        values = self.env["saas_rest.serializer"]
        self.assertIsNone(values._jsonable(Access.full(), None))
        self.assertEqual(values._jsonable(Access.full(), self.partners), self.partners.ids)

    def test_batches_are_one_transaction(self):
        """B53: references are resolved; a failing third operation leaves nothing."""
        operations = [
            {"ref": "p", "method": "POST", "path": "/res.partner", "body": {"name": "Batch P"}},
            {
                "ref": "c",
                "method": "POST",
                "path": "/res.partner",
                "body": {"name": "Batch C", "parent_id": "$p.id", "comment": "$$p.id"},
            },
            {"method": "GET", "path": "/res.partner/$c.id?fields=parent_id(name)"},
        ]
        response = self.ask("POST", "/batch", {"operations": operations})
        self.assertEqual(response.status_code, 200, response.text)
        entries = response.json()["data"]
        self.assertEqual([entry["status"] for entry in entries], [201, 201, 200])
        self.assertEqual(entries[2]["data"]["parent_id"]["name"], "Batch P")
        operations[0]["body"]["name"] = operations[1]["body"]["name"] = "Lost"
        operations[2] = {"method": "POST", "path": "/res.partner", "body": {"color": "x"}}
        response = self.ask("POST", "/batch", {"operations": operations})
        body = self.assert_problem(response, 422, "invalid-value")
        self.assertEqual(body["errors"][0]["pointer"], "/operations/2/body/color")
        self.assertFalse(self.env["res.partner"].search([("name", "=", "Lost")]))

    def test_independent_operations_do_not_stop_each_other(self):
        """B53: each has its own answer."""
        operations = [
            {"method": "POST", "path": "/res.partner", "body": {"name": "Kept"}},
            {"method": "POST", "path": "/res.partner", "body": {"color": "x"}},
            {"method": "DELETE", "path": "/res.country/99999999"},
        ]
        response = self.ask("POST", "/batch", {"atomic": False, "operations": operations})
        self.assertEqual(response.status_code, 207, response.text)
        statuses = [entry["status"] for entry in response.json()["data"]]
        self.assertEqual((statuses[0], statuses[1]), (201, 422))
        self.assertIn(statuses[2], (403, 404))
        self.assertTrue(self.env["res.partner"].search([("name", "=", "Kept")]))

    def test_batches_hold_records_only(self):
        """B53: no batch in a batch, no token, no file."""
        for method, path in (
            ("POST", "/batch"),
            ("POST", "/api/v1/batch"),
            ("POST", "/tokens"),
            ("GET", "/tokens"),
            ("POST", "/tokens/current/rotate"),
            ("GET", "/../tokens"),
            ("GET", "/res.partner/1/binary/image_128"),
        ):
            operations = [{"method": method, "path": path, "body": {}}]
            response = self.ask("POST", "/batch", {"operations": operations})
            self.assertEqual(response.status_code, 422, (path, response.text))
        operations = [{"method": "GET", "path": "/res.partner"}] * 101
        self.assertEqual(self.ask("POST", "/batch", {"operations": operations}).status_code, 422)

    def test_hidden_models_do_not_exist(self):
        """H3: ours, keys, mail servers, parameters: 404 by every verb."""
        for model in (
            "saas_rest.token", "saas_rest.idempotency", "saas_rest.external", "res.users.apikeys",
            "res.users.log", "ir.config_parameter", "ir.mail_server", "ir.logging", "ir.profile",
            "ir.cron.trigger", "bus.bus", "res.config.settings", "no.such.model", "base",
        ):  # fmt: skip
            with self.subTest(model=model):
                token = self.token(self.admin, scopes=["admin"])
                for method, path, body in (
                    ("GET", f"/{model}", None),
                    ("GET", f"/{model}/1", None),
                    ("POST", f"/{model}", {}),
                    ("PATCH", f"/{model}/1", {}),
                    ("DELETE", f"/{model}/1", None),
                    ("POST", f"/{model}/search", {}),
                    ("GET", f"/{model}/count", None),
                    ("GET", f"/models/{model}", None),
                ):
                    response = self.ask(method, path, body, token=token)
                    self.assert_problem(response, 404, "not-found")

    def test_defaults_are_light(self):
        """H24: nothing binary, endless or computed on the fly but the name."""
        fields = self.env["res.partner"]._fields
        for row in self.listed("/res.partner", limit=1):
            for name in set(row) - {"id", "display_name"}:
                self.assertTrue(fields[name].store, name)
                self.assertNotIn(
                    fields[name].type, ("binary", "html", "one2many", "many2many", "properties")
                )

    def test_errors_leak_nothing(self):
        """H22: no traceback, no path, no SQL."""
        answers = [
            self.get("/res.partner", fields="nope"),
            self.ask("POST", "/res.country", {"name": "x", "code": "FR"}, token=self.admin_token),
            self.ask("POST", "/res.partner", {"name": 5}),
            self.search("res.partner", {"domain": [["name", "in", 5]]}),
            self.get("/res.partner", limit="x"),
        ]
        for response in answers:
            self.assertGreaterEqual(response.status_code, 400)
            for leak in ("Traceback", "/odoo/", "LINE 1:", "psycopg2", "SELECT"):
                self.assertNotIn(leak, response.text)

    def test_scopes_hold_inside_relations_too(self):
        """B25: nested fields, filters and lines of models that the token does not reach."""
        token = self.token(self.employee, scopes=["res.partner:read"])
        for response in (
            self.get("/res.partner", fields="country_id(code)", token=token),
            self.ask("GET", "/res.partner", params={"filter[country_id.code]": "MA"}, token=token),
            self.get("/res.country", token=token),
            self.ask("POST", "/res.partner", {"name": "x"}, token=token),
        ):
            self.assert_problem(response, 403, "scope-denied")
        self.assertEqual(
            self.get("/res.partner", fields="country_id", token=token).status_code, 200
        )
        names = {item["model"] for item in self.get("/models", token=token).json()["data"]}
        self.assertEqual(names, {"res.partner"})

    def test_attachments_of_others_are_not_listed(self):
        attachments = self.env["ir.attachment"].create({"name": "theirs", "raw": b"x"})
        self.env.flush_all()
        response = self.get(f"/ir.attachment/{attachments.id}")
        self.assert_problem(response, 404, "not-found")
        listed = self.listed("/ir.attachment", fields="create_uid")
        self.assertFalse([row for row in listed if row["create_uid"]["id"] != self.employee.id])
