from odoo.exceptions import AccessError, UserError
from odoo.tests import tagged
from odoo.tools import mute_logger

from odoo.addons.saas_portal.lib.saas_driver import DriverRejected, DriverUnavailable

from .common import DockerCase

STEPS = [
    "_step_place",
    "_step_revise",
    "_step_deploy",
    "_step_create_database",
    "_step_set_up",
    "_step_wait_for_answer",
    "_step_open",
]


@tagged("post_install", "-at_install")
class TestCreation(DockerCase):
    """A client becomes a stack, or nothing at all."""

    def start(self):
        """A client whose creation waits for the cron."""
        return self.new(**{"async": True})

    def test_a_client_is_a_stack_that_answers_under_its_name(self):
        client = self.new(dbname="acme.localhost")
        self.assertEqual(client.state, "open")
        self.assertEqual(client.docker_environment_id, self.environment)
        self.assertIn("local", client.docker_placement)
        self.assertEqual(client.docker_stack_id.name, f"saas-{client.client_id}")
        self.assertEqual(client.docker_stack_id.state, "active")
        self.assertEqual(
            set(self.asked),
            {(f"http://10.1.0.7:{client.docker_http_port}/web/login", "acme.localhost")},
        )
        text = self.deployed(client)
        self.assertIn("image: saas-client:19.0", text)
        self.assertIn("acme.localhost", text)
        self.assertEqual(client.operation_ids.step_ids.sorted("sequence").mapped("method"), STEPS)
        self.assertEqual(client.operation_ids.progress, 100)

    def test_the_password_of_the_database_stands_nowhere_in_clear(self):
        client = self.new()
        stack = client.docker_stack_id
        password = stack._prepare_target().env["DB_PASSWORD"]
        self.assertGreaterEqual(len(password), 30)
        self.assertEqual(self.fake.envs[stack.remote_id], {"DB_PASSWORD": password})
        self.env.flush_all()
        texts = [
            self.deployed(client),
            stack.compose,
            client.docker_revision_id.compose,
            *client.message_ids.mapped("body"),
            *client.operation_ids.step_ids.mapped(lambda step: step.result or ""),
            stack.variable_ids.sudo().value_cipher,
        ]
        for text in texts:
            self.assertNotIn(password, text)

    def test_two_clients_get_different_ports(self):
        first, second = self.new(), self.new()
        ports = {
            port for client in first | second
            for port in (client.docker_http_port, client.docker_gevent_port)
        }  # fmt: skip
        self.assertEqual(len(ports), 4)

    @mute_logger("odoo.addons.saas_portal.models.saas_portal_operation")
    def test_a_failure_at_any_step_leaves_nothing_and_can_be_retried(self):
        broken = DriverRejected("The engine is broken.")
        for verb in ("deploy", "create"):
            with self.subTest(verb):
                self.driver.failures = {verb: broken}
                with self.refused("The engine is broken."):
                    self.new(dbname=f"{verb}.localhost")
                self.assertEqual(self.left_behind(), self.NOTHING)
                client = self.env["saas_portal.client"].search([("name", "=", f"{verb}.localhost")])
                self.assertEqual(client.state, "broken")
                self.driver.failures = {}
                self.act(client, "action_retry")
                self.run_operations()
                self.assertEqual(client.state, "open")
                self.assertIn(f"{verb}.localhost", self.deployed(client))
                client.plan_id.retention_days = 0
                self.act(client, "delete_database", self.manager)
                self.assertEqual(self.left_behind(), self.NOTHING)

    @mute_logger("odoo.addons.saas_portal.models.saas_portal_operation")
    def test_a_client_that_does_not_answer_in_the_end_leaves_nothing(self):
        self.http_status = 502
        with self.refused("answers HTTP 502"):
            self.new()
        self.assertEqual(self.left_behind(), self.NOTHING)

    @mute_logger("odoo.addons.saas_portal.models.saas_portal_operation")
    def test_without_room_nothing_is_taken_and_the_reason_is_told(self):
        self.environment.max_running_containers = 1
        with self.refused("local (Portainer): it has no room for 2 more"):
            self.new()
        self.assertEqual(self.left_behind(), self.NOTHING)

    @mute_logger("odoo.addons.saas_portal.models.saas_portal_operation")
    def test_without_free_ports_nothing_is_taken(self):
        self.environment.next_port = 65535
        with self.refused("has no 2 free ports"):
            self.new()
        self.assertEqual(self.left_behind(), self.NOTHING)

    def test_ports_that_were_taken_when_the_portal_was_killed_are_the_clients(self):
        client = self.start()
        taken = self.environment.allocate_ports(2, purpose=f"saas-{client.client_id}")
        self.run_operations()
        self.assertEqual([client.docker_http_port, client.docker_gevent_port], taken)

    @mute_logger("odoo.addons.saas_portal.models.saas_portal_operation")
    def test_what_was_taken_when_the_portal_was_killed_is_given_back(self):
        client = self.start()
        self.environment.allocate_ports(2, purpose=f"saas-{client.client_id}")
        self.image._place(2, client)
        self.env.flush_all()
        self.assertNotEqual(self.left_behind(), self.NOTHING)
        self.act(client, "action_cancel")
        self.assertEqual(self.left_behind(), self.NOTHING)
        self.assertTrue(client.name_released)

    def test_cancelled_at_any_step_leaves_nothing(self):
        for number in range(1, len(STEPS)):
            with self.subTest(STEPS[number]):
                client = self.start()
                operation = client.operation_ids
                for _step in range(number):
                    step_id = operation._begin_step()
                    operation._perform_step(step_id)
                    self.env.flush_all()
                self.act(client, "action_cancel")
                self.assertEqual(self.left_behind(), self.NOTHING)
                self.assertEqual(client.state, "broken")
                self.assertTrue(client.name_released)

    def test_a_server_that_is_away_for_a_moment_is_asked_again(self):
        self.driver.failures = {"deploy": DriverUnavailable("Portainer does not answer.")}
        client = self.start()
        self.run_operations()
        self.assertEqual(client.operation_ids.state, "pending")
        self.assertIn("Portainer does not answer.", client.operation_error)
        place = client.docker_stack_id, client.docker_http_port
        self.driver.failures = {}
        client.operation_ids.next_attempt_at = False
        self.run_operations()
        self.assertEqual(client.state, "open")
        self.assertEqual((client.docker_stack_id, client.docker_http_port), place)

    @mute_logger("odoo.addons.saas_portal.models.saas_portal_operation")
    def test_what_cannot_be_removed_now_is_kept_until_it_can(self):
        self.driver.failures = {
            "create": DriverRejected("The engine is broken."),
            "delete": DriverUnavailable("Portainer does not answer."),
        }
        with self.refused():
            self.new(dbname="kept.localhost")
        client = self.env["saas_portal.client"].search([("name", "=", "kept.localhost")])
        self.assertTrue(client.docker_stack_id)
        self.assertNotEqual(self.left_behind(), self.NOTHING)
        self.driver.failures = {}
        self.act(client, "delete_database", self.manager)
        self.assertEqual(self.left_behind(), self.NOTHING)

    def test_a_host_that_is_away_takes_no_name_on_the_others(self):
        self.driver.failures = {"status": DriverUnavailable("The other host does not answer.")}
        clients = self.env["saas_portal.client"]
        self.assertFalse(clients._find_taken_name("acme.localhost", self.server.id))
        beside = self.server.create({"name": "Beside", "request_port": 8069})
        with self.refused("The other host does not answer."):
            clients._find_taken_name("acme.localhost", beside.id)

    def test_a_server_without_image_is_refused(self):
        with self.refused("needs a Docker image and a tag"):
            self.server.docker_image_tag_id = False
        with self.refused("has no tag"):
            self.server.docker_image_tag_id = self.tag.create({"name": "18.0-test"})

    def test_a_plan_on_the_portals_own_server_knows_no_docker(self):
        server = self.server.create({"name": "Beside", "request_port": 8069})
        template = self.template.create({"name": "template-beside", "server_id": server.id})
        template.write({"state": "template", "built_at": "2025-01-01 00:00:00"})
        plan = self.plan.create(
            {"name": "Beside", "template_id": template.id, "dbname_template": "b-%i.localhost"}
        )
        client = self.new(plan=plan)
        self.assertEqual(client.state, "open")
        self.assertFalse(client.docker_stack_id)
        with self.refused("is not a Docker stack", UserError):
            self.act(client, "action_rebuild")

    # === WHAT IS WAITED FOR === #

    def test_people_see_what_a_step_waits_for_while_it_does(self):
        client = self.new()
        operation = client._start_operation("rebuild", {"reason": "test"})
        operation.state = "running"
        self.env.flush_all()
        times = iter(range(0, 100, 2))
        waits = self.env["sadeem.saas.docker.wait"]
        tell = waits._make_teller(operation, clock=lambda: next(times))
        seen = []
        for text in ("db is restarting", "db is restarting", "Odoo", ""):
            tell(text)
            self.env.invalidate_all()
            seen.append(client.with_user(self.user).operation_step)
        step = "Write down the new revision"
        self.assertEqual(seen, [
            step, f"{step}; waiting: db is restarting", f"{step}; waiting: Odoo", step,
        ])  # fmt: skip
        self.assertFalse(waits.search([("operation_id", "=", operation.id)]), "nothing stays")

    def test_who_waits_is_read_by_operators_and_written_by_nobody(self):
        client = self.new()
        operation = client._start_operation("rebuild", {"reason": "test"})
        wait = self.env["sadeem.saas.docker.wait"].create(
            {"operation_id": operation.id, "text": "Odoo"}
        )
        self.assertEqual(wait.with_user(self.user).text, "Odoo")
        for user in (self.user, self.manager):
            with self.refused(error=AccessError):
                self.call(user, wait._name, "write", wait.ids, {"text": "x"})
            with self.refused(error=AccessError):
                self.call(user, wait._name, "unlink", wait.ids)
        for user in (self.customer, self.internal):
            with self.refused(error=AccessError):
                self.call(user, wait._name, "read", wait.ids)
