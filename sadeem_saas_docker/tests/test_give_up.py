from odoo.tests import tagged

from odoo.addons.saas_portal.lib.saas_driver import DriverUnavailable
from odoo.addons.sadeem_portainer.lib.portainer_api import Unavailable

from .common import DockerCase


@tagged("post_install", "-at_install")
class TestGiveUp(DockerCase):
    """The way forward for clients of a host that does not come back."""

    def setUp(self):
        super().setUp()
        self.client = self.new(dbname="acme.localhost")

    def give_up(self):
        vals = {"client_id": self.client.id, "confirmation": "acme.localhost"}
        wizard = "saas_portal.give_up_client"
        (wizard_id,) = self.call(self.manager, wizard, "create", [vals])
        return self.call(self.manager, wizard, "action_apply", [wizard_id])

    def lose_host(self):
        self.fake.failures["list_containers"] = Unavailable(
            "Portainer", "list containers", "no route to host"
        )
        for verb in ("status", "rename", "halt", "delete"):
            self.driver.failures[verb] = DriverUnavailable("No route to host")

    def test_a_client_of_a_host_that_burnt_down_is_given_up(self):
        stack = self.client.docker_stack_id.name
        self.lose_host()
        with self.refused("No route to host"):
            self.act(self.client, "delete_database", self.manager)
        self.give_up()
        self.assertEqual((self.client.state, self.client.name_released), ("deleted", True))
        self.assertEqual(self.left_behind(), {**self.NOTHING, "stacks": [stack]})
        message = self.client.message_ids.filtered(lambda mail: "Given up by" in mail.body)
        self.assertIn(f"stack {stack} may still run on", message.body)

    def test_a_host_that_answers_is_no_reason_to_give_up(self):
        with self.refused("answers. Delete the client instead"):
            self.give_up()
        self.assertEqual(self.client.state, "open")
        self.assertTrue(self.client.docker_stack_id)
