from odoo.exceptions import UserError, ValidationError

from .common import PortainerCase


class TestRootServer(PortainerCase):
    """What a root server is by itself; what is done on machines is tested with real ones."""

    def setUp(self):
        super().setUp()
        self.root = self.env["sadeem.root.server"].create(
            # Nobody listens on port 1.
            {"name": "Root 1", "host": "127.0.0.1", "port": 1, "password": "hunter2"}
        )

    def test_a_machine_that_does_not_answer_is_not_confirmed(self):
        with self.refused("127.0.0.1:1 does not answer"):
            self.call(self.manager, self.root, "action_confirm")
        self.assertEqual((self.root.state, self.root.host_key), ("draft", False))
        progress = self.call(self.manager, self.root, "get_progress")
        self.assertEqual((progress["state"], progress["can_retry"]), ("failed", True))
        self.assertIn("does not answer", progress["error"])
        self.assertEqual(progress["user"], self.manager.name)
        self.assertEqual(
            [step["state"] for step in progress["steps"]], ["failed", "pending", "pending"]
        )

    def test_nothing_is_tried_before_confirmation_or_without_credentials(self):
        for method in (
            "action_test_connection",
            "action_test_connection_in_background",
            "install_portainer",
            "install_portainer_master",
        ):
            with self.subTest(method=method), self.refused("Confirm it first"):
                self.call(self.manager, self.root, method)
        self.root.auth = "key"
        with self.refused("needs a password or a private key"):
            self.call(self.manager, self.root, "action_confirm")
        self.assertFalse(self.root.operation_ids)
        self.assertEqual(self.call(self.manager, self.root, "get_progress"), {})

    def test_credentials_do_not_travel_to_another_machine(self):
        self.root.sudo().write(
            {"portainer_password_cipher": "gAAAA", "portainer_password_state": "to_show"}
        )
        self.root.host = "other.example.com"
        self.assertFalse(self.root._get_secret("password"))
        self.assertFalse(self.root._has_secret("portainer_password"))
        self.assertFalse(self.root.can_show_portainer_password)

    def test_the_way_to_a_confirmed_machine_is_settled(self):
        self.root.write({"state": "confirmed"})
        for vals in ({"host": "x"}, {"port": 2222}, {"username": "x"}, {"host_key": "SHA256:x"}):
            with self.assertRaisesRegex(UserError, "reset it to draft"):
                self.root.write(vals)
        with self.refused("confirmed already"):
            self.call(self.manager, self.root, "action_confirm_in_background")
        self.call(self.manager, self.root, "action_reset_to_draft")
        self.assertFalse(self.root.host_key)

    def test_hosts_users_and_keys_are_checked(self):
        for vals in (
            {"host": "-oProxyCommand=x"},
            {"host": "a b"},
            {"username": "root;id"},
        ):
            with self.subTest(vals), self.assertRaises(ValidationError):
                self.root.write(vals)
        with self.assertRaisesRegex(UserError, "not a private key"):
            self.root.private_key = "nonsense"

    def test_what_an_installation_is_told_is_checked(self):
        self.root.state = "confirmed"
        for ports in ((9443, 9443), (0, 8000), (9443, 65536)):
            with self.subTest(ports), self.refused("two ports", ValidationError):
                self.call(self.manager, self.root, "install_portainer_master", *ports)
        with self.refused("is no name or address", ValidationError):
            self.call(self.manager, self.root, "install_portainer", address="$(id)")
        self.server.action_cancel()
        with self.refused("is not confirmed"):
            self.call(self.manager, self.root, "install_portainer", self.server.id)

    def test_the_wizard_tells_the_installation_what_was_entered(self):
        self.root.write({"state": "confirmed", "host": "fe80::1"})
        self.root.write({"state": "draft"})
        self.root.write({"host": "2001:db8::5", "password": "hunter2"})
        self.root.write({"state": "confirmed"})
        wizards = self.env["sadeem.root.server.install.wizard"].with_user(self.manager)
        wizard = wizards.create(
            {"root_server_id": self.root.id, "kind": "agent", "portainer_id": self.server.id}
        )
        self.assertEqual((wizard.environment_name, wizard.address), ("Root 1", "2001:db8::5"))
        self.call(self.manager, wizard, "action_install")
        operation = self.root.operation_id
        self.assertEqual(operation.kind, "install_agent")
        self.assertEqual(operation.arguments["url"], "tcp://[2001:db8::5]:9001")
        self.assertEqual(operation.step_ids[-1].key, "agent_environment")
        operation.action_cancel()
        wizard = wizards.create(
            {"root_server_id": self.root.id, "kind": "master", "https_port": 9444}
        )
        self.call(self.manager, wizard, "action_install")
        self.assertEqual(self.root.operation_id.arguments["https_port"], 9444)

    def test_the_password_is_shown_to_one_person_once(self):
        with self.refused("shown only once"):
            self.call(self.manager, self.root, "take_portainer_password")
        self.root._end_step_password(None, None)
        self.assertFalse(self.root.can_show_portainer_password, "not before it is the right one")
        self.root.sudo().portainer_password_state = "to_show"
        taken = self.call(self.manager, self.root, "take_portainer_password")
        self.assertEqual((taken["username"], len(taken["password"])), ("admin", 14))
        for user in (self.manager, self.env.ref("base.user_admin")):
            with self.refused("shown only once"):
                self.call(user, self.root, "take_portainer_password")
        self.assertEqual(self.root._get_secret("portainer_password"), taken["password"])
        self.assertNotIn(taken["password"], str(self.root.message_ids.mapped("body")))
        self.env.flush_all()
        self.env.cr.execute("SELECT portainer_password_cipher FROM sadeem_root_server")
        self.assertNotIn(taken["password"], str(self.env.cr.fetchall()))

    def test_nobody_gets_at_the_password_by_its_columns(self):
        self.root._end_step_password(None, None)
        for user in (self.manager, self.env.ref("base.user_admin")):
            root = self.root.with_user(user)
            for name in ("portainer_password_cipher", "portainer_password_state"):
                self.assertNotIn(name, root.fields_get())
                for method, arguments in (
                    ("read", ([name],)),
                    ("write", ({name: "to_show"},)),
                    ("export_data", ([name],)),
                    ("search", ([(name, "!=", False)],)),
                ):
                    with (
                        self.subTest(user=user.login, name=name, method=method),
                        self.assertRaises(UserError),
                    ):
                        getattr(root, method)(*arguments)
