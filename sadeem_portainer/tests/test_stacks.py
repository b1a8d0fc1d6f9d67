from psycopg2 import IntegrityError

from odoo.exceptions import UserError, ValidationError
from odoo.tools import mute_logger

from ..lib.portainer_api import (
    Conflict,
    DeployFailed,
    StackStatus,
    Unavailable,
    operation_key,
)
from .common import COMPOSE, SERVER, PortainerCase


class TestStacks(PortainerCase):
    def test_a_stack_is_created_with_its_variables(self):
        report = self.rpc(
            "create_stack",
            environment_id=self.environment.id,
            name="Acme.Shop 1",
            compose=COMPOSE,
            env={"PASSWORD": "s3cret"},
        )
        self.assertEqual((report["name"], report["state"]), ("acmeshop1", "active"))
        self.assertEqual((report["running"], report["total"], report["healthy"]), (1, 1, True))
        stack = self.env["sadeem.portainer.stack"].browse(report["stack_id"])
        self.assertEqual(stack.remote_id, 41)
        self.assertEqual(self.fake.envs[41], {"PASSWORD": "s3cret"})
        self.assertEqual(operation_key(self.fake.files[41]), stack.operation)
        self.assertFalse(stack.pending_action)

    def test_buttons_do_the_same_and_tell_how_it_went(self):
        stack = self.new_stack()
        for method, state in (
            ("action_create", "active"),
            ("action_stop", "inactive"),
            ("action_start", "active"),
            ("action_update", "active"),
            ("action_check", "active"),
        ):
            action = self.call(self.manager, stack, method)
            self.assertEqual(action["params"]["type"], "success", method)
            self.assertEqual(stack.state, state, method)

    def test_names_that_portainer_would_merge_collide_here(self):
        self.new_stack(name="Acme.1")
        with self.assertRaises(IntegrityError), mute_logger("odoo.sql_db"):
            self.new_stack(name="acme1")

    def test_a_name_that_compose_does_not_take_is_refused(self):
        for name in ("...", "-x", "_x", "日本"):
            with self.subTest(name), self.assertRaises(ValidationError):
                self.new_stack(name=name)

    def test_a_taken_name_is_refused_before_anything_is_sent(self):
        stack = self.deploy()
        with self.refused("has a stack web already"):
            self.deploy("WEB")
        with self.refused("has a stack web already"):
            self.deploy("web", operation="another")
        self.assertEqual(len(self.fake.called("ensure_stack")), 1)
        self.assertEqual(stack.state, "active")

    def test_a_name_that_somebody_else_took_on_the_server_is_refused(self):
        self.fake.put(1, "web", COMPOSE)
        stack = self.new_stack()
        action = self.call(self.manager, stack, "action_create")
        self.assertIn("made by something else", action["params"]["message"])
        self.assertEqual((stack.state, stack.remote_id), ("draft", 0))
        self.assertFalse(self.fake.called("ensure_stack"))

    def test_a_compose_text_that_cannot_work_is_not_sent(self):
        for text, reason in (
            ("services: {}", "at least one service"),
            ("services: {web: {image: x, networks: [lan]}}", "network lan"),
            ("services: {web: {image: 'x:${MISSING}'}}", "MISSING has no value"),
            ("a: [", "not YAML"),
        ):
            stack = self.new_stack(compose=text, name=f"s{len(text)}")
            with self.subTest(text), self.refused(reason):
                self.call(self.manager, stack, "action_create")
            with self.subTest(text), self.refused(reason):
                self.call(self.manager, stack, "action_validate")
            self.assertEqual(stack.state, "draft")
        self.assertFalse(self.fake.calls)

    def test_an_update_with_a_bad_text_leaves_the_running_containers_alone(self):
        stack = self.deploy()
        with self.refused("not YAML"):
            self.rpc("update_stack", stack_id=stack.id, compose="services: [")
        self.assertFalse(self.fake.called("update_stack"))
        self.assertEqual(stack.state, "active")

    def test_an_update_keeps_the_variables_that_it_does_not_name(self):
        stack = self.deploy()
        text = COMPOSE.replace("nginx:1", "nginx:2")
        self.rpc("update_stack", stack_id=stack.id, compose=text)
        self.assertEqual(self.fake.envs[41], {"PASSWORD": "s3cret"})
        self.assertIn("nginx:2", self.fake.files[41])
        self.rpc("update_stack", stack_id=stack.id, env={"PASSWORD": "new", "B": ""}, pull=True)
        self.assertEqual(self.fake.envs[41], {"PASSWORD": "new", "B": ""})
        self.assertEqual(self.fake.called("update_stack")[-1][-1], True)

    def test_an_update_does_not_erase_what_others_added_in_portainer(self):
        stack = self.deploy()
        self.fake.put(1, "web", self.fake.files[41], {"PASSWORD": "x", "NEW": "y"}, remote_id=41)
        with self.refused("NEW"):
            self.rpc("update_stack", stack_id=stack.id)
        self.assertFalse(self.fake.called("update_stack"))
        self.rpc("update_stack", stack_id=stack.id, env={"PASSWORD": "x", "NEW": "z"})
        self.assertEqual(self.fake.envs[41]["NEW"], "z")

    def test_a_variable_that_was_removed_here_is_removed_there(self):
        stack = self.deploy(env={"PASSWORD": "x", "OLD": "y"})
        self.rpc("update_stack", stack_id=stack.id, env={"PASSWORD": "x"})
        self.assertEqual(self.fake.envs[41], {"PASSWORD": "x"})

    def test_a_failed_deployment_is_an_error_that_tells_why(self):
        self.fake.failures["ensure_stack"] = DeployFailed(
            SERVER, "create", "pulling\nno such image"
        )
        with self.refused("no such image"):
            self.deploy()
        stack = self.env["sadeem.portainer.stack"].search([("name", "=", "web")])
        self.assertEqual((stack.state, stack.pending_action), ("error", False))
        self.assertIn("no such image", stack.last_error)
        self.fake.failures.clear()
        self.call(self.manager, stack, "action_create")
        self.assertEqual(stack.state, "active")

    def test_a_failed_update_is_an_error_though_portainer_calls_it_active(self):
        stack = self.deploy()
        self.fake.failures["update_stack"] = DeployFailed(SERVER, "update", "no such image")
        self.fake.containers[1, "web"] = []
        with self.refused("no such image"):
            self.rpc("update_stack", stack_id=stack.id)
        self.assertEqual((stack.state, stack.container_count), ("error", 0))

    def test_a_server_that_does_not_answer_changes_no_state(self):
        stack = self.deploy()
        self.fake.failures["get_stack"] = Unavailable(SERVER, "read", "no route to host")
        with self.refused("no route to host"):
            self.rpc("stop_stack", stack_id=stack.id)
        self.assertEqual((stack.state, stack.pending_action), ("active", False))
        self.assertIn("no route to host", stack.last_error)

    def test_a_refusal_shows_the_state_as_it_is(self):
        stack = self.deploy()
        self.fake.failures["stop_stack"] = Conflict(SERVER, "stop", "a deployment runs")
        with self.refused("a deployment runs"):
            self.rpc("stop_stack", stack_id=stack.id)
        self.assertEqual((stack.state, stack.running_count), ("active", 1))

    def test_a_stack_in_another_environment_is_never_touched(self):
        stack = self.deploy()
        text = self.fake.files[41]
        for method in ("stop_stack", "delete_stack", "update_stack", "start_stack"):
            self.fake.put(2, "web", text, remote_id=41)
            with self.subTest(method), self.refused("lives in environment 2"):
                self.rpc(method, stack_id=stack.id)
            self.assertFalse(self.fake.called(method))

    def test_a_stack_is_deleted_and_its_volumes_stay(self):
        stack = self.deploy()
        self.fake.volumes[1, "web"] = ["web_data"]
        report = self.rpc("delete_stack", stack_id=stack.id)
        self.assertEqual((report["state"], report["remote_id"], report["total"]), ("draft", 0, 0))
        self.assertFalse(self.fake.stacks)
        self.assertEqual(self.fake.volumes[1, "web"], ["web_data"])
        self.assertEqual(self.rpc("delete_stack", stack_id=stack.id)["state"], "draft")
        stack.unlink()

    def test_volumes_are_deleted_only_when_told_so(self):
        stack = self.deploy()
        self.fake.volumes[1, "web"] = ["web_data"]
        self.fake.volumes[1, "other"] = ["other_data"]
        self.rpc("delete_stack", stack_id=stack.id, remove_volumes=True)
        self.assertEqual(self.fake.volumes, {(1, "web"): [], (1, "other"): ["other_data"]})

    def test_a_successor_of_a_deleted_stack_is_another_one(self):
        stack = self.deploy()
        former = stack.operation
        self.rpc("delete_stack", stack_id=stack.id)
        self.assertNotEqual(stack.operation, former)
        self.assertEqual(self.deploy(), stack)

    def test_the_wizard_deletes_only_what_is_named(self):
        stack = self.deploy()
        self.fake.volumes[1, "web"] = ["web_data"]
        wizard = (
            self.env["sadeem.portainer.stack.delete"]
            .with_user(self.manager)
            .create({"stack_id": stack.id, "confirmation": "wob"})
        )
        self.assertEqual((wizard.contents, wizard.volumes), ("web-web-1 (running)", "web_data"))
        with self.refused("Type “web”"):
            self.call(self.manager, wizard, "action_apply")
        wizard.confirmation = "web "
        self.call(self.manager, wizard, "action_apply")
        self.assertEqual(stack.state, "draft")

    def test_what_is_deployed_is_neither_renamed_nor_forgotten(self):
        stack = self.deploy()
        other = self.new_environment("other", 2)
        for vals in ({"name": "other"}, {"environment_id": other.id}):
            with self.assertRaisesRegex(UserError, "settled"):
                stack.write(vals)
        stack.write({"name": "Web", "environment_id": self.environment.id})
        with self.assertRaisesRegex(UserError, "run on unseen"):
            stack.unlink()

    def test_status_looks_at_containers_not_at_portainers_word(self):
        stack = self.deploy()
        container = self.fake.container
        for rows, state, healthy, error in (
            ([], "error", False, "no container"),
            ([container("web-web-1", state="exited")], "error", False, "None of its containers"),
            ([container("a"), container("b", state="exited")], "active", True, ""),
            ([container("a", status="Up (unhealthy)")], "active", False, "Unhealthy: a"),
            ([container("a", status="Up (healthy)")], "active", True, ""),
        ):
            self.fake.containers[1, "web"] = rows
            report = self.rpc("check_stack_status", stack_id=stack.id)
            self.assertEqual((report["state"], report["healthy"]), (state, healthy))
            self.assertIn(error, report["error"])

    def test_a_start_brings_stopped_containers_up(self):
        stack = self.deploy()
        self.fake.containers[1, "web"] = [self.fake.container("web-web-1", state="exited")]
        self.assertEqual(self.rpc("start_stack", stack_id=stack.id)["running"], 1)
        self.fake.containers[1, "web"] = []
        self.assertEqual(self.rpc("start_stack", stack_id=stack.id)["running"], 1)

    def test_a_stack_that_vanished_is_told_and_can_be_deployed_again(self):
        stack = self.deploy()
        del self.fake.stacks[41]
        report = self.rpc("check_stack_status", stack_id=stack.id)
        self.assertEqual(report["state"], "error")
        self.assertIn("gone from the server", report["error"])
        self.call(self.manager, stack, "action_create")
        self.assertEqual((stack.state, stack.remote_id), ("active", 41))

    def test_a_server_drives_its_own_environments_and_stacks_only(self):
        stack = self.deploy()
        other = self.server.copy({"portainer_link": SERVER, "access_token": "x"})
        other.state = "confirmed"
        with self.refused("no stack with the id"):
            self.call(self.manager, other, "stop_stack", stack_id=stack.id)
        with self.refused("no environment with the id"):
            self.call(
                self.manager,
                other,
                "create_stack",
                environment_id=self.environment.id,
                name="x",
                compose=COMPOSE,
            )
        with self.refused("no stack with the id"):
            self.rpc("stop_stack", stack_id=stack.id + 1000)

    def test_a_deploying_server_is_followed(self):
        stack = self.deploy()
        self.fake.put(1, "web", self.fake.files[41], status=StackStatus.DEPLOYING, remote_id=41)
        self.assertEqual(self.rpc("check_stack_status", stack_id=stack.id)["state"], "deploying")
