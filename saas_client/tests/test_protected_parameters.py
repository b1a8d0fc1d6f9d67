from odoo.exceptions import AccessError
from odoo.tests import tagged

from .common import SaasClientCase


@tagged("post_install", "-at_install")
class TestProtectedParameters(SaasClientCase):
    """What an administrator of the database can see and do, whatever groups he has."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.manager = cls.make_user("manager", "base.group_system")
        cls.apply(
            params=[
                {"key": "saas_client.max_users", "value": "40", "hidden": False},
                {"key": "saas_client.secret_plan", "value": "gold", "hidden": True},
            ]
        )
        # as an addon would whose parameters the gateway is made to accept
        cls.parameters._saas_set("example.hidden", "other", hidden=True)
        cls.parameters._saas_set("example.free", "free", hidden=False)
        cls.own = cls.parameters.with_user(cls.manager).sudo(False)

    def find(self, key):
        return self.parameters.search([("key", "=", key)]).with_env(self.own.env)

    def test_a_parameter_that_is_not_hidden_can_be_read(self):
        self.assertEqual(self.own.get_param("saas_client.max_users"), "40")
        self.assertEqual(self.find("saas_client.max_users").value, "40")

    def test_a_hidden_parameter_cannot_be_read_in_any_way(self):
        for key in ("saas_client.secret_plan", "example.hidden"):
            self.assertEqual(self.own.get_param(key, "default"), "default")
            domain = [("key", "=", key)]
            self.assertFalse(self.own.search(domain))
            self.assertFalse(self.own.search([("value", "in", ("gold", "other"))]))
            self.assertFalse(self.own.search_read(domain, ["value"]))
            self.assertFalse(self.own.formatted_read_group(domain, ["value"], ["__count"]))
            self.assertFalse(self.own.name_search(key))
            for read in (
                lambda record: record.read(["value"]),
                lambda record: record.value,
                lambda record: record.export_data(["value"]),
                lambda record: record.copy(),
            ):
                with self.assertRaises(AccessError):
                    read(self.find(key))

    def test_the_portals_own_parameters_are_hidden_only_when_they_were_said_to_be(self):
        self.assertEqual(self.parameters.get_param("saas_client.secret_plan"), "gold")

    def test_operator_parameters_can_be_neither_created_written_renamed_nor_deleted(self):
        attempts = [
            lambda: self.own.set_param("saas_client.max_users", "99"),
            lambda: self.own.set_param("saas_client.max_users", False),
            lambda: self.own.set_param("saas_client.suspended", "0"),
            lambda: self.own.set_param("saas_client.secret_plan", "silver"),
            lambda: self.own.set_param("example.hidden", "mine"),
            lambda: self.own.set_param("database.uuid", "other"),
            lambda: self.own.set_param("res.users.owner", "1"),
            lambda: self.own.create({"key": "saas_client.new", "value": "1"}),
            lambda: self.find("saas_client.max_users").write({"value": "99"}),
            lambda: self.find("saas_client.max_users").write({"key": "gone"}),
            lambda: self.find("saas_client.max_users").unlink(),
            lambda: self.find("example.hidden").write({"value": "mine"}),
            lambda: self.find("example.hidden").unlink(),
            lambda: self.find("example.free").write({"key": "saas_client.suspended"}),
            lambda: self.find("example.free").write({"saas_hidden": True}),
            lambda: self.own.create({"key": "a", "value": "b", "saas_hidden": True}),
        ]
        for number, attempt in enumerate(attempts):
            with self.subTest(number), self.assertRaises(AccessError), self.env.cr.savepoint():
                attempt()
        self.assertEqual(self.parameters.get_param("saas_client.max_users"), "40")

    def test_a_context_does_not_open_them(self):
        own = self.own.with_context(install_mode=True, su=True, saas_client=True)
        with self.assertRaises(AccessError):
            own.set_param("saas_client.max_users", "99")

    def test_an_import_does_not_open_them(self):
        result = self.own.load(["key", "value"], [["saas_client.max_users", "99"]])
        self.assertFalse(result["ids"])

    def test_removing_every_rule_does_not_open_them(self):
        model = self.env["ir.model"]._get("ir.config_parameter")
        self.env["ir.rule"].search([("model_id", "=", model.id)]).unlink()
        self.assertFalse(self.own.search([("key", "=", "example.hidden")]))

    def test_other_parameters_stay_the_administrators_own(self):
        self.own.set_param("example.free", "changed")
        self.own.set_param("example.new", "new")
        self.assertEqual(self.own.get_param("example.free"), "changed")
        self.own.set_param("example.new", False)

    def test_code_in_superuser_mode_reads_hidden_parameters(self):
        self.assertEqual(self.own.sudo().get_param("example.hidden"), "other")
