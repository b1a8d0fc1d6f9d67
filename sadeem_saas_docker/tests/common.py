import tempfile
from dataclasses import replace
from pathlib import Path

from odoo.addons.saas_portal.lib.saas_driver import ClientRef, DriverNotFound
from odoo.addons.saas_portal.tests.common import FakeDriver, SaasPortalCase
from odoo.addons.sadeem_portainer import stack_calls
from odoo.addons.sadeem_portainer.tests.common import FakePortainer

from ..models import saas_portal_client_docker_steps
from ..orm_fleet import OrmFleet
from ..portainer_driver import PortRefused


class FakeDockerDriver(FakeDriver):
    """Databases in memory; stacks go where the records say, to a server in memory."""

    def __init__(self, server):
        super().__init__()
        self.server = server
        self.keys, self.neutralized = [], []
        #: name → key of databases whose containers are gone, but not their volumes
        self.volumes = {}
        #: ports that something else on the host has
        self.refused_ports = set()

    def _deployment(self, ref):
        return OrmFleet(self.server).deployment(ref)

    def deploy(self, ref, base_url=""):
        self._begin("deploy", ref.name)
        deployment = self._deployment(ref)
        for port in sorted(self.refused_ports):
            if f'published: "{port}"' in deployment.target.compose:
                raise PortRefused(f"{ref.name}: the host has no port {port}.", port)
        with deployment.place.portainer() as client:
            found = stack_calls.find_own(client, deployment.target)
            verb = stack_calls.update if found else stack_calls.create
            number = verb(client, deployment.target).id
        if base_url:
            self._check_data(ref)
        return number

    def delete(self, ref):
        result = super().delete(ref)
        deployment = OrmFleet(self.server).standing(ref)
        with deployment.place.portainer() as client:
            stack_calls.delete(client, deployment.target)
        return result

    def start(self, ref):
        result = super().start(ref)
        self._turn(ref, "start_stack")
        return result

    def stop(self, ref):
        result = super().stop(ref)
        self._turn(ref, "stop_stack")
        return result

    def _turn(self, ref, verb):
        """The containers of the stack, if it is there, run or not from now on."""
        deployment = OrmFleet(self.server).standing(ref)
        with deployment.place.portainer() as client:
            if found := stack_calls.find_own(client, deployment.target):
                getattr(client, verb)(found.id, deployment.target.environment_id)

    def halt(self, ref):
        self._begin("halt", ref.name)
        self._turn(ref, "stop_stack")
        for name, status in self.databases.items():
            if status.key == ref.key:
                self.databases[name] = replace(status, running=False)

    def rename(self, ref, new_name, base_url, serve=True):
        result = super().rename(ref, new_name, base_url)
        self.deploy(ClientRef(new_name, ref.key))
        if serve:
            self._begin("serve", new_name)
        return result

    def copy(self, source, ref, identity, neutralize=False):
        self.neutralized += [ref.name] if neutralize else []
        return super().copy(source, ref, identity)

    def restore(self, ref, identity, archive, neutralize=False):
        self.neutralized += [ref.name] if neutralize else []
        return super().restore(ref, identity, archive)

    def _check_data(self, ref):
        if ref.key not in {status.key for status in self.databases.values()}:
            raise DriverNotFound(f"{ref.name} has no database any more.")

    def bring_back(self, ref):
        self.deploy(ref)
        for name, key in self.volumes.items():
            if key == ref.key:
                self.put(name, key)

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

    def back_up(self, client):
        """A backup of the client, among files that go with the test."""
        folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        backups = self.registry["saas_portal.client.backup"]
        self.patch(backups, "_get_folder", lambda backup: folder)
        self.act(client, "action_backup")
        self.run_operations()
        return client.backup_ids[0]

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
