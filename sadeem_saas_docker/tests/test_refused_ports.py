from odoo.tests import tagged
from odoo.tools import mute_logger

from ..portainer_driver import PortRefused
from .common import DockerCase

OPERATIONS = "odoo.addons.saas_portal.models.saas_portal_operation"


@tagged("post_install", "-at_install")
class TestRefusedPorts(DockerCase):
    """A host has ports in use that no container shows."""

    def ports(self, client):
        return [client.docker_http_port, client.docker_gevent_port]

    def aside(self):
        self.env.invalidate_all()
        return self.environment.port_ids.filtered("set_aside")

    def test_a_creation_takes_others_instead_and_nobody_is_given_them_again(self):
        self.driver.refused_ports = {10001, 10003}
        client = self.new()
        self.assertEqual(client.state, "open")
        self.assertEqual(self.ports(client), [10004, 10002])
        self.assertIn('published: "10004"', self.deployed(client))
        self.assertTrue(client.docker_revision_id.deployed_at)
        self.assertFalse(client.docker_difference)
        self.assertEqual(self.aside().mapped("port"), [10001, 10003])
        self.assertIn(f"refused to saas-{client.client_id}", self.aside()[0].purpose)
        self.assertEqual(self.ports(self.new()), [10005, 10006])
        client.plan_id.retention_days = 0
        self.act(client, "delete_database", self.manager)
        self.assertEqual(self.aside().mapped("port"), [10001, 10003])
        self.driver.refused_ports = set()
        self.aside().action_release()
        self.assertEqual(self.ports(self.new()), [10001, 10002])

    @mute_logger(OPERATIONS)
    def test_where_one_after_the_other_is_refused_the_creation_ends_and_names_them(self):
        self.driver.refused_ports = {10001, *range(10003, 10100)}
        with self.refused("listens at the ports 10001, 10003, 10004, 10005, 10006, 10007"):
            self.new(dbname="acme.localhost")
        # Here the failed step takes with it what is set aside; on a real engine that stays.
        self.assertEqual(self.left_behind(), self.NOTHING)
        self.driver.refused_ports = set()
        client = self.env["saas_portal.client"].search([("name", "=", "acme.localhost")])
        self.act(client, "action_retry")
        self.run_operations()
        self.assertEqual(client.state, "open")

    @mute_logger(OPERATIONS)
    def test_without_another_one_it_is_told_so_and_nothing_is_left(self):
        self.environment.next_port = 65533
        self.driver.refused_ports = {65534}
        with self.refused("no 1 free ports"):
            self.new()
        self.assertEqual(self.left_behind(), self.NOTHING)

    @mute_logger(OPERATIONS)
    def test_a_client_that_is_there_keeps_its_ports_and_names_the_one_it_lacks(self):
        client = self.new()
        self.driver.refused_ports = {client.docker_http_port}
        self.rebuild(client)
        self.assertIn("the host has no port 10001", client.operation_error)
        self.assertEqual(self.ports(client), [10001, 10002])
        self.assertFalse(self.aside())

    @mute_logger(OPERATIONS)
    def test_a_port_that_is_not_its_own_is_no_reason_to_take_another(self):
        self.patch(self.driver, "deploy", self.refuse_another)
        with self.refused("the host has no port 9"):
            self.new()
        self.assertFalse(self.aside())

    def refuse_another(self, ref, base_url=""):
        raise PortRefused("acme: the host has no port 9.", 9)
