from contextlib import contextmanager
from datetime import timedelta

from odoo import SUPERUSER_ID, fields
from odoo.exceptions import UserError
from odoo.tools import mute_logger

from ..lib.root_ssh import HostFacts, Unavailable
from ..models.sadeem_root_server_operation_output import KEPT
from .common import PortainerCase

MODEL = "odoo.addons.sadeem_portainer.models.sadeem_root_server_operation"
FACTS = HostFacts(
    os_id="debian",
    os_name="Debian GNU/Linux 13",
    os_version="13",
    architecture="x86_64",
    hostname="root1",
    cores=8,
    ram_bytes=16 * 2**30,
    disk_bytes=100 * 2**30,
    disk_free_bytes=60 * 2**30,
    docker_version="29.0",
    docker_runs=True,
)
HOST_KEY = "SHA256:abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG"


class TestRootServerOperation(PortainerCase):
    """How operations run, with steps that need no machine; real machines are in tests/docker."""

    def setUp(self):
        super().setUp()
        self.root = self.env["sadeem.root.server"].create(
            {"name": "Root 1", "host": "root1.example.com", "password": "hunter2"}
        )
        self.done = []
        #: What a step does instead of its work, by name.
        self.instead = {}
        for name, result in {"host_key": HOST_KEY, "login": None, "facts": FACTS}.items():
            self.patch(
                self.registry["sadeem.root.server"],
                f"_begin_step_{name}",
                lambda server, operation, name=name, result=result: (
                    lambda output: self.work(name, result, output)
                ),
            )
        self.env.flush_all()

    def work(self, name, result, output):
        self.done.append(name)
        if name in self.instead:
            self.instead[name](output)
        return result

    def start(self, method="action_confirm_in_background", user=None):
        self.call(user or self.manager, self.root, method)
        return self.root.operation_id

    def run_cron(self):
        # A scheduled action commits its progress, and so needs a transaction of its own.
        self.env.flush_all()
        with self.registry.cursor() as cr:
            env = self.env(cr=cr, user=SUPERUSER_ID)
            env["sadeem.root.server.operation"]._cron_run_operations()
        self.env.invalidate_all()

    @contextmanager
    def failing(self, name, error):
        def fail(output):
            raise error

        self.instead[name] = fail
        yield
        del self.instead[name]

    def test_a_button_only_begins_and_the_scheduled_action_does_it(self):
        operation = self.start()
        self.assertEqual((operation.state, self.root.state, self.done), ("pending", "draft", []))
        self.run_cron()
        self.assertEqual((operation.state, operation.progress), ("done", 100))
        self.assertEqual(self.done, ["host_key", "login", "facts"])
        self.assertEqual((self.root.state, self.root.host_key), ("confirmed", HOST_KEY))
        self.assertEqual((self.root.cpu_cores, self.root.total_ram_mb), (8, 16384))
        self.assertEqual((self.root.disk_total_mb, self.root.disk_free_mb), (102400, 61440))

    def test_programs_wait_for_the_result(self):
        self.assertTrue(self.call(self.manager, self.root, "action_confirm"))
        self.assertEqual(self.root.state, "confirmed")
        action = self.call(self.manager, self.root, "action_test_connection")
        for text in ("Debian GNU/Linux 13", "8 cores", "16384 MB", "60 of 100 GB", "Docker 29.0"):
            self.assertIn(text, action["params"]["message"])

    def test_a_second_press_shows_what_is_under_way(self):
        operation = self.start()
        self.assertEqual(self.start(user=self.env.ref("base.user_admin")), operation)
        self.assertEqual(operation.user_id, self.manager)

    def test_while_something_is_done_nothing_else_is(self):
        self.root.state = "confirmed"
        self.start("action_test_connection_in_background")
        words = f"Test Connection: Root 1 is under way, asked for by {self.manager.name}"
        for method in (
            "install_portainer",
            "install_portainer_master",
            "action_reset_to_draft",
            "action_cancel",
            "unlink",
        ):
            with self.subTest(method), self.refused(words):
                self.call(self.manager, self.root, method)
        with self.refused(words):
            self.call(self.manager, self.root, "write", {"active": False})

    def test_what_was_cut_off_goes_on_where_it_was(self):
        operation = self.start()
        operation.step_ids[0].state = "done"
        operation.step_ids[1].state = "running"
        operation.state = "running"
        self.run_cron()
        self.assertEqual((operation.state, self.done), ("done", ["login", "facts"]))

    def test_what_somebody_is_at_work_on_is_left_to_him(self):
        operation = self.start()
        with self.busy(self.root):
            self.run_cron()
        self.assertEqual((operation.state, self.done), ("pending", []))

    def test_a_failure_is_told_and_retried_from_its_step(self):
        operation = self.start()
        with self.failing("login", UserError("wrong password")), mute_logger(MODEL):
            self.run_cron()
        self.assertEqual((operation.state, operation.error), ("failed", "wrong password"))
        self.assertEqual(operation.step_ids.mapped("state"), ["done", "failed", "pending"])
        self.assertEqual(self.root.state, "draft")
        self.call(self.manager, operation, "action_retry")
        self.assertEqual((operation.state, operation.error), ("pending", False))
        self.run_cron()
        self.assertEqual(self.done, ["host_key", "login", "login", "facts"])
        self.assertEqual(operation.state, "done")
        with self.refused("cannot be retried"):
            self.call(self.manager, operation, "action_retry")

    def test_an_old_failure_is_not_retried_over_something_newer(self):
        old = self.start()
        with self.failing("login", UserError("wrong password")), mute_logger(MODEL):
            self.run_cron()
        self.start()
        with self.refused("something else was done"):
            self.call(self.manager, old, "action_retry")

    def test_a_defect_is_logged_and_told_by_its_kind(self):
        operation = self.start()
        with self.failing("login", ZeroDivisionError("by zero")), self.assertLogs(MODEL, "ERROR"):
            self.run_cron()
        self.assertEqual(operation.error, "ZeroDivisionError: by zero")

    def test_looking_is_not_repeated_but_installing_is(self):
        operation = self.start()
        with self.failing("host_key", Unavailable("gone")), mute_logger(MODEL):
            self.run_cron()
        self.assertEqual(operation.state, "failed")

        self.root.state = "confirmed"
        number = self.call(self.manager, self.root, "install_portainer_master")
        operation = self.env["sadeem.root.server.operation"].browse(number)
        step = operation.step_ids[0]
        pauses = []
        for _attempt in range(4):
            operation._begin_step()
            self.env.flush_all()
            pauses.append(operation._give_up_or_wait(step.id, Unavailable("gone")))
            self.env.invalidate_all()
            if pauses[-1]:
                self.assertEqual((operation.state, step.state), ("pending", "pending"))
                self.assertGreater(operation.next_attempt_at, fields.Datetime.now())
                self.assertIn("gone", operation.get_progress()["error"])
        self.assertTrue(all(pauses[:3]))
        self.assertEqual((pauses[3], operation.state, step.state), (0, "failed", "failed"))
        self.assertIn("Failed", self.root.message_ids[0].body)

    def test_the_scheduled_action_waits_for_the_next_attempt(self):
        operation = self.start()
        operation.next_attempt_at = fields.Datetime.now() + timedelta(minutes=1)
        self.run_cron()
        self.assertEqual(self.done, [])
        operation.next_attempt_at = fields.Datetime.now() - timedelta(seconds=1)
        self.run_cron()
        self.assertEqual(operation.state, "done")

    def test_cancelling_ends_it_before_the_next_step(self):
        operation = self.start()
        self.instead["login"] = lambda output: operation.action_cancel()
        self.run_cron()
        self.assertEqual((operation.state, self.done), ("cancelled", ["host_key", "login"]))
        self.assertEqual(operation.step_ids[2].state, "cancelled")
        with self.refused("has ended"):
            self.call(self.manager, operation, "action_cancel")
        self.instead.clear()
        self.start()
        self.run_cron()
        self.assertEqual(self.root.state, "confirmed")

    def test_cancelling_ends_the_waiting_for_a_command(self):
        operation = self.start()

        def command(output):
            output.add("before\n")
            operation.action_cancel()
            output.add("after\n")
            output.finish()
            self.fail("the command is still waited for")

        self.instead["login"] = command
        self.run_cron()
        self.assertEqual(operation.state, "cancelled")

    def test_output_is_kept_without_secrets_and_bounded(self):
        operation = self.start()

        def command(output):
            output.add("login with hunter2\n")

        self.instead["login"] = command
        self.run_cron()
        self.assertEqual(operation.output_ids.mapped("text"), ["login with …\n"])
        for number in range(KEPT + 5):
            operation.output_ids._add(operation, f"{number}\n")
        self.env.invalidate_all()
        self.assertEqual(len(operation.output_ids), KEPT)
        pieces = operation.get_progress()["output"]
        self.assertEqual(pieces[-1]["text"], f"{KEPT + 4}\n")
        rest = self.call(self.manager, operation, "get_progress", pieces[-3]["id"])["output"]
        self.assertEqual([piece["text"] for piece in rest], [f"{KEPT + 3}\n", f"{KEPT + 4}\n"])

    def test_a_server_that_starts_wakes_the_scheduled_actions_for_what_is_open(self):
        crons = self.env["ir.cron"].browse(
            [self.env.ref(f"sadeem_portainer.ir_cron_operations_{lane}").id for lane in (1, 2)]
        )
        triggers = self.env["ir.cron.trigger"].search([("cron_id", "in", crons.ids)])
        triggers.unlink()
        self.env["sadeem.root.server.operation"]._register_hook()
        self.assertFalse(triggers.search([("cron_id", "in", crons.ids)]))
        self.start().state = "running"
        triggers.search([("cron_id", "in", crons.ids)]).unlink()
        self.env["sadeem.root.server.operation"]._register_hook()
        self.assertEqual(triggers.search([("cron_id", "in", crons.ids)]).cron_id, crons)
