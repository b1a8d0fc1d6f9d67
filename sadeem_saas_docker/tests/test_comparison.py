from dataclasses import replace

from odoo.exceptions import AccessError, UserError
from odoo.tests import tagged
from odoo.tools import mute_logger

from odoo.addons.saas_portal.lib.saas_driver import DriverUnavailable
from odoo.addons.sadeem_portainer.lib.portainer_api import Unavailable
from odoo.addons.sadeem_portainer.tests.common import SERVER

from ..lib.saas_stack import LABEL_KEY, LABEL_NAME, LABEL_PORTAL, stack_name
from ..models import saas_portal_client_ports, sadeem_portainer_image
from ..portainer_driver.external import ExternalRoles
from .common import DockerCase

STRANGER = "0c3f3b8e-0000-4000-8000-000000000001"
OLD_IMAGE, NEW_IMAGE = f"sha256:{'a' * 64}", f"sha256:{'b' * 64}"


@tagged("post_install", "-at_install")
class TestComparison(DockerCase):
    """What differs between server and records is shown, and what is safe is healed."""

    def setUp(self):
        super().setUp()
        self.portal = self.env["saas_portal.keyring"]._get_portal_uuid()

    def compare(self):
        self.env.flush_all()
        error = self.environment._compare_with_records()
        self.env.invalidate_all()
        return error

    def found(self):
        """(kind, name of the client or of the stack) of every deviation."""
        rows = self.env["sadeem.saas.docker.deviation"].search([])
        return sorted((row.kind, row.client_id.name or row.stack) for row in rows)

    def put_orphan(self, key=STRANGER, portal=None, name="gone.localhost"):
        """A stack that this portal, or another one, has made."""
        portal = portal or self.portal
        stack = stack_name(key)
        self.fake.put(1, stack, f"services: {{odoo: {{image: x, labels: [{portal}]}}}}")
        rows = self.fake.containers[1, stack]
        labels = {LABEL_KEY: key, LABEL_PORTAL: portal, LABEL_NAME: name}
        rows[:] = [replace(row, labels=labels, project=stack) for row in rows]
        return stack

    def test_what_is_as_it_should_be_is_not_listed(self):
        self.new()
        self.assertEqual(self.compare(), "")
        self.assertEqual(self.found(), [])

    def test_a_stack_that_vanished_is_listed_and_brought_back_by_one_button(self):
        client = self.new(dbname="acme.localhost")
        stack = client.docker_stack_id
        self.fake.delete_stack(stack.remote_id, 1)
        self.compare()
        self.assertEqual(self.found(), [("vanished", "acme.localhost")])
        self.assertEqual(client.state, "open", "not seen is not gone")
        self.act(self.env["sadeem.saas.docker.deviation"].search([]), "action_rebuild")
        self.run_operations()
        self.assertIn("acme.localhost", self.deployed(client))
        self.compare()
        self.assertEqual(self.found(), [])

    def test_services_that_do_not_run_are_named(self):
        client = self.new(dbname="acme.localhost")
        rows = self.fake.containers[1, client.docker_stack_id.name]
        rows[:] = [replace(row, state="exited") if row.service == "db" else row for row in rows]
        self.compare()
        self.assertEqual(self.found(), [("down", "acme.localhost")])
        self.assertEqual(self.env["sadeem.saas.docker.deviation"].search([]).detail, "db")

    def test_a_stopped_client_is_no_deviation(self):
        client = self.new(dbname="acme.localhost")
        client.rung = "stopped"
        self.fake.stop_stack(client.docker_stack_id.remote_id, 1)
        self.compare()
        self.assertEqual(self.found(), [])

    def start_by_hand(self, client):
        self.fake.start_stack(client.docker_stack_id.remote_id, 1)

    def test_a_stopped_or_deleted_client_that_somebody_has_started_is_listed_and_stopped(self):
        for state, vals in (("stopped", {"rung": "stopped"}), ("deleted", {})):
            with self.subTest(state):
                client = self.new(dbname=f"{state}.localhost")
                if vals:
                    client.write(vals)
                    self.driver.stop(client._get_ref())
                else:
                    self.act(client, "delete_database", self.manager)
                self.compare()
                self.assertEqual(self.found(), [])
                self.start_by_hand(client)
                self.compare()
                self.assertEqual(self.found(), [("running", client.name)])
                deviation = self.env["sadeem.saas.docker.deviation"].search([])
                self.assertEqual(deviation.detail, "db, odoo")
                self.act(deviation, "action_stop")
                self.run_operations()
                self.assertEqual(self.found(), [])
                self.compare()
                self.assertEqual(self.found(), [])

    @mute_logger("odoo.addons.saas_portal.models.saas_portal_operation")
    def test_nobody_is_stopped_who_is_in_use_again_since_the_comparison(self):
        client = self.new(dbname="acme.localhost")
        self.act(client, "delete_database", self.manager)
        self.start_by_hand(client)
        self.compare()
        deviation = self.env["sadeem.saas.docker.deviation"].search([])
        self.act(client, "action_restore", self.manager)
        self.driver.calls.clear()
        self.act(deviation, "action_stop")
        self.run_operations()
        self.assertIn("is in use by now", client.operation_error)
        self.assertNotIn("halt", [verb for verb, _name in self.driver.calls])

    def test_a_deviation_of_another_kind_is_not_stopped(self):
        client = self.new()
        self.fake.delete_stack(client.docker_stack_id.remote_id, 1)
        self.compare()
        deviation = self.env["sadeem.saas.docker.deviation"].search([])
        with self.refused("is not to be stopped"):
            self.act(deviation, "action_stop")

    def test_a_deleted_client_of_which_nothing_is_left_is_no_deviation(self):
        client = self.new()
        self.act(client, "delete_database", self.manager)
        self.fake.delete_stack(client.docker_stack_id.remote_id, 1)
        self.compare()
        self.assertEqual(self.found(), [])

    def test_a_text_that_somebody_changed_is_listed(self):
        client = self.new(dbname="acme.localhost")
        remote = client.docker_stack_id.remote_id
        self.fake.files[remote] += "# by hand\n"
        self.compare()
        self.assertEqual(self.found(), [("drifted", "acme.localhost")])
        strange = "services: {odoo: {image: x}, db: {image: y}}"
        self.fake.update_stack(remote, 1, strange, {})
        self.compare()
        self.assertEqual(self.found(), [("drifted", "acme.localhost")])
        self.act(self.env["sadeem.saas.docker.deviation"].search([]), "action_rebuild")
        self.run_operations()
        self.compare()
        self.assertEqual(self.found(), [])

    def test_a_text_that_somebody_changed_on_a_swarm_is_listed_too(self):
        self.environment.write({"environment_type": "swarm", "ports_guarded": True})
        self.fake.swarms.add(1)
        client = self.new(dbname="acme.localhost")
        self.compare()
        self.assertEqual(self.found(), [])
        self.fake.files[client.docker_stack_id.remote_id] += "# by hand\n"
        self.compare()
        self.assertEqual(self.found(), [("drifted", "acme.localhost")])
        self.assertEqual(self.fake.called("find_image"), [], "each node has its own")

    def test_a_newer_image_under_the_same_tag_is_told_and_taken_by_a_rebuild(self):
        self.fake.images["saas-client:19.0-test"] = OLD_IMAGE
        client = self.new(dbname="acme.localhost")
        self.compare()
        self.assertEqual(self.found(), [])
        self.fake.images["saas-client:19.0-test"] = NEW_IMAGE
        self.compare()
        self.assertEqual(self.found(), [("outdated", "acme.localhost")])
        self.assertTrue(client.with_user(self.user).docker_image_is_newer)
        self.rebuild(client)
        self.assertIn(NEW_IMAGE, self.deployed(client))
        self.assertEqual(len(client.docker_revision_ids), 2)
        self.assertFalse(client.docker_image_is_newer)
        self.compare()
        self.assertEqual(self.found(), [])

    def test_who_got_the_newer_image_by_another_way_still_has_its_modules_to_update(self):
        self.fake.images["saas-client:19.0-test"] = OLD_IMAGE
        client = self.new(dbname="acme.localhost")
        self.fake.images["saas-client:19.0-test"] = NEW_IMAGE
        self.fake.update_stack(client.docker_stack_id.remote_id, 1)
        self.compare()
        self.assertEqual(self.found(), [("outdated", "acme.localhost")])

    def test_an_image_that_the_host_does_not_know_any_more_is_no_newer_one(self):
        self.fake.images["saas-client:19.0-test"] = OLD_IMAGE
        client = self.new()
        self.fake.images.clear()
        self.compare()
        self.assertEqual(self.found(), [])
        self.fake.failures["find_image"] = Unavailable(SERVER, "look for the image", "HTTP 502")
        self.rebuild(client)
        self.assertEqual(client.operation_ids[:1].state, "done")

    def test_settings_that_wait_for_a_rebuild_are_no_deviation(self):
        client = self.new()
        client.docker_workers = 2
        self.compare()
        self.assertEqual(self.found(), [])

    def test_what_is_being_worked_on_is_left_alone(self):
        client = self.new()
        self.fake.delete_stack(client.docker_stack_id.remote_id, 1)
        self.act(client, "action_rebuild")
        self.compare()
        self.assertEqual(self.found(), [])

    def test_a_stack_without_client_is_listed_and_removed_by_one_button(self):
        stack = self.put_orphan()
        self.fake.volumes[1, stack] = [f"{stack}_data"]
        self.compare()
        self.assertEqual(self.found(), [("orphaned", stack)])
        orphan = self.env["sadeem.saas.docker.deviation"].search([])
        self.assertEqual(orphan.detail, "gone.localhost (1/1)")
        with self.refused("Only managers", AccessError):
            self.act(orphan, "action_remove", self.user)
        vals = {"deviation_id": orphan.id, "confirmation": stack}
        wizard = self.env["sadeem.saas.docker.remove_stack"].with_user(self.manager).create(vals)
        with self.refused("Type “gone.localhost”"):
            wizard.action_apply()
        wizard.confirmation = "gone.localhost"
        self.act(wizard, "action_apply", self.manager)
        self.assertFalse(self.fake.stacks)
        self.assertEqual(self.fake.volumes[1, stack], [])
        self.assertEqual(self.found(), [])

    def test_with_an_unknown_stack_goes_its_role_on_the_shared_server_that_it_names(self):
        dropped, servers = [], self.env["sadeem.postgresql.server"]
        # The first address is in the second.
        for host in ("10.9.0.1", "10.9.0.12"):
            servers |= servers.create(
                {"name": host, "host": host, "login": "boss", "password": "secret-of-boss"}
            )

        def drop(roles):
            dropped.append((roles._server.host, roles._server.role))

        self.patch(ExternalRoles, "drop", drop)
        stack, role = self.put_orphan(), f"saas_{STRANGER.replace('-', '_')}"
        (number,) = self.fake.stacks
        self.fake.files[number] = self.fake.files[number].replace(
            "image: x", "image: x, environment: {HOST: 10.9.0.12}"
        )
        self.compare()
        orphan = self.env["sadeem.saas.docker.deviation"].search([])
        servers[1].active = False
        with self.refused("Bring it back first"):
            self.act(orphan, "action_remove", self.manager)
        self.assertIn(number, self.fake.stacks)
        servers[1].active = True
        self.act(orphan, "action_remove", self.manager)
        self.assertEqual(dropped, [("10.9.0.12", role)])
        self.assertFalse(self.fake.stacks)
        dropped.clear()
        self.assertEqual(self.put_orphan(), stack)
        self.fake.stacks.clear()
        self.compare()
        self.fake.containers.clear()
        self.act(self.env["sadeem.saas.docker.deviation"].search([]), "action_remove", self.manager)
        self.assertEqual(dropped, [(host, role) for host in ("10.9.0.1", "10.9.0.12")])

    def test_containers_without_a_stack_are_orphans_too_and_so_are_stopped_stacks(self):
        stack = self.put_orphan()
        self.fake.stacks.clear()
        stopped = self.put_orphan(STRANGER[:-1] + "2")
        self.fake.containers.pop((1, stopped))
        self.compare()
        self.assertEqual(self.found(), [("orphaned", stack), ("orphaned", stopped)])

    def test_a_stack_in_which_a_template_is_built_is_unknown_only_when_no_build_goes_on(self):
        key = self.template.uuid
        stack = self.put_orphan(f"build-{key}", name=self.template.name)
        rows = self.fake.containers[1, stack]
        rows[:] = [replace(row, labels={**row.labels, LABEL_KEY: key}) for row in rows]
        self.compare()
        orphan = self.env["sadeem.saas.docker.deviation"].search([])
        self.assertEqual(orphan.stack, stack, "a build that was cut off has left it")
        build = self.template.sudo()._start_operation("build_template", {}, background=True)
        with self.refused("not unknown any more"):
            self.act(orphan, "action_remove", self.manager)
        self.compare()
        self.assertEqual(self.found(), [])
        self.assertIn(stack, [found.name for found in self.fake.stacks.values()])
        build.state = "failed"
        self.compare()
        self.act(self.env["sadeem.saas.docker.deviation"].search([]), "action_remove", self.manager)
        self.assertFalse(self.fake.stacks)

    def test_what_another_portal_made_is_none_of_our_business(self):
        self.put_orphan(portal="another-portal")
        self.fake.put(1, "web", "services: {a: {image: x}}")
        self.compare()
        self.assertEqual(self.found(), [])

    def test_an_orphan_that_is_known_by_now_is_not_removed(self):
        client = self.new()
        orphan = self.env["sadeem.saas.docker.deviation"].create(
            {
                "kind": "orphaned",
                "environment_id": self.environment.id,
                "stack": client.docker_stack_id.name,
            }
        )
        foreign = orphan.create(
            {
                "kind": "orphaned",
                "environment_id": self.environment.id,
                "stack": self.put_orphan(portal="another-portal"),
            }
        )
        for deviation in (orphan, foreign):
            with self.refused("not unknown any more"):
                self.act(deviation, "action_remove", self.manager)
        self.assertEqual(len(self.fake.stacks), 2)

    def test_a_clients_stack_is_never_removed_from_the_list(self):
        client = self.new()
        self.fake.delete_stack(client.docker_stack_id.remote_id, 1)
        self.compare()
        with self.refused("delete the client instead"):
            self.act(
                self.env["sadeem.saas.docker.deviation"].search([]), "action_remove", self.manager
            )

    def test_a_host_that_does_not_answer_makes_clients_unreachable_and_nothing_else(self):
        client, stopped = self.new(), self.new()
        self.fake.delete_stack(stopped.docker_stack_id.remote_id, 1)
        self.compare()
        before = self.found()
        for call in ("list_containers", "list_stacks", "get_stack_file"):
            with self.subTest(call):
                self.fake.failures = {call: Unavailable(SERVER, "list", "HTTP 502")}
                client.unreachable_since = False
                self.assertIn("HTTP 502", self.compare())
                self.assertEqual(self.found(), before, "what was known stays as it was")
                self.assertTrue(client.unreachable_since)
                self.assertEqual(client.state, "open")
        self.assertEqual(len(self.environment.placement_ids), 2)
        self.assertEqual(len(self.environment.port_ids.filtered(lambda port: not port.released)), 4)

    # === HEALING === #

    def test_room_and_ports_of_a_creation_that_was_killed_are_given_back(self):
        client = self.new()
        killed = client.copy({"name": "killed.localhost", "state": "broken"})
        self.env.flush_all()
        self.image._place(2, killed)
        self.environment.allocate_ports(2, purpose=stack_name(killed.client_id))
        self.environment.allocate_ports(1, purpose="something else")
        self.compare()
        self.assertEqual(self.environment.placement_ids.client_id, client)
        held = self.environment.port_ids.filtered(lambda port: not port.released)
        self.assertEqual(
            {port.purpose for port in held}, {stack_name(client.client_id), "something else"}
        )

    def test_room_and_ports_of_a_creation_that_goes_on_are_kept(self):
        client = self.new(**{"async": True})
        self.image._place(2, client)
        self.environment.allocate_ports(2, purpose=stack_name(client.client_id))
        self.compare()
        self.assertEqual(self.environment.placement_ids.client_id, client)
        self.assertFalse(any(self.environment.port_ids.mapped("released")))

    def test_a_creation_that_is_tried_again_does_not_keep_what_is_being_given_back(self):
        client = self.new()
        killed = client.copy({"name": "killed.localhost", "state": "broken"})
        self.env.flush_all()
        self.image._place(2, killed)
        purpose = stack_name(killed.client_id)
        self.environment.allocate_ports(2, purpose=purpose)
        tried = []

        def try_again():
            """It waits for those who give back; here, not at all."""
            self.patch(saas_portal_client_ports, "WAIT", 0)
            with self.assertRaises(DriverUnavailable):
                killed._take_ports(self.environment)
            with self.assertRaises(UserError):
                self.image._place(2, killed)

        find = type(self.environment)._find_stale

        def find_stale(environment):
            found = find(environment)
            try_again()
            tried.append(environment)
            return found

        self.patch(sadeem_portainer_image, "WAIT", 0)
        self.patch(type(self.environment), "_find_stale", find_stale)
        self.compare()
        self.assertEqual(len(tried), 1)
        self.assertFalse(killed._get_ports())
        self.assertEqual(len(killed._take_ports(self.environment)), 2)
        self.assertEqual(len(killed._get_ports()), 2)

    def test_room_that_is_used_without_a_reservation_is_noted(self):
        client = self.new()
        client.sudo().docker_placement_ids._give_back()
        self.compare()
        self.assertEqual(client.docker_placement_ids.containers, 2)

    # === WHEN AND BY WHOM === #

    def test_the_cron_that_reads_clients_compares_servers_first(self):
        self.new()
        self.put_orphan()
        self.env.flush_all()
        with self.registry.cursor() as cr:
            self.env(cr=cr)["saas_portal.client"]._cron_sync()
        self.env.invalidate_all()
        self.assertEqual(self.found(), [("orphaned", stack_name(STRANGER))])

    @mute_logger("odoo.addons.sadeem_saas_docker.models.saas_portal_server_comparison")
    def test_a_comparison_that_fails_does_not_keep_clients_from_being_read(self):
        client = self.new()
        client.synced_at = False
        self.fake.failures["list_containers"] = ValueError("odd answer")
        self.env.flush_all()
        with self.registry.cursor() as cr:
            self.env(cr=cr)["saas_portal.client"]._cron_sync()
        self.env.invalidate_all()
        self.assertTrue(client.synced_at)

    def test_managers_compare_from_the_form_of_the_server(self):
        self.put_orphan()
        action = self.act(self.server, "action_compare", self.manager)
        self.assertEqual(action["res_model"], "sadeem.saas.docker.deviation")
        self.assertEqual(len(self.found()), 1)
        self.fake.failures["list_stacks"] = Unavailable(SERVER, "list", "HTTP 502")
        with self.refused("HTTP 502"):
            self.act(self.server, "action_compare", self.manager)
        with self.refused(error=AccessError):
            self.act(self.server, "action_compare", self.user)

    def test_the_list_is_read_by_operators_and_written_by_nobody(self):
        stack = self.put_orphan()
        self.compare()
        deviation = self.env["sadeem.saas.docker.deviation"].search([("stack", "=", stack)])
        self.assertIn("no client", deviation.with_user(self.user).explanation)
        for user in (self.user, self.manager):
            for refused in (
                lambda user=user: deviation.with_user(user).write({"kind": "down"}),
                lambda user=user: deviation.with_user(user).unlink(),
                lambda user=user: deviation.with_user(user).create({}),
            ):
                with self.assertRaises(AccessError):
                    refused()
        for user in (self.customer, self.internal):
            for method in ("read", "action_rebuild", "action_stop", "action_remove"):
                with self.subTest(method), self.refused(error=AccessError):
                    self.act(deviation, method, user)
