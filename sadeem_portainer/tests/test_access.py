from odoo.exceptions import AccessError, UserError
from odoo.service.model import get_public_method
from odoo.tools import config

from .common import COMPOSE, TOKEN, PortainerCase

MODELS = (
    "sadeem.portainer",
    "sadeem.portainer.environment",
    "sadeem.portainer.image",
    "sadeem.portainer.image.environment",
    "sadeem.portainer.image.tag",
    "sadeem.portainer.port",
    "sadeem.portainer.stack",
    "sadeem.portainer.stack.delete",
    "sadeem.portainer.stack.variable",
    "sadeem.root.server",
    "sadeem.root.server.install.wizard",
    "sadeem.root.server.operation",
    "sadeem.root.server.operation.output",
    "sadeem.root.server.operation.step",
)
#: What RPC may call, beyond what every model has, with arguments that would work.
PUBLIC = {
    "sadeem.portainer": {
        "action_cancel": (),
        "action_confirm": (),
        "action_open_environments": (),
        "action_open_panel": (),
        "action_open_stacks": (),
        "action_refresh": (),
        "action_reset_to_draft": (),
        "check_stack_status": (1,),
        "create_stack": (1, "web", COMPOSE),
        "delete_stack": (1,),
        "docker_action": (1, "web", "stop"),
        "docker_exec": (1, "web", "ls"),
        "docker_logs": (1, "web"),
        "docker_state": (1, "web"),
        "start_stack": (1,),
        "stop_stack": (1,),
        "update_stack": (1,),
    },
    "sadeem.portainer.environment": {
        "action_open_portainer": (),
        "action_open_stacks": (),
        "action_refresh": (),
        "allocate_port": (),
        "allocate_ports": (1,),
        "get_dashboard": (),
        "list_stacks": (),
        "refresh_card": (),
        "release_ports": ([10001],),
    },
    "sadeem.portainer.port": {"action_release": ()},
    "sadeem.portainer.image": {"action_best_environment": (), "get_best_environment": ()},
    "sadeem.portainer.stack": {
        "act_on_container": ("web-web-1", "stop"),
        "action_check": (),
        "action_create": (),
        "action_start": (),
        "action_stop": (),
        "action_update": (),
        "action_update_pull": (),
        "action_validate": (),
        "get_container_log": ("web-web-1",),
        "get_container_stats": ("web-web-1",),
        "get_live_containers": (),
        "run_command": ("web-web-1", "ls"),
    },
    "sadeem.portainer.stack.delete": {"action_apply": ()},
    "sadeem.root.server": {
        "action_cancel": (),
        "action_confirm": (),
        "action_confirm_in_background": (),
        "action_reset_to_draft": (),
        "action_show_portainer_password": (),
        "action_test_connection": (),
        "action_test_connection_in_background": (),
        "get_progress": (),
        "install_portainer": (),
        "install_portainer_master": (),
        "take_portainer_password": (),
    },
    "sadeem.root.server.install.wizard": {"action_install": ()},
    "sadeem.root.server.operation": {
        "action_cancel": (),
        "action_retry": (),
        "get_progress": (),
    },
}
SECRETS = {
    "sadeem.portainer": ("access_token",),
    "sadeem.portainer.stack.variable": ("value",),
    "sadeem.root.server": ("password", "private_key", "passphrase"),
}


