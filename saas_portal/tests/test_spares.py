from psycopg2 import IntegrityError

from odoo import fields
from odoo.exceptions import AccessError, ValidationError
from odoo.tests import tagged
from odoo.tools import mute_logger

from ..lib.saas_driver import DriverUnavailable
from .common import SaasPortalCase


@tagged("post_install", "-at_install")
class TestSpares(SaasPortalCase):
    """Copies of the template that wait: made, claimed once, never stale, removed again."""

    def setUp(self):
        super().setUp()
        self.plan.spare_target = 2

    def refill(self):
        self.env.flush_all()
        with self.registry.cursor() as cr:
            self.env(cr=cr)["saas_portal.plan"]._cron_refill_spares()
        self.env.invalidate_all()

    def states(self):
        return self.plan.spare_ids.mapped("state")

    def test_as_many_as_the_plan_says_are_made(self):
        self.refill()
        self.assertEqual(self.states(), ["ready", "ready"])
        self.assertEqual(self.plan.spare_count, 2)
        self.assertEqual(set(self.driver.spares), set(self.plan.spare_ids.mapped("key")))
        self.refill()
        self.assertEqual(len(self.driver.spares), 2)

    def test_a_plan_without_a_template_has_none(self):
        self.template.state = "draft"
        self.refill()
        self.assertFalse(self.driver.spares)

    def test_a_new_client_takes_one_and_another_is_made(self):
        self.refill()
        keys = set(self.driver.spares)
        client = self.new()
        self.assertEqual(client.state, "open")
        self.assertIn(self.driver.taken_spare, keys)
        self.assertEqual(self.plan.spare_count, 1)
        self.refill()
        self.assertEqual(self.plan.spare_count, 2)
        self.assertNotIn(self.driver.taken_spare, self.driver.spares)

    def test_what_was_taken_is_replaced_at_once_when_few_are_left(self):
        self.plan.spare_target = 4
        self.refill()
        cron = self.env.ref("saas_portal.ir_cron_refill_spares")
        triggers = self.env["ir.cron.trigger"].sudo()
        soon = []
        for _number in range(3):
            triggers.search([]).unlink()
            self.new()
            due = triggers.search([("cron_id", "=", cron.id)]).call_at
            soon.append(due <= fields.Datetime.now())
        self.assertEqual(soon, [False, False, True])

    def test_two_clients_never_take_the_same(self):
        self.refill()
        taken = set()
        for _number in range(2):
            self.new()
            taken.add(self.driver.taken_spare)
        self.assertEqual(len(taken), 2)

    def test_without_a_spare_the_template_is_copied(self):
        client = self.new()
        self.assertEqual(client.state, "open")
        self.assertFalse(self.driver.taken_spare)

    def test_a_stale_spare_is_not_handed_out_and_goes(self):
        self.refill()
        stale = set(self.driver.spares)
        self.template.built_at = fields.Datetime.now()
        self.assertEqual(self.plan.spare_count, 0)
        self.new()
        self.assertFalse(self.driver.taken_spare)
        self.refill()
        self.assertFalse(stale & set(self.driver.spares))
        self.assertEqual(self.plan.spare_count, 2)

    def test_what_is_too_many_goes(self):
        self.refill()
        self.plan.spare_target = 1
        self.refill()
        self.assertEqual(len(self.driver.spares), 1)
        self.plan.active = False
        self.refill()
        self.assertFalse(self.driver.spares)
        self.assertFalse(self.plan.spare_ids)

    def test_one_that_was_cut_off_is_completed(self):
        self.driver.failures["make_spare"] = DriverUnavailable("No answer.")
        with mute_logger("odoo.addons.saas_portal.models.saas_portal_plan_spares"):
            self.refill()
        self.assertEqual(self.states(), ["pending", "pending"])
        keys = set(self.plan.spare_ids.mapped("key"))
        self.assertEqual(self.plan.spare_count, 0)
        del self.driver.failures["make_spare"]
        self.refill()
        self.assertEqual(set(self.driver.spares), keys)
        self.assertEqual(self.plan.spare_count, 2)

    def test_orphans_of_ours_go_and_those_of_others_stay(self):
        portal = self.env["saas_portal.keyring"]._get_portal_uuid()
        self.driver.spares.update(
            {
                "orphan": (self.template.uuid, portal),
                # Killed before it said whose it is, or made before that was said.
                "former": (self.template.uuid, ""),
                "foreign": ("key of another", ""),
                # A copy of this portal has records of the same templates.
                "copy": (self.template.uuid, "another portal"),
            }
        )
        self.plan.spare_target = 0
        self.refill()
        self.assertEqual(set(self.driver.spares), {"foreign", "copy"})

    def test_what_was_begun_of_clients_without_a_record_goes(self):
        portal = self.env["saas_portal.keyring"]._get_portal_uuid()
        client = self.new()
        mine = (client.client_id, self.template.uuid)
        self.driver.unfinished = dict.fromkeys((*mine, "nobody"), portal) | {"theirs": "other"}
        self.refill()
        self.assertEqual(set(self.driver.unfinished), {*mine, "theirs"})

    def test_spares_go_although_plan_and_template_went_before(self):
        self.refill()
        self.plan.template_id = False
        self.env["saas_portal.client"].search([("plan_id", "=", self.plan.id)]).unlink()
        self.plan.unlink()
        self.template.state = "deleted"
        self.template.unlink()
        self.assertEqual(len(self.driver.spares), 2)
        self.refill()
        self.assertFalse(self.driver.spares)
        self.assertFalse(self.env["saas_portal.spare"].search([("server_id", "=", self.server.id)]))

    def test_a_server_that_fails_holds_up_no_other(self):
        other = self.env["saas_portal.server"].create({"name": "Later", "request_port": 8069})
        portal = self.env["saas_portal.keyring"]._get_portal_uuid()
        self.driver.spares["orphan"] = ("", portal)
        driver, servers = self.driver, self.registry["saas_portal.server"]

        def get_driver(server):
            if server == self.server:
                raise OSError(5, "Input/output error")
            return driver

        self.plan.spare_target = 0
        self.patch(servers, "_get_driver", get_driver)
        with mute_logger("odoo.addons.saas_portal.models.saas_portal_plan_spares"):
            self.refill()
        self.assertTrue(other.active)
        self.assertFalse(self.driver.spares)

    def test_a_server_that_is_archived_keeps_its_spares(self):
        """As those of a neutralised copy of the portal are"""
        self.refill()
        self.server.active = False
        self.plan.spare_target = 0
        with self.assertNoLogs("odoo.addons.saas_portal.models.saas_portal_plan_spares", "WARNING"):
            self.refill()
        self.assertEqual(len(self.driver.spares), 2)

    def test_the_plan_says_why_there_is_none(self):
        self.driver.failures["make_spare"] = DriverUnavailable("1 MB are free on the disk.")
        with self.assertLogs("odoo.addons.saas_portal.models.saas_portal_plan_spares") as log:
            self.refill()
        self.assertFalse([record for record in log.records if record.exc_info])
        self.assertEqual(self.plan.spare_error, "1 MB are free on the disk.")
        del self.driver.failures["make_spare"]
        self.refill()
        self.assertFalse(self.plan.spare_error)

    def test_a_creation_that_is_repeated_when_it_was_done_takes_no_other(self):
        """The answer of the server was lost, or the portal died before it wrote it down"""
        self.refill()
        client = self.new()
        client.operation_ids.step_ids[0].started_at = fields.Datetime.add(
            client.operation_ids.started_at, seconds=12
        )
        self.assertFalse(client._claim_spare(client.operation_ids))
        self.assertEqual(self.plan.spare_count, 1)
        del self.driver.databases[client.name]
        self.assertTrue(client._claim_spare(client.operation_ids))

    def test_a_server_that_keeps_none_is_told_at_once(self):
        servers = self.registry["saas_portal.server"]
        self.patch(servers, "_get_driver", lambda server: object())
        with self.assertRaisesRegex(ValidationError, "keeps no spares"):
            self.plan.spare_target = 3
            self.env.flush_all()

    def test_numbers_that_make_no_sense_are_refused(self):
        with mute_logger("odoo.sql_db"), self.assertRaises(IntegrityError):
            self.plan.spare_target = -1
            self.env.flush_all()

    def test_users_look_and_change_nothing(self):
        self.refill()
        spares = self.plan.spare_ids
        self.assertTrue(spares.with_user(self.user).read(["state"]))
        for user in (self.user, self.manager):
            with self.assertRaises(AccessError):
                spares.with_user(user).write({"state": "taken"})
            with self.assertRaises(AccessError):
                spares.with_user(user).unlink()
        for user in (self.customer, self.internal):
            with self.assertRaises(AccessError):
                spares.with_user(user).read(["state"])
