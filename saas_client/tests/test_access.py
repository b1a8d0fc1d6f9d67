from odoo import Command
from odoo.exceptions import UserError
from odoo.tests import tagged

from .common import SaasClientCase

APPS_GROUP = "saas_client.group_show_modules_menu"
SETTINGS_GROUP = "saas_client.group_show_settings_menu"


@tagged("post_install", "-at_install")
class TestAccess(SaasClientCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        owner_id = cls.apply(owner={"login": "owner", "name": "Owner", "email": "o@example.com"})
        cls.owner = cls.env["res.users"].browse(owner_id["owner"]["id"])
        cls.small = cls.env["res.groups"].create({"name": "Small"})
        cls.large = cls.env["res.groups"].create(
            {"name": "Large", "implied_ids": [Command.link(cls.small.id)]}
        )
        cls.huge = cls.env["res.groups"].create(
            {"name": "Huge", "implied_ids": [Command.link(cls.large.id)]}
        )
        for name in ("small", "large", "huge"):
            cls.env["ir.model.data"].create(
                {
                    "module": "example",
                    "name": f"group_{name}",
                    "model": "res.groups",
                    "res_id": getattr(cls, name).id,
                }
            )
        cls.employee = cls.env.ref("base.group_user")

    def remove(self, *xmlids):
        return self.apply(access_remove=list(xmlids))["access_remove"]

    def holders(self, xmlid):
        group = self.env.ref(xmlid).with_context(active_test=False)
        return group.all_user_ids - self.env["res.users"]._saas_get_operators()

    # --- access_owner_add ---

    def test_the_owner_gets_the_groups_and_an_unknown_one_is_named(self):
        report = self.apply(
            access_owner_add=["example.group_small", "stock.group_nobody_knows", "base.user_admin"]
        )
        self.assertEqual(
            report["access_owner_add"],
            ["group not found: stock.group_nobody_knows", "group not found: base.user_admin"],
        )
        self.assertTrue(self.owner.has_group("example.group_small"))

    def test_a_group_that_contradicts_his_role_is_reported(self):
        report = self.apply(access_owner_add=["base.group_portal"])["access_owner_add"]
        self.assertRegex(report[0], "could not add owner to base.group_portal")
        self.assertFalse(self.owner.has_group("base.group_portal"))

    def test_everything_granted_leaves_an_empty_report(self):
        for _again in range(2):
            report = self.apply(access_owner_add=["access_apps.group_show_modules_menu"])
            self.assertEqual(report, {"access_owner_add": []})
        self.assertTrue(self.owner.has_group(APPS_GROUP))

    def test_without_an_owner_it_is_reported(self):
        self.parameters.set_param("res.users.owner", False)
        report = self.apply(access_owner_add=["example.group_small"])["access_owner_add"]
        self.assertEqual(report, ["the owner of this database is not known"])

    # --- access_remove ---

    def test_everybody_loses_the_group_also_through_groups_that_imply_it(self):
        users = self.env["res.users"]
        for name in ("small", "large", "huge"):
            users |= self.make_user(name, f"base.group_user,example.group_{name}")
        archived = self.make_user("gone", "base.group_user,example.group_large")
        archived.active = False
        users |= archived
        self.assertEqual(self.holders("example.group_small"), users)
        self.assertEqual(self.remove("example.group_small"), [])
        self.assertFalse(self.holders("example.group_small"))
        for user in users:
            self.assertFalse(user.has_group("example.group_small"))
            self.assertTrue(user.has_group("base.group_user"))
        self.assertEqual(self.remove("example.group_small"), [])

    def test_the_operator_keeps_the_group(self):
        self.admin.group_ids += self.huge
        self.remove("example.group_small", "base.group_system")
        self.assertTrue(self.admin.has_group("example.group_small"))
        self.assertTrue(self.admin.has_group("base.group_system"))

    def test_who_loses_the_settings_stays_an_employee(self):
        manager = self.make_user("manager", "base.group_system")
        manager.group_ids = [Command.set(self.env.ref("base.group_system").ids)]
        self.assertEqual(self.remove("base.group_system"), [])
        self.assertFalse(manager.has_group("base.group_system"))
        self.assertTrue(manager.has_group("base.group_user"))
        self.assertFalse(manager.share)

    def test_the_role_of_employees_is_reported_and_nobody_is_locked_out(self):
        report = self.remove("base.group_user")
        self.assertRegex(report[0], "could not remove everybody from base.group_user")
        self.assertTrue(self.owner.has_group("base.group_user"))
        self.assertTrue(self.admin.has_group("base.group_user"))

    def test_a_group_implied_by_the_role_of_employees_is_cut_off_from_it(self):
        self.employee.implied_ids = [Command.link(self.small.id)]
        self.assertTrue(self.owner.has_group("example.group_small"))
        self.assertEqual(self.remove("example.group_small"), [])
        self.assertFalse(self.owner.has_group("example.group_small"))
        self.assertTrue(self.owner.has_group("base.group_user"))
        self.assertTrue(self.admin.has_group("example.group_small"))

    def test_new_users_do_not_get_the_group_back(self):
        self.env.ref("base.default_user_group").implied_ids = [Command.link(self.large.id)]
        self.assertEqual(self.remove("example.group_small"), [])
        newcomer = self.env["res.users"].create({"login": "new", "name": "New"})
        self.assertFalse(newcomer.has_group("example.group_small"))

    def test_what_cannot_be_removed_is_reported_and_the_others_are(self):
        first, second = self.make_user("first"), self.make_user("second")
        (first | second).group_ids += self.small
        original = type(first).write

        def write(users, vals):
            if users == second:
                raise UserError(users.env._("not this one"))
            return original(users, vals)

        self.patch(type(first), "write", write)
        self.assertEqual(
            self.remove("example.group_small"),
            ["could not remove second from example.group_small: not this one"],
        )
        self.assertEqual(self.holders("example.group_small"), second)

    def test_an_unknown_group_is_named(self):
        self.assertEqual(self.remove("no.such_group"), ["group not found: no.such_group"])

    # --- groups of this addon ---

    def visible_menus(self, user):
        return self.env["ir.ui.menu"].with_user(user)._visible_menu_ids()

    def test_withdrawing_the_apps_menu_leaves_administrators_everything_else(self):
        manager = self.make_user("manager", "base.group_system")
        menu = self.env.ref("base.menu_management")
        self.assertIn(menu.id, self.visible_menus(manager))
        self.assertEqual(self.remove("access_apps.group_show_modules_menu"), [])
        self.assertNotIn(menu.id, self.visible_menus(manager))
        self.assertIn(menu.id, self.visible_menus(self.admin))
        self.assertTrue(manager.has_group("base.group_system"))
        self.assertFalse(self.holders(APPS_GROUP))

    def test_withdrawing_the_settings_menu_hides_it(self):
        manager = self.make_user("manager", "base.group_system")
        menu = self.env.ref("base.menu_administration")
        self.assertIn(menu.id, self.visible_menus(manager))
        self.assertEqual(self.remove("access_settings_menu.group_show_settings_menu"), [])
        self.assertNotIn(menu.id, self.visible_menus(manager))
        self.assertIn(menu.id, self.visible_menus(self.admin))
        self.assertFalse(self.holders(SETTINGS_GROUP))

    def test_giving_the_apps_menu_back_to_the_owner_shows_it_to_him_alone(self):
        manager = self.make_user("manager", "base.group_system")
        self.owner.group_ids += self.env.ref("base.group_system")
        self.remove(APPS_GROUP)
        self.apply(access_owner_add=[APPS_GROUP])
        menu = self.env.ref("base.menu_management")
        self.assertIn(menu.id, self.visible_menus(self.owner))
        self.assertNotIn(menu.id, self.visible_menus(manager))
