import json
from unittest.mock import patch

from werkzeug.exceptions import HTTPException

from odoo.tests import tagged

from .common import RestCase


@tagged("post_install", "-at_install")
class TestLegacy(RestCase):
    """``/api/<model>``: older envelopes, present rights."""

    def setUp(self):
        super().setUp()
        self.key = self.token(self.employee)
        self.parent = self.env["res.partner"].create({"name": "Parent", "is_company": True})
        self.records = self.env["res.partner"].create(
            [{"name": f"Child {i}", "parent_id": self.parent.id} for i in range(3)]
        )

    def get(self, path="", **params):
        return self.call("GET", f"/api/res.partner{path}", params=params, token=self.key)

    def test_both_grammars_of_domains_answer_count_and_data(self):
        """B78: ``domain=id:>:1`` and ``domain="[('id','in',[1,2])]"`` under one's own rights."""
        first, second, third = self.records.ids
        answer = self.get(domain=f"id:>:{first},parent_id:=:{self.parent.id}", fields="name,id")
        self.assertEqual(answer.status_code, 200, answer.text)
        self.assertEqual(
            answer.json(),
            {
                "count": 2,
                "data": [{"id": second, "name": "Child 1"}, {"id": third, "name": "Child 2"}],
            },
        )
        answer = self.get(domain=f"[('id','in',[{first},{third}])]", fields="id", limit="1")
        self.assertEqual(answer.json(), {"count": 1, "data": [{"id": first}]})
        self.assertTrue(answer.headers["Deprecation"])
        self.assertEqual(answer.headers["Link"], '</api/v1/res.partner>; rel="successor-version"')

    def test_what_is_refused_before_the_endpoint_has_the_older_envelope_too(self):
        """H11: such as by an addon that closes the database; /api/v1 stays problem+json."""

        def close(endpoint):
            refusal = HTTPException("Your invoice is due.")
            refusal.code = 402
            raise refusal

        with patch.object(self.env.registry["ir.http"], "_authenticate", close):
            answers = [
                self.call("GET", path, token=self.key)
                for path in ("/api/res.partner", "/api/auth/token", "/rest/sky/token")
            ]
            answer = self.call("GET", "/api/v1/res.partner", token=self.key)
        for older in answers:
            self.assertEqual(older.status_code, 402)
            self.assertEqual(
                older.json(), {"type": "payment-required", "message": "Your invoice is due."}
            )
        self.assert_problem(answer, 402, "payment-required")

    def test_one_record_is_a_list_of_one(self):
        answer = self.get(f"/{self.parent.id}", fields="name")
        self.assertEqual(
            answer.json(), {"count": 1, "data": [{"id": self.parent.id, "name": "Parent"}]}
        )

    def test_records_that_a_rule_hides_stay_hidden(self):
        """B78, H6: what the user may not read is not there, and nothing is read without a token."""
        self.env["ir.rule"].create(
            {
                "name": "No children",
                "model_id": self.env["ir.model"]._get_id("res.partner"),
                "domain_force": "[('parent_id', '=', False)]",
            }
        )
        answer = self.get(domain=f"parent_id:=:{self.parent.id}")
        self.assertEqual(answer.json(), {"count": 0, "data": []})
        answer = self.get(f"/{self.records.ids[0]}")
        self.assertEqual((answer.status_code, answer.json()["type"]), (404, "not-found"))
        answer = self.call("GET", "/api/res.partner")
        self.assertEqual((answer.status_code, answer.json()["type"]), (401, "token-missing"))

    def test_errors_have_the_older_envelope(self):
        for answer, status, code in (
            (self.get(domain="nope:=:1"), 400, "unknown-field"),
            (self.get(domain="[('id','any!',[])]"), 400, "invalid-domain"),
            (self.get(fields="password_of_mine"), 400, "unknown-field"),
            (self.get(limit="-1"), 400, "invalid-limit"),
            (self.call("GET", "/api/nope", token=self.key), 404, "not-found"),
            (self.call("GET", "/api/v1", token=self.key, params={"x": "1"}), 200, None),
        ):
            self.assertEqual(answer.status_code, status, answer.text)
            if code:
                self.assertEqual(list(answer.json()), ["type", "message"])
                self.assertEqual(answer.json()["type"], code)

    def test_tokens_and_other_hidden_models_are_not_there(self):
        """H3: neither our own tables nor Odoo's secrets can be reached by the older addresses."""
        admin = self.token(self.admin, scopes=["*:*", "admin"])
        hidden = ("saas_rest.token", "saas_rest.webhook", "ir.config_parameter")
        for model in (*hidden, "api.access_token"):
            for ask in ("GET ", "POST ", "GET /1", "PUT /1", "DELETE /1"):
                verb, path = ask.split(" ")
                answer = self.call(verb, f"/api/{model}{path}", json={}, token=admin)
                self.assertEqual(answer.status_code, 404, (model, ask))

    def test_who_may_not_write_is_refused_everywhere(self):
        """B79, H4: PUT, PATCH and DELETE run as the user himself; nothing changes."""
        user = self.env.ref("base.user_admin")
        self.env.cr.execute("SELECT password FROM res_users WHERE id = %s", [user.id])
        before = self.env.cr.fetchall()
        for verb in ("PUT", "PATCH"):
            for values in ({"password": "hacked"}, {"name": "Hacked"}):
                answer = self.call(verb, f"/api/res.users/{user.id}", json=values, token=self.key)
                self.assertEqual(answer.status_code, 403, answer.text)
        answer = self.call("DELETE", f"/api/res.users/{user.id}", token=self.key)
        self.assertEqual(answer.status_code, 403, answer.text)
        self.env.cr.execute("SELECT password FROM res_users WHERE id = %s", [user.id])
        self.assertEqual(self.env.cr.fetchall(), before)
        self.assertEqual(user.name, self.env["res.users"].browse(user.id).name)

    def test_read_only_tokens_change_nothing(self):
        key = self.token(self.employee, read_only=True)
        one = f"/api/res.partner/{self.parent.id}"
        for verb, path in (("POST", "/api/res.partner"), ("PUT", one), ("DELETE", one)):
            answer = self.call(verb, path, json={"name": "X"}, token=key)
            self.assertEqual(answer.status_code, 403, answer.text)
        self.assertEqual(self.parent.name, "Parent")

    def test_a_record_is_made_changed_and_deleted(self):
        made = {"name": "New"}
        answer = self.call("POST", "/api/res.partner?fields=name", json=made, token=self.key)
        self.assertEqual(answer.status_code, 200, answer.text)
        (made,) = answer.json()["data"]
        self.assertEqual(made["name"], "New")
        path = f"/api/res.partner/{made['id']}"
        answer = self.call("PUT", f"{path}?fields=city", json={"city": "Fès"}, token=self.key)
        self.assertEqual(answer.json(), {"count": 1, "data": [{"id": made["id"], "city": "Fès"}]})
        answer = self.call("DELETE", path, token=self.key)
        text = f"record {made['id']} has been successfully deleted"
        self.assertEqual(answer.json(), {"count": 1, "data": text})

    def test_a_form_is_read_as_values_too(self):
        form = {"name": "Form"}
        answer = self.call("POST", "/api/res.partner?fields=name", data=form, token=self.key)
        self.assertEqual(answer.json()["data"][0]["name"], "Form")

    def test_commands_in_their_text_create_lines(self):
        """B80: ``__api__child_ids`` creates the lines that its text holds."""
        text = "[(0, 0, {'name': 'Line A'}), (0, 0, {'name': 'Line B'})]"
        body = {"name": "Order", "__api__child_ids": text}
        answer = self.call("POST", "/api/res.partner", json=body, token=self.key)
        made = self.env["res.partner"].browse(answer.json()["data"][0]["id"])
        self.assertEqual(made.child_ids.mapped("name"), ["Line A", "Line B"])

    def test_a_megabyte_of_literal_is_refused(self):
        """B80, H10: 1 MB of brackets is 400, in a value and in an address."""
        for text in ("[" * 1_000_000, "[1," * 330_000, "__import__('os').system('true')"):
            body = {"name": "X", "__api__child_ids": text}
            answer = self.call("POST", "/api/res.partner", json=body, token=self.key)
            self.assertEqual(answer.status_code, 400, answer.text)
        answer = self.get(domain="[" * 4_000)
        self.assertEqual(answer.status_code, 400)

    def test_public_methods_are_called_private_ones_do_not_exist(self):
        """H5: what begins with ``_``, and what every model has, is 404 and not executed."""
        path = f"/api/res.partner/{self.parent.id}"
        answer = self.call("PATCH", f"{path}/action_archive", token=self.key)
        self.assertEqual(answer.status_code, 200, answer.text)
        self.assertFalse(self.parent.active)
        for action in ("_write", "sudo", "write", "unlink", "mapped", "env", "__class__", "nope"):
            answer = self.call("PATCH", f"{path}/{action}", token=self.key)
            self.assertEqual(answer.status_code, 404, (action, answer.text))
        self.assertTrue(self.parent.exists())

    def test_a_method_that_returns_nothing_is_answered(self):
        """H12, H11: None is ``null``, and an empty body is no error."""
        partners = type(self.env["res.partner"])
        partners.nothing_at_all = lambda self: None
        self.addCleanup(delattr, partners, "nothing_at_all")
        path = f"/api/res.partner/{self.parent.id}/nothing_at_all"
        answer = self.call("PATCH", path, token=self.key)
        self.assertEqual((answer.status_code, answer.json()), (200, {"count": 0, "data": None}))

    def test_arguments_come_by_position_or_by_name(self):
        partners = type(self.env["res.partner"])
        partners.joined = lambda self, first, second="!": f"{self.name} {first}{second}"
        self.addCleanup(delattr, partners, "joined")
        path = f"/api/res.partner/{self.parent.id}/joined"
        for body, text in (("['a', 'b']", "ab"), ('{"first": "c"}', "c!"), ("('d',)", "d!")):
            answer = self.call("PATCH", path, data=body, token=self.key)
            self.assertEqual(answer.json(), {"count": 1, "data": f"Parent {text}"}, body)
        for body in ("", "[1, 2, 3]", '{"nope": 1}', "5", "[" * 1000, "\x00"):
            answer = self.call("PATCH", path, data=body, token=self.key)
            self.assertIn(answer.status_code, (400, 422), body)

    def test_a_failing_creation_leaves_nothing(self):
        """H13: all of it is rolled back, lines before the bad one too."""
        body = {"name": "Half", "__api__child_ids": "[(0,0,{'name':'A'}),(0,0,{'nope':1})]"}
        answer = self.call("POST", "/api/res.partner", json=body, token=self.key)
        self.assertGreaterEqual(answer.status_code, 400)
        self.assertFalse(self.env["res.partner"].search([("name", "in", ("Half", "A"))]))

    def test_reserved_words_are_no_models(self):
        for path in ("/api/auth", "/api/docs", "/api/auth/1", "/api/docs/1/read"):
            answer = self.call("PATCH", path, token=self.key)
            self.assertIn(answer.status_code, (404, 405), path)
            self.assertLess(len(json.dumps(answer.text)), 500)
