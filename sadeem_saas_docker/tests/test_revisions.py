from odoo.exceptions import AccessError, ValidationError
from odoo.tests import tagged
from odoo.tools import mute_logger

from odoo.addons.saas_portal.lib.saas_driver import DriverRejected

from .common import DockerCase


@tagged("post_install", "-at_install")
class TestRevisions(DockerCase):
    """Settings, what they mean, and what a stack was deployed with."""

    def test_a_client_gets_the_settings_of_its_plan(self):
        self.plan.write({"docker_workers": 2, "docker_cpus": 1.5, "docker_memory_mb": 1024})
        client = self.new()
        self.assertEqual(client.docker_workers, 2)
        self.assertEqual(client.docker_memory_mb, 1024)
        self.assertIn("--workers=2", self.deployed(client))
        self.plan.docker_workers = 4
        self.assertEqual(client.docker_workers, 2)

    def test_settings_that_no_stack_could_have_are_refused_with_their_names(self):
        for name, value, label in [
            ("docker_workers", -1, "Docker Worker Count"),
            ("docker_limit_time_cpu", -5, "CPU Time Limit"),
            ("docker_update_modules", "sale; rm -rf /", "Update Modules"),
            ("docker_server_wide_modules", "$(id)", "Server Wide Modules"),
            ("docker_user_addons_path", "../x\n- y", "User Addons Path"),
            ("docker_memory_mb", 1, "Memory (MB)"),
            ("docker_cpus", -0.5, "CPUs"),
        ]:
            for record in (self.plan, self.new()):
                with (
                    self.subTest(name, model=record._name),
                    self.refused(label, ValidationError),
                    self.env.cr.savepoint(),
                ):
                    record[name] = value
                    self.env.flush_all()

    def test_a_change_is_shown_and_does_nothing_until_the_rebuild(self):
        client = self.new()
        self.assertFalse(client.docker_difference)
        self.change(client, {"docker_log_level": "debug_sql"})
        self.assertIn("+", client.docker_difference)
        self.assertIn("debug_sql", client.docker_difference)
        self.assertNotIn("debug_sql", self.deployed(client))
        self.rebuild(client)
        self.assertIn("debug_sql", self.deployed(client))
        self.assertFalse(client.docker_difference)

    def test_each_text_is_one_revision_with_who_and_why(self):
        client = self.new()
        self.rebuild(client)
        self.assertEqual(client.docker_revision_ids.mapped("number"), [1])
        self.change(client, {"docker_workers": 2})
        self.rebuild(client)
        first, second = client.docker_revision_ids.sorted("number")
        self.assertEqual((first.reason, second.reason), ("Creation", "Changed settings"))
        self.assertEqual(second.user_id, self.user)
        self.assertTrue(second.deployed_at)
        self.assertEqual((first.is_current, second.is_current), (False, True))
        self.assertEqual(second.compose.strip(), client.docker_compose.strip())

    def test_one_click_returns_to_a_former_revision(self):
        client = self.new()
        before = self.deployed(client)
        self.change(client, {"docker_workers": 2, "docker_update_modules": "sale"})
        self.change(client, {"docker_image_tag_id": self.other_tag.id}, self.manager)
        self.rebuild(client)
        self.assertIn("saas-client:19.1", self.deployed(client))
        first = client.docker_revision_ids.sorted("number")[0]
        with self.refused("only managers choose images", AccessError):
            self.act(first, "action_return")
        self.assertEqual(client.docker_image_tag_id, self.other_tag)
        self.act(first, "action_return", self.manager)
        self.run_operations()
        self.assertEqual(self.deployed(client), before)
        self.assertEqual(client.docker_workers, 0)
        self.assertEqual(client.docker_image_tag_id, self.tag)
        third = client.docker_revision_id
        self.assertEqual((third.number, third.reason), (3, "Return to revision 1"))
        with self.refused("runs revision 3 already"):
            self.act(third, "action_return")

    @mute_logger("odoo.addons.saas_portal.models.saas_portal_operation")
    def test_a_rebuild_that_fails_says_why_and_leaves_the_client_open(self):
        client = self.new()
        self.change(client, {"docker_workers": 2})
        self.driver.failures = {"deploy": DriverRejected("No such image.")}
        self.rebuild(client)
        self.assertEqual(client.state, "open")
        self.assertIn("No such image.", client.operation_error)
        self.driver.failures = {}
        first = client.docker_revision_ids.sorted("number")[0]
        self.act(first, "action_return")
        self.run_operations()
        self.assertNotIn("--workers=2", self.deployed(client))

    def test_a_renamed_client_has_a_revision_under_its_new_name(self):
        client = self.new(dbname="old.localhost")
        self.call(self.user, "saas_portal.client", "rename_database", client.ids, "new.localhost")
        self.assertIn("new.localhost", self.deployed(client))
        self.assertEqual(client.docker_revision_id.reason, "Renamed")
        self.assertFalse(client.docker_difference)

    def test_changed_settings_are_not_deployed_by_a_rename(self):
        client = self.new(dbname="old.localhost")
        self.change(client, {"docker_workers": 2})
        self.call(self.user, "saas_portal.client", "rename_database", client.ids, "new.localhost")
        self.assertNotIn("--workers=2", self.deployed(client))
        self.assertIn("--workers=2", client.docker_difference)

    def test_a_restart_restarts_odoo_alone(self):
        client = self.new()
        self.fake.calls.clear()
        self.act(client, "action_restart")
        self.run_operations()
        ((_number, container, action),) = self.fake.called("container_action")
        self.assertIn("odoo", container)
        self.assertEqual(action, "restart")
        self.assertEqual(client.operation_ids[:1].state, "done")

    def test_a_restart_does_not_mind_modules_that_fail(self):
        client = self.new()
        self.driver.failures = {"deploy": DriverRejected("The module sale cannot be updated.")}
        self.act(client, "action_restart")
        self.run_operations()
        self.assertEqual(client.operation_ids[:1].state, "done")
        self.assertIn(("start", client.name), self.driver.calls)

    # === WHO MAY === #

    def test_customers_and_other_people_neither_see_nor_rebuild_stacks(self):
        client = self.new()
        for user in (self.customer, self.internal):
            with self.subTest(user.login):
                for method in ("action_rebuild", "action_restart"):
                    with self.refused(error=AccessError):
                        self.act(client, method, user)
                with self.refused(error=AccessError):
                    self.act(client.docker_revision_id, "action_return", user)
        with self.refused(error=AccessError):
            self.call(self.customer, "saas_portal.client", "read", client.ids, ["docker_compose"])

    def test_users_read_revisions_and_cannot_write_them(self):
        client = self.new()
        revision = client.docker_revision_id
        for user in (self.user, self.manager):
            rows = self.call(user, revision._name, "read", revision.ids, ["compose", "number"])
            self.assertEqual(rows[0]["number"], 1)
            with self.refused(error=AccessError):
                self.call(user, revision._name, "write", revision.ids, {"compose": "x"})
            with self.refused(error=AccessError):
                self.call(user, revision._name, "unlink", revision.ids)
            with self.refused(error=AccessError):
                self.call(user, revision._name, "create", [{"client_id": client.id}])
        with self.refused(error=AccessError):
            self.call(self.customer, revision._name, "read", revision.ids, ["compose"])

    def test_only_operations_write_the_place_and_only_managers_the_image(self):
        client = self.new()
        for name in ("docker_stack_id", "docker_http_port", "docker_revision_id", "stage_of_id"):
            with self.subTest(name), self.refused(error=AccessError):
                self.change(client, {name: 1}, self.manager)
        with self.refused(error=AccessError):
            self.change(client, {"docker_image_tag_id": self.other_tag.id})
        self.change(client, {"docker_image_tag_id": self.other_tag.id}, self.manager)
        self.assertIn("saas-client:19.1", client.docker_difference)

    def test_revisions_of_other_companies_are_not_seen(self):
        company = self.env["res.company"].create({"name": "Other"})
        client = self.new()
        client.sudo().company_id = company
        revision = client.docker_revision_id
        found = self.call(self.user, revision._name, "search", [("id", "=", revision.id)])
        self.assertEqual(found, [])
