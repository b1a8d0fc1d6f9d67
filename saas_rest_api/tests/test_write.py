"""Creating, changing and deleting records."""

from odoo.tests import new_test_user, tagged

from .records import RecordsCase


@tagged("post_install", "-at_install")
class TestWrite(RecordsCase):
    def count(self, **values):
        """How many partners have these values."""
        self.env.invalidate_all()
        domain = [(name, "=", value) for name, value in values.items()]
        return self.env["res.partner"].search_count(domain)

    def test_mistakes_name_their_values(self):
        """B45: a duplicate is 409; a missing value or a text for a number 422, with its place."""
        token = self.admin_token
        response = self.ask("POST", "/res.country", {"name": "Twice", "code": "FR"}, token=token)
        self.assert_problem(response, 409, "unique-violation")
        response = self.ask("POST", "/res.country", {"name": "Codeless"}, token=token)
        body = self.assert_problem(response, 422, "required-missing")
        self.assertEqual(body["errors"][0]["pointer"], "/code")
        response = self.ask("POST", "/res.partner", {})
        body = self.assert_problem(response, 422, "required-missing")
        self.assertEqual([error["pointer"] for error in body["errors"]], ["/name"])
        response = self.ask("POST", "/res.partner", {"name": "x", "color": "red"})
        body = self.assert_problem(response, 422, "invalid-value")
        self.assertEqual(body["errors"][0]["pointer"], "/color")

    def test_a_value_that_only_a_models_code_asks_for_is_named(self):
        """`res.lang` reads its code before anything checks that it is there.

        An embedded action needs its action for a name, though no field says so.
        """
        token = self.admin_token
        language = {"name": "Nowhere", "code": "xx_XX", "url_code": "xx"}
        for path, values, pointer in (
            ("/res.lang", {}, "/code"),
            ("/res.lang", [language, {"name": "Codeless"}], "/1/code"),
            ("/ir.embedded.actions", [{}], "/0/action_id"),
        ):
            body = self.assert_problem(
                self.ask("POST", path, values, token=token), 422, "required-missing"
            )
            self.assertEqual(body["errors"][0]["pointer"], pointer)
        rows = [{"name": "Codeless"}]
        answer = self.ask("POST", "/res.lang?on_error=continue", rows, token=token)
        self.assertEqual(answer.status_code, 207, answer.text)
        self.assertIn("required-missing", answer.text)

    def test_a_value_that_a_models_code_stumbles_over_is_refused(self):
        """A definition of properties is a list of objects; no field says what is in it."""
        name, values = "properties.base.definition", {"properties_definition": [1]}
        record_id = self.env[name]._get_definition_id_for_property_field(
            "res.partner", "properties"
        )
        failures = "odoo.addons.saas_rest_api.models.saas_rest_failure"
        for method, path, body, pointer in (
            ("POST", f"/{name}", values, ""),
            ("POST", f"/{name}", [values], "/0"),
            ("PATCH", f"/{name}/{record_id}", values, ""),
            ("PATCH", f"/{name}", [{"id": record_id, **values}], "/0"),
        ):
            with self.assertLogs(failures, "WARNING") as logs:
                answer = self.ask(method, path, body, token=self.admin_token)
            body = self.assert_problem(answer, 422, "invalid-value")
            self.assertEqual(body["errors"][0].get("pointer", ""), pointer)
            self.assertIn(name, logs.output[0])

    def test_all_mistakes_are_told_at_once(self):
        values = {"name": 1, "nope": 2, "id": 3, "country_id": 10**8, "type": "nowhere"}
        body = self.assert_problem(self.ask("POST", "/res.partner", values), 422, "validation")
        told = {error["pointer"]: error["code"] for error in body["errors"]}
        self.assertEqual(
            told,
            {
                "/name": "invalid-value",
                "/nope": "unknown-field",
                "/id": "readonly-field",
                "/country_id": "invalid-value",
                "/type": "invalid-value",
            },
        )

    def test_lines_are_made_with_their_parent(self):
        """B46: in one transaction, as a list of objects."""
        values = {
            "name": "Order",
            "child_ids": [{"name": "Line 1"}, {"name": "Line 2"}],
            "category_id": {"create": [{"name": "Tag"}]},
        }
        response = self.ask("POST", "/res.partner?fields=child_ids(name),category_id(name)", values)
        self.assertEqual(response.status_code, 201, response.text)
        data = response.json()["data"]
        self.assertEqual([line["name"] for line in data["child_ids"]], ["Line 1", "Line 2"])
        self.assertEqual(data["category_id"][0]["name"], "Tag")
        self.assertEqual(response.headers["Location"], f"/api/v1/res.partner/{data['id']}")
        values["child_ids"][1]["color"] = "red"
        values["name"] = "Spoilt order"
        body = self.assert_problem(self.ask("POST", "/res.partner", values), 422, "invalid-value")
        self.assertEqual(body["errors"][0]["pointer"], "/child_ids/1/color")
        self.assertFalse(self.count(name="Spoilt order"))

    def test_lists_are_changed_by_objects_commands_or_triples(self):
        parent = self.env["res.partner"].create(
            {"name": "P", "child_ids": [(0, 0, {"name": "one"}), (0, 0, {"name": "two"})]}
        )
        one, two = parent.child_ids.sorted("id")
        path = f"/res.partner/{parent.id}?fields=child_ids(name)"
        steps = [
            ([{"id": one.id, "name": "uno"}, {"name": "three"}], {"uno", "two", "three"}),
            ({"delete": [two.id], "update": [{"id": one.id, "name": "1"}]}, {"1", "three"}),
            ([[0, 0, {"name": "four"}]], {"1", "three", "four"}),
        ]
        for value, expected in steps:
            response = self.ask("PATCH", path, {"child_ids": value})
            self.assertEqual(response.status_code, 200, response.text)
            names = {row["name"] for row in response.json()["data"]["child_ids"]}
            self.assertEqual(names, expected)
        tags = self.env["res.partner.category"].create([{"name": "a"}, {"name": "b"}])
        self.env.flush_all()
        path = f"/res.partner/{parent.id}?fields=category_id"
        data = self.ask("PATCH", path, {"category_id": tags.ids}).json()["data"]
        self.assertEqual(set(data["category_id"]), set(tags.ids))
        data = self.ask("PATCH", path, {"category_id": [tags[0].id]}).json()["data"]
        self.assertEqual(data["category_id"], tags[0].ids)

    def test_bulk_creation_is_all_or_nothing(self):
        """B47: one bad row of 1 000 makes none, and is named; or 999 are made."""
        rows = [{"name": f"Bulk {number}", "function": "bulk"} for number in range(1000)]
        rows[417]["name"] = 5
        body = self.assert_problem(self.ask("POST", "/res.partner", rows), 422, "invalid-value")
        self.assertEqual(body["errors"][0]["pointer"], "/417/name")
        self.assertFalse(self.count(function="bulk"))
        rows[417]["name"] = None
        self.assertIn(self.ask("POST", "/res.partner", rows).status_code, (422,))
        response = self.ask("POST", "/res.partner?on_error=continue", rows)
        self.assertEqual(response.status_code, 207, response.text)
        self.assertEqual(response.json()["meta"], {"count": 1000, "succeeded": 999, "failed": 1})
        self.assertEqual(response.json()["data"][417]["status"], 422)
        self.assertEqual(self.count(function="bulk"), 999)

    def test_a_row_that_the_database_refuses_is_found(self):
        """B47: also when only a constraint knows what is wrong with it."""
        rows = [{"name": f"Country {number}", "code": f"Q{number}"} for number in range(5)]
        rows[3]["code"] = "FR"
        response = self.ask("POST", "/res.country", rows, token=self.admin_token)
        body = self.assert_problem(response, 409, "unique-violation")
        self.assertTrue(body["errors"][0]["pointer"].startswith("/3"), body)
        self.assertFalse(self.env["res.country"].search([("code", "=", "Q0")]))

    def test_bulk_changes(self):
        first, second = self.partners[:2]
        rows = [{"id": first.id, "color": 3}, {"id": second.id, "color": "x"}]
        body = self.assert_problem(self.ask("PATCH", "/res.partner", rows), 422, "invalid-value")
        self.assertEqual(body["errors"][0]["pointer"], "/1/color")
        self.env.invalidate_all()
        self.assertEqual(first.color, 0)
        response = self.ask("PATCH", "/res.partner?on_error=continue", rows)
        self.assertEqual([row["status"] for row in response.json()["data"]], [200, 422])
        body = {"ids": [first.id, second.id], "values": {"color": 9}}
        self.assertEqual(self.ask("PATCH", "/res.partner", body).status_code, 200)
        self.env.invalidate_all()
        self.assertEqual((first.color, second.color), (9, 9))

    def test_deleting_needs_names(self):
        """H18: nobody deletes by a filter, and no made-up parameter widens what is deleted."""
        for query in ("", "?ids=", "?ids=a", "?domain=[]", "?filter[id]=1", "?ids=1&x=2"):
            response = self.ask("DELETE", f"/res.partner{query}")
            self.assertEqual(response.status_code, 400, response.text)
        ids = ",".join(map(str, self.partners[:2].ids))
        self.assertEqual(self.ask("DELETE", f"/res.partner?ids={ids}").status_code, 204)
        self.assertEqual(len(self.partners.exists()), 3)
        gone = f"{self.partners[2].id},{self.partners[0].id}"
        self.assert_problem(self.ask("DELETE", f"/res.partner?ids={gone}"), 404, "not-found")
        self.assertEqual(len(self.partners.exists()), 3)

    def test_external_keys_create_once(self):
        """B48: the second PUT changes the record that the first has made."""
        path = "/res.partner/ext/shop/42"
        first = self.ask("PUT", path, {"name": "Shop 42", "ref": "S42"})
        self.assertEqual(first.status_code, 201, first.text)
        record_id = first.json()["data"]["id"]
        again = self.ask("PUT", path, {"name": "Shop 42", "ref": "S42"})
        self.assertEqual((again.status_code, again.content), (204, b""))
        changed = self.ask("PUT", path, {"name": "Shop forty-two"})
        self.assertEqual(changed.status_code, 200)
        self.assertEqual(changed.json()["data"]["id"], record_id)
        self.assertEqual(self.count(ref="S42"), 1)
        child = self.ask(
            "POST", "/res.partner?fields=parent_id", {"name": "c", "parent_id": {"ext": "shop/42"}}
        )
        self.assertEqual(child.json()["data"]["parent_id"]["id"], record_id)
        self.assertEqual(self.ask("DELETE", "/res.partner/ext/shop/42").status_code, 204)
        self.assert_problem(self.ask("GET", path), 404, "not-found")
        self.assertEqual(self.ask("PUT", path, {"name": "Anew"}).status_code, 201)

    def test_what_is_still_used_is_not_deleted(self):
        """B52: 409, and the text names no table."""
        country = self.env["res.country"].create({"name": "Used", "code": "QU"})
        self.partners[0].country_id = country
        self.env.flush_all()
        response = self.ask("DELETE", f"/res.country/{country.id}", token=self.admin_token)
        self.assert_problem(response, 409, "referenced")
        self.assertNotIn("res_", response.text)

    def test_failures_leave_nothing_behind(self):
        """H13: no row, no message, of a creation that fails at its end."""
        before = self.env["res.partner"].search_count([])
        body = {"name": "Half", "child_ids": [{"name": "Kid"}, {"type": "contact"}]}
        self.assertEqual(self.ask("POST", "/res.partner", body).status_code, 422)
        self.env.invalidate_all()
        self.assertEqual(self.env["res.partner"].search_count([]), before)

    def test_minimal_answers(self):
        headers = {"Prefer": "return=minimal"}
        response = self.ask("POST", "/res.partner", {"name": "Min"}, headers=headers)
        self.assertEqual(response.status_code, 201)
        self.assertEqual(set(response.json()["data"]), {"id"})
        record_id = response.json()["data"]["id"]
        path = f"/res.partner/{record_id}"
        response = self.ask("PATCH", path, {"name": "Max"}, headers=headers)
        self.assertEqual((response.status_code, response.content), (204, b""))
        self.assertEqual(response.headers["Preference-Applied"], "return=minimal")

    def test_nobody_writes_more_than_his_own_rights_allow(self):
        """H4: a user who may only read partners changes, makes and deletes none."""
        reader = new_test_user(self.env, "rest-reader", "base.group_user")
        token = self.token(reader)
        partner = self.partners[0]
        for method, path, values in (
            ("PATCH", f"/res.partner/{partner.id}", {"name": "X"}),
            ("PATCH", "/res.partner", [{"id": partner.id, "name": "X"}]),
            ("DELETE", f"/res.partner/{partner.id}", None),
            ("DELETE", f"/res.partner?ids={partner.id}", None),
            ("POST", "/res.partner", {"name": "X"}),
            ("PUT", "/res.partner/ext/a/b", {"name": "X"}),
        ):
            with self.subTest(method=method, path=path):
                response = self.ask(method, path, values, token=token)
                self.assert_problem(response, 403, "access-denied")
        self.env.invalidate_all()
        self.assertEqual(partner.name, "Rest A")

    def test_passwords_are_never_written(self):
        """H4: 403 for an employee and for an administrator, and the hash stays."""
        self.env.cr.execute("SELECT password FROM res_users WHERE id = 2")
        before = self.env.cr.fetchone()
        for token in (self.employee_token, self.admin_token):
            response = self.ask("PATCH", "/res.users/2", {"password": "hacked"}, token=token)
            self.assertEqual(response.status_code, 403, response.text)
        self.env.cr.execute("SELECT password FROM res_users WHERE id = 2")
        self.assertEqual(self.env.cr.fetchone(), before)

    def test_texts_that_cannot_be_stored_are_refused(self):
        """B58: ambiguous or broken JSON stores nothing."""
        for body in (
            b'{"name": NaN}',
            b'{"color": Infinity}',
            b'{"name": "a", "name": "b"}',
            b'{"name": "\\u0000"}',
            b'{"name": "\\ud800"}',
            b'{"name": "\xff"}',
            b"[" * 100_000,
            b'{"name": "x"',
            b"5",
        ):
            response = self.send_raw("POST", "/res.partner", body)
            self.assertIn(response.status_code, (400, 422), response.text)
        self.assertFalse(self.count(name="b"))

    def test_too_long_texts_are_refused(self):
        """B59: nine megabytes for an indexed char."""
        response = self.ask("POST", "/res.partner", {"name": "x" * 9_000_000})
        self.assert_problem(response, 422, "value-too-large")

    def test_lists_of_whatever_else_are_no_commands(self):
        """H11: what only looks like Odoo's commands is 422, never a server error."""
        for value in ([[{}], -5], [[[6]]], [[6.5, 0, [1]]], [["6", 0, []]], [[False, 0, 0]]):
            for field in ("child_ids", "category_id"):
                with self.subTest(field=field, value=value):
                    answer = self.ask("POST", "/res.partner", {"name": "New", field: value})
                    self.assertEqual(answer.status_code, 422, answer.text)
