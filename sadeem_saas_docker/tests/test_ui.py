from odoo.tests import HttpCase, tagged

from odoo.addons.sadeem_portainer.tests.common import FakePortainer

from ..lib.saas_stack import stack_name
from .test_placement import new_client

PORTAINER = "https://portainer.example.com:9443"


@tagged("post_install", "-at_install")
class TestScreens(HttpCase):
    """The forms in a real browser, on a Portainer in memory."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.fake = fake = FakePortainer()
        cls.classPatch(
            cls.registry["sadeem.portainer"], "_get_client", lambda server, tls=None: fake
        )
        portainer = cls.env["sadeem.portainer"].create(
            {"name": "Tour Portainer", "ip": "10.0.0.1", "portainer_link": PORTAINER}
        )
        portainer.state = "confirmed"
        cls.environment = cls.env["sadeem.portainer.environment"].create(
            {
                "name": "Tour Environment",
                "ip": "10.0.0.1",
                "bind_ip": "10.0.0.1",
                "portainer_id": portainer.id,
                "portainer_environment_id": 1,
                "connection": "up",
            }
        )
        tag = cls.env["sadeem.portainer.image.tag"].create({"name": "tour"})
        cls.image = cls.env["sadeem.portainer.image"].create(
            {
                "name": "saas-client",
                "odoo_version": "19.0",
                "tag_ids": [(6, 0, tag.ids)],
                "line_ids": [(0, 0, {"environment_id": cls.environment.id})],
            }
        )
        cls.server = cls.env["saas_portal.server"].create(
            {
                "name": "Tour Server",
                "driver": "portainer",
                "docker_image_id": cls.image.id,
                "docker_image_tag_id": tag.id,
            }
        )
        cls.client = new_client(
            cls.env,
            cls.server,
            "tour.localhost",
            docker_image_id=cls.image.id,
            docker_image_tag_id=tag.id,
        )
        cls.env.flush_all()
        cls.deploy(cls.client)
        deviation = {"environment_id": cls.environment.id}
        cls.env["sadeem.saas.docker.deviation"].create(
            [
                {
                    **deviation,
                    "kind": "down",
                    "stack": cls.client.docker_stack_id.name,
                    "client_id": cls.client.id,
                    "detail": "db",
                },
                {
                    **deviation,
                    "kind": "orphaned",
                    "stack": "saas-unknown",
                    "detail": "gone.localhost (1/2)",
                },
            ]
        )
        cls.env["sadeem.postgresql.server"].create(
            {"name": "Tour Databases", "host": "10.0.0.9", "login": "saas_admin"}
        )
        cls.plan = cls.env["saas_portal.plan"].create(
            {"name": "Tour Plan", "server_id": cls.server.id}
        )

    @classmethod
    def deploy(cls, client):
        """As the operations leave a client that is open, with its stack on the server."""
        placement = cls.env["sadeem.saas.docker.placement"].create(
            {
                "client_id": client.id,
                "environment_id": cls.environment.id,
                "containers": 2,
                "reason": "Tour Environment: it is the first in the order that has room; 50 of 50"
                " containers were free",
            }
        )
        stack = cls.env["sadeem.portainer.stack"].create(
            {
                "name": stack_name(client.client_id),
                "environment_id": cls.environment.id,
                "compose": "services: {}",
            }
        )
        client.write(
            {
                "docker_stack_id": stack.id,
                "docker_http_port": 10001,
                "docker_gevent_port": 10002,
                "docker_placement": placement.reason,
                "state": "open",
            }
        )
        settings = client._prepare_stack_settings()
        client._revise(cls.env.user, "Creation", settings)
        client._note_deployed()
        remote = cls.fake.put(1, stack.name, stack.compose)
        stack.write(
            {
                "state": "active",
                "remote_id": remote.id,
                "containers": stack._prepare_containers(tuple(cls.fake.containers[1, stack.name])),
            }
        )

    def open(self, record, tour):
        self.start_tour(f"/odoo/{record._name}/{record.id}", tour, login="admin")

    def test_the_form_of_a_client_shows_its_stack_on_every_page(self):
        self.open(self.client, "sadeem_saas_docker_client")
        self.assertEqual(self.fake.called("exec")[0][2], ["ls", "-l"])
        self.assertEqual(self.fake.called("logs")[-1][-1], 1000)
        self.assertEqual(self.client.docker_workers, 2)

    def test_the_form_of_a_server_shows_its_routing(self):
        self.open(self.server, "sadeem_saas_docker_server")

    def test_the_form_of_a_stack_leads_to_its_client(self):
        self.open(self.client.docker_stack_id, "sadeem_saas_docker_stack")

    def test_lists_of_deviations_places_and_postgresql_servers(self):
        self.start_tour(
            "/odoo/action-sadeem_saas_docker.sadeem_saas_docker_deviation_action",
            "sadeem_saas_docker_lists",
            login="admin",
        )

    def test_the_form_of_a_plan_has_what_its_new_clients_get(self):
        self.open(self.plan, "sadeem_saas_docker_plan")
        self.assertEqual(self.plan.docker_workers, 4)
