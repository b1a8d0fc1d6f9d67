import logging
import re

from odoo.exceptions import AccessDenied, UserError
from odoo.tests import tagged

from .common import SaasClientCase

PASSWORD = "correct horse battery"


@tagged("post_install", "-at_install")
class TestOwner(SaasClientCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.password_hash = cls.env["res.users"]._crypt_context().hash(PASSWORD)

    def ensure_owner(self, **changes):
        owner = {
            "login": "client@example.com",
            "name": "Client Name",
            "email": "client@example.com",
            "password_hash": self.password_hash,
            "lang": "en_US",
            "tz": "Europe/Vienna",
            **changes,
        }
        result = self.apply(owner=owner)
        return self.env["res.users"].browse(result["owner"]["id"])

    def log_in(self, login, password=PASSWORD):
        credential = {"type": "password", "login": login, "password": password}
        return self.env["res.users"].authenticate(credential, {"interactive": False})["uid"]

    def test_the_owner_is_created_as_the_portal_says(self):
        owner = self.ensure_owner()
        self.assertEqual(owner.login, "client@example.com")
        self.assertEqual(owner.name, "Client Name")
        self.assertEqual(owner.email, "client@example.com")
        self.assertEqual(owner.tz, "Europe/Vienna")
        self.assertEqual(self.parameters.get_param("res.users.owner"), str(owner.id))

    def test_the_owner_has_exactly_the_groups_of_the_contract(self):
        owner = self.ensure_owner()
        self.assertEqual(
            owner.group_ids,
            self.env.ref("base.group_user") + self.env.ref("base.group_partner_manager"),
        )
        self.assertFalse(owner.has_group("base.group_system"))
        self.assertFalse(owner.has_group("base.group_erp_manager"))

    def test_the_owner_logs_in_with_his_password_only(self):
        owner = self.ensure_owner()
        self.assertEqual(self.log_in(owner.login), owner.id)
        with self.assertRaises(AccessDenied):
            self.log_in(owner.login, "another password")

    def test_an_owner_without_a_password_cannot_log_in_with_one(self):
        owner = self.ensure_owner(password_hash=False)
        for password in (PASSWORD, "", "False"):
            with self.assertRaises(AccessDenied):
                self.log_in(owner.login, password)

    def test_a_former_password_remembered_by_the_server_is_refused_at_once(self):
        owner = self.ensure_owner()
        self.env["res.users"]._check_uid_passwd(owner.id, PASSWORD)
        self.ensure_owner(password_hash=self.env["res.users"]._crypt_context().hash("new one"))
        with self.assertRaises(AccessDenied):
            self.env["res.users"]._check_uid_passwd(owner.id, PASSWORD)

    def test_asking_again_changes_the_same_user_and_keeps_his_groups(self):
        owner = self.ensure_owner()
        owner.group_ids += self.env.ref("base.group_allow_export")
        again = self.ensure_owner(name="New Name", login="new@example.com", password_hash=False)
        self.assertEqual(again, owner)
        self.assertEqual((again.name, again.login), ("New Name", "new@example.com"))
        self.assertIn(self.env.ref("base.group_allow_export"), again.group_ids)
        self.assertEqual(self.log_in("new@example.com"), owner.id)

    def test_a_user_with_the_login_becomes_the_owner(self):
        user = self.make_user("client@example.com")
        self.assertEqual(self.ensure_owner(), user)

    def test_the_login_of_another_user_is_refused_in_words(self):
        self.ensure_owner()
        self.make_user("taken@example.com")
        with self.assertRaisesRegex(UserError, "taken@example.com"):
            self.ensure_owner(login="taken@example.com")

    def test_an_owner_called_admin_moves_the_operator_and_is_not_him(self):
        self.admin.login = "admin"
        self.make_user("saas-admin")
        owner = self.ensure_owner(login="admin")
        self.assertNotEqual(owner, self.admin)
        self.assertEqual(owner.login, "admin")
        self.assertEqual(self.admin.login, "saas-admin-2")

    # -- the owner whom a template holds ready -----------------------------------------------------

    def prepare_owner(self):
        """As in a copy of a template: nobody is active there but the operator."""
        owner = self.env["res.users"]._saas_prepare_owner()
        owner.active = False
        return owner

    def test_who_waits_in_a_template_becomes_the_owner(self):
        waiting = self.prepare_owner()
        owner = self.ensure_owner()
        self.assertEqual(owner, waiting)
        self.assertTrue(owner.active and owner.partner_id.active)
        self.assertEqual(self.log_in(owner.login), owner.id)

    def test_he_is_no_other_than_one_made_on_the_spot(self):
        def look(user):
            self.env.flush_all()
            names = ("res_users", "res_partner")
            ids = {"res_users": user.id, "res_partner": user.partner_id.id}
            own = {"id", "login", "partner_id", "commercial_partner_id", "name", "signature"}
            own |= {"complete_name", "create_date", "create_uid", "write_date", "write_uid"}
            rows = []
            for name in names:
                self.env.cr.execute(f"SELECT * FROM {name} WHERE id = %s", [ids[name]])
                (row,) = self.env.cr.dictfetchall()
                rows.append({key: value for key, value in row.items() if key not in own})
            return rows, user.group_ids, str(user.signature), user.res_users_settings_id.ids != []

        vals = {"password_hash": False, "email": "one@example.com", "name": "One"}
        made = self.ensure_owner(login="made@example.com", **vals)
        before = look(made)
        self.parameters.search([("key", "=", "res.users.owner")]).unlink()
        made.active = False
        self.prepare_owner()
        prepared = self.ensure_owner(login="prepared@example.com", **vals)
        self.assertNotEqual(prepared, made)
        self.assertEqual(look(prepared), before)

    def test_nobody_logs_in_as_who_waits(self):
        owner = self.env["res.users"]._saas_prepare_owner()
        for password in (PASSWORD, "", "False", owner.login):
            with self.assertRaises(AccessDenied):
                self.log_in(owner.login, password)
        self.assertFalse(owner.email)

    def test_preparing_again_changes_nothing(self):
        owner = self.prepare_owner()
        self.assertEqual(self.env["res.users"]._saas_prepare_owner(), owner)
        self.ensure_owner()
        self.env["res.users"]._saas_prepare_owner()
        self.assertEqual(owner.login, "client@example.com")

    def test_who_has_the_login_already_is_preferred_to_who_waits(self):
        waiting = self.prepare_owner()
        user = self.make_user("client@example.com")
        self.assertEqual(self.ensure_owner(), user)
        self.assertFalse(waiting.active)

    def test_the_new_owner_is_not_warned_of_his_own_login(self):
        self.prepare_owner()
        before = self.env["mail.mail"].search_count([])
        self.ensure_owner()
        self.assertEqual(self.env["mail.mail"].search_count([]), before)

    def test_no_mail_is_sent(self):
        before = self.env["mail.mail"].search_count([])
        self.admin.login = "admin"
        before = self.env["mail.mail"].search_count([])
        self.ensure_owner(login="admin")
        self.assertEqual(self.env["mail.mail"].search_count([]), before)

    def test_a_password_that_is_not_a_hash_is_refused_without_naming_it(self):
        with self.assertRaises(UserError) as caught:
            self.ensure_owner(password_hash="plain secret")
        self.assertNotIn("plain secret", str(caught.exception))

    def test_neither_password_nor_hash_is_logged(self):
        with self.assertLogs(level=logging.INFO) as logs:
            self.ensure_owner()
        self.assertFalse(re.search(r"pbkdf2|correct horse", "".join(logs.output)))
