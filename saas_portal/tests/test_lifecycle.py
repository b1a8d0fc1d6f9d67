from datetime import timedelta

from psycopg2.errors import CheckViolation, UniqueViolation

from odoo import fields
from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.tools import mute_logger

from ..lib.saas_driver import DriverUnavailable, Usage
from .common import SaasPortalCase

TARGETS = {
    "_set_building": {"draft", "broken", "building"},
    "_set_open": {"building", "pending", "broken", "deleted", "open"},
    "_set_suspended": {"building", "open", "broken", "deleted", "pending"},
    "_set_broken": {"draft", "building", "open", "pending", "broken"},
    "_set_deleted": {"draft", "building", "open", "pending", "broken", "deleted"},
}
ARGUMENTS = {"_set_suspended": ["operator"], "_set_broken": [True]}


class TestLifecycle(SaasPortalCase):
    def setUp(self):
        super().setUp()
        self.client = self.new(dbname="acme.localhost")
        self.transport.calls.clear()
        self.driver.calls.clear()

    def do(self, method, *args, user=None):
        return self.call(user or self.manager, "saas_portal.client", method, self.client.ids, *args)

    # -- states ------------------------------------------------------------------------------------

    def test_every_state_is_reached_from_the_right_ones_alone(self):
        for method, sources in TARGETS.items():
            for source in ("draft", "building", "open", "pending", "broken", "deleted"):
                self.client.state = source
                if source in sources:
                    getattr(self.client, method)(*ARGUMENTS.get(method, []))
                else:
                    with self.assertRaisesRegex(UserError, "cannot become"):
                        getattr(self.client, method)(*ARGUMENTS.get(method, []))
                    self.assertEqual(self.client.state, source)

    def test_only_what_is_deleted_is_archived(self):
        for state in ("draft", "building", "open", "pending", "broken"):
            self.client.state = state
            self.assertTrue(self.client.active, state)
        self.client.state = "deleted"
        self.assertFalse(self.client.active)

    # -- writing -----------------------------------------------------------------------------------

    def test_what_operations_write_cannot_be_written_by_people(self):
        now = fields.Datetime.now()
        for user in (self.user, self.manager, self.env.ref("base.user_admin")):
            for vals in (
                {"name": "new.localhost"},
                {"client_id": "x"},
                {"state": "deleted"},
                {"server_id": self.server.id},
                {"plan_id": False},
                {"owner_id": self.internal.id},
                {"company_id": False},
                {"active": False},
                {"trial": True},
                {"suspended_for": False},
                {"name_released": True},
                {"trash_name": "portal"},
                {"purge_at": now},
                {"deleted_at": now},
                {"synced_at": now},
                {"unreachable_since": now},
                {"users_len": 0},
                {"db_storage": 0},
                {"file_storage": 0},
                {"storage_exceed": False},
                {"expired": False},
                {"notification_sent": True},
                {"max_users": 5, "state": "open"},
            ):
                with self.refused(error=AccessError):
                    self.call(user, "saas_portal.client", "write", self.client.ids, vals)
        self.assertEqual(self.client.max_users, 0)

    def test_nobody_creates_or_copies_clients_past_the_plan(self):
        for user in (self.user, self.manager):
            with self.refused(error=AccessError):
                self.call(user, "saas_portal.client", "copy", self.client.ids)
            with self.refused(error=AccessError):
                self.call(
                    user,
                    "saas_portal.client",
                    "create",
                    {
                        "name": "new.localhost",
                        "server_id": self.server.id,
                        "partner_id": self.customer.partner_id.id,
                    },
                )

    def change(self, **vals):
        self.call(self.user, "saas_portal.client", "write", self.client.ids, vals)
        self.run_operations()

    def test_the_client_is_told_of_what_it_has_to_obey(self):
        self.change(expiration_datetime="2030-01-31 12:00:00")
        self.change(visible_addons="sale,crm", max_users=4, total_storage_limit=500)
        self.change(expiration_datetime=False)
        self.assertEqual(
            [self.params_of(payload) for payload in self.transport.payloads],
            [
                {"saas_client.expiration_datetime": "2030-01-31 12:00:00"},
                {
                    "saas_client.visible_modules": "sale,crm",
                    "saas_client.max_users": "4",
                    "saas_client.total_storage_limit": "500",
                },
                {"saas_client.expiration_datetime": False},
            ],
        )

    def test_an_unrelated_or_unchanged_field_makes_no_call(self):
        self.change(user_id=self.manager.id, block_on_storage_exceed=True)
        self.change(max_users=0, visible_addons=False)
        self.assertEqual((self.transport.calls, self.driver.calls), ([], []))
        self.assertEqual(len(self.client.operation_ids), 1)

    def test_a_client_without_database_is_told_nothing(self):
        self.client.state = "broken"
        self.change(max_users=4)
        self.assertEqual(self.transport.calls, [])

    def test_a_client_that_is_being_built_is_told_when_it_is_there(self):
        client = self.new(dbname="later.localhost", **{"async": True})
        client = self.env["saas_portal.client"].browse(client.id)
        self.call(self.user, "saas_portal.client", "write", client.ids, {"max_users": 4})
        self.assertEqual(client.state, "building")
        self.run_operations()
        self.assertEqual(client.state, "open")
        told = [self.params_of(payload) for payload in self.transport.payloads]
        self.assertEqual(told[-1], {"saas_client.max_users": "4"})

    def test_nothing_is_changed_on_an_archived_server(self):
        self.client.server_id.active = False
        for method, arguments in (("delete_database", []), ("rename_database", ["b.localhost"])):
            with self.refused("is archived"):
                self.do(method, *arguments)
        self.assertEqual((self.client.state, self.client.name), ("open", "acme.localhost"))

    @mute_logger("odoo.sql_db")
    def test_a_negative_limit_is_refused(self):
        with self.assertRaises(CheckViolation):
            self.client.with_user(self.user).write({"max_users": -1})
            self.env.flush_all()

    def test_two_clients_cannot_have_one_name(self):
        vals = {"server_id": self.server.id, "partner_id": self.customer.partner_id.id}
        with mute_logger("odoo.sql_db"), self.assertRaises(UniqueViolation):
            self.env["saas_portal.client"].create({"name": "acme.localhost", **vals})
            self.env.flush_all()
        with self.assertRaises(ValidationError):
            self.env["saas_portal.client"].create({"name": "Acme", **vals})

    # -- rename ------------------------------------------------------------------------------------

    def test_a_renamed_client_has_the_new_name_and_address(self):
        self.assertTrue(self.do("rename_database", "new.localhost", user=self.user))
        self.assertEqual(self.client.name, "new.localhost")
        self.assertEqual(self.client.public_url, "http://new.localhost:8069/")
        self.assertEqual(self.driver.status("new.localhost").key, self.client.client_id)
        self.assertFalse(self.driver.status("acme.localhost").exists)
        self.new(dbname="acme.localhost")

    def test_a_rename_to_a_bad_or_taken_name_is_refused(self):
        self.new(dbname="other.localhost")
        self.driver.put("portal.localhost")
        for name in ("other.localhost", "portal.localhost", "Capital", "a b", "postgres", None, 5):
            with self.refused():
                self.do("rename_database", name)
        self.assertEqual(self.client.name, "acme.localhost")
        self.assertTrue(self.driver.status("acme.localhost").running)

    def test_a_rename_to_its_own_name_does_nothing(self):
        self.assertTrue(self.do("rename_database", "acme.localhost"))
        self.assertEqual(self.driver.calls, [])

    def test_a_rename_that_fails_leaves_the_name(self):
        self.driver.failures["rename"] = DriverUnavailable("In use.")
        with self.refused("In use."):
            self.do("rename_database", "new.localhost")
        self.assertEqual((self.client.name, self.client.state), ("acme.localhost", "open"))

    def test_a_name_that_was_reserved_meanwhile_does_not_move_the_database(self):
        operation = self.client._start_operation("rename", {"new_name": "new.localhost"})
        # The heir has reserved the name, but has no database yet.
        self.new(dbname="new.localhost", async_creation=True)
        with mute_logger("odoo.sql_db", "odoo.addons.saas_portal.models.saas_portal_operation"):
            operation._run()
        self.env.invalidate_all()
        self.assertEqual((operation.state, self.client.name), ("failed", "acme.localhost"))
        self.assertEqual(self.driver.status("acme.localhost").key, self.client.client_id)

    # -- delete, restore, purge --------------------------------------------------------------------

    def test_a_deleted_client_is_kept_out_of_reach_for_the_plans_days(self):
        self.plan.retention_days = 3
        self.do("delete_database")
        trash = f"saas-trash-{self.client.client_id}"
        self.assertEqual((self.client.state, self.client.trash_name), ("deleted", trash))
        self.assertAlmostEqual(
            self.client.purge_at,
            fields.Datetime.now() + timedelta(days=3),
            delta=timedelta(minutes=1),
        )
        self.assertFalse(self.driver.status("acme.localhost").exists)
        self.assertFalse(self.driver.status(trash).running)
        self.assertTrue(self.do("delete_database"), "again is harmless")

    def test_without_retention_the_database_is_dropped_at_once(self):
        self.plan.retention_days = 0
        self.do("delete_database")
        self.assertEqual((self.client.state, self.client.trash_name), ("deleted", False))
        self.assertEqual(self.driver.list(), [])

    def test_the_name_of_a_deleted_client_is_free(self):
        self.do("delete_database")
        heir = self.new(dbname="acme.localhost")
        self.assertEqual(self.driver.status("acme.localhost").key, heir.client_id)

    def test_a_deletion_that_fails_keeps_the_state(self):
        self.driver.failures["rename"] = DriverUnavailable("In use.")
        with self.refused("In use."):
            self.do("delete_database")
        self.assertEqual(self.client.state, "open")
        self.assertEqual(
            self.client.operation_error, "In use. Check that the server runs, then retry."
        )

    def test_a_restored_client_is_open_under_its_name(self):
        self.do("delete_database")
        self.do("action_restore")
        self.assertEqual((self.client.state, self.client.trash_name), ("open", False))
        self.assertFalse(self.client.purge_at or self.client.deleted_at)
        self.assertTrue(self.driver.status("acme.localhost").running)
        with self.refused("is taken"):
            self.new(dbname="acme.localhost")

    def test_a_restored_client_is_suspended_for_what_it_was(self):
        self.client.write({"state": "pending", "suspended_for": "storage", "rung": "closed"})
        self.do("delete_database")
        self.driver.usages["acme.localhost"] = Usage(1, 30.0, 10.0, True)
        self.do("action_restore")
        self.assertEqual((self.client.state, self.client.suspended_for), ("pending", "storage"))

    def test_a_client_whose_name_was_taken_meanwhile_cannot_be_restored(self):
        self.do("delete_database")
        heir = self.new(dbname="acme.localhost")
        with self.refused("acme.localhost is taken"):
            self.do("action_restore")
        self.assertEqual(self.client.state, "deleted")
        self.assertFalse(self.driver.status(self.client.trash_name).running)
        self.assertEqual(self.driver.status("acme.localhost").key, heir.client_id)

    def test_what_was_dropped_cannot_be_restored(self):
        self.do("delete_database")
        self.do("action_purge")
        self.assertEqual(self.driver.list(), [])
        self.assertFalse(self.client.trash_name)
        with self.refused("cannot be restored"):
            self.do("action_restore")

    def test_the_cron_drops_what_is_due_and_nothing_else(self):
        kept = self.new(dbname="kept.localhost")
        for client in (self.client, kept):
            self.call(self.manager, "saas_portal.client", "delete_database", client.ids)
        self.client.purge_at = fields.Datetime.now() - timedelta(seconds=1)
        for _twice in range(2):
            self.env.flush_all()
            with self.registry.cursor() as cr:
                self.env(cr=cr)["saas_portal.client"]._cron_purge()
            self.run_operations()
        self.assertEqual([found.key for found in self.driver.list()], [kept.client_id])
        self.assertEqual((self.client.trash_name, bool(kept.trash_name)), (False, True))

    def test_a_record_is_removed_only_when_nothing_stands_behind_it(self):
        for state in ("open", "pending", "building"):
            self.client.state = state
            with self.refused("delete that first"):
                self.do("unlink")
        self.client.state = "open"
        self.do("delete_database")
        with self.refused("delete that first"):
            self.do("unlink")
        self.do("action_purge")
        self.do("unlink")
        self.assertFalse(self.client.exists())

    # -- wizards -----------------------------------------------------------------------------------

    def test_the_delete_wizard_asks_for_the_name(self):
        wizard = (
            self.env["saas_portal.delete_client"]
            .with_user(self.manager)
            .with_context(active_ids=self.client.ids)
            .create({})
        )
        for confirmation in (False, "", "acme", "ACME.localhost"):
            wizard.confirmation = confirmation
            with self.refused("acme.localhost"):
                self.call(self.manager, wizard._name, "action_apply", wizard.ids)
        self.assertEqual(self.client.state, "open")
        wizard.confirmation = " acme.localhost "
        self.call(self.manager, wizard._name, "action_apply", wizard.ids)
        self.assertEqual(self.client.state, "deleted")

    def test_the_rename_wizard_renames(self):
        wizard = (
            self.env["saas_portal.rename_client"]
            .with_user(self.user)
            .with_context(active_id=self.client.id)
            .create({"name": " new.localhost "})
        )
        self.assertEqual(wizard.old_name, "acme.localhost")
        self.call(self.user, wizard._name, "action_apply", wizard.ids)
        self.assertEqual(self.client.name, "new.localhost")

    def test_the_create_wizard_creates_in_the_background_and_keeps_no_password(self):
        wizard = (
            self.env["saas_portal.create_client"]
            .with_user(self.user)
            .create(
                {
                    "plan_id": self.plan.id,
                    "name": " new.localhost ",
                    "user_id": self.customer.id,
                    "owner_password": "correct horse",
                }
            )
        )
        self.assertEqual(wizard.partner_id, self.customer.partner_id)
        self.env.invalidate_all()
        self.assertNotIn("correct horse", str(wizard.sudo().read()))
        action = self.call(self.user, wizard._name, "action_apply", wizard.ids)
        client = self.env["saas_portal.client"].browse(action["res_id"])
        self.assertEqual((client.name, client.state), ("new.localhost", "building"))
        self.assertFalse(wizard.sudo().owner_password_hash)
        self.run_operations()
        self.assertEqual(client.state, "open")
        self.assertTrue(
            self.env["res.users"]
            ._crypt_context()
            .verify("correct horse", self.transport.payloads[-1]["owner"]["password_hash"])
        )
