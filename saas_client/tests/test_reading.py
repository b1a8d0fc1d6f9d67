import json
import time
from datetime import timedelta

from odoo import fields
from odoo.http import root
from odoo.tests import HttpCase, tagged
from odoo.tools import mute_logger

from .policy_common import PolicyCommon

PASSWORD = "customer password"


@tagged("post_install", "-at_install")
class TestReading(PolicyCommon, HttpCase):
    """Methods of Odoo that write by SQL, past the ORM, in a database that is read-only."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.user = cls.make_user("customer", "base.group_system", password=PASSWORD)
        cls.industry = cls.env["res.partner.industry"].create({"name": "Fishing"})
        cls.sequence = cls.env["ir.sequence"].create({"name": "Numbers", "code": "saas.test"})

    def setUp(self):
        super().setUp()
        # What PostgreSQL refuses stands in the log.
        self.enterContext(mute_logger("odoo.sql_db", "odoo.http"))

    def rpc(self, model, method, *args):
        """(result, error) of a call as the web client makes it."""
        body = {"params": {"model": model, "method": method, "args": args, "kwargs": {}}}
        response = self.url_open(
            f"/web/dataset/call_kw/{model}/{method}",
            data=json.dumps(body),
            headers={"Content-Type": "application/json"},
        )
        self.env.invalidate_all()
        return response.json().get("result"), response.json().get("error")

    def refused(self, model, method, *args):
        error = self.rpc(model, method, *args)[1]
        self.assertTrue(error, f"{model}.{method} was done")
        self.assertEqual(error["data"]["name"], "odoo.exceptions.UserError", error)
        self.assertIn("read-only", error["data"]["message"])

    def make_key(self):
        """Ask for an API key, as somebody who has just typed his password; how many there are."""
        session = self.authenticate("customer", PASSWORD)
        session["identity-check-last"] = time.time()
        root.session_store.save(session)
        wizards = self.env["res.users.apikeys.description"].with_user(self.user)
        wizard = wizards.create({"name": "Mine", "duration": "1"})
        self.rpc("res.users.apikeys.description", "make_key", wizard.ids)
        self.env.cr.execute("SELECT count(*) FROM res_users_apikeys")
        return self.env.cr.fetchone()[0]

    def test_open_they_work(self):
        """So that the refusals below are for the rung."""
        before = self.make_key()
        self.rename_industry()
        self.assertEqual(self.industry.name, "Hunting")
        self.assertTrue(self.rpc("ir.sequence", "next_by_code", "saas.test")[0])
        self.assertEqual(self.make_key(), before + 1)

    def rename_industry(self):
        return self.rpc(
            "res.partner.industry", "update_field_translations", self.industry.ids, "name",
            {"en_US": "Hunting"},
        )[1]  # fmt: skip

    def test_translations_numbers_and_keys_are_not_written(self):
        before = self.make_key()
        self.obey(rung="read_only")
        self.assertTrue(self.rename_industry())
        self.assertEqual(self.industry.name, "Fishing")
        self.refused("ir.sequence", "next_by_code", "saas.test")
        self.assertEqual(self.make_key(), before)

    def test_programs_with_a_key_write_no_more(self):
        tomorrow = fields.Datetime.now() + timedelta(days=1)
        key = self.env["res.users.apikeys"].with_user(self.user)._generate(None, "test", tomorrow)
        headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
        self.obey(rung="read_only")
        answer = self.url_open(
            "/json/2/ir.sequence/next_by_code",
            data=json.dumps({"sequence_code": "saas.test"}),
            headers=headers,
        )
        self.assertEqual(answer.status_code, 422)
        self.assertIn("read-only", answer.json()["message"])

    def test_wizards_and_the_marks_of_reading_still_work(self):
        self.obey(rung="read_only")
        self.authenticate("customer", PASSWORD)
        result, error = self.rpc("base.language.export", "create", [{"format": "po"}])
        self.assertFalse(error)
        self.assertTrue(result)
        settings = self.env["res.users.settings"]._find_or_create_for_user(self.user)
        _result, error = self.rpc("res.users.settings", "set_res_users_settings", settings.ids, {})
        self.assertFalse(error)

    def test_nothing_is_held_back_once_it_is_open(self):
        self.obey(rung="read_only")
        self.authenticate("customer", PASSWORD)
        self.refused("ir.sequence", "next_by_code", "saas.test")
        self.obey()
        self.assertTrue(self.rpc("ir.sequence", "next_by_code", "saas.test")[0])

    def test_mails_that_arrive_make_no_records(self):
        """Where mails are fetched by a scheduled action, that waits; a gateway calls this."""
        self.obey(rung="read_only")
        self.authenticate("customer", PASSWORD)
        mail = "From: a@example.com\nTo: b@example.com\nMessage-Id: <1@x>\nSubject: s\n\ntext"
        before = self.env["mail.message"].search_count([])
        self.refused("mail.thread", "message_process", "res.partner", mail)
        self.assertEqual(self.env["mail.message"].search_count([]), before)
        self.obey(rung="closed")
        self.assertTrue(self.rpc("mail.thread", "message_process", "res.partner", mail)[1])
        self.assertEqual(self.env["mail.message"].search_count([]), before)
