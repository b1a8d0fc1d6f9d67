from odoo.exceptions import UserError

from ..lib.portainer_api import DeployFailed, ServerFailed, StackStatus, UnknownOutcome
from .common import COMPOSE, SERVER, PortainerCase

NASTY = "'; rm -rf / #$(reboot)`id`\n"


class TestArguments(PortainerCase):
    """What programs send, also by mistake; and what is told back."""

    def test_arguments_of_another_kind_are_refused_in_words(self):
        stack = self.deploy()
        here = {"environment_id": self.environment.id, "container": "web-web-1"}
        for method, arguments in (
            ("create_stack", {"environment_id": "x", "name": "a", "compose": COMPOSE}),
            ("create_stack", {"environment_id": False, "name": "a", "compose": COMPOSE}),
            ("create_stack", {"environment_id": self.environment.id, "name": 5, "compose": ""}),
            ("create_stack", {**self.new_stack_arguments(), "env": ["A=1"]}),
            ("create_stack", {**self.new_stack_arguments(), "operation": "a b"}),
            ("create_stack", {**self.new_stack_arguments(), "operation": NASTY}),
            ("update_stack", {"stack_id": stack.id, "env": "A=1"}),
            ("update_stack", {"stack_id": "web"}),
            ("docker_exec", {**here, "command": 5}),
            ("docker_exec", {**here, "command": {"ls": 1}}),
            ("docker_exec", {**here, "command": [1, 2]}),
            ("docker_exec", {**here, "command": "ls", "timeout": "soon"}),
            ("docker_logs", {**here, "tail": "many"}),
        ):
            with self.subTest(method, **arguments), self.refused(error=UserError):
                self.rpc(method, **arguments)
        for ports in ("10001", [False], ["x"], 5):
            with self.subTest(ports=ports), self.refused("list of numbers"):
                self.call(self.manager, self.environment, "release_ports", ports)
        with self.refused("no stack with the id"):
            self.call(self.manager, self.environment, "allocate_port", stack_id=10**6)
        self.assertFalse(self.env["sadeem.portainer.stack"].search([("id", "!=", stack.id)]))

    def new_stack_arguments(self):
        return {"environment_id": self.environment.id, "name": "fresh", "compose": COMPOSE}

    def test_words_of_a_shell_stay_words(self):
        stack = self.deploy(env={"PASSWORD": NASTY})
        self.assertEqual(self.fake.envs[stack.remote_id], {"PASSWORD": NASTY})
        command = ["printf", "%s", NASTY]
        self.rpc(
            "docker_exec",
            environment_id=self.environment.id,
            container="web-web-1",
            command=command,
            user=NASTY,
            workdir=NASTY,
        )
        (_number, _container, sent, options) = self.fake.called("exec")[0]
        self.assertEqual(sent, command)
        self.assertEqual((options["user"], options["workdir"]), (NASTY, NASTY))
        with self.refused("no name for a stack"):
            self.deploy(";$()`")
        self.assertEqual(self.deploy("a;$(reboot)").name, "areboot")

    def test_a_complaint_of_compose_does_not_repeat_the_value_of_a_variable(self):
        self.fake.failures["ensure_stack"] = DeployFailed(SERVER, "do it", "invalid port: hunter22")
        with (
            self.assertLogs("odoo.addons.sadeem_portainer", "DEBUG") as logs,
            self.refused("invalid port: …"),
        ):
            self.deploy(env={"PASSWORD": "hunter22"})
        stack = self.env["sadeem.portainer.stack"].search([("name", "=", "web")])
        self.assertNotIn("hunter22", f"{stack.last_error} {logs.output}")

    def test_what_a_newer_server_keeps_of_a_failure_is_cleaned_too(self):
        stack = self.deploy(env={"PASSWORD": "hunter22"})
        found = self.fake.stacks[stack.remote_id]
        vals = {**vars(found), "status": StackStatus.ERROR, "error": "invalid port: hunter22"}
        self.fake.stacks[stack.remote_id] = type(found)(**vals)
        report = self.rpc("check_stack_status", stack_id=stack.id)
        self.assertEqual(report["error"], "invalid port: …")

    # --- A second try ---

    def test_a_creation_that_nothing_came_of_may_be_tried_again(self):
        for text in (COMPOSE, COMPOSE.replace("nginx:1", "nginx:2")):
            self.fake.failures["ensure_stack"] = DeployFailed(SERVER, "do it", "no space left")
            with self.refused("no space left"):
                self.deploy(compose=text)
        self.fake.failures.clear()
        self.assertEqual(self.deploy(compose=COMPOSE.replace("nginx:1", "nginx:3")).state, "active")

    def test_nobody_else_takes_over_a_creation_whose_outcome_is_unknown(self):
        self.fake.failures_after["ensure_stack"] = UnknownOutcome(SERVER, "do it", "lost")
        with self.refused("lost"):
            self.deploy()
        self.fake.failures_after.clear()
        with self.refused("has a stack web already"):
            self.deploy(compose=COMPOSE.replace("nginx:1", "nginx:2"))
        self.assertIn("nginx:1", self.fake.files[41])
        self.assertEqual(self.deploy().remote_id, 41)
        with self.refused("has a stack web already"):
            self.deploy()

    def test_data_that_was_not_deleted_is_not_forgotten(self):
        stack = self.deploy()
        self.fake.volumes[1, "web"] = ["web_data"]
        self.fake.failures["delete_volume"] = ServerFailed(SERVER, "do it", "volume is in use")
        with self.refused("volume is in use"):
            self.rpc("delete_stack", stack_id=stack.id, remove_volumes=True)
        self.assertEqual((stack.state, stack.pending_action), ("error", "delete"))
        self.fake.failures.clear()
        report = self.rpc("check_stack_status", stack_id=stack.id)
        self.assertIn("Delete it again", report["error"])
        self.rpc("delete_stack", stack_id=stack.id, remove_volumes=True)
        self.assertEqual((stack.state, stack.pending_action), ("draft", False))
        self.assertEqual(self.fake.volumes, {(1, "web"): []})

    def test_a_failure_of_what_was_done_all_the_same_is_none(self):
        for method, state in (
            ("stop_stack", "inactive"),
            ("start_stack", "active"),
            ("delete_stack", "draft"),
        ):
            stack = self.env["sadeem.portainer.stack"].search([]) or self.deploy()
            self.fake.failures_after[method] = ServerFailed(SERVER, "do it", "HTTP 500")
            report = self.rpc(method, stack_id=stack.id)
            self.assertEqual((report["state"], report["error"]), (state, ""), method)
