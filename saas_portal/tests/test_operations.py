from datetime import timedelta
from unittest.mock import patch

from odoo import fields

from ..lib.saas_driver import DriverUnavailable
from ..lib.saas_wire import ClientFailed, ClientRejected, ClientUnavailable
from ..transactions import Busy
from .common import SaasPortalCase

STEPS_OF_CREATION = ["Copy the template", "Set owner and limits", "Open"]


class TestOperations(SaasPortalCase):
    def setUp(self):
        super().setUp()
        self.client = self.new(dbname="acme.localhost")

    def configure_later(self, value="1", key="saas_client.max_users"):
        payload = {"params": [{"key": key, "value": value, "hidden": True}]}
        return self.client._start_operation("configure", {"payload": payload})

    def cut_off(self, operation, done_steps=0):
        """What the operation looks like after its process was killed."""
        operation.state = "running"
        operation.step_ids.write({"state": "pending"})
        operation.step_ids[:done_steps].state = "done"
        operation.step_ids[done_steps : done_steps + 1].state = "running"

    # -- evidence ----------------------------------------------------------------------------------

    def test_every_step_is_visible_with_its_time(self):
        operation = self.client.operation_ids
        self.assertEqual((operation.kind, operation.state), ("create", "done"))
        self.assertEqual(operation.step_ids.mapped("name"), STEPS_OF_CREATION)
        self.assertEqual(set(operation.step_ids.mapped("state")), {"done"})
        self.assertTrue(all(operation.step_ids.mapped("finished_at")))
        self.assertEqual(operation.progress, 100)
        self.assertFalse(operation.current_step)
        self.assertEqual(operation.user_id, self.user)
        self.assertEqual(operation.display_name, "Create acme.localhost")

    def test_a_client_shows_its_running_operation(self):
        operation = self.configure_later()
        self.assertEqual(self.client.current_operation_id, operation)
        self.assertEqual(self.client.operation_step, "Apply the changes")
        self.run_operations()
        self.assertFalse(self.client.current_operation_id)

    def test_only_the_beginning_of_a_long_cause_is_kept(self):
        self.transport.failures["acme.localhost"] = ClientFailed("x" * 3_000_000)
        operation = self.configure_later()
        self.run_operations()
        self.assertEqual(operation.state, "failed")
        for cause in (operation.error, operation.step_ids.error):
            self.assertTrue(cause.startswith("xxx"))
            self.assertLessEqual(len(cause), 2000)

    def test_a_client_that_answers_something_else_is_asked_again(self):
        self.transport.answer = "hello"
        operation = self.configure_later()
        self.run_operations()
        self.assertEqual((operation.state, operation.attempts), ("pending", 1))
        self.assertIn("did not answer as a client does", operation.error)
        self.transport.answer = {}
        operation.next_attempt_at = False
        self.run_operations()
        self.assertEqual(operation.state, "done")

    def test_a_failure_shows_its_step_and_cause_and_what_was_done(self):
        self.transport.failures["other.localhost"] = ClientRejected("Not today.")
        with self.refused("Not today."):
            self.new(dbname="other.localhost")
        operation = self.env["saas_portal.operation"].search([], limit=1)
        self.assertEqual((operation.state, operation.error), ("failed", "Not today."))
        self.assertEqual(operation.step_ids.mapped("state"), ["done", "failed", "pending"])
        self.assertEqual(operation.step_ids[1].error, "Not today.")
        self.assertEqual(operation.current_step, STEPS_OF_CREATION[1])
        self.assertEqual(round(operation.progress), 33)

    def test_parameters_values_are_not_in_the_description(self):
        self.up(self.client, params=[{"key": "saas_client.visible_modules", "value": "hush"}])
        step = self.client.operation_ids[0].step_ids
        self.assertEqual(step.result, "params: saas_client.visible_modules")

    # -- interrupted -------------------------------------------------------------------------------

    def test_an_operation_that_was_cut_off_goes_on_where_it_stopped(self):
        client = self.new(dbname="other.localhost", async_creation=True)
        self.cut_off(client.operation_ids, done_steps=1)
        self.driver.put("other.localhost", client.client_id)
        self.driver.calls.clear()
        self.run_operations()
        self.assertEqual((client.state, client.operation_ids.state), ("open", "done"))
        self.assertNotIn(("create", "other.localhost"), self.driver.calls)

    def test_a_synchronous_operation_that_was_cut_off_goes_on_too(self):
        operation = self.configure_later(value="7")
        operation.background = False
        self.cut_off(operation)
        self.run_operations()
        self.assertEqual((operation.state, self.client.max_users), ("done", 7))

    def test_what_another_process_works_at_is_left_alone(self):
        operation = self.configure_later()
        self.cut_off(operation)
        calls = len(self.transport.calls)
        with self.busy(self.client):
            self.run_operations()
        self.assertEqual(operation.state, "running")
        self.assertEqual(len(self.transport.calls), calls)

    def test_a_step_whose_commit_was_lost_is_repeated_with_the_same_result(self):
        operation = self.client.operation_ids
        for done_steps in range(3):
            self.client.state = "building"
            self.cut_off(operation, done_steps)
            self.run_operations()
            self.assertEqual((operation.state, self.client.state), ("done", "open"))
        for kind, arguments, state in (
            ("rename", {"new_name": "new.localhost"}, "open"),
            ("delete", {}, "deleted"),
            ("restore", {}, "open"),
        ):
            operation = self.client._start_operation(kind, arguments)
            before = self.client.read(["name", "state", "trash_name", "name_released"])[0]
            self.run_operations()
            self.assertEqual((operation.state, self.client.state), ("done", state), kind)
            # The driver did it, but the portal does not know.
            before.pop("id")
            self.client.write(before)
            self.cut_off(operation)
            self.run_operations()
            self.assertEqual((operation.error, self.client.state), (False, state), kind)

    # -- later -------------------------------------------------------------------------------------

    def test_background_work_waits_longer_and_longer_and_gives_up_in_the_end(self):
        self.transport.failures["acme.localhost"] = ClientUnavailable("No answer.")
        operation = self.configure_later()
        delays = []
        for _attempt in range(4):
            self.run_operations()
            self.assertEqual(operation.state, "pending")
            self.assertEqual(operation.error, "No answer.")
            self.assertEqual(operation.step_ids.error, "No answer.")
            delays.append(operation.next_attempt_at - fields.Datetime.now())
            attempts = operation.attempts
            self.run_operations()
            self.assertEqual(operation.attempts, attempts, "not before its time")
            operation.next_attempt_at = fields.Datetime.now() - timedelta(seconds=1)
        self.assertEqual(delays, sorted(delays))
        self.run_operations()
        self.assertEqual((operation.state, operation.attempts), ("failed", 5))

    def test_background_work_that_is_refused_is_not_repeated(self):
        for error in (ClientRejected("No."), ClientFailed("Broke.")):
            self.transport.failures["acme.localhost"] = error
            operation = self.configure_later()
            self.run_operations()
            self.assertEqual((operation.state, operation.error), ("failed", str(error)))

    def test_who_waits_is_told_at_once(self):
        for error in (ClientUnavailable("No answer."), DriverUnavailable("Gone.")):
            self.transport.failures["acme.localhost"] = error
            with self.refused(str(error)):
                self.suspend(self.client)
        self.assertEqual(self.client.operation_state, "failed")
        self.assertEqual(self.client.state, "open")

    def test_a_failing_operation_does_not_keep_others_from_theirs(self):
        other = self.new(dbname="other.localhost")
        self.transport.failures["acme.localhost"] = KeyError("surprise")
        first = self.configure_later()
        self.client = other
        second = self.configure_later(value="9")
        with self.assertLogs("odoo.addons.saas_portal", "ERROR"):
            self.run_operations()
        self.assertEqual((first.state, second.state), ("failed", "done"))
        self.assertEqual(other.max_users, 9)

    # -- one after the other -----------------------------------------------------------------------

    def test_a_second_operation_runs_the_earlier_ones_first(self):
        self.configure_later(value="7")
        self.up(self.client, params=[{"key": "saas_client.max_users", "value": 8}])
        values = [
            self.params_of(payload)["saas_client.max_users"]
            for payload in self.transport.payloads[-2:]
        ]
        self.assertEqual(values, ["7", "8"])
        self.assertEqual(set(self.client.operation_ids.mapped("state")), {"done"})

    def test_a_later_operation_is_not_run_with_an_earlier_one(self):
        first, second = self.configure_later("7"), self.configure_later("8")
        first._run()
        self.env.invalidate_all()
        self.assertEqual((first.state, second.state), ("done", "pending"))

    def test_who_waits_too_long_is_told_and_nothing_is_done_later(self):
        module = "odoo.addons.saas_portal.models.saas_portal_operation._WAIT_SECONDS"
        with (
            patch(module, 0.1),
            self.busy(self.client),
            self.refused("acme.localhost is busy"),
        ):
            self.suspend(self.client)
        self.assertEqual(self.client.operation_ids[0].state, "cancelled")
        self.run_operations()
        self.assertEqual(self.client.state, "open")

    # -- retry and cancel --------------------------------------------------------------------------

    def test_a_failed_operation_can_be_repeated(self):
        self.transport.failures["acme.localhost"] = ClientRejected("Not today.")
        with self.refused("Not today."):
            self.suspend(self.client)
        self.transport.failures.clear()
        operation = self.client.operation_ids[0]
        self.call(self.user, "saas_portal.operation", "action_retry", operation.ids)
        self.assertEqual((operation.state, operation.error), ("pending", False))
        self.run_operations()
        self.assertEqual((operation.state, self.client.state), ("done", "pending"))

    def test_only_what_failed_can_be_repeated(self):
        with self.refused("nothing to retry"):
            self.call(
                self.user, "saas_portal.operation", "action_retry", self.client.operation_ids.ids
            )

    def test_what_waits_and_what_failed_can_be_cancelled_and_loses_its_secrets(self):
        for state in ("pending", "failed"):
            operation = self.configure_later()
            operation.write({"state": state, "secrets": "cipher"})
            self.call(self.user, "saas_portal.operation", "action_cancel", operation.ids)
            self.assertEqual((operation.state, operation.secrets), ("cancelled", False))
        calls = len(self.transport.calls)
        self.run_operations()
        self.assertEqual(len(self.transport.calls), calls)

    def test_what_has_ended_cannot_be_cancelled(self):
        with self.refused("has ended"):
            self.call(
                self.user, "saas_portal.operation", "action_cancel", self.client.operation_ids.ids
            )

    def test_a_creation_cancelled_before_it_began_frees_the_name(self):
        client = self.new(dbname="other.localhost", async_creation=True)
        self.call(self.user, "saas_portal.client", "action_cancel", [client.id])
        self.assertEqual((client.state, client.name_released), ("broken", True))
        self.new(dbname="other.localhost")

    def test_a_creation_cancelled_between_two_steps_is_undone_by_who_runs_it(self):
        client = self.new(dbname="other.localhost", async_creation=True)
        real = self.driver.create

        def create_and_be_cancelled(spec):
            real(spec)
            operation = client.operation_ids
            with self.busy_lock_refused():
                operation.with_user(self.user).action_cancel()
            operation.flush_recordset()

        self.driver.create = create_and_be_cancelled
        self.run_operations()
        self.assertEqual((client.state, client.operation_ids.state), ("broken", "cancelled"))
        self.assertFalse(self.driver.status("other.localhost").exists)

    def test_what_fails_after_it_was_cancelled_stays_cancelled(self):
        operation = self.configure_later()

        operation._begin_step()
        operation.state = "cancelled"
        failed = operation._record_failure(operation.step_ids.id, "No answer.", temporary=True)
        self.assertTrue(failed)
        self.assertEqual((operation.state, operation.error), ("cancelled", "No answer."))

    def busy_lock_refused(self):
        path = "odoo.addons.saas_portal.models.saas_portal_operation.locked"
        return patch(path, side_effect=Busy)
