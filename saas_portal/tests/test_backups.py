import os
import tempfile
import time
from datetime import timedelta
from pathlib import Path

from odoo import fields
from odoo.exceptions import AccessError
from odoo.tests import tagged

from ..lib.saas_driver import DriverUnavailable
from .common import SaasPortalCase
from .test_pages import PagesCase


class BackupsCase(SaasPortalCase):
    def setUp(self):
        super().setUp()
        folder = self.enterContext(tempfile.TemporaryDirectory())
        self.folder = Path(folder) / "saas_backups"
        backups = self.registry["saas_portal.client.backup"]
        self.patch(backups, "_get_folder", lambda backup: self.folder)
        self.client = self.new(dbname="acme.localhost")

    def back_up(self, client=None):
        client = client or self.client
        self.call(self.user, "saas_portal.client", "action_backup", [client.id])
        self.run_operations()
        return client.backup_ids[0]


class TestBackups(BackupsCase):
    # -- writing -----------------------------------------------------------------------------------

    def test_a_backup_is_written_read_again_and_kept_for_the_plans_days(self):
        self.plan.backup_days = 3
        backup = self.back_up()
        self.assertEqual((backup.state, backup.file_count, backup.user_id.id), (
            "ready", 1, self.user.id,
        ))  # fmt: skip
        self.assertTrue(backup.file_name.startswith("acme.localhost_"))
        self.assertTrue(backup._get_path().exists())
        self.assertAlmostEqual(
            backup.expires_at,
            fields.Datetime.now() + timedelta(days=3),
            delta=timedelta(minutes=1),
        )
        operation = self.client.operation_ids[0]
        self.assertEqual(
            (operation.kind, operation.state, operation.progress), ("backup", "done", 100)
        )

    def test_a_backup_that_fails_leaves_no_file_and_can_be_tried_again(self):
        real = self.driver.backup

        def write_half(ref, archive):
            real(ref, archive)
            archive.write_bytes(b"half")

        self.driver.backup = write_half
        backup = self.back_up()
        self.assertEqual(backup.state, "failed")
        self.assertEqual(list(self.folder.iterdir()), [])
        self.assertIn("no whole backup", self.client.operation_error)
        self.driver.backup = real
        operation = self.client.operation_ids[0]
        operation.step_ids.state = "pending"
        self.call(self.user, "saas_portal.operation", "action_retry", [operation.id])
        self.run_operations()
        self.assertEqual(backup.state, "ready")

    def test_a_server_that_does_not_answer_is_asked_again(self):
        self.driver.failures["backup"] = DriverUnavailable("no answer")
        backup = self.back_up()
        self.assertEqual(backup.state, "pending")
        self.driver.failures.clear()
        self.client.operation_ids[0].next_attempt_at = False
        self.run_operations()
        self.assertEqual(backup.state, "ready")

    def test_what_has_no_database_is_not_backed_up(self):
        self.client._set_deleted()
        with self.refused("deleted"):
            self.call(self.user, "saas_portal.client", "action_backup", [self.client.id])

    def test_there_are_so_many_backups_and_no_more(self):
        for _time in range(5):
            self.back_up()
        with self.refused("remove one first"):
            self.call(self.user, "saas_portal.client", "action_backup", [self.client.id])

    # -- keeping -----------------------------------------------------------------------------------

    def test_old_backups_and_what_a_crash_left_are_removed(self):
        old, young = self.back_up(), self.back_up()
        old.expires_at = "2020-01-01"
        part, fresh = self.folder / ".half.zip.x", self.folder / ".now.zip.x"
        for path in (part, fresh):
            path.write_text("half")
        yesterday = time.time() - 2 * 86400
        os.utime(part, (yesterday, yesterday))
        paths = old._get_path(), young._get_path()
        self.env["saas_portal.client.backup"]._gc_backups()
        self.assertFalse(old.exists())
        self.assertEqual(
            [path.exists() for path in (*paths, part, fresh)], [False, True, False, True]
        )

    def test_a_manager_removes_a_backup_with_its_file(self):
        backup = self.back_up()
        path = backup._get_path()
        with self.assertRaises(AccessError):
            backup.with_user(self.user).unlink()
        backup.with_user(self.manager).unlink()
        self.assertFalse(path.exists())

    def test_one_that_is_being_written_is_not_removed(self):
        self.call(self.user, "saas_portal.client", "action_backup", [self.client.id])
        with self.refused("being written"):
            self.client.backup_ids.with_user(self.manager).unlink()

    def test_where_the_file_is_nobody_reads(self):
        backup = self.back_up()
        self.assertNotIn("key", backup.with_user(self.manager).read()[0])
        with self.assertRaises(AccessError):
            backup.with_user(self.manager).read(["key"])

    # -- going back --------------------------------------------------------------------------------

    def restore(self, backup, typed="acme.localhost", user=None):
        wizard = self.env["saas_portal.restore_backup"].with_user(user or self.manager)
        wizard = wizard.create({"backup_id": backup.id, "confirmation": typed})
        self.call(user or self.manager, wizard._name, "action_apply", [wizard.id])
        self.run_operations()

    def test_a_backup_is_restored_after_what_is_there_was_backed_up(self):
        self.client.sudo().max_users = 7
        backup = self.back_up()
        self.transport.calls.clear()
        self.restore(backup)
        operation = self.client.operation_ids[0]
        self.assertEqual(
            (operation.kind, operation.state), ("restore_backup", "done"), operation.error
        )
        self.assertEqual(self.driver.restored, "-- what acme.localhost held")
        self.assertEqual(self.driver.identity.database_uuid, self.client.client_id)
        self.assertEqual(len(self.client.backup_ids), 2)
        told = self.params_of(self.transport.payloads[0])
        self.assertEqual(told["saas_client.max_users"], "7")
        self.assertEqual(told["saas_client.suspended"], "0")

    def test_a_suspended_client_stays_suspended_when_it_is_restored(self):
        backup = self.back_up()
        self.suspend(self.client)
        self.transport.calls.clear()
        self.restore(backup)
        self.assertEqual(self.params_of(self.transport.payloads[0])["saas_client.suspended"], "1")
        self.driver.usages["acme.localhost"] = self.driver.usage(self.client._get_ref())

    def test_restoring_needs_the_name_and_a_manager(self):
        backup = self.back_up()
        with self.refused("Type"):
            self.restore(backup, typed="acme")
        with self.refused(error=AccessError):
            self.restore(backup, user=self.user)
        with self.refused(error=AccessError):
            self.client.with_user(self.user)._restore_backup(backup)
        self.assertNotIn("restore", [verb for verb, _name in self.driver.calls])

    def test_a_backup_of_another_client_is_not_restored_here(self):
        other = self.new(dbname="other.localhost")
        backup = self.back_up(other)
        with self.refused("no backup of this client"):
            self.client.with_user(self.manager)._restore_backup(backup)

    # -- copies ------------------------------------------------------------------------------------

    def duplicate(self, name="copy.localhost", user=None):
        wizard = self.env["saas_portal.duplicate_client"].with_user(user or self.user)
        wizard = wizard.create({"client_id": self.client.id, "name": name})
        action = self.call(user or self.user, wizard._name, "action_apply", [wizard.id])
        self.run_operations()
        return self.env["saas_portal.client"].browse(action["res_id"])

    def test_a_copy_is_a_client_of_its_own_with_the_same_limits(self):
        self.client.sudo().write({"max_users": 9, "total_storage_limit": 90})
        copy = self.duplicate()
        self.assertEqual((copy.name, copy.state), ("copy.localhost", "open"), copy.operation_error)
        self.assertEqual((copy.max_users, copy.total_storage_limit), (9, 90))
        self.assertEqual((copy.owner_id, copy.plan_id), (self.customer, self.plan))
        self.assertNotEqual(copy.client_id, self.client.client_id)
        self.assertEqual(self.driver.identity.database_uuid, copy.client_id)
        self.assertIn(("copy", "copy.localhost"), self.driver.calls)
        self.assertEqual(self.client.state, "open")

    def test_a_copy_needs_a_free_name_and_counts_for_the_plan(self):
        for name in ("acme.localhost", "No Name"):
            with self.refused():
                self.duplicate(name)
        self.plan.maximum_allowed_dbs_per_partner = 1
        with self.refused("allows 1 databases"):
            self.duplicate()
        self.assertEqual(self.plan.client_count, 1)

    def test_customers_and_other_employees_copy_and_back_up_nothing(self):
        backup = self.back_up()
        for user in (self.customer, self.internal):
            for model, values in (
                ("saas_portal.duplicate_client", {"client_id": self.client.id, "name": "x.y"}),
                ("saas_portal.restore_backup", {"backup_id": backup.id}),
            ):
                with self.refused(error=AccessError):
                    self.env[model].with_user(user).create(values)
            with self.refused(error=AccessError):
                self.call(user, "saas_portal.client", "action_backup", [self.client.id])
            with self.refused(error=AccessError):
                backup.with_user(user).read(["file_name"])
            with self.refused(error=AccessError):
                self.call(user, backup._name, "action_download", [backup.id])
        with self.refused(error=AccessError):
            self.call(self.user, backup._name, "action_download", [backup.id])


