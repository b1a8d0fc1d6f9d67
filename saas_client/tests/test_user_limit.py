from odoo import Command
from odoo.exceptions import ValidationError
from odoo.tests import tagged

from .common import SaasClientCase


@tagged("post_install", "-at_install")
class TestUserLimit(SaasClientCase):
    """The limit is reached in each test: one more user is one too many."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.users = cls.env["res.users"].with_context(no_reset_password=True)
        cls.employee_group = cls.env.ref("base.group_user")
        cls.portal_group = cls.env.ref("base.group_portal")
        cls.portal_user = cls.make_user("portal", "base.group_portal")
        cls.archived = cls.make_user("archived")
        cls.archived.active = False
        cls.employee = cls.make_user("employee")
        cls.make_user("colleague")
        cls.count = cls.users._saas_count_users()
        cls.set_limit(cls.count)

    @classmethod
    def set_limit(cls, limit):
        return cls.apply(
            params=[{"key": "saas_client.max_users", "value": str(limit), "hidden": False}]
        )

    def assertTooMany(self, function, *args, **kwargs):
        message = rf"allows {self.count} users, and {self.count} are active"
        with self.assertRaisesRegex(ValidationError, message), self.env.cr.savepoint():
            function(*args, **kwargs)
        # as the end of a request does
        self.env.invalidate_all()
        self.env.registry.clear_all_caches()

    def vals(self, login, group=None):
        groups = group or self.employee_group
        return {"login": login, "name": login, "group_ids": [Command.set(groups.ids)]}

    def test_one_user_too_many_is_refused_and_not_created(self):
        self.assertTooMany(self.users.create, self.vals("fifth"))

    def test_a_free_place_can_be_taken(self):
        self.set_limit(self.count + 1)
        self.users.create(self.vals("fifth"))
        self.assertEqual(self.users._saas_count_users(), self.count + 1)

    def test_two_users_for_one_place_are_refused_together(self):
        self.set_limit(self.count + 1)
        with self.assertRaises(ValidationError), self.env.cr.savepoint():
            self.users.create([self.vals("fifth"), self.vals("sixth")])
        self.assertEqual(self.users._saas_count_users(), self.count)

    def test_portal_users_are_not_counted(self):
        self.users.create(self.vals("another portal user", self.portal_group))

    def test_the_operators_accounts_are_not_counted(self):
        self.admin.active = False
        self.assertEqual(self.users._saas_count_users(), self.count)
        self.admin.active = True

    def test_the_owner_is_counted(self):
        self.set_limit(self.count + 1)
        self.apply(owner={"login": "owner", "name": "Owner", "email": "o@example.com"})
        self.assertEqual(self.users._saas_count_users(), self.count + 1)

    def test_unarchiving_is_refused(self):
        self.assertTooMany(self.archived.action_unarchive)

    def test_turning_a_portal_user_into_an_employee_is_refused(self):
        commands = [Command.set(self.employee_group.ids)]
        self.assertTooMany(self.portal_user.write, {"group_ids": commands})

    def test_copying_an_employee_is_refused(self):
        self.assertTooMany(self.employee.copy)

    def test_creating_through_a_partner_is_refused(self):
        partner = self.env["res.partner"].create({"name": "Somebody"})
        commands = [Command.create(self.vals("somebody"))]
        self.assertTooMany(partner.write, {"user_ids": commands})

    def test_importing_is_refused_as_a_whole(self):
        self.set_limit(self.count + 1)
        rows = [["one", "One", "base.group_user"], ["two", "Two", "base.group_user"]]
        result = self.users.load(["login", "name", "group_ids/id"], rows)
        self.assertFalse(result["ids"])
        self.assertIn("Your plan allows", result["messages"][0]["message"])
        self.assertFalse(self.users.search([("login", "in", ("one", "two"))]))

    def test_adding_users_to_a_group_is_refused(self):
        nobody = self.make_user("no role", groups="base.group_public")
        nobody.group_ids = [Command.clear()]
        group = self.env["res.groups"].create(
            {"name": "Staff", "implied_ids": [Command.link(self.employee_group.id)]}
        )
        self.assertTooMany(group.write, {"user_ids": [Command.link(nobody.id)]})
        self.assertTooMany(self.employee_group.write, {"all_user_ids": [Command.link(nobody.id)]})

    def test_implying_the_employees_group_is_refused(self):
        nobody = self.make_user("no role", groups="base.group_public")
        group = self.env["res.groups"].create({"name": "Staff"})
        nobody.group_ids = [Command.set(group.ids)]
        link = [Command.link(self.employee_group.id)]
        self.assertTooMany(group.write, {"implied_ids": link})
        self.assertTooMany(self.employee_group.write, {"implied_by_ids": [Command.link(group.id)]})
        self.assertTooMany(
            self.env["res.groups"].create,
            {"name": "More staff", "implied_ids": link, "user_ids": [Command.link(nobody.id)]},
        )

    def test_marking_employees_as_shared_frees_no_place(self):
        self.employee.sudo().write({"share": True})
        self.env.flush_all()
        self.assertTooMany(self.users.create, self.vals("fifth"))

    def test_lowering_the_limit_keeps_everybody_and_blocks_additions(self):
        self.set_limit(self.count - 1)
        self.assertTrue(self.employee.active)
        self.employee.group_ids += self.env.ref("base.group_partner_manager")
        with self.assertRaisesRegex(ValidationError, f"allows {self.count - 1} users"):
            self.users.create(self.vals("fifth"))

    def test_lowering_the_limit_leaves_the_owner_a_note_until_it_is_raised(self):
        self.set_limit(self.count + 1)
        self.apply(owner={"login": "owner", "name": "Owner", "email": "o@example.com"})
        owner = self.users._saas_get_owner()
        self.set_limit(self.count)
        self.set_limit(self.count)
        self.assertEqual(len(owner.partner_id.activity_ids), 1)
        self.assertIn(str(self.count + 1), owner.partner_id.activity_ids.note)
        self.set_limit(0)
        self.assertFalse(owner.partner_id.activity_ids)

    def test_zero_and_no_parameter_mean_unlimited(self):
        self.set_limit(0)
        self.users.create(self.vals("fifth"))
        self.parameters.set_param("saas_client.max_users", False)
        self.users.create(self.vals("sixth"))
