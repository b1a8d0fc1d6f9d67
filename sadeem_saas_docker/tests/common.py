from dataclasses import replace

from odoo.addons.saas_portal.lib.saas_driver import ClientRef
from odoo.addons.saas_portal.tests.common import FakeDriver, SaasPortalCase
from odoo.addons.sadeem_portainer import stack_calls
from odoo.addons.sadeem_portainer.tests.common import FakePortainer

from ..models import saas_portal_client_docker_steps
from ..orm_fleet import OrmFleet


class FakeDockerDriver(FakeDriver):
    """Databases in memory; stacks go where the records say, to a server in memory."""

    def __init__(self, server):
        super().__init__()
        self.server = server
        self.keys, self.neutralized = [], []

    def _deployment(self, ref):
        return OrmFleet(self.server).deployment(ref)

    def deploy(self, ref):
        self._begin("deploy", ref.name)
        deployment = self._deployment(ref)
        with deployment.place.portainer() as client:
            found = stack_calls.find_own(client, deployment.target)
            verb = stack_calls.update if found else stack_calls.create
            return verb(client, deployment.target).id

    def delete(self, ref):
        result = super().delete(ref)
        deployment = OrmFleet(self.server).standing(ref)
        with deployment.place.portainer() as client:
            stack_calls.delete(client, deployment.target)
        return result

    def halt(self, ref):
        self._begin("halt", ref.name)
        OrmFleet(self.server).standing(ref)
        for name, status in self.databases.items():
            if status.key == ref.key:
                self.databases[name] = replace(status, running=False)

    def rename(self, ref, new_name, base_url):
        result = super().rename(ref, new_name, base_url)
        self.deploy(ClientRef(new_name, ref.key))
        return result

    def copy(self, source, ref, identity, neutralize=False):
        self.neutralized += [ref.name] if neutralize else []
        return super().copy(source, ref, identity)

    def publish_keys(self, ref, identity):
        self._begin("publish_keys", ref.name)
        self.keys.append(identity.portal_key)


class DockerCase(SaasPortalCase):
    """A plan whose server has one Docker environment; nothing of it is real."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.portainer = cls.env["sadeem.portainer"].create(
            {
                "name": "Portainer",
                "ip": "10.1.0.5",
                "portainer_link": "https://portainer.example.com:9443",
                "access_token": "ptr_token",
            }
        )
        cls.portainer.state = "confirmed"
        cls.environment = cls.env["sadeem.portainer.environment"].create(
            {
                "name": "local",
                "ip": "10.1.0.7",
                "bind_ip": "10.1.0.7",
                "portainer_id": cls.portainer.id,
                "portainer_environment_id": 1,
                "connection": "up",
            }
        )
        cls.tag = cls.env["sadeem.portainer.image.tag"].create({"name": "19.0-test"})
        cls.other_tag = cls.env["sadeem.portainer.image.tag"].create({"name": "19.1-test"})
        cls.image = cls.env["sadeem.portainer.image"].create(
            {
                "name": "saas-client",
                "odoo_version": "19.0",
                "tag_ids": [(6, 0, (cls.tag | cls.other_tag).ids)],
                "environment_id": cls.environment.id,
            }
        )
        cls.server.write(
            {
                "driver": "portainer",
                "docker_image_id": cls.image.id,
                "docker_image_tag_id": cls.tag.id,
            }
        )
        cls.template.addon_versions = cls.server._read_addons([], fresh=True)

    def setUp(self):
        super().setUp()
        self.driver = FakeDockerDriver(self.server)
        self.driver.put("template-test", f"template {self.template.uuid}", running=False)
        self.fake = FakePortainer()
        self.patch(self.registry["sadeem.portainer"], "_get_client", lambda server: self.fake)
        self.patch(
            self.registry["saas_portal.client"], "_get_transport", lambda client: self.transport
        )
        self.asked, self.http_status = [], 200
        self.patch(saas_portal_client_docker_steps, "_ask", self._answer)
        self.patch(saas_portal_client_docker_steps, "_PATIENCE", 0)
        self.patch(saas_portal_client_docker_steps, "_PAUSE", 0)

    def _answer(self, url, host):
        self.asked.append((url, host))
        return self.http_status

    def change(self, client, vals, user=None):
        return self.call(user or self.user, "saas_portal.client", "write", client.ids, vals)

    def act(self, client, method, user=None):
        return self.call(user or self.user, client._name, method, client.ids)

    def rebuild(self, client, user=None):
        self.act(client, "action_rebuild", user)
        self.run_operations()

    def deployed(self, client):
        """The compose text of the client's stack on the server."""
        (text,) = [
            text
            for number, text in self.fake.files.items()
            if number in self.fake.stacks
            and self.fake.stacks[number].name == f"saas-{client.client_id}"
        ]
        return text

    def left_behind(self):
        """What the portal and the server still have of any client's stack."""
        return {
            "stacks": [stack.name for stack in self.fake.stacks.values()],
            "records": self.environment.stack_ids.mapped("name"),
            "ports": self.environment.port_ids.filtered(lambda port: not port.released).ids,
            "places": self.environment.placement_ids.ids,
        }

    NOTHING = {"stacks": [], "records": [], "ports": [], "places": []}
