from psycopg2.errors import SerializationFailure

from odoo import SUPERUSER_ID, Command, api
from odoo.exceptions import ValidationError
from odoo.modules.registry import Registry
from odoo.tests import BaseCase, get_db_name, tagged

MAX_USERS = "saas_client.max_users"


@tagged("post_install", "-at_install")
class TestConcurrency(BaseCase):
    """Two real transactions on committed data, which the test removes again."""

    def setUp(self):
        super().setUp()
        self.registry = Registry(get_db_name())
        self.addCleanup(self.commit, self.remove_traces)

    def commit(self, function):
        """Run the function in a transaction of its own, committed at its end."""
        with self.registry.cursor() as cr:
            function(self.open_env(cr))

    def open_env(self, cr):
        return api.Environment(cr, SUPERUSER_ID, {"no_reset_password": True})

    def remove_traces(self, env):
        users = env["res.users"].search([("login", "=like", "concurrent %")])
        partners = users.partner_id
        users.unlink()
        partners.unlink()
        banks = env["res.bank"].with_context(active_test=False)
        banks.search([("name", "=like", "Concurrent %")]).unlink()
        env["saas_client.record_limit"].search([]).unlink()
        env["ir.config_parameter"].set_param(MAX_USERS, False)

    def assertOnlyOneFits(self, create):
        """Both begin while there is a place; the second, run again as Odoo does, is refused."""
        with self.registry.cursor() as first_cr, self.registry.cursor() as second_cr:
            first, second = self.open_env(first_cr), self.open_env(second_cr)
            second["res.users"].search_count([])
            create(first, "one")
            first_cr.commit()
            with self.assertRaises(SerializationFailure):
                create(second, "two")
            second_cr.rollback()
            with self.assertRaises(ValidationError):
                create(second, "two")
            second_cr.rollback()

    def test_what_is_read_until_the_commit_is_not_remembered(self):
        with self.registry.cursor() as first_cr, self.registry.cursor() as second_cr:
            first, second = self.open_env(first_cr), self.open_env(second_cr)
            first["ir.config_parameter"].set_param(MAX_USERS, "7")
            first.flush_all()
            self.assertFalse(second["ir.config_parameter"].get_param(MAX_USERS))
        with self.registry.cursor() as cr:
            self.assertEqual(self.open_env(cr)["ir.config_parameter"].get_param(MAX_USERS), "7")

    def test_the_last_place_for_a_user_is_taken_once(self):
        def set_limit(env):
            count = env["res.users"]._saas_count_users()
            env["ir.config_parameter"].set_param(MAX_USERS, str(count + 1))

        def create(env, name):
            login = f"concurrent {name}"
            groups = [Command.set(env.ref("base.group_user").ids)]
            env["res.users"].create({"login": login, "name": login, "group_ids": groups})

        self.commit(set_limit)
        self.assertOnlyOneFits(create)

    def test_the_last_place_for_a_record_is_taken_once(self):
        def set_limit(env):
            domain = "[('name', '=like', 'Concurrent %')]"
            self.assertIsNone(env["saas_client.record_limit"]._set_limit("res.bank", 1, domain))

        def create(env, name):
            env["res.bank"].create({"name": f"Concurrent {name}"})

        self.commit(set_limit)
        self.assertOnlyOneFits(create)
