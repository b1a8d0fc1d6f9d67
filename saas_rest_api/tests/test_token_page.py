"""The page Token of the user form, and its wizard."""

import time

from odoo.exceptions import AccessError, UserError
from odoo.http import request
from odoo.tests import Form, new_test_user, tagged

from .common import RestCase


@tagged("post_install", "-at_install")
class TestTokenPage(RestCase):
    def call_method(self, model, method, ids, context=None):
        """Calls a method as the web client does, with the identity just checked."""
        answer = self.opener.post(
            f"{self.base_url()}/web/dataset/call_button/{model}/{method}",
            json={
                "params": {
                    "model": model,
                    "method": method,
                    "args": [ids],
                    "kwargs": {"context": context or {}},
                }
            },
            timeout=60,
        ).json()
        self.assertNotIn("error", answer, answer)
        return answer["result"]

    def log_in(self, login, checked=True):
        extra = {"identity-check-last": time.time()} if checked else {}
        self.authenticate(login, login, session_extra=extra)

    def wizard(self, user, owner, **values):
        return (
            self.env["saas_rest.token.create"]
            .with_user(user)
            .create({"user_id": owner.id, "name": "Till", **values})
        )

    def test_a_token_made_on_the_page_opens_the_api(self):
        """B11, B12: the value is in the answer to the button, and nowhere afterwards."""
        self.log_in("rest-employee")
        action = self.call_method("res.users", "action_create_rest_token", self.employee.ids)
        self.assertEqual(action["res_model"], "saas_rest.token.create")
        wizard = self.wizard(self.employee, self.employee)
        action = self.call_method("saas_rest.token.create", "action_create", wizard.ids)
        value = action["context"]["default_value"]
        screen = self.env[action["res_model"]].with_user(self.employee)
        self.assertEqual(Form(screen.with_context(**action["context"])).value, value)
        me = self.call("GET", "/api/v1/me", token=value).json()["data"]
        self.assertEqual(me["login"], "rest-employee")
        page = Form(self.employee.with_user(self.employee), "base.view_users_form_simple_modif")
        self.assertEqual(len(page.rest_token_ids), 1)
        shown = self.employee.rest_token_ids
        self.assertEqual(shown.shown_prefix, value[:21] + "…")
        self.assertFalse(wizard.exists())
        self.assertNotIn(value, str(shown.read()))

    def test_the_identity_is_checked_first(self):
        self.log_in("rest-employee", checked=False)
        wizard = self.wizard(self.employee, self.employee)
        action = self.call_method("saas_rest.token.create", "action_create", wizard.ids)
        self.assertEqual(action["res_model"], "res.users.identitycheck")
        self.assertFalse(self.employee.rest_token_ids)

    def test_the_wizard_knows_limits(self):
        self.log_in("rest-employee")
        wizard = self.wizard(
            self.employee,
            self.employee,
            scopes="res.partner:read, sale.*:*",
            read_only=True,
            allowed_ips="10.0.0.0/8",
        )
        self.call_method("saas_rest.token.create", "action_create", wizard.ids)
        token = self.employee.rest_token_ids
        self.assertEqual(token.scopes, "res.partner:read sale.*:*")
        self.assertTrue(token.read_only)
        self.assertEqual(token.allowed_ips, "10.0.0.0/8")
        lifetime = token.expiration_date - token.create_date
        self.assertAlmostEqual(lifetime.total_seconds(), 604_800, delta=5)

    def test_managers_make_and_revoke_tokens_for_others(self):
        manager = new_test_user(
            self.env,
            "rest-manager",
            "base.group_user,base.group_erp_manager,saas_rest_api.group_rest_manager",
        )
        self.log_in("rest-manager")
        wizard = self.wizard(manager, self.employee)
        action = self.call_method("saas_rest.token.create", "action_create", wizard.ids)
        value = action["context"]["default_value"]
        me = self.call("GET", "/api/v1/me", token=value).json()["data"]
        self.assertEqual(me["login"], "rest-employee")
        self.assertTrue(self.employee.with_user(manager).may_have_rest_tokens)
        token = self.employee.with_user(manager).rest_token_ids
        self.call_method("saas_rest.token", "action_revoke", token.ids)
        self.assertEqual(self.call("GET", "/api/v1/me", token=value).status_code, 401)

    def test_revoke_all_ends_all(self):
        values = [self.token(self.employee) for _number in range(2)]
        self.log_in("rest-employee")
        self.call_method("res.users", "action_revoke_rest_tokens", self.employee.ids)
        for value in values:
            self.assertEqual(self.call("GET", "/api/v1/me", token=value).status_code, 401)

    def test_nobody_else_touches_tokens_of_others(self):
        """Ordinary users, also by calling the methods directly."""
        record, _value = self.token_and_record(self.admin)
        employee = self.env(user=self.employee)
        for call in (
            lambda: employee["res.users"].browse(self.admin.id).action_create_rest_token(),
            lambda: employee["saas_rest.token"].browse(record.id)._check_may_revoke(),
            lambda: employee["res.users"].browse(self.admin.id)._check_manages_rest_tokens(),
        ):
            with self.assertRaises(AccessError):
                call()
        with self.assertRaises(UserError):
            # Outside of HTTP the identity cannot be checked: nothing is made.
            self.assertFalse(request)
            self.wizard(self.employee, self.admin).action_create()
        self.assertFalse(self.admin.with_user(self.employee).sudo(False).may_have_rest_tokens)

    def test_others_are_refused_by_the_buttons(self):
        record, value = self.token_and_record(self.admin)
        self.log_in("rest-employee")
        wizard = self.wizard(self.employee, self.admin)
        for model, method, ids in (
            ("saas_rest.token.create", "action_create", wizard.ids),
            ("saas_rest.token", "action_revoke", record.ids),
            ("res.users", "action_revoke_rest_tokens", self.admin.ids),
        ):
            with self.subTest(method=method), self.assertRaises(AssertionError) as caught:
                self.call_method(model, method, ids)
            self.assertIn("AccessError", str(caught.exception))
        self.assertEqual(self.call("GET", "/api/v1/me", token=value).status_code, 200)

    def test_wrong_values_are_told_in_words(self):
        self.log_in("rest-employee")
        wizard = self.wizard(self.employee, self.employee, scopes="nonsense")
        with self.assertRaises(AssertionError) as caught:
            self.call_method("saas_rest.token.create", "action_create", wizard.ids)
        self.assertIn("'nonsense' is no scope.", str(caught.exception))
