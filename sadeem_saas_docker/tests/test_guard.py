from odoo.exceptions import AccessError
from odoo.tests import tagged

from odoo.addons.sadeem_portainer.lib.portainer_api import NotFound

from .common import DockerCase

SENTENCE = "is the stack of the client acme.localhost. Use the buttons of the client"


@tagged("post_install", "-at_install")
class TestGuard(DockerCase):
    """Managers of Portainer look at the stacks of clients, and change others."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.operator = cls.make_user("portainer-manager", "sadeem_portainer.group_manager")

    def setUp(self):
        super().setUp()
        self.client = self.new(dbname="acme.localhost")
        self.stack = self.client.docker_stack_id
        self.container = self.fake.containers[1, self.stack.name][0].name

    def rpc(self, record, method, *args, user=None, **kwargs):
        arguments = (record.ids, *args)
        return self.call(user or self.operator, record._name, method, *arguments, **kwargs)

    def test_the_stack_of_a_client_is_changed_by_no_button_of_its_form(self):
        before = dict(self.fake.files), len(self.fake.stacks)
        for method in (
            "action_create", "action_update", "action_update_pull", "action_start", "action_stop",
        ):  # fmt: skip
            with self.subTest(method), self.refused(SENTENCE):
                self.rpc(self.stack, method)
        with self.refused(SENTENCE):
            self.rpc(self.stack, "act_on_container", self.container, "stop")
        wizard = self.env["sadeem.portainer.stack.delete"].with_user(self.operator)
        wizard = wizard.create({"stack_id": self.stack.id, "confirmation": self.stack.name})
        with self.refused(SENTENCE):
            self.rpc(wizard, "action_apply")
        self.assertEqual(before, (dict(self.fake.files), len(self.fake.stacks)))

    def test_nor_is_its_record_rewritten(self):
        for vals in (
            {"name": "other"},
            {"compose": "services: {a: {image: evil}}"},
            {"operation": "other"},
            {"state": "draft"},
            {"variable_ids": [(5, 0, 0)]},
        ):
            with self.subTest(**vals), self.refused(SENTENCE):
                self.rpc(self.stack, "write", vals)
        with self.refused("containers would run on unseen"):
            self.rpc(self.stack, "unlink")
        self.stack.state = "draft"
        with self.refused(SENTENCE):
            self.rpc(self.stack, "unlink")
        variable = self.stack.variable_ids
        with self.refused(SENTENCE):
            self.rpc(variable, "write", {"value": "known"})
        with self.refused(SENTENCE):
            self.rpc(variable, "unlink")
        with self.refused(SENTENCE):
            self.call(
                self.operator, variable._name, "create", {"stack_id": self.stack.id, "name": "X"}
            )
        stranger = self.stack.create(
            {"name": "mine", "environment_id": self.environment.id, "compose": "services: {}"}
        )
        own = variable.create({"stack_id": stranger.id, "name": "Y"})
        with self.refused(SENTENCE):
            self.rpc(own, "write", {"stack_id": self.stack.id})

    def test_nor_do_other_programs_change_it(self):
        compose = "services: {a: {image: evil}}"
        calls = {
            "update_stack": (self.stack.id, compose),
            "start_stack": (self.stack.id,),
            "stop_stack": (self.stack.id,),
            "delete_stack": (self.stack.id, True),
        }
        for method, arguments in calls.items():
            with self.subTest(method), self.refused(SENTENCE):
                self.rpc(self.portainer, method, *arguments)
        with self.refused(SENTENCE):
            self.rpc(
                self.portainer, "create_stack", self.environment.id, self.stack.name, compose,
                operation=self.stack.operation,
            )  # fmt: skip
        self.assertNotIn("evil", self.stack.compose)
        self.assertEqual(self.stack.state, "active")

    def test_nor_is_a_single_container_of_it_touched(self):
        container = self.fake.containers[1, self.stack.name][0]
        self.fake.calls.clear()
        for name in (container.name, container.id):
            for action in ("restart", "stop", "start", "pause", "remove"):
                with self.subTest(name, action=action), self.refused(SENTENCE):
                    self.rpc(
                        self.portainer, "docker_action", self.environment.id, name, action, True
                    )
        self.assertEqual(self.fake.called("container_action"), [])
        self.fake.failures["get_container"] = NotFound("server", "read", "there is none")
        with self.refused("there is none"):
            self.rpc(self.portainer, "docker_action", self.environment.id, "unknown", "stop")
        self.assertEqual(self.fake.called("container_action"), [])

    def test_nor_is_it_changed_by_another_record_of_the_same_stack(self):
        before = dict(self.fake.files), len(self.fake.stacks)
        twin = self.call(
            self.operator, self.stack._name, "create",
            {
                "name": "twin", "environment_id": self.environment.id,
                "compose": "services: {a: {image: evil}}",
                "remote_id": self.stack.remote_id, "state": "active",
            },
        )  # fmt: skip
        twin = self.stack.browse(twin)
        for method in ("action_update", "action_stop"):
            with self.subTest(method), self.refused(SENTENCE):
                self.rpc(twin, method)
        with self.refused(SENTENCE):
            self.rpc(self.portainer, "delete_stack", twin.id)
        self.assertEqual(before, (dict(self.fake.files), len(self.fake.stacks)))

    def test_its_ports_are_not_given_to_others(self):
        with self.refused(SENTENCE):
            self.rpc(self.environment, "release_ports", [self.client.docker_http_port])
        free = self.rpc(self.environment, "allocate_ports", 1)
        self.assertEqual(self.rpc(self.environment, "release_ports", free), 1)

    def test_it_can_be_looked_at(self):
        self.rpc(self.stack, "action_check")
        self.assertTrue(self.rpc(self.stack, "get_live_containers")["containers"])
        self.assertEqual(
            self.rpc(self.stack, "get_container_log", self.container), {"log": "line\n"}
        )
        self.assertIn("cpu_percent", self.rpc(self.stack, "get_container_stats", self.container))
        self.assertEqual(self.rpc(self.stack, "run_command", self.container, "ls")["exit_code"], 0)
        report = self.rpc(self.portainer, "check_stack_status", self.stack.id)
        self.assertEqual(report["state"], "active")
        self.assertEqual(self.stack.with_user(self.operator).saas_client_name, "acme.localhost")
        action = self.rpc(self.stack, "action_open_saas_client")
        self.assertEqual(action["res_id"], self.client.id)

    def test_other_stacks_are_free(self):
        report = self.rpc(
            self.portainer, "create_stack", self.environment.id, "web",
            "services: {a: {image: x}}",
        )  # fmt: skip
        stack = self.stack.browse(report["stack_id"])
        self.assertFalse(stack.saas_client_name)
        container = self.fake.containers[1, "web"][0].name
        done = self.rpc(
            self.portainer, "docker_action", self.environment.id, container, "restart"
        )  # fmt: skip
        self.assertTrue(done["done"])
        self.rpc(stack, "action_stop")
        self.rpc(self.portainer, "delete_stack", stack.id)
        self.rpc(stack, "unlink")
        self.assertFalse(stack.exists())

    # === THE CLIENT'S OWN FORM === #

    def test_users_of_the_portal_watch_the_containers_of_a_client(self):
        name = self.container
        rows = self.rpc(self.client, "get_live_containers", user=self.user)["containers"]
        self.assertEqual({row["name"] for row in rows}, {name, name.replace("odoo", "db")})
        self.rpc(self.client, "get_container_log", name, 5000, user=self.user)
        self.assertEqual(self.fake.called("logs")[-1][-1], 1000, "no more lines are read")
        stats = self.rpc(self.client, "get_container_stats", name, user=self.user)
        self.assertEqual(stats["cpu_percent"], 12.35)

    def test_commands_are_run_by_operators_of_docker_only(self):
        with self.refused("managers of Portainer", AccessError):
            self.rpc(self.client, "run_command", self.container, "ls", user=self.manager)
        both = self.make_user("both", "saas_portal.group_user,sadeem_portainer.group_manager")
        answer = self.rpc(self.client, "run_command", self.container, "ls", user=both)
        self.assertEqual(answer["stdout"], "out\n")
        with self.refused(error=AccessError):
            self.rpc(self.client, "run_command", self.container, "ls", user=self.operator)

    def test_customers_see_nothing_of_their_containers(self):
        for method, arguments in (
            ("get_live_containers", ()),
            ("get_container_log", (self.container,)),
            ("get_container_stats", (self.container,)),
            ("run_command", (self.container, "ls")),
        ):
            for user in (self.customer, self.internal):
                with self.subTest(method, user=user.login), self.refused(error=AccessError):
                    self.rpc(self.client, method, *arguments, user=user)
        for field in ("docker_containers", "docker_placement_ids", "docker_compose"):
            with self.subTest(field), self.assertRaises(AccessError):
                self.client.with_user(self.customer).read([field])

    def test_a_container_of_somebody_else_cannot_be_named(self):
        other = self.new(dbname="other.localhost")
        foreign = self.fake.containers[1, other.docker_stack_id.name][0].name
        with self.refused("has no container"):
            self.rpc(self.client, "get_container_log", foreign, user=self.user)
