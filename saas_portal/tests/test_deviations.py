import uuid

from odoo.exceptions import AccessError

from ..lib.saas_driver import DriverUnavailable
from .common import SaasPortalCase


class TestDeviations(SaasPortalCase):
    def setUp(self):
        super().setUp()
        self.client = self.new(dbname="acme.localhost")
        self.portal_uuid = self.env["saas_portal.keyring"]._get_portal_uuid()

    def stray(self, name="stray.localhost", portal=None, running=True):
        """A database of which the portal has no record."""
        key = str(uuid.uuid4())
        self.driver.put(name, key, running)
        self.driver.portals[name] = self.portal_uuid if portal is None else portal
        return key

    def compare(self):
        self.call(self.manager, "saas_portal.server", "action_compare", [self.server.id])
        found = self.env["saas_portal.deviation"].search([("server_id", "=", self.server.id)])
        return {row.name: row for row in found}

    def adopt(self, deviation, user=None):
        vals = {
            "deviation_id": deviation.id,
            "plan_id": self.plan.id,
            "owner_id": self.customer.id,
            "partner_id": self.customer.partner_id.id,
        }
        return self.apply("saas_portal.adopt_database", vals, user)

    def remove(self, deviation, typed, user=None):
        vals = {"deviation_id": deviation.id, "confirmation": typed}
        return self.apply("saas_portal.remove_database", vals, user)

    def apply(self, model, vals, user):
        user = user or self.manager
        (wizard_id,) = self.call(user, model, "create", [vals])
        return self.call(user, model, "action_apply", [wizard_id])

    def test_a_server_as_the_records_say_has_no_deviation(self):
        self.new(dbname="gone.localhost").with_user(self.manager).delete_database()
        self.assertEqual(self.compare(), {})

    def test_only_what_this_portal_made_is_unknown(self):
        self.stray()
        self.stray("other.localhost", portal="another portal")
        found = self.compare()
        self.assertEqual(list(found), ["stray.localhost"])
        self.assertEqual(found["stray.localhost"].kind, "unknown")
        del self.driver.databases["stray.localhost"]
        self.assertEqual(self.compare(), {})

    def test_an_unknown_database_is_adopted_as_it_is(self):
        key = self.stray()
        deviation = self.compare()["stray.localhost"]
        action = self.adopt(deviation)
        client = self.env["saas_portal.client"].browse(action["res_id"])
        self.assertEqual((client.name, client.client_id), ("stray.localhost", key))
        self.assertEqual((client.state, client.owner_id), ("open", self.customer))
        self.assertFalse(client.expiration_datetime)
        self.assertFalse(client.max_users or client.total_storage_limit)
        self.run_operations()
        self.assertEqual(self.transport.calls[-1][0], "stray.localhost")
        self.assertTrue(client.policy_serial)
        self.assertEqual(self.compare(), {})

    def test_a_client_given_up_whose_database_came_back_is_itself_again(self):
        self.client.sudo()._set_deleted(trash_name=False)
        self.driver.portals["acme.localhost"] = self.portal_uuid
        action = self.adopt(self.compare()["acme.localhost"])
        self.assertEqual(action["res_id"], self.client.id)
        self.assertEqual((self.client.state, self.client.name_released), ("open", False))

    def test_an_unknown_database_is_removed_by_its_name(self):
        self.stray()
        deviation = self.compare()["stray.localhost"]
        with self.refused("Type “stray.localhost”"):
            self.remove(deviation, "acme.localhost")
        self.remove(deviation, "stray.localhost")
        self.assertNotIn("stray.localhost", self.driver.databases)
        self.assertFalse(deviation.exists())

    def test_what_became_a_client_meanwhile_is_neither_removed_nor_adopted(self):
        self.client.sudo()._set_deleted(trash_name=False)
        self.driver.portals["acme.localhost"] = self.portal_uuid
        deviation = self.compare()["acme.localhost"]
        self.client.sudo()._set_open()
        with self.refused("is not unknown any more"):
            self.remove(deviation, "acme.localhost")
        with self.refused("is not unknown any more"):
            self.adopt(deviation)
        self.assertIn("acme.localhost", self.driver.databases)

    def test_what_became_another_portals_meanwhile_is_not_removed(self):
        self.stray()
        deviation = self.compare()["stray.localhost"]
        self.driver.portals["stray.localhost"] = "another portal"
        with self.refused("is not unknown any more"):
            self.remove(deviation, "stray.localhost")

    def test_only_managers_decide(self):
        self.stray()
        deviation = self.compare()["stray.localhost"]
        with self.refused(error=AccessError):
            self.adopt(deviation, self.user)
        with self.refused(error=AccessError):
            self.remove(deviation, "stray.localhost", self.user)
        with self.refused(error=AccessError):
            self.call(self.user, "saas_portal.server", "action_compare", [self.server.id])
        self.assertIn("stray.localhost", self.driver.databases)

    def test_a_closed_database_is_listed_and_left_alone(self):
        self.stray("saas-trash-x", portal="", running=False)
        deviation = self.compare()["saas-trash-x"]
        self.assertIn("It is closed", deviation.explanation)
        with self.refused("is not unknown any more"):
            self.remove(deviation, "saas-trash-x")

    def test_a_client_without_its_database_has_vanished(self):
        key = self.driver.databases.pop("acme.localhost").key
        found = self.compare()["acme.localhost"]
        self.assertEqual((found.kind, found.client_id), ("vanished", self.client))
        self.driver.put("saas-trash-x", key, running=False)
        self.assertEqual(list(self.compare()), ["acme.localhost"])
        self.driver.databases.clear()
        self.driver.put("acme.localhost", key)
        self.assertEqual(self.compare(), {})

    def test_servers_are_compared_before_their_clients_are_read(self):
        self.stray()
        with self.registry.cursor() as cr:
            self.env(cr=cr)["saas_portal.client"]._cron_sync()
        found = self.env["saas_portal.deviation"].search([("name", "=", "stray.localhost")])
        self.assertIn(self.server, found.server_id)

    def test_a_server_that_does_not_answer_says_so(self):
        self.driver.failures["list"] = DriverUnavailable("Nobody there.")
        with self.refused("Nobody there."):
            self.compare()
