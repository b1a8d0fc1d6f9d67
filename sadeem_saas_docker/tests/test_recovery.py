from odoo.tests import tagged
from odoo.tools import mute_logger

from odoo.addons.saas_portal.lib.saas_driver import ClientRef, DriverUnavailable
from odoo.addons.saas_portal.lib.saas_wire import ClientUnavailable

from .common import DockerCase

NAME = "acme.localhost"


@tagged("post_install", "-at_install")
class TestRecovery(DockerCase):
    """Operations need containers that run, and start what somebody has killed."""

    def setUp(self):
        super().setUp()
        self.client = self.new(dbname=NAME)
        answer = self.transport.execute_kw
        self.patch(
            self.transport, "execute_kw", lambda *told: self._answer_if_running(answer, told)
        )

    def _answer_if_running(self, answer, told):
        if not self.driver.databases[NAME].running:
            raise ClientUnavailable(f"No answer from {NAME}.")
        return answer(*told)

    def kill(self):
        self.driver.stop(ClientRef(NAME, self.client.client_id))
        self.driver.calls.clear()

    def test_a_killed_client_is_started_and_told(self):
        self.kill()
        self.act(self.client, "action_suspend")
        self.assertEqual(self.client.state, "pending")
        self.assertIn(("start", NAME), self.driver.calls)

    @mute_logger("odoo.addons.saas_portal.models.saas_portal_operation")
    def test_a_client_that_runs_and_does_not_answer_is_left_alone(self):
        self.transport.failures[NAME] = ClientUnavailable("No answer from acme.")
        with self.refused("No answer from acme"):
            self.act(self.client, "action_suspend")
        self.assertNotIn(("start", NAME), self.driver.calls)

    @mute_logger("odoo.addons.saas_portal.models.saas_portal_operation")
    def test_a_client_that_cannot_be_started_fails_with_that_cause(self):
        self.kill()
        self.driver.failures["start"] = DriverUnavailable("The host of acme is away.")
        with self.refused("The host of acme is away"):
            self.act(self.client, "action_suspend")

    def test_a_killed_client_is_started_for_its_backup(self):
        self.kill()
        self.act(self.client, "action_backup")
        self.run_operations()
        self.assertEqual(self.client.backup_ids.state, "ready")
        self.assertIn(("start", NAME), self.driver.calls)

    def test_a_killed_client_is_started_to_be_copied(self):
        self.kill()
        self.call(
            self.user, "saas_portal.client", "create_stage", self.client.ids, "stage.localhost"
        )
        self.run_operations()
        self.assertEqual(self.client.stage_ids.state, "open")
        self.assertIn(("start", NAME), self.driver.calls)

    def test_who_waits_for_an_answer_starts_what_was_killed(self):
        self.http_status = 502
        self.kill()
        start = self.driver.start

        def started(ref):
            start(ref)
            self.http_status = 200

        self.patch(self.driver, "start", started)
        self.rebuild(self.client)
        self.assertEqual(self.client.operation_ids[:1].state, "done")

    @mute_logger("odoo.addons.saas_portal.models.saas_portal_operation")
    def test_a_client_that_is_half_way_back_and_given_up_runs_for_nobody(self):
        self.act(self.client, "delete_database", self.manager)
        self.driver.failures["publish_keys"] = DriverUnavailable("The container was killed.")
        with self.refused("The container was killed"):
            self.act(self.client, "action_restore", self.manager)
        self.assertEqual(self.client.state, "deleted")
        self.assertFalse([each for each in self.driver.list() if each.running])
        self.driver.failures.clear()
        self.act(self.client, "action_retry", self.manager)
        self.run_operations()
        self.assertEqual(self.client.state, "open")
