from odoo.exceptions import AccessError

from ..lib.saas_driver import DriverUnavailable
from .common import SaasPortalCase


class TestGiveUp(SaasPortalCase):
    """The way forward for clients whose server does not come back."""

    def setUp(self):
        super().setUp()
        self.client = self.new(dbname="acme.localhost")

    def give_up(self, user=None, typed="acme.localhost"):
        user, model = user or self.manager, "saas_portal.give_up_client"
        vals = {"client_id": self.client.id, "confirmation": typed}
        (wizard_id,) = self.call(user, model, "create", [vals])
        return self.call(user, model, "action_apply", [wizard_id])

    def lose_server(self):
        for verb in ("status", "rename", "delete", "usage"):
            self.driver.failures[verb] = DriverUnavailable("Nobody there.")

    def test_the_name_and_the_place_in_the_plan_are_free_again(self):
        self.plan.maximum_allowed_dbs_per_partner = 1
        self.lose_server()
        with self.refused("Nobody there."):
            self.client.with_user(self.manager).delete_database()
        self.assertEqual(self.client.state, "open")
        self.give_up()
        self.assertEqual((self.client.state, self.client.name_released), ("deleted", True))
        self.assertFalse(self.client.trash_name)
        self.assertEqual(self.client.operation_ids[:1].kind, "give_up")
        message = self.client.message_ids.filtered(lambda mail: "Given up by" in mail.body)
        self.assertIn("may still be on Test Server", message.body)
        self.driver.failures.clear()
        self.driver.databases.pop("acme.localhost")
        self.assertEqual(self.new(dbname="acme.localhost").state, "open")

    def test_a_client_whose_database_vanished_is_given_up(self):
        self.driver.databases.pop("acme.localhost")
        self.give_up()
        self.assertEqual(self.client.state, "deleted")

    def test_what_waits_for_the_server_is_cancelled(self):
        self.lose_server()
        waiting = self.client._start_operation("configure", {"payload": {}, "policy": True})
        self.give_up()
        self.assertEqual(waiting.state, "cancelled")
        self.assertEqual(self.client.state, "deleted")

    def test_a_deleted_client_that_cannot_be_purged_is_given_up(self):
        self.client.with_user(self.manager).delete_database()
        self.env.invalidate_all()
        self.assertTrue(self.client.trash_name)
        self.lose_server()
        self.give_up()
        self.assertFalse(self.client.trash_name or self.client.purge_at)
        with self.refused("has no database"):
            self.give_up()

    def test_a_client_of_an_archived_server_is_given_up(self):
        self.driver.databases.pop("acme.localhost")
        self.server.active = False
        self.give_up()
        self.assertEqual(self.client.state, "deleted")

    def test_a_client_that_is_there_is_not_given_up(self):
        with self.refused("Delete the client instead"):
            self.give_up()
        self.assertEqual(self.client.state, "open")

    def test_only_managers_give_up_and_say_what(self):
        self.lose_server()
        with self.refused(error=AccessError):
            self.give_up(self.user)
        with self.refused("Type “acme.localhost”"):
            self.give_up(typed="acme")
        self.assertEqual(self.client.state, "open")
