import json
from datetime import timedelta
from unittest.mock import patch

from odoo import fields
from odoo.exceptions import UserError
from odoo.http import root
from odoo.tests import HttpCase, tagged

from odoo.addons.base.models.ir_cron import IrCron

from .policy_common import PolicyCommon

PASSWORD = "customer password"


@tagged("post_install", "-at_install")
class TestLadder(PolicyCommon, HttpCase):
    """Notice, read-only, closed: what each rung leaves to whom."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.user = cls.make_user("customer", "base.group_system", password=PASSWORD)
        cls.partner = cls.env["res.partner"].create({"name": "Somebody"})

    def rpc(self, model, method, *args, **kwargs):
        """A call as the web client makes it; returns (result, error)."""
        body = {
            "jsonrpc": "2.0",
            "params": {"model": model, "method": method, "args": args, "kwargs": kwargs},
        }
        response = self.url_open(
            f"/web/dataset/call_kw/{model}/{method}",
            data=json.dumps(body),
            headers={"Content-Type": "application/json"},
        )
        answer = response.json()
        return answer.get("result"), answer.get("error")

    def assertReadOnly(self, error):
        self.assertTrue(error)
        self.assertIn("read-only", error["data"]["message"])
        self.assertEqual(error["data"]["name"], "odoo.exceptions.UserError")

    def bearer(self):
        tomorrow = fields.Datetime.now() + timedelta(days=1)
        key = self.env["res.users.apikeys"].with_user(self.user)._generate(None, "test", tomorrow)
        return {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}

    def open_session_of_the_operator(self):
        """As the signed link of the portal opens it."""
        session = self.authenticate("customer", PASSWORD)
        session.update({"uid": self.admin.id, "login": self.admin.login})
        session.session_token = self.admin._compute_session_token(session.sid)
        root.session_store.save(session)

    # --- notice ---

    def test_a_notice_is_shown_and_nothing_else_changes(self):
        self.obey(rung="notice", notice="Please pay.")
        self.authenticate("customer", PASSWORD)
        page = self.url_open("/odoo")
        self.assertEqual(page.status_code, 200)
        self.assertIn("Please pay.", page.text)
        result, error = self.rpc("res.partner", "write", [self.partner.id], {"name": "Other"})
        self.assertTrue(result)
        self.assertFalse(error)

    # --- read-only ---

    def test_read_only_lets_people_log_in_and_read(self):
        self.obey(rung="read_only")
        self.authenticate(None, None)
        page = self.url_open("/web/login")
        token = page.text.split('name="csrf_token" value="')[1].split('"')[0]
        form = {"login": "customer", "password": PASSWORD, "csrf_token": token}
        self.assertEqual(self.url_open("/web/login", data=form).status_code, 200)
        result, error = self.rpc("res.partner", "read", [self.partner.id], ["name"])
        self.assertFalse(error)
        self.assertEqual(result[0]["name"], "Somebody")
        self.assertEqual(self.url_open("/odoo").status_code, 200)

    def test_read_only_refuses_every_write_in_words(self):
        self.obey(rung="read_only")
        self.authenticate("customer", PASSWORD)
        action = self.env["ir.actions.server"].create(
            {
                "name": "SQL",
                "model_id": self.env["ir.model"]._get("res.partner").id,
                "state": "code",
                "code": "env.cr.execute(\"UPDATE res_partner SET name = 'sql'\")",
            }
        )
        for model, method, *args in (
            ("res.partner", "create", [{"name": "New"}]),
            ("res.partner", "write", [self.partner.id], {"name": "Other"}),
            ("res.partner", "unlink", [self.partner.id]),
            ("res.partner", "copy", [self.partner.id]),
            ("res.partner", "action_archive", [self.partner.id]),
            ("res.partner", "message_post", [self.partner.id]),
            ("res.users", "write", [self.user.id], {"signature": "me"}),
            ("ir.attachment", "create", [{"name": "x", "raw": "eA=="}]),
            ("ir.config_parameter", "set_param", "some.key", "1"),
            ("ir.actions.server", "run", [action.id]),
        ):
            with self.subTest(f"{model}.{method}"):
                self.assertReadOnly(self.rpc(model, method, *args)[1])
        result, _error = self.rpc("res.partner", "load", ["name"], [["Imported"]])
        self.assertFalse(result["ids"])
        self.assertIn("read-only", result["messages"][0]["message"])
        self.partner.invalidate_recordset()
        self.assertEqual(self.partner.name, "Somebody")

    def test_read_only_lets_the_web_client_start_in_silence(self):
        self.env["ir.attachment"].search([("url", "=like", "/web/assets/%worker_assets%")]).unlink()
        channel = (
            self.env["discuss.channel"]
            .with_user(self.user)
            ._get_or_create_chat(self.admin.partner_id.ids)
        )
        message = channel.with_user(self.admin).message_post(body="Hello", message_type="comment")
        self.obey(rung="read_only")
        self.authenticate("customer", PASSWORD)
        self.assertEqual(self.url_open("/bus/websocket_worker_bundle").status_code, 200)
        self.assertFalse(self.rpc("discuss.channel", "channel_fetched", channel.ids)[1])
        member = channel.sudo().channel_member_ids.filtered("is_self")
        self.assertEqual(member.fetched_message_id, message)
        done, error = self.rpc("res.company", "iap_enrich_auto", self.env.company.ids)
        self.assertFalse(error)
        self.assertFalse(done)

    def test_read_only_counts_for_api_keys_too(self):
        headers = self.bearer()
        self.obey(rung="read_only")
        url = "/json/2/res.partner/"
        read = json.dumps({"ids": self.partner.ids, "fields": ["name"]})
        self.assertEqual(self.url_open(url + "read", data=read, headers=headers).status_code, 200)
        write = json.dumps({"ids": self.partner.ids, "vals": {"name": "Other"}})
        answer = self.url_open(url + "write", data=write, headers=headers)
        self.assertEqual(answer.status_code, 422)
        self.assertIn("read-only", answer.json()["message"])

    def test_read_only_counts_for_customers_of_the_customer_too(self):
        visitor = self.make_user("visitor", "base.group_portal", password=PASSWORD)
        self.obey(rung="read_only")
        self.authenticate("visitor", PASSWORD)
        result, error = self.rpc("res.users", "read", [visitor.id], ["name"])
        self.assertTrue(result)
        self.assertFalse(error)
        self.assertReadOnly(self.rpc("res.users", "write", [visitor.id], {"signature": "me"})[1])

    def test_read_only_does_not_hold_the_operator_up(self):
        self.obey(rung="read_only")
        self.open_session_of_the_operator()
        result, error = self.rpc("res.partner", "write", [self.partner.id], {"name": "Mended"})
        self.assertFalse(error)
        self.assertTrue(result)

    # --- closed ---

    def test_the_page_says_what_happened_whom_to_ask_and_where_to_go(self):
        reasons = {
            "payment": (402, "an invoice is open"),
            "expired": (402, "subscription has ended"),
            "trial": (402, "trial has ended"),
            "storage": (503, "more storage"),
            "maintenance": (503, "maintenance"),
            "abuse": (503, "terms of use"),
            "other": (503, "Your provider has paused access"),
        }
        for reason, (status, words) in reasons.items():
            with self.subTest(reason):
                self.obey(rung="closed", reason=reason, notice="Call <b>us</b>.")
                for path in ("/odoo", "/", "/my", "/web/login", "/nowhere"):
                    page = self.url_open(path, allow_redirects=False)
                    self.assertEqual(page.status_code, status, path)
                    self.assertIn(words, page.text)
                    self.assertIn("Call &lt;b&gt;us&lt;/b&gt;.", page.text)
                    self.assertIn('href="https://portal.example.com/my"', page.text)

    def test_a_link_that_would_run_a_script_is_left_out(self):
        self.obey(rung="closed", manage_url="javascript:alert(1)")
        self.assertNotIn("javascript", self.url_open("/odoo").text)

    def test_the_page_is_in_the_language_of_the_visitor(self):
        self.env["res.lang"]._activate_lang("fr_FR")
        page = self.env.ref("saas_client.suspended")
        terms = page._fields["arch_db"].get_trans_terms(page.arch_db)
        (term,) = (term for term in terms if "Your data is kept" in term)
        page.update_field_translations(
            "arch_db", {"fr_FR": {term: term.replace("Your data is kept", "Données gardées")}}
        )
        self.obey(rung="closed")
        french = self.url_open("/odoo", headers={"Accept-Language": "fr-FR"})
        self.assertIn('lang="fr-FR"', french.text)
        self.assertIn("Données gardées", french.text)

    def test_programs_get_the_reason_in_json(self):
        headers = self.bearer()
        self.obey(rung="closed", reason="payment")
        for url, sent in (
            ("/json/2/res.partner/read", headers),
            ("/odoo", {"Accept": "application/json"}),
        ):
            answer = self.url_open(url, data="{}" if sent is headers else None, headers=sent)
            self.assertEqual(answer.status_code, 402)
            self.assertEqual(answer.json()["error"], "database_closed")
            self.assertEqual(answer.json()["reason"], "payment")
            self.assertIn("invoice", answer.json()["message"])

    def test_it_opens_again_at_once(self):
        self.obey(rung="closed")
        self.assertEqual(self.url_open("/web/login").status_code, 503)
        self.obey(rung="open")
        self.assertEqual(self.url_open("/web/login").status_code, 200)

    def test_an_unknown_copy_says_so(self):
        self.policy_file.write_text(self.sign_policy(claims={"sub": "the.original"}))
        self.parameters.search([("key", "=", "saas_client.policy")]).unlink()
        page = self.url_open("/odoo")
        self.assertEqual(page.status_code, 503)
        self.assertIn("your provider does not know it", page.text)

    # --- scheduled actions ---

    def test_scheduled_actions_wait_while_the_database_is_shut(self):
        job = {"id": 1, "cron_name": "x"}
        cron = self.env.registry["ir.cron"]
        for rung, runs in (("read_only", 0), ("closed", 0), ("notice", 1), ("open", 1)):
            self.obey(rung=rung)
            with self.subTest(rung), patch.object(IrCron, "_process_job") as process:
                cron._process_job(self.env.cr, job)
                self.assertEqual(process.call_count, runs)

    # --- what the server itself does ---

    def test_the_server_itself_is_not_held_up(self):
        self.obey(rung="read_only")
        self.partner.name = "Written by the command line"
        with self.assertRaises(UserError):
            self.obey(rung="open", max_users="many")


@tagged("post_install", "-at_install")
class TestUsage(PolicyCommon, HttpCase):
    """What people see of their plan, in a real browser."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.owner = cls.make_user("owner", "base.group_system", password=PASSWORD)
        cls.employee = cls.make_user("employee", password=PASSWORD)
        cls.parameters._saas_set("res.users.owner", str(cls.owner.id), False)
        cls.count = cls.env["res.users"]._saas_count_users()

    def get_usage(self, user):
        return self.env["saas_client.status"].with_user(user).sudo(False).get_usage()

    def test_levels_change_at_eighty_and_a_hundred_per_cent(self):
        status = self.env["saas_client.status"]
        for used, level in ((79, "fine"), (80, "warning"), (99, "warning"), (100, "full")):
            self.assertEqual(status._prepare_meter("x", "X", used, 100)["level"], level)

    def test_the_end_is_counted_in_days(self):
        for hours, days, level in ((1, 1, "full"), (49, 3, "warning"), (24 * 30, 30, "fine")):
            moment = fields.Datetime.now() + timedelta(hours=hours, minutes=-1)
            self.obey(expires_at=fields.Datetime.to_string(moment))
            expiry = self.get_usage(self.owner)["expiry"]
            self.assertEqual((expiry["days"], expiry["level"]), (days, level))
        self.obey(expires_at="2020-01-01 00:00:00")
        self.assertEqual(self.get_usage(self.owner)["expiry"]["days"], 0)
        self.obey(expires_at="2020-01-01 00:00:00", hidden=["saas_client.expiration_datetime"])
        self.assertFalse(self.get_usage(self.owner)["expiry"])

    def test_links_and_record_limits_are_for_those_who_deal_with_the_provider(self):
        limits = [{"model": "res.partner", "max_records": 10**6, "domain": "[]"}]
        self.obey(max_users=50, record_limits=limits)
        owners, employees = self.get_usage(self.owner), self.get_usage(self.employee)
        self.assertEqual(owners["manage_url"], "https://portal.example.com/my")
        self.assertEqual(owners["records"][0]["name"], "res.partner")
        self.assertFalse(employees["manage_url"] or employees["records"] or employees["in_charge"])
        self.assertEqual(employees["meters"][0]["used"], self.count)

    def test_customers_of_the_customer_see_nothing_of_it(self):
        visitor = self.make_user("visitor", "base.group_portal", password=PASSWORD)
        with self.assertRaises(UserError):
            self.get_usage(visitor)
        self.authenticate("visitor", PASSWORD)
        self.assertNotIn("saas_client.usage", self.url_open("/my").text)

    def test_without_limits_there_is_nothing_to_show(self):
        self.obey()
        usage = self.get_usage(self.owner)
        self.assertFalse(usage["meters"] or usage["records"] or usage["expiry"])

    def test_the_owner_sees_how_full_it_is_and_is_warned(self):
        moment = fields.Datetime.now() + timedelta(hours=71)
        self.obey(
            max_users=self.count, storage_mb=100000, trial=True, rung="notice",
            notice="The price list changes in January.",
            expires_at=fields.Datetime.to_string(moment),
        )  # fmt: skip
        self.start_tour("/odoo", "saas_client_usage_owner", login="owner")

    def test_a_warning_comes_at_eighty_per_cent_and_goes_red_at_a_hundred(self):
        for number in range(4 - self.count):
            self.make_user(f"colleague {number}")
        count = self.env["res.users"]._saas_count_users()
        self.obey(max_users=count * 5 // 4, storage_mb=100000)
        self.start_tour("/odoo", "saas_client_usage_nearly_full", login="owner")
        self.obey(max_users=count, storage_mb=100000)
        self.start_tour("/odoo", "saas_client_usage_full", login="owner")

    def test_an_employee_sees_the_figures_only(self):
        self.obey(max_users=self.count * 2, storage_mb=100000)
        self.start_tour("/odoo", "saas_client_usage_employee", login="employee")

    def test_a_read_only_database_says_so_when_somebody_saves(self):
        self.obey(rung="read_only")
        with self.assertLogs("odoo.http", "WARNING"):
            self.start_tour("/odoo", "saas_client_read_only", login="owner")
