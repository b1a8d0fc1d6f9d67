from datetime import timedelta

from odoo import fields
from odoo.exceptions import AccessError
from odoo.tests import tagged

from ..lib.saas_wire import ClientDenied
from .common import SaasPortalCase


@tagged("post_install", "-at_install")
class TestKeys(SaasPortalCase):
    """Changing the portal's key, while every client goes on being reached."""

    def setUp(self):
        super().setUp()
        self.keyring = self.env["saas_portal.keyring"]
        self.admin = self.env.ref("base.user_admin")
        self.client = self.new(dbname="acme.localhost")
        self.first = self.keyring._get_signing_key()

    def rotate(self, user=None):
        wizard = self.env["saas_portal.rotate_keys"].with_user(user or self.admin).create({})
        self.call(user or self.admin, wizard._name, "action_rotate_keys", wizard.ids)

    def drop(self):
        wizard = self.env["saas_portal.rotate_keys"].with_user(self.admin).create({})
        self.call(self.admin, wizard._name, "action_drop_former_key", wizard.ids)

    def test_a_client_is_told_in_the_former_key_until_it_has_the_new_one(self):
        self.rotate()
        second = self.keyring._get_signing_key()
        self.assertNotEqual(second.key_id, self.first.key_id)
        self.assertEqual(self.client._get_signing_key().key_id, self.first.key_id)
        self.run_operations()
        self.assertEqual(self.client.key_id, second.key_id)
        self.assertEqual(self.client._get_signing_key().key_id, second.key_id)
        given = [sent["portal_keys"] for sent in self.transport.payloads if "portal_keys" in sent]
        self.assertEqual(given, [second.public_pem() + self.first.public_pem()])
        self.assertEqual(
            self.transport.key_ids[-2:], [self.first.key_id, second.key_id], "told, then tried"
        )

    def test_a_client_that_does_not_take_the_new_key_goes_on_with_the_former(self):
        self.rotate()
        second = self.keyring._get_signing_key()
        self.transport.refuse_keys = {second.key_id: ClientDenied("no")}
        self.run_operations()
        self.assertEqual(self.client.current_operation_id.state, "failed")
        self.assertIn("saas_client_portal_keys", self.client.current_operation_id.error)
        self.assertEqual(self.client._get_signing_key().key_id, self.first.key_id)
        self.up(self.client, params=[])
        self.transport.refuse_keys = {}
        self.call(self.user, "saas_portal.client", "action_retry", self.client.ids)
        self.run_operations()

    def test_new_clients_know_both_keys_and_are_spoken_to_in_the_new_one(self):
        self.rotate()
        second = self.keyring._get_signing_key()
        client = self.new(dbname="shop.localhost")
        self.assertEqual(client._get_signing_key().key_id, second.key_id)
        self.assertEqual(
            self.driver.identity.portal_key, second.public_pem() + self.first.public_pem()
        )

    def test_the_former_key_is_dropped_when_everybody_has_the_new_one(self):
        self.rotate()
        with self.refused("acme.localhost"):
            self.drop()
        self.assertTrue(self.keyring._get_former_key())
        self.run_operations()
        self.drop()
        self.assertFalse(self.keyring._get_former_key())
        self.run_operations()
        second = self.keyring._get_signing_key()
        self.assertEqual(self.transport.payloads[-1]["portal_keys"], second.public_pem())

    def test_who_is_made_while_the_key_changes_is_told_afterwards(self):
        made, failed = self.new(dbname="made.localhost"), self.new(dbname="failed.localhost")
        for client in (made, failed):
            client.sudo()._set_broken(release_name=False)
            client.sudo()._set_building()
        self.rotate()
        second = self.keyring._get_signing_key()
        self.assertIn(made, made._find_behind(second.key_id))
        made.sudo()._set_open()
        failed.sudo()._set_broken(release_name=False)
        self.run_operations()
        self.assertEqual(made.key_id, second.key_id)
        self.assertEqual(failed.key_id, self.first.key_id)
        self.assertEqual(failed.operation_ids[:1].state, "done")

    def test_a_key_that_another_process_has_dropped_is_given_to_nobody(self):
        """Odoo tells a process of changed parameters between its jobs only"""
        self.rotate()
        former = "saas_portal.signing_key_former"
        self.assertTrue(self.env["ir.config_parameter"].get_param(former), "remembered from now on")
        self.env.cr.execute("DELETE FROM ir_config_parameter WHERE key = %s", [former])
        self.run_operations()
        given = [sent["portal_keys"] for sent in self.transport.payloads if "portal_keys" in sent]
        self.assertEqual(given, [self.keyring._get_signing_key().public_pem()])

    def test_one_change_follows_the_other(self):
        self.rotate()
        with self.refused("former one is still kept"):
            self.rotate()

    def test_a_deleted_client_that_can_be_restored_keeps_the_former_key_alive(self):
        self.server.internal_url = "http://10.0.0.5:8069"
        self.call(self.manager, "saas_portal.client", "delete_database", self.client.ids)
        self.rotate()
        self.run_operations()
        with self.refused("acme.localhost"):
            self.drop()
        self.call(self.manager, "saas_portal.client", "action_restore", self.client.ids)
        self.assertEqual(self.client.key_id, self.keyring._get_signing_key().key_id)
        self.drop()

    def test_a_deleted_client_beside_the_portal_finds_the_keys_on_its_return(self):
        self.call(self.manager, "saas_portal.client", "delete_database", self.client.ids)
        self.rotate()
        self.drop()
        self.call(self.manager, "saas_portal.client", "action_restore", self.client.ids)
        self.assertEqual(self.client.key_id, self.keyring._get_signing_key().key_id)

    def test_the_former_key_goes_by_itself_after_a_day(self):
        self.rotate()
        self.run_operations()
        self.keyring._cron_drop_former_key()
        self.assertTrue(self.keyring._get_former_key(), "both are accepted for a while")
        yesterday = fields.Datetime.now() - timedelta(hours=25)
        self.env["ir.config_parameter"].set_param(
            "saas_portal.signing_key_changed_at", fields.Datetime.to_string(yesterday)
        )
        self.client.key_id = self.first.key_id
        self.keyring._cron_drop_former_key()
        self.assertTrue(self.keyring._get_former_key(), "a client needs it")
        self.client.key_id = self.keyring._get_signing_key().key_id
        self.env.flush_all()
        self.keyring._cron_drop_former_key()
        self.env.invalidate_all()
        self.assertFalse(self.keyring._get_former_key())

    def test_a_stopped_client_is_started_for_it_and_stopped_again(self):
        self.client.rung = "stopped"
        self.rotate()
        self.run_operations()
        self.assertEqual(self.client.key_id, self.keyring._get_signing_key().key_id)
        self.assertEqual(self.driver.calls[-1], ("stop", "acme.localhost"))

    def test_the_server_that_they_share_is_told_too(self):
        self.rotate()
        (path,) = self.anchor.glob("*.pem")
        self.assertEqual(path.read_text(), self.keyring._get_public_keys())
        self.assertIn(self.first.public_pem(), path.read_text())

    def test_private_keys_are_kept_encrypted(self):
        self.rotate()
        self.env.cr.execute("SELECT value FROM ir_config_parameter WHERE key LIKE 'saas_portal.s%'")
        stored = " ".join(row[0] for row in self.env.cr.fetchall())
        self.assertNotIn("PRIVATE", stored)
        for key in (self.first, self.keyring._get_signing_key()):
            self.assertNotIn(key.private_pem().splitlines()[1], stored)

    def test_only_administrators_of_odoo_change_keys(self):
        for user in (self.manager, self.user, self.internal, self.customer):
            wizard = self.env["saas_portal.rotate_keys"].sudo().create({})
            for attempt in (
                lambda user=user: self.rotate(user),
                lambda user=user, wizard=wizard: wizard.with_user(user).read(["current_key"]),
                lambda user=user, wizard=wizard: wizard.with_user(user).action_rotate_keys(),
                lambda user=user, wizard=wizard: wizard.with_user(user).action_drop_former_key(),
            ):
                with self.assertRaises(AccessError):
                    attempt()
        self.assertFalse(self.keyring._get_former_key())

    def test_the_window_shows_the_keys_and_who_is_behind(self):
        self.rotate()
        wizard = self.env["saas_portal.rotate_keys"].with_user(self.admin).create({})
        self.assertEqual(wizard.current_key, self.keyring._get_signing_key().key_id)
        self.assertEqual(wizard.former_key, self.first.key_id)
        self.assertEqual(wizard.behind_count, 1)
        self.assertEqual(wizard.public_keys.count("PUBLIC KEY"), 4)
        self.assertNotIn("PRIVATE", wizard.public_keys)
