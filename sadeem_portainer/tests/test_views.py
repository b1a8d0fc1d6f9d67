from lxml import etree

from odoo.tools import file_open

from .common import PortainerCase
from .test_access import MODELS, SECRETS


class TestViews(PortainerCase):
    def test_every_view_loads_and_shows_no_cipher(self):
        for model in MODELS:
            for kind in ("form", "list", "search"):
                arch = self.env[model].with_user(self.manager).get_view(view_type=kind)["arch"]
                names = etree.fromstring(arch).xpath("//field/@name")
                self.assertFalse([name for name in names if name.endswith("_cipher")], model)

    def test_secrets_are_typed_unseen(self):
        for model, names in SECRETS.items():
            for name in names:
                model_of_form = model.replace(".variable", "")
                arch = self.env[model_of_form].with_user(self.manager).get_view()["arch"]
                (field,) = etree.fromstring(arch).xpath(f"//field[@name='{name}']")
                if name != "private_key":
                    self.assertEqual(field.get("password"), "True", name)

    def test_the_menu_is_for_managers(self):
        menu = self.env.ref("sadeem_portainer.sadeem_portainer_menu_root")
        for user, visible in ((self.manager, True), (self.internal, False)):
            found = self.env["ir.ui.menu"].with_user(user)._visible_menu_ids()
            self.assertEqual(menu.id in found, visible, user.login)

    def test_buttons_open_what_belongs_to_the_record(self):
        action = self.call(self.manager, self.server, "action_open_environments")
        self.assertEqual(action["domain"], [("portainer_id", "=", self.server.id)])
        action = self.call(self.manager, self.server, "action_open_stacks")
        self.assertEqual(action["domain"], [("portainer_id", "=", self.server.id)])
        action = self.call(self.manager, self.environment, "action_open_stacks")
        self.assertEqual(action["domain"], [("environment_id", "=", self.environment.id)])

    def test_a_neutralised_copy_commands_nobody(self):
        stack = self.deploy()
        root = self.env["sadeem.root.server"].create(
            {"name": "Root", "host": "root", "password": "hunter2"}
        )
        self.env.flush_all()
        with file_open("sadeem_portainer/data/neutralize.sql") as file:
            self.env.cr.execute(file.read())
        self.env.invalidate_all()
        self.assertFalse(self.server.has_access_token)
        self.assertFalse(root.has_secret)
        self.assertFalse(stack.variable_ids.has_value)
        self.assertEqual((self.server.state, root.state), ("cancelled", "cancelled"))
        with self.refused("not confirmed"):
            self.rpc("stop_stack", stack_id=stack.id)