@tagged("post_install", "-at_install")
class TestBackupPages(BackupsCase, PagesCase):
    def setUp(self):
        super().setUp()
        self.url = f"/my/databases/{self.client.id}"
        self.log_in()

    def test_a_customer_makes_a_backup_and_downloads_it(self):
        self.post(f"{self.url}/backup", page=self.url, status=303)
        self.assertIn("Being written", self.page(self.url))
        self.run_operations()
        backup = self.client.backup_ids
        text = self.page(self.url)
        self.assertIn(backup._get_url(), text)
        response = self.url_open(backup._get_url())
        self.assertEqual(response.status_code, 200)
        self.assertEqual(response.content, backup._get_path().read_bytes())
        self.assertIn(backup.file_name, response.headers["Content-Disposition"])
        self.assertEqual(response.headers["Content-Type"], "application/zip")
        self.assertEqual(response.headers["Cache-Control"], "no-store")
        note = self.client.message_ids[0]
        self.assertIn("Customer downloaded the backup", note.body)

    def test_one_backup_at_a_time(self):
        self.post(f"{self.url}/backup", page=self.url, status=303)
        token = self.read_token_of(self.page("/my/account"))
        self.post(f"{self.url}/backup", token=token, status=422)
        self.assertEqual(len(self.client.backup_ids), 1)

    def test_a_backup_is_for_its_owner_and_managers_alone(self):
        backup = self.back_up()
        url = backup._get_url()
        other = self.new(dbname="other.localhost", user_id=self.stranger.id)
        self.log_in(self.stranger)
        self.page(url, status=404)
        self.page(f"/my/databases/{other.id}/backups/{backup.id}", status=404)
        token = self.read_token_of(self.page("/my/account"))
        self.post(f"{self.url}/backup", token=token, status=404)
        for user, status in ((self.user, 404), (self.internal, 404), (self.manager, 200)):
            user.password = "customer password"
            self.log_in(user)
            self.page(url, status=status)
        self.authenticate(None, None)
        response = self.url_open(url, allow_redirects=False)
        self.assertEqual(response.status_code, 303)
        self.assertIn("/web/login", response.headers["Location"])

    def test_what_is_over_its_time_failed_or_lost_is_not_found(self):
        backup = self.back_up()
        backup.state = "failed"
        self.page(backup._get_url(), status=404)
        backup.write({"state": "ready", "expires_at": "2020-01-01"})
        self.page(backup._get_url(), status=404)
        self.assertNotIn(backup._get_url(), self.page(self.url))
        backup.expires_at = "2099-01-01"
        self.page(backup._get_url())
        backup._get_path().unlink()
        self.page(backup._get_url(), status=404)

    def test_a_manager_of_another_company_gets_no_backup(self):
        backup = self.back_up()
        company = self.env["res.company"].create({"name": "Second"})
        self.client.company_id = company
        self.manager.password = "customer password"
        self.env.flush_all()
        self.log_in(self.manager)
        self.page(backup._get_url(), status=404)
