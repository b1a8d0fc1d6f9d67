from contextlib import contextmanager

from odoo.exceptions import AccessDenied, AccessError, UserError, ValidationError
from odoo.tests import tagged
from odoo.tools import mute_logger

from .. import loading, seats
from .policy_common import PolicyCase

INSERT_USERS = """
env.cr.execute('''
    INSERT INTO res_partner (name, type, active, complete_name)
    SELECT 'sql' || n, 'contact', TRUE, 'sql' || n FROM generate_series(1, 3) AS n RETURNING id
''')
partners = [row[0] for row in env.cr.fetchall()]
for partner in partners:
    env.cr.execute('''
        INSERT INTO res_users (login, partner_id, company_id, active, share, notification_type)
        VALUES ('sql' || %s, %s, 1, TRUE, FALSE, 'email') RETURNING id
    ''', [partner, partner])
    user = env.cr.fetchone()[0]
    env.cr.execute('INSERT INTO res_groups_users_rel (gid, uid) VALUES (%s, %s)',
                   [env.ref('base.group_user').id, user])
    env.cr.execute('INSERT INTO res_company_users_rel (cid, user_id) VALUES (1, %s)', [user])
"""


@tagged("post_install", "-at_install")
class TestHostileOwner(PolicyCase):
    """An owner with Settings rights, who writes Python and SQL, does not get around his plan."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.owner = cls.make_user("hostile", "base.group_system")
        cls.parameters._saas_set("res.users.owner", str(cls.owner.id), False)
        cls.own = cls.env(user=cls.owner)
        cls.count = cls.env["res.users"]._saas_count_users()
        cls.obey(max_users=cls.count, hidden=["saas_client.total_storage_limit"], storage_mb=98765)

    def run_code(self, code):
        """What the owner lets a server action do."""
        action = self.own["ir.actions.server"].create(
            {
                "name": "Hostile",
                "model_id": self.env["ir.model"]._get("res.partner").id,
                "state": "code",
                "code": code,
            }
        )
        result = action.run()
        self.env.flush_all()
        self.env.invalidate_all()
        return result

    def assertStillLimited(self):
        with self.assertRaises(ValidationError), self.env.cr.savepoint():
            self.own["res.users"].with_context(no_reset_password=True).create(
                {"name": "One more", "login": "one.more"}
            )
        with self.assertRaises(ValidationError), self.env.cr.savepoint():
            self.env["res.users"].sudo().with_context(no_reset_password=True).create(
                {"name": "One more", "login": "one.more"}
            )

    # --- lifting the limit ---

    def test_the_parameters_view_and_rpc_do_not_lift_it(self):
        for write in (
            lambda: self.own["ir.config_parameter"].set_param("saas_client.max_users", "99"),
            lambda: self.own["ir.config_parameter"].set_param("saas_client.policy", "mine"),
            lambda: self.own["ir.config_parameter"].set_param("saas_client.portal_key", "mine"),
        ):
            with self.assertRaises(AccessError), self.env.cr.savepoint():
                write()
        self.assertStillLimited()

    def test_an_import_of_parameters_does_not_lift_it(self):
        self.own["ir.config_parameter"].load(["key", "value"], [["saas_client.max_users", "99"]])
        self.assertStillLimited()

    def test_code_with_sudo_does_not_lift_it(self):
        self.run_code(
            "parameters = env['ir.config_parameter'].sudo()\n"
            "parameters.set_param('saas_client.max_users', '99')\n"
            "parameters.set_param('saas_client.policy', False)\n"
            "parameters.search([('key', '=like', 'saas_client.%')]).unlink()\n"
        )
        self.assertStillLimited()

    def test_sql_does_not_lift_it(self):
        self.run_code(
            "env.cr.execute(\"UPDATE ir_config_parameter SET value = '99'"
            " WHERE key = 'saas_client.max_users'\")\n"
            "env.cr.execute(\"DELETE FROM ir_config_parameter WHERE key = 'saas_client.policy'\")\n"
            "env.registry.clear_cache('stable')\n"
        )
        self.assertStillLimited()

    def test_the_methods_of_the_gateway_do_not_lift_it(self):
        before = self.sign_policy(max_users=99)
        self.obey(max_users=self.count)
        self.run_code(
            "gateway = env['saas_client.gateway'].sudo()\n"
            "gateway._apply({'params': [{'key': 'saas_client.max_users', 'value': '99'}]})\n"
            "env['ir.config_parameter']._saas_set('saas_client.max_users', '99', False)\n"
        )
        with self.assertRaisesRegex(UserError, "older"):
            self.run_code(f"env['saas_client.gateway'].sudo()._apply({{'policy': {before!r}}})")
        self.assertStillLimited()

    def test_without_views_rules_and_access_rights_it_holds(self):
        self.run_code(
            "env['ir.ui.view'].sudo().search([('key', '=like', 'saas_client.%')]).unlink()\n"
            "models = env['ir.model'].sudo().search([('model', '=like', 'saas_client.%')])\n"
            "env['ir.model.access'].sudo().search([('model_id', 'in', models.ids)]).unlink()\n"
            "env['ir.rule'].sudo().search([]).write({'active': False})\n"
            "env['ir.model.data'].sudo().search([('module', '=', 'saas_client')]).unlink()\n"
        )
        self.assertStillLimited()

    # --- dodging it ---

    def test_code_does_not_make_users_in_any_way(self):
        archived = self.env["res.users"].search([("active", "=", False), ("id", ">", 4)], limit=1)
        for code in (
            "env['res.users'].sudo().create({'name': 'X', 'login': 'x'})",
            "env['res.users'].sudo()._load_records([dict(values={'name': 'X', 'login': 'x'})])",
            INSERT_USERS,
            f"env.cr.execute('UPDATE res_users SET active = TRUE WHERE id = {archived.id or 3}')\n"
            + INSERT_USERS,
        ):
            with self.subTest(code), self.assertRaises(ValidationError), self.env.cr.savepoint():
                self.run_code(code)
        self.assertEqual(self.env["res.users"]._saas_count_users(), self.count)

    def test_code_does_not_commit_what_is_too_much(self):
        with self.assertRaises(ValidationError), self.env.cr.savepoint():
            self.run_code(INSERT_USERS + "env.cr.commit()\n")

    def test_users_that_sql_has_made_find_no_seat(self):
        before = self.env["res.users"].search([])
        with mute_logger("odoo.addons.base.models.ir_actions"):
            self.sql("SELECT 1")
        # as a cursor of his own would have left it
        exec(INSERT_USERS, {"env": self.env})
        self.env.invalidate_all()
        made = self.env["res.users"].search([("id", "not in", before.ids)])
        self.assertEqual(len(made), 3)
        for user in made:
            with self.assertRaisesRegex(AccessDenied, "there are more"):
                user._check_uid_passwd(user.id, "any password")
        seats.check_seat(self.env, self.owner.id)

    def test_lowering_the_limit_leaves_everybody_his_seat(self):
        self.obey(max_users=1)
        for user in self.env["res.users"].search([]):
            seats.check_seat(self.env, user.id)

    def test_the_operators_account_is_no_seat_for_anybody(self):
        self.sql("UPDATE res_users SET password = 'stolen' WHERE id = 2")
        with self.assertRaisesRegex(AccessDenied, "from the portal only"):
            self.admin._check_uid_passwd(2, "stolen")
        self.sql(
            "UPDATE ir_model_data SET res_id = %s WHERE module = 'base' AND name = 'user_admin'",
            self.owner.id,
        )
        self.env.registry.clear_cache()
        self.assertNotIn(self.owner, self.env["res.users"]._saas_get_operators())

    # --- records ---

    def limit_partners(self):
        self.env["res.partner"].create({"name": "First", "ref": "counted"})
        entry = {"model": "res.partner", "max_records": 1, "domain": "[['ref', '=', 'counted']]"}
        self.obey(record_limits=[entry])

    def test_code_does_not_make_records_beyond_their_limit(self):
        self.limit_partners()
        for code in (
            "env['res.partner'].sudo().create({'name': 'X', 'ref': 'counted'})",
            "env['res.partner'].sudo()._create([{'stored': {'name': 'X', 'ref': 'counted',"
            " 'active': True}, 'inversed': {}, 'inherited': {}, 'protected': set()}])",
            'env.cr.execute("INSERT INTO res_partner (name, type, active, ref)'
            " VALUES ('X', 'contact', TRUE, 'counted')\")",
            "env['saas_client.record_limit'].sudo().search([]).unlink()\n"
            "env['res.partner'].create({'name': 'X', 'ref': 'counted'})",
        ):
            with self.subTest(code), self.assertRaises(ValidationError), self.env.cr.savepoint():
                self.run_code(code)
        self.assertEqual(self.env["res.partner"].search_count([("ref", "=", "counted")]), 1)

    # --- reading what is hidden ---

    def test_sudo_and_sql_do_not_read_a_hidden_limit(self):
        self.env.flush_all()
        self.env.cr.execute("SELECT value FROM ir_config_parameter")
        values = " ".join(value for (value,) in self.env.cr.fetchall())
        self.assertNotIn("98765", values)
        self.assertFalse(self.parameters.get_param("saas_client.total_storage_limit"))
        self.assertFalse(self.own["saas_client.status"].get_usage()["meters"][1:])

    # --- getting rid of the addon ---

    def test_the_addon_is_not_removed_by_code_with_sudo(self):
        for method in ("button_uninstall", "button_immediate_uninstall", "module_uninstall"):
            with self.subTest(method), self.assertRaises(UserError), self.env.cr.savepoint():
                self.run_code(
                    "env['ir.module.module'].sudo().search([('name', '=', 'saas_client')])"
                    f".{method}()"
                )
        for name in ("saas_client", "auth_signup"):
            with self.subTest(name), self.assertRaises(UserError), self.env.cr.savepoint():
                self.run_code(
                    f"env['ir.module.module'].sudo().search([('name', '=', {name!r})])"
                    ".write({'state': 'to remove'})"
                )

    def test_the_wizard_does_not_remove_it_either(self):
        module = self.env["ir.module.module"].search([("name", "=", "saas_client")])
        wizard = self.own["base.module.uninstall"].create({"module_ids": module.ids})
        with self.assertRaises(UserError):
            wizard.action_uninstall()
        with self.assertRaises(UserError):
            wizard.sudo().action_uninstall()

    def test_what_sql_did_to_its_state_is_undone_before_the_database_is_loaded(self):
        states = "SELECT name FROM ir_module_module WHERE state = 'installed'"
        self.env.cr.execute(states)
        before = sorted(self.env.cr.fetchall())
        for statement in (
            "UPDATE ir_module_module SET state = 'uninstalled' WHERE name = 'saas_client'",
            "UPDATE ir_module_module SET state = 'to remove' WHERE name = 'auth_oauth'",
            "DELETE FROM ir_module_module WHERE name = 'saas_client'",
        ):
            with self.subTest(statement), self.env.cr.savepoint():
                self.sql(statement)
                self.patch(loading, "db_connect", lambda name: self)
                with self.assertLogs(loading.__name__, "WARNING"):
                    loading.restore_addon(self.env.cr.dbname)
                self.env.cr.execute(states)
                self.assertEqual(sorted(self.env.cr.fetchall()), before)

    @contextmanager
    def cursor(self):
        """The transaction of the test, when the code under test asks for one."""
        yield self.env.cr

    def test_databases_with_a_policy_are_known_by_name(self):
        self.assertIn(self.env.cr.dbname, loading.list_governed_databases())
        (self.folder / "broken.policy").write_text("not a token")
        self.addCleanup((self.folder / "broken.policy").unlink)
        self.assertIn(self.env.cr.dbname, loading.list_governed_databases())
