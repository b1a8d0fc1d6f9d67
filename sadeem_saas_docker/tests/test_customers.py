from odoo.exceptions import AccessError
from odoo.tests import tagged

from .common import DockerCase


@tagged("post_install", "-at_install")
class TestCustomers(DockerCase):
    """What the customers of a client see of the machines that it runs on."""

    def test_who_watches_a_creation_reads_of_a_database_and_not_of_stacks(self):
        client = self.new(dbname="acme.localhost", **{"async": True})
        titles = [step["name"] for step in client._get_progress()["steps"]]
        self.assertEqual(
            titles,
            [
                "Make room for the database",
                "Prepare the settings",
                "Start the database",
                "Copy apps and settings",
                "Set owner and limits",
                "Wait until the database can be used",
                "Open",
            ],
        )
        self.run_operations()

    def test_no_step_of_any_work_speaks_of_stacks_to_the_customer(self):
        client = self.new(dbname="acme.localhost")
        for kind in ("create", "rebuild", "restart", "rename", "delete", "restore", "configure"):
            operation = client._start_operation(kind, {"new_name": "shop.localhost"})
            for step in client._get_progress()["steps"]:
                for word in ("stack", "revision", "place", "Odoo"):
                    self.assertNotIn(word, step["name"].split(), kind)
            operation.state = "cancelled"

    def test_a_customer_reads_nothing_of_how_the_machines_are_set(self):
        client = self.new(dbname="acme.localhost").with_user(self.customer)
        self.assertEqual(client.read(["name"])[0]["name"], "acme.localhost")
        for name in self.env["sadeem.saas.docker.settings"]._get_docker_settings():
            with self.subTest(name), self.assertRaises(AccessError):
                client.read([name])
        self.assertFalse([name for name in client.read()[0] if name.startswith("docker_")])
