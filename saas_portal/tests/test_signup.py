from odoo.exceptions import AccessError

from odoo.addons.saas_portal.hooks import post_init_hook

from .common import SaasPortalCase

VALUES = {"login": "new@example.com", "name": "New", "password": "correct horse"}


class TestSignup(SaasPortalCase):
    def signup(self, user, values, *args):
        return self.call(user, "res.users", "signup", values, *args)

    def find(self, login="new@example.com"):
        return self.env["res.users"].with_context(active_test=False).search([("login", "=", login)])

    def setUp(self):
        super().setUp()
        self.admin = self.env.ref("base.user_admin")

    def test_a_customer_signed_up_by_the_administrator_has_the_portal_and_nothing_else(self):
        answer = self.signup(self.admin, VALUES)
        self.assertEqual(list(answer), ["new@example.com", "correct horse"])
        user = self.find()
        self.assertTrue(user.active and user.share)
        self.assertEqual(user.group_ids, self.env.ref("base.group_portal"))
        self.assertEqual(user.create_uid, self.admin)

    def test_without_password_the_answer_has_no_none(self):
        answer = self.signup(self.admin, {"login": "new@example.com", "name": "New"})
        self.assertEqual(list(answer), ["new@example.com", False])
        self.assertTrue(self.find())

    def test_the_same_login_twice_is_refused_in_words(self):
        self.signup(self.admin, VALUES)
        with self.refused("already a user new@example.com"):
            self.signup(self.admin, {**VALUES, "name": "Other"})
        self.assertEqual(self.find().name, "New")

    def test_the_login_of_an_archived_user_is_taken_too(self):
        self.signup(self.admin, VALUES)
        self.find().active = False
        with self.refused("already a user"):
            self.signup(self.admin, VALUES)

    def test_values_without_login_are_refused_in_words(self):
        for values in ({}, {"name": "New"}, {"login": ""}, {"login": False}, [], "new", None):
            with self.refused("Give a login"):
                self.signup(self.admin, values)

    def test_a_token_that_means_nothing_is_refused_in_words(self):
        with self.refused("could not be signed up"):
            self.signup(self.admin, VALUES, "no-token")

    def test_who_may_not_create_users_may_not_sign_them_up(self):
        for user in (self.customer, self.internal, self.user, self.env.ref("base.public_user")):
            with self.refused(error=AccessError):
                self.signup(user, VALUES)
        self.assertFalse(self.find())

    def test_the_administrator_signs_up_also_where_strangers_need_an_invitation(self):
        self.env["ir.config_parameter"].set_param("auth_signup.invitation_scope", "b2b")
        self.signup(self.admin, VALUES)
        self.assertTrue(self.find())

    def test_a_visitor_of_the_page_still_needs_free_sign_up(self):
        users = self.env["res.users"].with_user(self.env.ref("base.public_user")).sudo()
        parameters = self.env["ir.config_parameter"]
        for scope in ("b2b", "b2c"):
            parameters.set_param("auth_signup.invitation_scope", scope)
            self.assertEqual(users._get_signup_invitation_scope(), scope)

    def test_installing_the_addon_opens_the_sign_up(self):
        parameters = self.env["ir.config_parameter"]
        parameters.set_param("auth_signup.invitation_scope", "b2b")
        if "website" in self.env:
            self.env["website"].search([]).auth_signup_uninvited = "b2b"
        post_init_hook(self.env)
        self.assertEqual(parameters.get_param("auth_signup.invitation_scope"), "b2c")
        if "website" in self.env:
            scopes = self.env["website"].search([]).mapped("auth_signup_uninvited")
            self.assertEqual(set(scopes), {"b2c"})

    def test_what_closed_the_sign_up_later_is_shown_on_the_plan_and_undone_there(self):
        self.plan.is_published = True
        self.assertFalse(self.plan.signup_closed)
        # As when website is installed, or somebody closes it in the settings.
        self.env["ir.config_parameter"].set_param("auth_signup.invitation_scope", "b2b")
        if "website" in self.env:
            self.env["website"].search([]).auth_signup_uninvited = "b2b"
        self.plan.invalidate_recordset(["signup_closed"])
        self.assertTrue(self.plan.signup_closed)
        with self.refused("Only administrators", AccessError):
            self.call(self.manager, "saas_portal.plan", "action_open_signup", self.plan.ids)
        administrator = self.env.ref("base.user_admin")
        self.call(administrator, "saas_portal.plan", "action_open_signup", self.plan.ids)
        self.assertFalse(self.plan.signup_closed)
