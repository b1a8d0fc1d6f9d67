import contextlib
import copy
import json
import xmlrpc.client

from odoo.exceptions import UserError

from odoo.addons.rpc.controllers.xmlrpc import dumps

from ..lib.portainer_api import (
    CertificateChanged,
    ServerFailed,
    StackStatus,
    Unauthorized,
    Unavailable,
    UnknownOutcome,
)
from .common import COMPOSE, SERVER, PortainerCase
from .test_access import PUBLIC

WRITES = {
    "ensure_stack",
    "update_stack",
    "start_stack",
    "stop_stack",
    "delete_stack",
    "container_action",
    "exec",
    "delete_volume",
}
#: What is wrong from one call of the server on, before anything is done there.
BEFORE = {
    "refused": Unavailable(SERVER, "do it", "Connection refused"),
    "token": Unauthorized(SERVER, "do it", "Invalid JWT token"),
    "certificate": CertificateChanged(SERVER, "do it", "its certificate is not the pinned one"),
    "status 500": ServerFailed(SERVER, "do it", "HTTP 500"),
}
#: A write whose answer tells nothing of what was done, or the wrong thing.
LOST = {
    "hanging": UnknownOutcome(SERVER, "do it", "it did not answer in time"),
    "status 500": ServerFailed(SERVER, "do it", "HTTP 500"),
}
#: What the stack is before a method is called; active if it is not here.
SCENES = {"action_create": "draft", "action_start": "inactive", "start_stack": "inactive"}


