from unittest.mock import patch

from odoo.exceptions import UserError
from odoo.tests import tagged

from .common import SaasClientCase


@tagged("post_install", "-at_install")
class TestGateway(SaasClientCase):
    def parameter(self, key):
        return self.parameters.search([("key", "=", key)])

    def set_parameter(self, key, value, hidden=True):
        return self.apply(params=[{"key": key, "value": value, "hidden": hidden}])

    def test_an_empty_request_does_nothing_and_reports_nothing(self):
        self.assertEqual(self.apply(), {})

    def test_an_unknown_key_is_refused_before_anything_is_done(self):
        with self.assertRaisesRegex(UserError, "accessremove"):
            self.apply(
                params=[{"key": "saas_client.plan", "value": "gold", "hidden": False}],
                accessremove=[],
            )
        self.assertFalse(self.parameter("saas_client.plan"))

    def test_a_value_of_the_wrong_kind_is_refused(self):
        for payload in (
            {"install_addons": "sale"},
            {"owner": []},
            {"params": ["saas_client.max_users"]},
            {"params": [{"value": "1"}]},
            {"update_addons_list": "yes"},
            {"install_addons": [1]},
            {"fixes": ["res.users.unlink"]},
            {"owner": {"name": "Nobody"}},
        ):
            with self.subTest(payload), self.assertRaises(UserError):
                self.apply(**payload)

    def test_parameters_are_set_changed_and_removed(self):
        self.assertEqual(self.set_parameter("saas_client.plan", "gold", hidden=False), {})
        self.assertEqual(self.parameter("saas_client.plan").value, "gold")
        self.assertFalse(self.parameter("saas_client.plan").saas_hidden)
        self.set_parameter("saas_client.plan", "silver")
        self.assertEqual(self.parameter("saas_client.plan").value, "silver")
        self.assertTrue(self.parameter("saas_client.plan").saas_hidden)
        self.set_parameter("saas_client.plan", False)
        self.assertFalse(self.parameter("saas_client.plan"))
        self.assertEqual(self.set_parameter("saas_client.plan", False), {})

    def test_a_limit_that_is_not_a_number_is_refused_and_the_old_one_kept(self):
        self.set_parameter("saas_client.max_users", "40")
        for value in ("-1", "abc", "1.5", 1.5, True):
            with self.subTest(value), self.assertRaisesRegex(UserError, "max_users"):
                self.set_parameter("saas_client.max_users", value)
        self.assertEqual(self.parameter("saas_client.max_users").value, "40")

    def test_a_suspension_that_is_neither_on_nor_off_is_refused(self):
        for value in ("maybe", "2", -1):
            with self.subTest(value), self.assertRaises(UserError):
                self.set_parameter("saas_client.suspended", value)

    def test_parameters_of_odoo_itself_cannot_be_set(self):
        for key in (
            "database.uuid",
            "database.secret",
            "res.users.owner",
            "saas_client.portal_key",
            "saas_client.portal_uuid",
            "web.base.url",
        ):
            before = self.parameters.get_param(key)
            report = self.set_parameter(key, "taken over")
            self.assertEqual(report, {"params": [f"parameter not allowed: {key}"]})
            self.assertEqual(self.parameters.get_param(key), before)

    def test_the_same_parameter_again_writes_nothing(self):
        self.set_parameter("saas_client.plan", "gold")
        written = self.parameter("saas_client.plan").write_date
        with patch.object(type(self.parameters), "write", side_effect=AssertionError):
            self.set_parameter("saas_client.plan", "gold")
        self.assertEqual(self.parameter("saas_client.plan").write_date, written)

    def test_unknown_and_absent_apps_are_reported(self):
        report = self.apply(
            update_addons=["no_such_addon"],
            install_addons=["no_such_addon", "base"],
            uninstall_addons=["no_such_addon"],
        )
        line = ["addon not found: no_such_addon"]
        self.assertEqual(
            report, {"update_addons": line, "install_addons": line, "uninstall_addons": line}
        )

    def test_an_app_that_is_not_installed_is_reported(self):
        module = self.env["ir.module.module"].search([("state", "=", "uninstalled")], limit=1)
        line = [f"addon not installed: {module.name}"]
        report = self.apply(update_addons=[module.name], uninstall_addons=[module.name])
        self.assertEqual(report, {"update_addons": line, "uninstall_addons": line})

    def test_nothing_that_carries_this_addon_is_uninstalled(self):
        names = ["auth_signup", "base", "saas_client", "web"]
        report = self.apply(uninstall_addons=names)["uninstall_addons"]
        self.assertEqual(sorted(report), [f"addon cannot be uninstalled: {name}" for name in names])

    def test_only_listed_fixes_are_called(self):
        report = self.apply(
            fixes=[["ir.module.module", "button_reset_state"], ["res.users", "unlink"], ["x"]]
        )
        self.assertEqual(
            report, {"fixes": ["fix not allowed: res.users.unlink", "fix not allowed: x"]}
        )

    def test_an_outgoing_mail_server_is_made_once_and_changed_after(self):
        server = {"smtp_login": "post@example.com", "smtp_password": "one"}
        self.assertEqual(self.apply(configure_outgoing_mail=[server]), {})
        self.apply(configure_outgoing_mail=[{**server, "smtp_password": "two", "smtp_port": 25}])
        found = self.env["ir.mail_server"].search([("smtp_user", "=", "post@example.com")])
        self.assertEqual(len(found), 1)
        self.assertEqual((found.smtp_pass, found.smtp_port), ("two", 25))
        report = self.apply(configure_outgoing_mail=[{**server, "smtp_encryption": "magic"}])
        self.assertEqual(
            report["configure_outgoing_mail"], ["mail server not valid: post@example.com"]
        )
        report = self.apply(configure_outgoing_mail=[{"smtp_login": "x"}])
        self.assertEqual(
            report["configure_outgoing_mail"], ["mail server without smtp_login or smtp_password"]
        )

    def test_steps_run_in_the_documented_order(self):
        self.assertEqual(
            [step[0] for step in self.env["saas_client.gateway"]._get_steps()],
            [
                "policy",
                "update_addons_list",
                "update_addons",
                "install_addons",
                "uninstall_addons",
                "fixes",
                "portal_keys",
                "portal_url",
                "owner",
                "owner_subject",
                "params",
                "access_owner_add",
                "access_remove",
                "configure_outgoing_mail",
                "limit_number_of_records",
            ],
        )

    def test_the_status_tells_limits_and_usage(self):
        self.set_parameter("saas_client.max_users", "40")
        self.set_parameter("saas_client.total_storage_limit", "500")
        status = self.gateway.status(self.sign("status"))
        self.assertEqual(status["max_users"], 40)
        self.assertEqual(status["total_storage_limit"], 500)
        self.assertEqual(status["users_len"], self.env["res.users"]._saas_count_users())
        self.assertFalse(status["suspended"])
        self.assertIn("saas_client", status["installed_addons"])
        self.assertGreater(status["db_storage"], 5)
        self.assertNotIn(None, status.values())
