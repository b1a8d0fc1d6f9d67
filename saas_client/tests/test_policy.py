import logging
import os
from unittest.mock import patch

from odoo.exceptions import AccessDenied, UserError
from odoo.tests import tagged
from odoo.tools import mute_logger

from .policy_common import SERIALS, PolicyCase

LOGGER = "odoo.addons.saas_client.policy"


@tagged("post_install", "-at_install")
class TestPolicy(PolicyCase):
    """What the portal signed rules, whatever the database says about itself."""

    def assertRefused(self, token, reason="not a policy of our portal"):
        with self.assertRaisesRegex(UserError, reason):
            self.apply(policy=token)

    def forget_outside(self):
        self.policy_file.unlink()

    # --- which policy is accepted ---

    def test_a_policy_is_obeyed_at_once_and_kept_outside(self):
        self.obey(rung="closed", max_users=7)
        self.assertEqual(self.rung(), "closed")
        self.assertEqual(self.parameters._saas_get_limit("saas_client.max_users"), 7)
        self.assertTrue(self.policy_file.read_text())
        self.obey(rung="open")
        self.assertEqual(self.rung(), "open")

    def test_an_older_policy_is_refused(self):
        stale = self.sign_policy(rung="open")
        self.obey(rung="closed")
        self.assertRefused(stale, "older than the policy in force")
        self.assertEqual(self.rung(), "closed")

    def test_the_same_policy_again_is_harmless_and_another_with_its_number_is_refused(self):
        serial = next(SERIALS)
        for _twice in range(2):
            self.apply(policy=self.sign_policy(rung="closed", serial=serial))
        self.assertRefused(self.sign_policy(rung="open", serial=serial), "another policy")
        self.assertEqual(self.rung(), "closed")

    def test_a_forged_policy_is_refused(self):
        self.assertRefused(self.sign_policy(portal=self.make_stranger()))
        claims = {"iss": self.portal.uuid}
        self.assertRefused(self.sign_policy(portal=self.make_stranger(), claims=claims))
        self.assertRefused("no token at all")

    def test_a_policy_for_another_database_is_refused(self):
        self.assertRefused(self.sign_policy(claims={"aud": "another uuid"}))
        self.assertRefused(self.sign_policy(claims={"sub": "another.name"}))
        self.assertRefused(self.sign_policy(claims={"iss": "another portal"}))

    def test_a_token_for_something_else_is_no_policy_and_a_policy_is_no_request(self):
        self.assertRefused(self.sign_policy(typ="JWT"))
        self.assertRefused(self.sign(action="policy"))
        with self.assertRaises(AccessDenied):
            self.gateway.apply(self.sign_policy())

    def test_a_policy_that_cannot_be_understood_is_refused_and_the_old_one_stays(self):
        for values in (
            {"rung": "ajar"},
            {"rung": None},
            {"max_users": -1},
            {"max_users": "4"},
            {"storage_mb": 1.5},
            {"expires_at": "tomorrow"},
            {"record_limits": [{"model": "res.partner"}]},
            {"record_limits": "all"},
        ):
            with self.subTest(values):
                self.assertRefused(self.sign_policy(**values))
        self.assertRefused(self.sign_policy(claims={"serial": "9"}))
        self.assertRefused(self.sign_policy(claims={"policy": []}))
        self.assertEqual(self.rung(), "open")

    def test_nothing_else_of_the_request_is_done_when_its_policy_is_refused(self):
        stale = self.sign_policy()
        self.obey()
        with self.assertRaises(UserError):
            self.apply(policy=stale, params=[{"key": "saas_client.e2e", "value": "1"}])
        self.assertFalse(self.parameters.get_param("saas_client.e2e"))

    # --- keys ---

    def test_while_keys_change_both_are_good_and_afterwards_only_the_new_one(self):
        new = self.make_stranger()
        new.uuid = self.portal.uuid
        anchor = self.folder / f"{self.portal.uuid}.pem"
        former = anchor.read_text()
        self.addCleanup(anchor.write_text, former)
        anchor.write_text(former + new.public_pem)
        self.obey(rung="closed")
        self.apply(policy=self.sign_policy(portal=new))
        anchor.write_text(new.public_pem)
        self.assertEqual(self.rung(), "open")
        with self.assertRaises(AccessDenied):
            self.obey(rung="closed")

    def test_a_key_in_the_database_does_not_count_beside_those_of_the_server(self):
        thief = self.make_stranger()
        self.parameters.set_param("saas_client.portal_key", thief.public_pem)
        self.parameters.set_param("saas_client.portal_uuid", thief.uuid)
        token = thief.sign(self.database_uuid, "apply", {"policy": self.sign_policy(portal=thief)})
        with self.assertRaises(AccessDenied):
            self.gateway.apply(token)
        self.assertRefused(self.sign_policy(portal=thief))

    def test_another_portal_of_the_same_server_has_no_say(self):
        other = self.make_stranger()
        (self.folder / f"{other.uuid}.pem").write_text(other.public_pem)
        self.addCleanup((self.folder / f"{other.uuid}.pem").unlink)
        with self.assertRaises(AccessDenied):
            self.gateway.apply(other.sign(self.database_uuid, "status"))
        self.assertRefused(self.sign_policy(portal=other))

    def test_the_key_may_be_a_file_that_the_configuration_names(self):
        key = self.folder / "key-of-the-portal"
        key.write_text(self.portal.public_pem)
        with patch.dict(os.environ, SAAS_CLIENT_PORTAL_KEYS=str(key)):
            self.obey(rung="closed")
            self.assertEqual(self.rung(), "closed")
            key.write_text(self.make_stranger().public_pem)
            with mute_logger(LOGGER):
                self.assertEqual(self.parameters.env["saas_client.status"]._get_reason(), "unknown")

    # --- databases without a policy ---

    def test_a_database_without_policy_is_closed_where_a_portal_governs(self):
        self.forget_outside()
        self.parameters.search([("key", "=", "saas_client.policy")]).unlink()
        with self.assertLogs(LOGGER, logging.WARNING):
            self.assertEqual(self.rung(), "closed")
        self.assertEqual(self.env["saas_client.status"]._get_reason(), "unknown")

    def test_a_copy_under_another_name_is_closed(self):
        copied = self.sign_policy(claims={"sub": "the.original"})
        self.policy_file.write_text(copied)
        self.parameters.set_param("saas_client.policy", copied)
        with mute_logger(LOGGER):
            self.assertEqual(self.rung(), "closed")

    def test_a_database_that_takes_another_uuid_is_closed(self):
        other = "11111111-2222-3333-4444-555555555555"
        token = self.sign_policy(claims={"aud": other, "sub": "a.friend"})
        (self.folder / f"{other}.policy").write_text(token)
        self.addCleanup((self.folder / f"{other}.policy").unlink)
        self.sql("UPDATE ir_config_parameter SET value = %s WHERE key = 'database.uuid'", other)
        with mute_logger(LOGGER):
            self.assertEqual(self.rung(), "closed")

    def test_the_portal_opens_a_database_that_it_adopts(self):
        self.forget_outside()
        self.parameters.search([("key", "=", "saas_client.policy")]).unlink()
        with mute_logger(LOGGER):
            self.assertEqual(self.rung(), "closed")
            self.obey()
        self.assertEqual(self.rung(), "open")

    def test_a_database_that_no_portal_governs_stays_open(self):
        self.forget_outside()
        self.parameters.search([("key", "=", "saas_client.policy")]).unlink()
        anchor = self.folder / f"{self.portal.uuid}.pem"
        pem = anchor.read_text()
        anchor.unlink()
        self.addCleanup(anchor.write_text, pem)
        self.assertEqual(self.rung(), "open")

    def test_a_portals_own_database_is_no_client(self):
        self.forget_outside()
        self.parameters.search([("key", "=", "saas_client.policy")]).unlink()
        name = self.folder / f"{self.portal.uuid}.portal"
        name.write_text(self.env.cr.dbname)
        self.addCleanup(name.unlink)
        self.assertEqual(self.rung(), "open")

    # --- inside and outside ---

    def test_the_copy_inside_serves_when_the_files_of_the_server_are_lost(self):
        self.obey(rung="closed", reason="payment")
        self.forget_outside()
        self.assertEqual(self.rung(), "closed")
        self.assertEqual(self.env["saas_client.status"]._get_reason(), "payment")

    def test_an_older_copy_inside_does_not_bring_back_what_was(self):
        before = self.sign_policy(rung="open")
        self.obey(rung="closed")
        self.parameters.set_param("saas_client.policy", before)
        self.assertEqual(self.rung(), "closed")

    def test_without_the_copy_inside_the_one_outside_rules(self):
        self.obey(rung="closed")
        self.sql("DELETE FROM ir_config_parameter WHERE key LIKE 'saas_client.%%'")
        self.assertEqual(self.rung(), "closed")

    # --- time ---

    def test_the_end_of_the_plan_closes_the_database_though_nobody_says_so(self):
        self.obey(expires_at="2099-01-01 00:00:00", enforce_at="2099-01-01 00:00:00")
        self.assertEqual(self.rung(), "open")
        past = {"expires_at": "2020-01-01 00:00:00", "enforce_at": "2020-01-02 00:00:00"}
        self.obey(**past, trial=True)
        self.assertEqual(self.rung(), "closed")
        self.assertEqual(self.env["saas_client.status"]._get_reason(), "trial")
        self.obey(**past, expiry_rung="read_only")
        self.assertEqual(self.rung(), "read_only")
        self.assertEqual(self.env["saas_client.status"]._get_reason(), "expired")

    def test_an_end_that_is_not_enforced_closes_nothing(self):
        self.obey(expires_at="2020-01-01 00:00:00")
        self.assertEqual(self.rung(), "open")

    def test_the_end_does_not_open_what_is_closed_for_another_reason(self):
        self.obey(
            rung="closed", reason="abuse", enforce_at="2020-01-01 00:00:00", expiry_rung="read_only"
        )
        self.assertEqual(self.rung(), "closed")
        self.assertEqual(self.env["saas_client.status"]._get_reason(), "abuse")

    # --- parameters ---

    def test_parameters_repeat_what_the_policy_says(self):
        self.obey(max_users=4, storage_mb=500, expires_at="2030-01-31 12:00:00", trial=True)
        values = {
            "saas_client.max_users": "4",
            "saas_client.total_storage_limit": "500",
            "saas_client.expiration_datetime": "2030-01-31 12:00:00",
            "saas_client.trial": "1",
            "saas_client.suspended": "0",
        }
        for key, value in values.items():
            self.assertEqual(self.parameters.get_param(key), value)

    def test_a_request_does_not_set_by_parameter_what_the_policy_says(self):
        self.obey(max_users=4)
        self.apply(params=[{"key": "saas_client.max_users", "value": "9", "hidden": False}])
        self.assertEqual(self.parameters.get_param("saas_client.max_users"), "4")

    def test_a_hidden_limit_is_nowhere_in_the_database(self):
        self.obey(max_users=4321)
        self.assertEqual(self.parameters.get_param("saas_client.max_users"), "4321")
        self.obey(max_users=4321, hidden=["saas_client.max_users"])
        self.env.flush_all()
        self.env.cr.execute("SELECT key, value FROM ir_config_parameter")
        stored = dict(self.env.cr.fetchall())
        self.assertNotIn("saas_client.max_users", stored)
        self.assertNotIn("saas_client.policy", stored)
        self.assertEqual(self.parameters._saas_get_limit("saas_client.max_users"), 4321)
        usage = self.env["saas_client.status"]._get_usage(True)
        self.assertNotIn("users", [meter["name"] for meter in usage["meters"]])