class TestEveryMethodWithEveryFault(PortainerCase):
    """Each method that RPC may call, with each fault at each call that it makes of a server."""

    def setUp(self):
        super().setUp()
        servers = self.registry["sadeem.portainer"]
        self.patch(servers, "_fetch_fingerprint", lambda server: ":".join(["AB"] * 32))
        self.stack = self.deploy("web", operation="op-web")
        self.fake.volumes[1, "web"] = ["web_data"]
        self.stack_wizard = self.env["sadeem.portainer.stack.delete"].create(
            {"stack_id": self.stack.id, "confirmation": "web", "remove_volumes": True}
        )
        self.image = self.env["sadeem.portainer.image"].create(
            {
                "name": "odoo",
                "odoo_version": "19.0",
                "tag_ids": [(0, 0, {"name": "19"})],
                "line_ids": [(0, 0, {"environment_id": self.environment.id})],
            }
        )
        self.records = {
            "sadeem.portainer": self.server,
            "sadeem.portainer.environment": self.environment,
            "sadeem.portainer.image": self.image,
            "sadeem.portainer.stack": self.stack,
            "sadeem.portainer.stack.delete": self.stack_wizard,
        }
        self.env.flush_all()
        self.first = copy.deepcopy((self.fake.stacks, self.fake.files, self.fake.envs))
        self.boxes = copy.deepcopy((self.fake.containers, self.fake.volumes))

    def arguments(self, method):
        stack = {"stack_id": self.stack.id}
        box = {"environment_id": self.environment.id, "container": "web-web-1"}
        here = {"container": "web-web-1"}
        return {
            "create_stack": {
                "environment_id": self.environment.id,
                "name": "fresh",
                "compose": COMPOSE,
                "env": {"PASSWORD": "s3cret"},
            },
            "update_stack": {**stack, "compose": COMPOSE.replace("nginx:1", "nginx:2")},
            "start_stack": stack,
            "stop_stack": stack,
            "delete_stack": {**stack, "remove_volumes": True},
            "check_stack_status": stack,
            "docker_action": {**box, "action": "stop"},
            "docker_exec": {**box, "command": "ls"},
            "docker_state": box,
            "docker_logs": {**box, "tail": 10},
            "allocate_ports": {"count": 2},
            "release_ports": {"ports": [10001]},
            "act_on_container": {**here, "action": "stop"},
            "get_container_log": {**here, "tail": 10},
            "get_container_stats": here,
            "run_command": {**here, "command": "ls"},
        }.get(method, {})

    @contextlib.contextmanager
    def scene(self, method):
        """The world as it is before the method; nothing of what is done in it stays."""
        with self.env.cr.savepoint(flush=False) as savepoint:
            fake = self.fake
            fake.stacks, fake.files, fake.envs = copy.deepcopy(self.first)
            fake.containers, fake.volumes = copy.deepcopy(self.boxes)
            fake.failures, fake.failures_after = {}, {}
            if method == "action_confirm":
                self.server.state = "draft"
            state = SCENES.get(method)
            if state == "draft":
                fake.stacks.clear()
                self.stack.write({"state": "draft", "remote_id": 0})
            elif state == "inactive":
                fake.put(1, "web", fake.files[41], fake.envs[41], StackStatus.INACTIVE, 41)
                self.stack.write({"state": "inactive"})
            self.env.flush_all()
            fake.calls = []
            try:
                yield
            finally:
                self.env.transaction.clear()
                savepoint.rollback()

    def press(self, model, method):
        """(answer, what went wrong): one of both."""
        record = self.records[model]
        if method == "get_dashboard":
            record = record.browse()
        try:
            answer = self.call(self.manager, record, method, **self.arguments(method))
            return answer, self.complaint_in(answer)
        except UserError as error:
            self.env.invalidate_all()
            return None, str(error)

    def complaint_in(self, answer):
        """What a screen or another program would read of it."""
        if not isinstance(answer, dict):
            return ""
        if answer.get("tag") == "display_notification":
            params = answer["params"]
            return params["message"] if params["type"] == "danger" else ""
        return answer.get("error") or ""

    def world(self):
        """What the server has, and what our records say of it."""
        self.env.invalidate_all()
        stacks = self.env["sadeem.portainer.stack"].search([])
        rows = [(row.name, row.state, row.pending_action, bool(row.remote_id)) for row in stacks]
        on_server = [(row.name, row.status.name, row.env) for row in self.fake.stacks.values()]
        boxes = {key: [box.state for box in row] for key, row in self.fake.containers.items()}
        volumes = {key: list(names) for key, names in self.fake.volumes.items()}
        return rows, on_server, boxes, volumes, self.server.state

    def check_nothing_is_marked_wrong(self):
        for stack in self.env["sadeem.portainer.stack"].search([]):
            present = [row for row in self.fake.stacks.values() if row.name == stack.name]
            self.assertLessEqual(len(present), 1, "nothing is made twice")
            status = present[0].status.name.lower() if present else "draft"
            if stack.state in ("active", "inactive", "draft"):
                self.assertEqual(stack.state, status)
            else:
                self.assertIn(stack.state, ("unknown", "error"))
                self.assertTrue(stack.last_error)

    def faults(self, calls):
        """Each fault at each of the calls: (name, attribute of the fake, call, error)."""
        for call in dict.fromkeys(calls):
            for name, error in BEFORE.items():
                yield f"{name} before {call}", "failures", call, error
            for name, error in LOST.items() if call in WRITES else ():
                yield f"{name} instead of {call}", "failures", call, error
                yield f"{name} after {call}", "failures_after", call, error

    def test_every_fault_is_told_and_a_second_try_succeeds(self):
        walked = {}
        for model, methods in PUBLIC.items():
            for method in methods if model in self.records else ():
                with self.scene(method):
                    answer, complaint = self.press(model, method)
                    self.assertFalse(complaint, method)
                    self.check_answer_travels(answer, method)
                    wanted, calls = self.world(), [call[0] for call in self.fake.calls]
                for name, place, call, error in self.faults(calls):
                    with self.subTest(f"{method}: {name}"), self.scene(method):
                        getattr(self.fake, place)[call] = error
                        self.walk(model, method, error, wanted)
                walked[method] = len(calls)
        self.assertGreater(len([count for count in walked.values() if count]), 25)

    def walk(self, model, method, error, wanted):
        answer, complaint = self.press(model, method)
        told = complaint or json.dumps(answer)
        if answer is None or self.world() != wanted:
            self.assertIn(SERVER, told)
            self.assertIn("could not do it", told)
            self.assertIn(error.hint, told)
        self.check_nothing_is_marked_wrong()
        if not complaint and self.world() == wanted and method in ("create_stack", "action_create"):
            # It is there all the same, was seen, and needs no second try.
            return
        self.fake.failures, self.fake.failures_after = {}, {}
        if method == "refresh_card":
            # A dashboard that looks again and again leaves a host alone that has just failed.
            self.environment.checked_at = False
        answer, complaint = self.press(model, method)
        self.assertFalse(complaint)
        self.assertEqual(self.world(), wanted)

    def check_answer_travels(self, answer, method):
        self.assertIsNotNone(answer, method)
        travelled = xmlrpc.client.loads(dumps((answer,)))[0][0]
        self.assertEqual(travelled, json.loads(json.dumps(answer)), method)
