from datetime import timedelta

from odoo import fields

from ..lib.portainer_api import ServerFailed, UnknownOutcome, with_operation_key
from ..models.sadeem_portainer_stack import PATIENCE
from .common import COMPOSE, SERVER, PortainerCase


class Crash(Exception):
    """The process dies here."""


class TestUnknownOutcomes(PortainerCase):
    """A call whose answer is lost, or a process that dies, leaves what a check puts right."""

    def lost(self, action="do it"):
        return UnknownOutcome(SERVER, action, "it did not answer in time")

    def only_stack(self):
        self.env.invalidate_all()
        return self.env["sadeem.portainer.stack"].search([("name", "=", "web")])

    def check(self, stack):
        return self.rpc("check_stack_status", stack_id=stack.id)

    def wait_out(self, stack):
        stack.attempted_at = fields.Datetime.now() - PATIENCE - timedelta(minutes=1)
        self.env.flush_all()

    def test_a_create_that_worked_all_the_same_is_adopted_by_a_check(self):
        self.fake.failures_after["ensure_stack"] = self.lost()
        with self.refused("it did not answer in time"):
            self.deploy(operation="op-1")
        stack = self.only_stack()
        self.assertEqual((stack.state, stack.pending_action), ("unknown", "create"))
        self.assertEqual(self.check(stack)["state"], "active")
        self.assertEqual((stack.remote_id, stack.pending_action), (41, False))

    def test_a_create_that_worked_all_the_same_is_adopted_by_the_same_call(self):
        self.fake.failures_after["ensure_stack"] = self.lost()
        with self.refused():
            self.deploy(operation="op-1")
        self.fake.failures_after.clear()
        stack = self.deploy(operation="op-1")
        self.assertEqual((stack.state, stack.remote_id), ("active", 41))
        self.assertEqual(len(self.fake.stacks), 1)
        self.assertEqual(self.deploy(operation="op-1"), stack)
        self.assertEqual(len(self.fake.called("ensure_stack")), 2)

    def test_a_create_that_the_server_does_not_list_yet_is_waited_for(self):
        self.fake.failures["ensure_stack"] = self.lost()
        with self.refused():
            self.deploy()
        stack = self.only_stack()
        self.assertEqual(self.check(stack)["state"], "unknown")
        self.assertEqual(stack.pending_action, "create")
        self.fake.put(1, "web", with_operation_key(COMPOSE, stack.operation))
        self.assertEqual(self.check(stack)["state"], "active")

    def test_a_create_that_never_worked_is_an_error_in_the_end(self):
        self.fake.failures["ensure_stack"] = self.lost()
        with self.refused():
            self.deploy()
        stack = self.only_stack()
        self.wait_out(stack)
        self.assertEqual(self.check(stack)["state"], "error")
        self.assertFalse(stack.pending_action)

    def test_a_check_adopts_nothing_that_others_made(self):
        self.fake.failures["ensure_stack"] = self.lost()
        with self.refused():
            self.deploy()
        stack = self.only_stack()
        self.fake.put(1, "web", with_operation_key(COMPOSE, "somebody-else"))
        self.assertIn("made by something else", self.check(stack)["error"])
        self.assertEqual(stack.remote_id, 0)

    def test_a_text_that_was_corrected_after_a_failure_replaces_what_was_left(self):
        stack = self.new_stack()
        self.fake.put(1, "web", with_operation_key(COMPOSE, stack.operation))
        stack.compose = COMPOSE.replace("nginx:1", "nginx:2")
        self.call(self.manager, stack, "action_create")
        self.assertEqual(stack.remote_id, 41)
        self.assertIn("nginx:2", self.fake.files[41])

    def test_a_process_that_dies_in_a_call_leaves_what_it_meant_to_do(self):
        stack = self.deploy()
        for verb, method, state in (
            ("update", "update_stack", "deploying"),
            ("stop", "stop_stack", "active"),
            ("delete", "delete_stack", "active"),
        ):
            self.fake.failures[method] = Crash()
            with self.subTest(verb), self.refused(error=Crash):
                self.rpc(method, stack_id=stack.id)
            self.assertEqual((stack.state, stack.pending_action), (state, verb))
            self.wait_out(stack)
            self.assertEqual(self.check(stack)["state"], "active")
            self.assertFalse(stack.pending_action)

    def test_a_stop_whose_answer_was_lost_is_seen_by_a_check(self):
        stack = self.deploy()
        self.fake.failures_after["stop_stack"] = self.lost()
        with self.refused():
            self.rpc("stop_stack", stack_id=stack.id)
        self.assertEqual(stack.state, "unknown")
        self.assertEqual(self.check(stack)["state"], "inactive")
        self.assertFalse(stack.pending_action)

    def test_a_stop_that_is_not_done_yet_is_still_waited_for(self):
        stack = self.deploy()
        self.fake.failures["stop_stack"] = self.lost()
        with self.refused():
            self.rpc("stop_stack", stack_id=stack.id)
        self.assertEqual(self.check(stack)["state"], "active")
        self.assertEqual(stack.pending_action, "stop")

    def test_a_delete_whose_answer_was_lost_is_seen_by_a_check(self):
        stack = self.deploy()
        self.fake.failures_after["delete_stack"] = self.lost()
        with self.refused():
            self.rpc("delete_stack", stack_id=stack.id)
        self.assertEqual((stack.state, stack.remote_id), ("unknown", 41))
        self.assertEqual(self.check(stack)["state"], "draft")
        self.assertEqual((stack.remote_id, stack.pending_action), (0, False))

    def test_a_failure_after_the_work_shows_what_is_there(self):
        stack = self.deploy()
        self.fake.failures_after["update_stack"] = ServerFailed(SERVER, "update", "HTTP 500")
        with self.refused("HTTP 500"):
            self.rpc("update_stack", stack_id=stack.id)
        self.assertEqual((stack.state, stack.pending_action), ("active", False))

    def test_the_cron_settles_what_was_left_open(self):
        stack = self.deploy()
        self.fake.failures_after["stop_stack"] = self.lost()
        with self.refused():
            self.rpc("stop_stack", stack_id=stack.id)
        with self.registry.cursor() as cr:
            self.env(cr=cr)["sadeem.portainer"]._cron_refresh()
        self.env.invalidate_all()
        self.assertEqual((stack.state, stack.pending_action), ("inactive", False))

    def test_two_admins_cannot_press_the_same_button_at_once(self):
        stack = self.deploy()
        with self.busy(stack):
            for method in ("stop_stack", "update_stack", "delete_stack"):
                with self.refused("at work"):
                    self.rpc(method, stack_id=stack.id)
            self.assertEqual(self.check(stack)["state"], "active")
        self.assertFalse(self.fake.called("stop_stack"))
