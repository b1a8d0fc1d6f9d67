from odoo.exceptions import AccessError, UserError
from odoo.tests import tagged

from ..hooks import STANDARD_MENU_GROUPS, uninstall_hook
from .common import SaasClientCase


@tagged("post_install", "-at_install")
class TestApps(SaasClientCase):
    """Modules cannot really be installed inside a test: here it is who may, and who may not."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.manager = cls.make_user("manager", "base.group_system")
        cls.modules = cls.env["ir.module.module"].with_user(cls.manager)
        cls.addon = cls.modules.search([("name", "=", "saas_client")])
        cls.other = cls.modules.search([("state", "=", "uninstalled")], limit=1)

    def assertRefused(self, exception, module, *methods):
        for method in methods:
            with self.subTest(method), self.assertRaises(exception), self.env.cr.savepoint():
                getattr(module, method)()

    def test_an_administrator_cannot_remove_this_addon_or_what_it_stands_on(self):
        for name in ("saas_client", "auth_signup", "mail"):
            module = self.modules.search([("name", "=", name)])
            self.assertRefused(
                UserError,
                module,
                "button_uninstall",
                "button_immediate_uninstall",
                "module_uninstall",
            )
            for state in ("to remove", "uninstalled", "uninstallable"):
                with self.assertRaises(UserError), self.env.cr.savepoint():
                    module.write({"state": state})
        wizard = self.env["base.module.uninstall"].with_user(self.manager)
        wizard = wizard.create({"module_ids": self.addon.ids})
        self.assertRefused(UserError, wizard, "action_uninstall")
        self.assertEqual(self.addon.state, "installed")

    def test_an_administrator_manages_apps_until_it_is_withdrawn(self):
        self.other.button_install()
        self.assertEqual(self.other.state, "to install")

    def test_without_the_apps_group_no_app_is_installed_upgraded_or_removed(self):
        self.apply(access_remove=["access_apps.group_show_modules_menu"])
        self.assertRefused(AccessError, self.other, "button_install", "button_immediate_install")
        self.assertRefused(
            AccessError,
            self.addon,
            "button_upgrade",
            "button_immediate_upgrade",
            "button_uninstall",
            "button_immediate_uninstall",
            "module_uninstall",
        )
        with self.assertRaises(AccessError):
            self.other.write({"state": "to install"})
        with self.assertRaises(AccessError):
            self.modules.create({"name": "smuggled", "state": "installed"})
        wizard = self.env["base.module.upgrade"].with_user(self.manager).create({})
        self.assertRefused(AccessError, wizard, "upgrade_module")

    def test_the_list_of_apps_can_still_be_refreshed(self):
        self.apply(access_remove=["access_apps.group_show_modules_menu"])
        self.modules.update_list()

    def test_the_operators_account_is_out_of_an_administrators_reach(self):
        admin = self.admin.with_user(self.manager)
        for vals in (
            {"active": False},
            {"password": "mine now"},
            {"login": "gone"},
            {"email": "me@example.com"},
            {"group_ids": [(5,)]},
        ):
            with self.subTest(vals), self.assertRaises(UserError), self.env.cr.savepoint():
                admin.write(vals)
        with self.assertRaises(UserError):
            self.env["res.users"].reset_password(self.admin.login)

    def test_uninstalling_gives_the_core_menus_back(self):
        uninstall_hook(self.env)
        for menu_xmlid, group_xmlids in STANDARD_MENU_GROUPS.items():
            menu = self.env.ref(menu_xmlid)
            self.assertEqual(
                sorted(menu.group_ids.get_external_id().values()), sorted(group_xmlids)
            )

    def test_strangers_cannot_sign_themselves_up(self):
        self.assertEqual(self.parameters.get_param("auth_signup.invitation_scope"), "b2b")
