from odoo.tests import HttpCase, tagged

from .common import COMPOSE, SERVER, FakePortainer


@tagged("post_install", "-at_install")
class TestScreens(HttpCase):
    """The backend in a real browser, on a server in memory."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        fake = FakePortainer()
        cls.classPatch(
            cls.registry["sadeem.portainer"], "_get_client", lambda server, tls=None: fake
        )
        server = cls.env["sadeem.portainer"].create(
            {"name": "Tour Server", "ip": "10.0.0.1", "portainer_link": SERVER}
        )
        server.state = "confirmed"
        environment = cls.env["sadeem.portainer.environment"].create(
            {
                "name": "Tour Environment",
                "ip": "10.0.0.1",
                "portainer_id": server.id,
                "portainer_environment_id": 1,
                "max_running_containers": 4,
            }
        )
        fake.put(1, "tour-stack", COMPOSE)
        fake.volumes[1, "tour-stack"] = ["tour-stack_data"]
        stack = cls.env["sadeem.portainer.stack"].create(
            {
                "name": "tour-stack",
                "environment_id": environment.id,
                "compose": COMPOSE,
                "variable_ids": [(0, 0, {"name": "PASSWORD"})],
            }
        )
        stack.write(
            {
                "state": "active",
                "remote_id": 41,
                "containers": stack._prepare_containers(tuple(fake.containers[1, "tour-stack"])),
            }
        )
        cls.env["sadeem.portainer.image"].create(
            {
                "name": "tour-image",
                "odoo_version": "19.0",
                "tag_ids": [(0, 0, {"name": "tour"})],
                "line_ids": [(0, 0, {"environment_id": environment.id})],
            }
        )
        cls.root = cls.env["sadeem.root.server"].create(
            {"name": "Tour Root", "host": "10.0.0.1", "password": "hunter2"}
        )
        cls.fake = fake

    def test_every_screen_opens(self):
        self.start_tour("/odoo/portainer", "sadeem_portainer_screens", login="admin")
        self.assertEqual(self.fake.called("exec")[0][2], ["ls", "-l"])
        self.assertEqual(self.root.operation_id.state, "cancelled")