class TestAccess(PortainerCase):
    def setUp(self):
        super().setUp()
        self.stack = self.deploy()
        image = self.env["sadeem.portainer.image"].create(
            {
                "name": "odoo",
                "odoo_version": "19.0",
                "tag_ids": [(0, 0, {"name": "19"})],
                "line_ids": [(0, 0, {"environment_id": self.environment.id})],
            }
        )
        self.environment.allocate_ports(1)
        self.records = {
            "sadeem.portainer": self.server,
            "sadeem.portainer.environment": self.environment,
            "sadeem.portainer.image": image,
            "sadeem.portainer.image.environment": image.line_ids,
            "sadeem.portainer.image.tag": image.tag_ids,
            "sadeem.portainer.port": self.env["sadeem.portainer.port"].search([], limit=1),
            "sadeem.portainer.stack": self.stack,
            "sadeem.portainer.stack.delete": self.env["sadeem.portainer.stack.delete"].create(
                {"stack_id": self.stack.id, "confirmation": "web"}
            ),
            "sadeem.portainer.stack.variable": self.stack.variable_ids,
            "sadeem.root.server": self.env["sadeem.root.server"].create(
                {"name": "Root", "host": "root", "password": "hunter2"}
            ),
        }
        root = self.records["sadeem.root.server"]
        operation = root._create_operation("confirm", {}, background=False)
        operation.write({"state": "failed", "output_ids": [(0, 0, {"text": "line"})]})
        self.records |= {
            "sadeem.root.server.install.wizard": self.env[
                "sadeem.root.server.install.wizard"
            ].create({"root_server_id": root.id, "kind": "agent"}),
            "sadeem.root.server.operation": operation,
            "sadeem.root.server.operation.output": operation.output_ids,
            "sadeem.root.server.operation.step": operation.step_ids,
        }
        self.fake.calls.clear()

    def test_the_list_of_public_methods_is_complete(self):
        for model in (*MODELS, "sadeem.secret.mixin"):
            own = {
                name
                for base in type(self.env[model]).__mro__
                if base.__module__.startswith("odoo.addons.sadeem_portainer")
                for name in vars(base)
                if callable(vars(base)[name]) and not name.startswith("_")
            } - {"create", "write"}
            self.assertEqual(own, set(PUBLIC.get(model, ())), model)

    def test_only_managers_call_any_method(self):
        for user in (self.portal, self.internal):
            for model, methods in PUBLIC.items():
                for method, arguments in methods.items():
                    with self.subTest(user=user.login, model=model, method=method):
                        get_public_method(self.env[model], method)
                        with self.assertRaises(AccessError):
                            record = self.records[model]
                            if method == "get_dashboard":
                                record = record.browse()
                            self.call(user, record, method, *arguments)
        self.assertFalse(self.fake.calls, "nothing reached a server")

    def test_only_managers_see_and_change_records(self):
        for user in (self.portal, self.internal):
            for model in MODELS:
                record = self.records[model].with_user(user)
                for method, arguments in (
                    ("read", (["display_name"],)),
                    ("write", ({},)),
                    ("unlink", ()),
                ):
                    with (
                        self.subTest(user=user.login, model=model, method=method),
                        self.assertRaises(AccessError),
                    ):
                        getattr(record, method)(*arguments)
                with self.subTest(user=user.login, model=model), self.assertRaises(AccessError):
                    record.search([])
                with self.subTest(user=user.login, model=model), self.assertRaises(AccessError):
                    record.create({})
                with self.subTest(user=user.login, model=model), self.refused(error=UserError):
                    record.export_data(["id"])

    def test_a_manager_sees_everything_but_takes_ports_only_by_the_book(self):
        for model in MODELS:
            record = self.records[model].with_user(self.manager)
            self.assertTrue(record.read(["display_name"]))
        port = self.records["sadeem.portainer.port"].with_user(self.manager)
        for method, arguments in (("write", ({"released": True},)), ("unlink", ())):
            with self.assertRaises(AccessError):
                getattr(port, method)(*arguments)

    def test_a_manager_cannot_rewrite_what_was_done_on_a_root_server(self):
        for model in MODELS:
            if not model.startswith("sadeem.root.server.operation"):
                continue
            record = self.records[model].with_user(self.manager)
            for method, arguments in (("write", ({},)), ("unlink", ()), ("create", ({},))):
                with self.subTest(model=model, method=method), self.assertRaises(AccessError):
                    getattr(record, method)(*arguments)

    def test_base_user_admin_is_a_manager(self):
        self.assertTrue(self.env.ref("base.user_admin").has_group("sadeem_portainer.group_manager"))
        self.assertFalse(self.internal.has_group("sadeem_portainer.group_manager"))

    def test_secrets_cannot_be_read_exported_searched_or_copied(self):
        self.records["sadeem.root.server"].write({"private_key": False, "passphrase": "p"})
        for user in (self.manager, self.env.ref("base.user_admin")):
            for model, names in SECRETS.items():
                record = self.records[model].with_user(user)
                for name in names:
                    with self.subTest(user=user.login, model=model, name=name):
                        self.assertIs(record.read([name])[0][name], False)
                        self.assertFalse(record.web_read({name: {}})[0][name])
                        with self.assertRaises(AccessError):
                            record.read([f"{name}_cipher"])
                        with self.assertRaises(AccessError):
                            record.search([(f"{name}_cipher", "like", "g")])
                        self.assertNotIn(f"{name}_cipher", record.fields_get())
                        self.assertNotIn(f"{name}_cipher", record.read()[0])
        admin = self.env.ref("base.user_admin")
        for model, names in SECRETS.items():
            record = self.records[model].with_user(admin)
            for name in names:
                self.assertFalse(record.export_data([name])["datas"][0][0])
                with self.assertRaises(AccessError):
                    record.export_data([f"{name}_cipher"])
        copy = self.server.with_user(self.manager).copy({"portainer_link": "https://x"})
        self.assertFalse(copy.has_access_token)

    def test_secrets_are_encrypted_in_the_database(self):
        self.env.flush_all()
        for table, column, clear in (
            ("sadeem_portainer", "access_token_cipher", TOKEN),
            ("sadeem_portainer_stack_variable", "value_cipher", "s3cret"),
            ("sadeem_root_server", "password_cipher", "hunter2"),
        ):
            self.env.cr.execute(
                f"SELECT string_agg({column}, ' ') FROM {table}"  # pylint: disable=sql-injection
            )
            (stored,) = self.env.cr.fetchone()
            self.assertTrue(stored.startswith("gAAAA"), table)
            self.assertNotIn(clear, stored)

    def test_an_empty_secret_keeps_the_present_one(self):
        self.server.state = "draft"
        self.server.write({"access_token": False, "name": "Renamed"})
        self.assertEqual(self.server._get_secret("access_token"), TOKEN)
        self.server.write({"access_token": "ptr_other"})
        self.assertEqual(self.server._get_secret("access_token"), "ptr_other")

    def test_secrets_are_neither_in_the_log_nor_in_the_chatter(self):
        with self.assertLogs("odoo.addons.sadeem_portainer", "DEBUG") as logs:
            self.rpc("docker_action", self.environment.id, "web-web-1", "restart")
            self.rpc("update_stack", self.stack.id, env={"PASSWORD": "n3w-s3cret"})
            self.rpc("stop_stack", self.stack.id)
        bodies = [
            f"{message.body} {message.tracking_value_ids.mapped('new_value_char')}"
            for record in (self.server, self.stack, self.environment)
            for message in record.message_ids
        ]
        for secret in (TOKEN, "s3cret"):
            self.assertNotIn(secret, "".join(logs.output))
            self.assertNotIn(secret, "".join(bodies))

    def test_without_the_key_nothing_is_kept_in_clear(self):
        former = config["saas_secret_key"]
        self.addCleanup(config.__setitem__, "saas_secret_key", former)
        config["saas_secret_key"] = "not a key"
        with self.refused("not a Fernet key"):
            self.records["sadeem.root.server"].write({"password": "other"})
        config["saas_secret_key"] = "A" * 43 + "="
        with self.refused("not the key it was written with"):
            self.server._get_secret("access_token")
