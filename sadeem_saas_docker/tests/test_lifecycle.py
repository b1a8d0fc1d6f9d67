from dataclasses import replace

import yaml

from odoo.exceptions import AccessError, UserError
from odoo.tests import tagged
from odoo.tools import mute_logger

from odoo.addons.saas_portal.lib.saas_driver import DriverRejected, TemplateSpec

from ..lib.saas_stack import LABEL_KEY
from ..models.saas_portal_server import SaasPortalServer
from ..orm_fleet import OrmFleet
from .common import DockerCase


@tagged("post_install", "-at_install")
class TestLifecycle(DockerCase):
    """What can be done to a client beside the portal can be done to a stack."""

    def test_a_deleted_client_keeps_its_place_until_it_is_purged(self):
        client = self.new()
        place = client.docker_http_port
        self.act(client, "delete_database", self.manager)
        self.assertEqual(client.state, "deleted")
        self.assertEqual(client.docker_http_port, place)
        self.act(client, "action_restore", self.manager)
        self.assertEqual(client.state, "open")
        self.assertIn(client.name, self.deployed(client))
        self.act(client, "delete_database", self.manager)
        self.act(client, "action_purge", self.manager)
        self.assertEqual(self.left_behind(), self.NOTHING)

    def test_what_waits_for_a_container_hears_that_its_operation_was_cancelled(self):
        heard = []

        def get_driver(server):
            is_cancelled = real(server)._is_cancelled
            operation = self.env["saas_portal.operation"].search([], order="id desc", limit=1)
            heard.append(is_cancelled())
            operation.state = "cancelled"
            operation.flush_recordset()
            heard.append(is_cancelled())
            operation.state = "running"
            operation.flush_recordset()
            return self.driver

        real = SaasPortalServer._get_driver
        client = self.new()
        self.patch(self.registry["saas_portal.server"], "_get_driver", get_driver)
        self.rebuild(client)
        self.assertEqual(heard[:2], [False, True])

    def test_a_client_in_a_proxys_network_is_deleted_restored_and_purged(self):
        self.server.docker_proxy_network = "proxy"
        client = self.new(dbname="acme.localhost")
        self.act(client, "delete_database", self.manager)
        self.assertEqual(client.state, "deleted")
        self.assertNotIn("acme.localhost", self.deployed(client))
        self.act(client, "action_restore", self.manager)
        self.assertEqual(client.state, "open")
        self.assertIn("acme.localhost", self.deployed(client))
        self.act(client, "delete_database", self.manager)
        self.act(client, "action_purge", self.manager)
        self.assertEqual(self.left_behind(), self.NOTHING)

    def test_a_client_that_was_put_away_without_a_dot_in_its_name_is_purged(self):
        client = self.new()
        self.act(client, "delete_database", self.manager)
        self.driver.databases[f"saas-trash-{client.client_id}"] = self.driver.databases.pop(
            client.trash_name
        )
        client.trash_name = f"saas-trash-{client.client_id}"
        self.server.docker_proxy_network = "proxy"
        self.act(client, "action_purge", self.manager)
        self.assertEqual(self.left_behind(), self.NOTHING)

    def test_a_client_that_cannot_run_is_deleted_by_stopping_it_and_can_come_back(self):
        client = self.new(dbname="acme.localhost")
        self.driver.failures["deploy"] = DriverRejected("The image is gone.")
        self.driver.failures["rename"] = DriverRejected("The image is gone.")
        self.act(client, "delete_database", self.manager)
        self.assertEqual((client.state, bool(client.purge_at)), ("deleted", True))
        self.assertFalse(self.driver.databases["acme.localhost"].running)
        self.assertIn("The image is gone.", client.message_ids[0].body + client.message_ids[1].body)
        with self.refused("is taken"):
            self.new(dbname="acme.localhost")
        self.driver.failures.clear()
        self.act(client, "action_restore", self.manager)
        self.assertEqual(client.state, "open")
        self.act(client, "delete_database", self.manager)
        self.act(client, "action_purge", self.manager)
        self.assertEqual(self.left_behind(), self.NOTHING)

    def test_a_client_whose_odoo_does_not_answer_is_deleted_without_waiting_for_it(self):
        client = self.new(dbname="acme.localhost")
        self.driver.failures["serve"] = DriverRejected("Odoo does not answer.")
        self.act(client, "delete_database", self.manager)
        self.assertEqual(client.state, "deleted")
        self.assertFalse(self.driver.databases[client.trash_name].running)
        self.assertEqual(self.new(dbname="acme.localhost").state, "open", "its name is free")

    def test_a_client_that_vanished_from_its_server_is_deleted(self):
        client = self.new(dbname="acme.localhost")
        del self.driver.databases["acme.localhost"]
        self.act(client, "delete_database", self.manager)
        self.assertEqual(client.state, "deleted")
        self.act(client, "action_purge", self.manager)
        self.assertEqual(self.left_behind(), self.NOTHING)

    @mute_logger("odoo.addons.saas_portal.models.saas_portal_operation")
    def test_a_client_whose_server_is_away_is_not_taken_for_deleted(self):
        client = self.new()
        for verb in ("rename", "halt"):
            self.driver.failures[verb] = DriverRejected("Portainer refuses.")
        with self.refused("Portainer refuses"):
            self.act(client, "delete_database", self.manager)
        self.assertEqual(client.state, "open")

    def test_a_restored_client_is_given_the_keys_before_it_is_spoken_to(self):
        client = self.new()
        self.act(client, "delete_database", self.manager)
        self.driver.calls.clear()
        self.act(client, "action_restore", self.manager)
        verbs = [verb for verb, _name in self.driver.calls]
        self.assertLess(verbs.index("rename"), verbs.index("publish_keys"))
        keyring = self.env["saas_portal.keyring"]
        self.assertEqual(self.driver.keys[0], keyring._get_public_keys())

    def test_a_change_of_keys_reaches_stacks_by_their_driver(self):
        client = self.new()
        keyring = self.env["saas_portal.keyring"]
        keyring._change_key()
        self.env.flush_all()
        self.run_operations()
        self.assertEqual(client.key_id, keyring._get_signing_key().key_id)
        self.assertIn(("publish_keys", client.name), self.driver.calls)
        self.assertEqual(set(self.driver.keys), {keyring._get_public_keys()})
        self.act(client, "delete_database", self.manager)
        # What can be restored is given the keys then: nothing keeps the former one.
        keyring._drop_former_key()

    def test_a_copy_has_the_settings_of_its_original(self):
        self.plan.docker_workers = 2
        client = self.new()
        self.plan.docker_workers = 0
        copy = client._duplicate("copy.localhost", client.partner_id, client.owner_id)
        self.run_operations()
        self.assertEqual(copy.state, "open")
        self.assertEqual(copy.docker_workers, 2)
        self.assertNotEqual(copy.docker_http_port, client.docker_http_port)
        self.assertEqual(self.driver.neutralized, [])

    def test_a_stage_is_a_neutralised_copy(self):
        client = self.new()
        stage_id = self.call(
            self.user, "saas_portal.client", "create_stage", client.ids, "stage.localhost"
        )
        self.run_operations()
        stage = client.browse(stage_id)
        self.assertEqual((stage.state, stage.stage_of_id), ("open", client))
        self.assertEqual(self.driver.neutralized, ["stage.localhost"])
        self.assertEqual(client.stage_count, 1)
        with self.refused("is a stage itself"):
            self.call(self.user, "saas_portal.client", "create_stage", stage.ids, "b.localhost")
        for user in (self.customer, self.internal):
            with self.refused(error=AccessError):
                self.call(user, "saas_portal.client", "create_stage", client.ids, "c.localhost")

    def test_a_stage_is_neutral_after_every_restore_and_no_other_client_is(self):
        client = self.new()
        stage = client.browse(
            self.call(
                self.user, "saas_portal.client", "create_stage", client.ids, "stage.localhost"
            )
        )
        self.run_operations()
        for record in (client, stage):
            self.driver.neutralized.clear()
            record.with_user(self.manager)._restore_backup(self.back_up(record))
            self.run_operations()
            self.assertEqual(record.operation_ids[:1].state, "done")
            self.assertEqual(self.driver.neutralized, stage.mapped("name") * (record == stage))

    def test_work_in_containers_may_take_as_long_as_the_parameters_say(self):
        self.patch(self.registry["saas_portal.server"], "_get_driver", SaasPortalServer._get_driver)
        parameters = self.env["ir.config_parameter"]
        usual = self.server._get_docker_limits()
        self.assertEqual((usual["restore"], usual["rename"]), (7200, 900))
        parameters.set_param("sadeem_saas_docker.minutes.restore", "600")
        for nonsense in ("0", "-5", "much", ""):
            parameters.set_param("sadeem_saas_docker.minutes.rename", nonsense)
            self.assertEqual(self.server._get_driver()._limits, {**usual, "restore": 36000})

    def test_a_repeated_operation_has_the_same_order_and_another_one_another(self):
        self.patch(self.registry["saas_portal.server"], "_get_driver", SaasPortalServer._get_driver)
        client = self.env["saas_portal.client"].create(
            {
                "name": "acme.localhost",
                "plan_id": self.plan.id,
                "server_id": self.server.id,
                "partner_id": self.env.user.partner_id.id,
                "owner_id": self.env.user.id,
            }
        )
        first, second = (client._start_operation("rebuild", {}) for _number in range(2))
        orders = [
            self.server.with_context(saas_operation_id=operation.id)._get_driver()._order
            for operation in (first, first, second)
        ]
        self.assertEqual(orders[0], orders[1])
        self.assertNotEqual(orders[0], orders[2])
        self.assertEqual(self.server._get_driver()._order, "")

    def test_a_stage_takes_nothing_from_what_its_customer_may_have(self):
        self.plan.maximum_allowed_dbs_per_partner = 2
        client = self.new()
        for name in ("a.localhost", "b.localhost"):
            self.call(self.user, "saas_portal.client", "create_stage", client.ids, name)
        self.run_operations()
        self.assertEqual(client.stage_ids.mapped("state"), ["open", "open"])
        self.new()
        with self.refused("allows 2 databases"):
            self.new()

    def test_the_wizard_shows_the_stage_that_it_starts(self):
        client = self.new()
        wizard = self.env["sadeem.saas.docker.new.stage"].with_user(self.user)
        wizard = wizard.with_context(active_id=client.id).create({"name": " stage.localhost "})
        action = self.call(self.user, wizard._name, "action_apply", wizard.ids)
        stage = client.browse(action["res_id"])
        self.assertEqual((stage.name, stage.stage_of_id), ("stage.localhost", client))
        other = self.env["sadeem.saas.docker.new.stage"].with_user(self.internal)
        with self.refused(error=AccessError):
            other.create({"name": "x.localhost", "client_id": client.id})

    def test_a_stopped_client_is_rebuilt_and_stopped_again(self):
        client = self.new()
        client._change_rung("stopped")
        self.run_operations()
        self.assertFalse(self.driver.databases[client.name].running)
        self.change(client, {"docker_workers": 2})
        with self.refused("is stopped"):
            self.act(client, "action_restart")
        self.rebuild(client)
        self.assertEqual(client.operation_ids[:1].state, "done")
        self.assertIn("--workers=2", self.deployed(client))
        self.assertFalse(self.driver.databases[client.name].running)

    # === WHAT IS GONE === #

    def lose(self, client, volumes=False):
        """Somebody removes the stack in Portainer, and its volumes perhaps."""
        keys = {row.key: name for name, row in self.driver.databases.items()}
        name = keys.get(client.client_id)
        self.driver.databases.pop(name, None)
        self.fake.delete_stack(client.docker_stack_id.remote_id, 1)
        if not volumes:
            self.driver.volumes[name] = client.client_id

    def test_a_deleted_client_whose_stack_vanished_comes_back_with_its_volumes(self):
        client = self.new(dbname="acme.localhost")
        self.act(client, "delete_database", self.manager)
        self.lose(client)
        self.act(client, "action_restore", self.manager)
        self.assertEqual(client.state, "open")
        self.assertIn("acme.localhost", self.driver.databases)
        self.assertIn("acme.localhost", self.deployed(client))

    def test_a_deleted_client_without_its_data_comes_back_from_its_newest_backup(self):
        client = self.new(dbname="acme.localhost")
        with self.refused("cannot be restored"):
            self.act(client, "action_restore_from_backup", self.manager)
        backup = self.back_up(client)
        self.act(client, "delete_database", self.manager)
        self.lose(client, volumes=True)
        with (
            mute_logger("odoo.addons.saas_portal.models.saas_portal_operation"),
            self.refused(f"the newest is {backup.file_name}"),
        ):
            self.act(client, "action_restore", self.manager)
        self.assertEqual(client.state, "deleted")
        with self.refused(error=AccessError):
            self.act(client, "action_restore_from_backup", self.user)
        self.act(client, "action_restore_from_backup", self.manager)
        self.run_operations()
        self.assertEqual(client.state, "open")
        self.assertEqual(self.driver.restored, "-- what acme.localhost held")
        self.assertEqual(self.driver.neutralized, [])

    @mute_logger("odoo.addons.saas_portal.models.saas_portal_operation")
    def test_a_client_whose_volumes_were_removed_is_told_so_and_restored(self):
        client = self.new(dbname="acme.localhost")
        backup = self.back_up(client)
        self.lose(client, volumes=True)
        self.rebuild(client)
        self.assertIn(f"the newest is {backup.file_name}", client.operation_error)
        client.with_user(self.manager)._restore_backup(backup)
        self.run_operations()
        self.assertEqual(client.operation_ids[:1].state, "done")
        self.assertEqual(self.driver.restored, "-- what acme.localhost held")

    def test_a_template_is_built_where_there_is_room_and_is_found_there_again(self):
        spec = TemplateSpec(self.template.name, self.template.uuid)
        first = OrmFleet(self.server).builder(spec)
        self.env.invalidate_all()
        self.assertEqual(self.template.docker_environment_id, self.environment)
        second = OrmFleet(self.server).builder(spec)
        self.assertEqual(first.target, second.target)
        services = yaml.safe_load(first.target.compose)["services"]
        self.assertEqual(services["odoo"]["image"], "saas-client:19.0-test")
        self.assertNotIn("ports", services["odoo"])
        self.assertNotIn(first.target.env["DB_PASSWORD"], first.target.compose)

    @mute_logger("odoo.addons.saas_portal.models.saas_portal_operation")
    def test_a_build_asks_for_room_for_its_two_containers_and_holds_it(self):
        spec = TemplateSpec(self.template.name, self.template.uuid)
        self.environment.max_running_containers = 1
        self.env.flush_all()
        with self.assertRaisesRegex(UserError, "no room for 2 more"):
            OrmFleet(self.server).builder(spec)
        self.environment.max_running_containers = 3
        build = self.template.sudo()._start_operation("build_template", {}, background=True)
        self.env.flush_all()
        OrmFleet(self.server).builder(spec)
        self.env.invalidate_all()
        with self.refused("no room for 2 more"):
            self.new()
        # Cut off, and begun again: its own room does not stand in its way.
        self.assertEqual(OrmFleet(self.server).builder(spec).place.environment_id, 1)
        build.state = "failed"
        self.assertEqual(self.new().state, "open")

    def test_containers_of_a_build_that_run_are_not_counted_twice(self):
        spec = TemplateSpec(self.template.name, self.template.uuid)
        self.template.sudo()._start_operation("build_template", {}, background=True)
        self.env.flush_all()
        stack = f"saas-build-{self.template.uuid}"
        OrmFleet(self.server).builder(spec)
        self.fake.put(1, stack, "services: {odoo: {image: x}, db: {image: y}}")
        rows = self.fake.containers[1, stack]
        rows[:] = [replace(row, labels={LABEL_KEY: self.template.uuid}) for row in rows]
        self.environment.max_running_containers = 4
        self.env.flush_all()
        self.environment._refresh()
        self.env.invalidate_all()
        self.assertEqual(self.environment.available_capacity, 2)
        self.assertEqual(self.new().state, "open")

    def test_a_servers_places_are_those_of_its_image_and_of_its_clients(self):
        client = self.new()
        other = self.environment.copy({"name": "other", "portainer_environment_id": 2})
        self.image.environment_id = other
        self.env.flush_all()
        places = OrmFleet(self.server).places()
        self.assertEqual({place.environment_id for place in places}, {1, 2})
        self.assertEqual({place.host for place in places}, {client.docker_environment_id.bind_ip})

    @mute_logger("odoo.addons.saas_portal.models.saas_portal_operation")
    def test_a_removed_client_frees_its_place_for_the_next_one(self):
        self.environment.max_running_containers = 2
        self.plan.retention_days = 0
        first = self.new()
        with self.refused("no room"):
            self.new()
        self.act(first, "delete_database", self.manager)
        self.assertEqual(self.new().state, "open")
