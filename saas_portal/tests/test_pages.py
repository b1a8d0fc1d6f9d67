import json
import re

from odoo.exceptions import AccessError
from odoo.tests import HttpCase, tagged

from ..lib.saas_driver import DriverUnavailable
from .common import SaasPortalCase

PASSWORD = "customer password"


class PagesCase(SaasPortalCase, HttpCase):
    """The portal over HTTP, with clients that exist in memory only."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.plan.write({"is_published": True, "max_users": 5, "total_storage_limit": 500})
        cls.customer.password = PASSWORD
        cls.stranger = cls.make_user("stranger@example.com", "base.group_portal", name="Stranger")
        cls.stranger.password = PASSWORD

    def setUp(self):
        super().setUp()
        self.env["saas_portal.rate_limit"].search([]).unlink()

    def log_in(self, user=None):
        self.authenticate((user or self.customer).login, PASSWORD)

    def page(self, path, status=200):
        response = self.url_open(path)
        self.assertEqual(response.status_code, status, path)
        return response.text

    def post(self, path, page=None, status=200, token=None, **form):
        """Send the form of a page as a browser would."""
        if token is None:
            token = self.read_token_of(self.page(page or path))
        response = self.url_open(path, data={"csrf_token": token, **form}, allow_redirects=False)
        self.env.invalidate_all()
        self.assertEqual(response.status_code, status, response.text[:2000])
        return response

    def read_token_of(self, html):
        found = re.search(r'csrf_token"[^>]*value="([^"]+)"', html)
        found = found or re.search(r'csrf_token: "([^"]+)"', html)
        return found[1]


@tagged("post_install", "-at_install")
class TestSignupPages(PagesCase):
    def setUp(self):
        super().setUp()
        # What is done where addresses are confirmed stands in test_confirm.
        self.env["ir.config_parameter"].set_param("saas_portal.confirm_email", "never")
        self.url = f"/saas/signup/{self.plan.id}"
        self.form = {
            "dbname": "acme",
            "name": "Ann Example",
            "login": "ann@example.com",
            "password": "long enough",
        }

    def clients(self):
        return self.env["saas_portal.client"].search([("name", "like", "acme")])

    def check(self, name, status=200):
        response = self.url_open(f"{self.url}/available", data=None, params={"name": name})
        self.assertEqual(response.status_code, status)
        return response.json()

    # -- the gallery -------------------------------------------------------------------------------

    def test_the_gallery_shows_what_is_published_and_ready(self):
        hidden = self.plan.copy({"name": "Secret Plan", "template_id": self.template.id})
        draft = self.plan.copy({"name": "Unbuilt Plan", "is_published": True})
        self.plan.write({"summary": "For beginners", "expiration": 72})
        self.assertFalse(self.plan.signup_closed)
        text = self.page("/saas/plans")
        for words in ("Test Plan", "For beginners", "5 users", "500 MB", "3 days free"):
            self.assertIn(words, " ".join(text.split()))
        for plan in (hidden, draft):
            self.assertNotIn(plan.name, text)
            self.page(f"/saas/signup/{plan.id}", status=404)
            self.page(f"/saas/signup/{plan.id}/available?name=acme", status=404)
        self.page("/saas/signup/999999", status=404)

    def test_a_portal_without_plans_says_so(self):
        self.env["saas_portal.plan"].search([]).is_published = False
        self.assertIn("nothing to choose from", self.page("/saas/plans"))

    # -- names -------------------------------------------------------------------------------------

    def test_a_name_is_free_taken_reserved_or_no_name(self):
        self.new(dbname="taken.localhost")
        self.driver.put("old.localhost")
        self.env["saas_portal.reserved_name"].create({"name": "boss"})
        self.assertTrue(self.check("acme")["available"])
        self.assertTrue(self.check(" ACME ")["available"])
        for name in (
            "", "ab", "taken", "Taken", "old", "support", "boss", "www", "saas-new-1", "xn--abc",
            "-abc", "a b c", "a.b.c", "a'b\"c", "x" * 64, "é" * 5, "<b>bold</b>", "../etc",
        ):  # fmt: skip
            answer = self.check(name)
            self.assertFalse(answer["available"], name)
            self.assertTrue(answer["message"], name)

    def test_the_answer_about_a_name_tells_nothing_else(self):
        self.new(dbname="taken.localhost")
        self.driver.put("old.localhost")
        self.assertEqual(self.check("taken"), self.check("old"))
        self.assertEqual(set(self.check("taken")), {"available", "message"})
        self.driver.failures["status"] = DriverUnavailable("db.internal refuses")
        self.assertNotIn("db.internal", json.dumps(self.check("acme")))

    def test_who_asks_too_often_has_to_wait(self):
        for _time in range(40):
            self.env["saas_portal.rate_limit"]._allow("name", "127.0.0.1")
        answer = self.check("acme", status=429)
        self.assertFalse(answer["available"])
        self.assertIn("Wait a minute", answer["message"])

    def test_the_domain_is_the_plans_or_the_portals(self):
        self.assertEqual(self.plan._get_signup_domain(), "localhost")
        self.plan.dbname_template = "crm-%i.shop.example.com"
        self.assertEqual(self.plan._get_signup_domain(), "shop.example.com")
        self.plan.dbname_template = False
        parameters = self.env["ir.config_parameter"].sudo()
        for url, domain in {
            "https://portal.example.com": "example.com",
            "https://example.com": "example.com",
            "http://portal.localhost:8069": "localhost",
        }.items():
            parameters.set_param("web.base.url", url)
            self.assertEqual(self.plan._get_signup_domain(), domain)
        parameters.set_param("saas_portal.base_saas_domain", "apps.example.org")
        self.assertEqual(self.plan._get_signup_domain(), "apps.example.org")

    # -- signing up --------------------------------------------------------------------------------

    def test_a_visitor_gets_account_and_database_in_one_go(self):
        self.plan.expiration = 72
        answer = self.post(self.url, status=303, **self.form)
        client = self.clients()
        self.assertTrue(answer.headers["Location"].endswith(f"/my/databases/{client.id}"))
        self.assertEqual((client.name, client.state), ("acme.localhost", "building"))
        self.assertEqual((client.trial, client.plan_id), (True, self.plan))
        user = client.owner_id
        self.assertEqual((user.login, user.name), ("ann@example.com", "Ann Example"))
        self.assertEqual(user.group_ids, self.env.ref("base.group_portal"))
        self.assertEqual(client.partner_id, user.partner_id)
        self.assertFalse(client.user_id)
        text = self.page(f"/my/databases/{client.id}")
        self.assertIn("Copy the template", text)
        progress = self.url_open(f"/my/databases/{client.id}/progress").json()
        self.assertEqual((progress["state"], progress["busy"]), ("building", True))
        self.assertEqual(len(progress["steps"]), 3)
        self.run_operations()
        progress = self.url_open(f"/my/databases/{client.id}/progress").json()
        self.assertEqual((progress["state"], progress["busy"]), ("open", False))
        self.assertIn("Valid until", self.page(f"/my/databases/{client.id}"))

    def test_the_password_of_the_account_is_not_the_databases(self):
        self.post(self.url, status=303, **self.form)
        self.run_operations()
        owner = self.transport.payloads[0]["owner"]
        self.assertFalse(owner["password_hash"])
        self.assertNotIn("long enough", json.dumps(self.transport.payloads))

    def test_a_customer_gets_another_database_without_a_new_account(self):
        self.log_in()
        text = self.page(self.url)
        self.assertNotIn('name="password"', text)
        self.post(self.url, status=303, dbname="acme", login="evil@example.com", name="Evil")
        self.assertEqual(self.clients().owner_id, self.customer)
        self.assertFalse(self.env["res.users"].search([("login", "=", "evil@example.com")]))

    def test_the_form_decides_neither_trial_nor_owner_nor_limits(self):
        self.log_in()
        self.post(
            self.url, status=303, dbname="acme", trial="1", user_id=str(self.stranger.id),
            max_users="0", plan_id="1",
        )  # fmt: skip
        client = self.clients()
        self.assertEqual((client.trial, client.max_users), (False, 5))
        self.assertEqual(client.owner_id, self.customer)

    def test_bad_input_gets_a_reason_and_changes_nothing(self):
        self.new(dbname="taken.localhost")
        before = self.env["res.users"].search_count([]), len(self.driver.databases)
        for change, words in (
            ({"dbname": "taken"}, "This name is taken"),
            ({"dbname": "support"}, "cannot be used"),
            ({"dbname": "no name"}, "small letters"),
            ({"dbname": ""}, "Choose a name"),
            ({"name": " "}, "Tell us your name"),
            ({"login": "nobody"}, "Give an e-mail address"),
            ({"login": "a@b.com, c@d.com"}, "Give an e-mail address"),
            ({"password": "short"}, "at least 8"),
            ({"login": "customer@example.com"}, "log in first"),
            ({"login": "CUSTOMER@example.com"}, "log in first"),
        ):
            response = self.post(self.url, status=422, **{**self.form, **change})
            self.assertIn(words, response.text)
            self.assertNotIn("long enough", response.text)
        self.assertFalse(self.clients())
        after = self.env["res.users"].search_count([]), len(self.driver.databases)
        self.assertEqual(after, before)

    def test_what_was_typed_stays_and_is_no_markup(self):
        form = {**self.form, "dbname": '"><script>y', "name": '"><script>x'}
        response = self.post(self.url, status=422, **form)
        self.assertIn("&lt;script&gt;x", response.text)
        self.assertIn("&lt;script&gt;y", response.text)
        self.assertIn("ann@example.com", response.text)
        self.assertNotIn('"><script>', response.text)

    def test_missing_fields_are_bad_input_too(self):
        response = self.post(self.url, status=422)
        self.assertIn("Choose a name", response.text)

    def test_without_the_token_of_the_page_nothing_is_made(self):
        self.post(self.url, status=400, token="wrong", **self.form)
        self.assertFalse(self.clients())

    def test_looking_at_pages_makes_nothing(self):
        self.page(f"{self.url}?dbname=acme&name=Ann&login=ann@example.com&password=long+enough")
        self.assertFalse(self.clients())

    def test_by_invitation_only_means_also_here(self):
        self.env["ir.config_parameter"].set_param("auth_signup.invitation_scope", "b2b")
        if "website" in self.env:
            self.env["website"].search([]).auth_signup_uninvited = "b2b"
        self.env.invalidate_all()
        self.assertTrue(self.plan.signup_closed)
        text = self.page(self.url)
        self.assertIn("by invitation only", text)
        token = self.read_token_of(self.page("/web/login"))
        response = self.post(self.url, status=422, token=token, **self.form)
        self.assertIn("by invitation only", response.text)
        self.assertFalse(self.env["res.users"].search([("login", "=", "ann@example.com")]))

    def test_a_plan_allows_so_many_and_no_more(self):
        self.plan.maximum_allowed_dbs_per_partner = 1
        self.log_in()
        self.post(self.url, status=303, dbname="acme")
        response = self.post(self.url, status=422, dbname="acme-two")
        self.assertIn("allows 1 databases", response.text)
        self.assertEqual(len(self.clients()), 1)

    def test_signing_up_again_and_again_is_stopped(self):
        for _time in range(20):
            self.env["saas_portal.rate_limit"]._allow("signup", "127.0.0.1")
        response = self.post(self.url, status=429, **self.form)
        self.assertIn("too often", response.text)
        self.assertFalse(self.clients())

    # -- limits ------------------------------------------------------------------------------------

    def test_a_rate_limit_counts_by_action_and_person_and_forgets(self):
        limits = self.env["saas_portal.rate_limit"]
        self.assertEqual([limits._take("x", "1.2.3.4", 2, 60) for _i in range(3)], [1, 1, 0])
        self.assertTrue(limits._take("x", "1.2.3.5", 2, 60))
        self.assertTrue(limits._take("y", "1.2.3.4", 2, 60))
        self.env.cr.execute(
            "UPDATE saas_portal_rate_limit SET started_at = started_at - interval '61 seconds'"
        )
        self.assertTrue(limits._take("x", "1.2.3.4", 2, 60))
        self.assertTrue(limits._take("x", "1.2.3.4", 2, 60))
        self.assertFalse(limits._take("x", "1.2.3.4", 2, 60))

    def test_a_network_of_ipv6_is_one_person_and_no_address_is_stored(self):
        limits = self.env["saas_portal.rate_limit"]
        limits._take("x", "2001:db8::1", 1, 60)
        self.assertFalse(limits._take("x", "2001:db8::ffff", 1, 60))
        self.assertTrue(limits._take("x", "2001:db8:1::1", 1, 60))
        self.assertNotIn("2001", str(limits.search([]).mapped("key")))

    def test_old_counters_are_thrown_away(self):
        limits = self.env["saas_portal.rate_limit"]
        limits._take("x", "1.2.3.4", 1, 60)
        self.env.cr.execute("UPDATE saas_portal_rate_limit SET started_at = '2020-01-01'")
        limits._gc_counters()
        self.assertFalse(limits.search([]))

    # -- reserved names ----------------------------------------------------------------------------

    def test_operators_give_reserved_names_and_edit_the_list(self):
        self.assertEqual(self.new(dbname="support.localhost").state, "open")
        reserved = self.env["saas_portal.reserved_name"]
        record = reserved.with_user(self.manager).create({"name": "boss"})
        record.active = False
        self.assertFalse(self.plan._get_label_problem("boss"))
        with self.assertRaises(AccessError):
            reserved.with_user(self.user).create({"name": "other"})


@tagged("post_install", "-at_install")
class TestDatabasePages(PagesCase):
    def setUp(self):
        super().setUp()
        self.client = self.new(dbname="acme.localhost")
        self.url = f"/my/databases/{self.client.id}"
        self.log_in()

    def all_calls(self):
        return {
            self.url: None,
            f"{self.url}/open": None,
            f"{self.url}/progress": None,
            f"{self.url}/rename": {"dbname": "stolen"},
            f"{self.url}/delete": {"confirmation": "acme.localhost"},
        }

    # -- reading -----------------------------------------------------------------------------------

    def test_the_list_and_the_page_tell_what_a_customer_wants_to_know(self):
        self.client.sudo().write({"users_len": 4, "db_storage": 420, "file_storage": 40})
        self.client.sudo().expiration_datetime = "2099-01-31 12:00:00"
        for path in ("/my/databases", self.url):
            text = " ".join(self.page(path).split())
            for words in ("acme.localhost", "Test Plan", "4 of 5", "460 of 500 MB", "2099"):
                self.assertIn(words, text, path)
            self.assertIn("bg-warning", text)

    def test_the_home_page_has_a_card_with_the_number(self):
        self.assertIn("/my/databases", self.page("/my"))
        answer = self.make_jsonrpc_request("/my/counters", {"counters": ["saas_database_count"]})
        self.assertEqual(answer, {"saas_database_count": 1})

    def test_the_former_address_leads_to_the_list(self):
        response = self.url_open("/my/instances", allow_redirects=False)
        self.assertEqual(response.status_code, 301)
        self.assertTrue(response.headers["Location"].endswith("/my/databases"))

    def test_open_leads_into_the_database(self):
        response = self.url_open(f"{self.url}/open", allow_redirects=False)
        self.assertEqual(response.status_code, 303)
        self.assertEqual(response.headers["Location"], self.client._get_open_url())
        self.client._set_suspended("operator")
        response = self.url_open(f"{self.url}/open", allow_redirects=False)
        self.assertTrue(response.headers["Location"].endswith(self.url))

    def test_each_state_is_explained(self):
        for state, reason, words in (
            ("pending", "operator", "we have paused it"),
            ("pending", "storage", "more storage"),
            ("pending", "expiration", "its time is over"),
            ("broken", False, "could not be made"),
        ):
            self.client.sudo().write({"state": state, "suspended_for": reason})
            self.assertIn(words, self.page(self.url))
        self.client.sudo().write({"state": "open", "expired": True})
        self.assertIn("Please renew it", self.page(self.url))

    def test_each_rung_is_explained_with_the_operators_words_and_whom_to_ask(self):
        self.env.company.email = "help@example.com"
        self.assertIn("mailto:help@example.com", self.page(self.url))
        client = self.client.sudo()
        client._change_rung("read_only", "payment", "INV/0042 of May.")
        text = " ".join(self.page(self.url).split())
        for words in ("Read-only", "change nothing: an invoice is open", "INV/0042 of May."):
            self.assertIn(words, text)
        self.assertIn(f"{self.url}/open", text, "Who may read is let in")
        client._change_rung("closed", "maintenance")
        text = self.page(self.url)
        self.assertIn("Nobody can log in: we are working on it", text)
        self.assertNotIn(f"{self.url}/open", text)
        client._change_rung("notice", "other", "The price list changes.")
        self.assertIn("The price list changes.", self.page(self.url))

    def test_a_failure_shows_no_technical_cause(self):
        self.driver.failures["create"] = DriverUnavailable("db.internal:5432 refuses")
        client = self.env["saas_portal.client"]
        with self.refused():
            self.new(dbname="broken.localhost")
        client = client.search([("name", "=", "broken.localhost")])
        self.assertNotIn("db.internal", self.page(f"/my/databases/{client.id}"))
        self.assertNotIn("db.internal", self.url_open(f"/my/databases/{client.id}/progress").text)

    # -- whose -------------------------------------------------------------------------------------

    def test_somebody_elses_database_is_not_found_and_not_touched(self):
        token = self.read_token_of(self.page(self.url))
        self.log_in(self.stranger)
        self.assertNotIn("acme.localhost", self.page("/my/databases"))
        token = self.read_token_of(self.page("/my/account"))
        for path, form in self.all_calls().items():
            if form is None:
                self.page(path, status=404)
            else:
                self.post(path, token=token, status=404, **form)
        self.assertEqual((self.client.name, self.client.state), ("acme.localhost", "open"))
        self.assertEqual(len(self.client.operation_ids), 1)
        answer = self.make_jsonrpc_request("/my/counters", {"counters": ["saas_database_count"]})
        self.assertEqual(answer, {"saas_database_count": 0})

    def test_a_visitor_is_asked_to_log_in(self):
        self.authenticate(None, None)
        for path, form in self.all_calls().items():
            if form is None:
                response = self.url_open(path, allow_redirects=False)
                self.assertEqual(response.status_code, 303, path)
                self.assertIn("/web/login", response.headers["Location"])

    def test_numbers_that_are_no_database_are_not_found(self):
        for path in ("999999", "0", "99999999999999999999", "-1", "abc", "1%20or%201"):
            self.assertEqual(self.url_open(f"/my/databases/{path}").status_code, 404, path)

    def test_changes_need_a_post_with_the_token_of_the_page(self):
        for path, form in self.all_calls().items():
            if form:
                self.assertIn(self.url_open(path).status_code, (404, 405), path)
                self.post(path, token="wrong", status=400, **form)
        self.assertEqual(len(self.client.operation_ids), 1)

    def test_over_rpc_a_customer_reads_his_own_and_only_what_he_may_know(self):
        other = self.new(user_id=self.stranger.id, dbname="other.localhost")
        clients = self.env["saas_portal.client"].with_user(self.customer)
        self.assertEqual(clients.search([]), self.client)
        self.assertEqual(clients.search([("id", "=", other.id)]), clients)
        with self.assertRaises(AccessError):
            clients.browse(other.id).read(["name"])
        values = clients.browse(self.client.id).read()[0]
        self.assertEqual((values["name"], values["state"]), ("acme.localhost", "open"))
        for name in ("client_id", "server_id", "trash_name", "operation_ids", "message_ids"):
            self.assertNotIn(name, values)
            with self.assertRaises(AccessError):
                clients.browse(self.client.id).read([name])
        for domain in ([("client_id", "like", "a")], [("server_id.name", "like", "a")]):
            with self.assertRaises(AccessError):
                clients.search(domain)
        for right in ("write", "create", "unlink"):
            self.assertFalse(clients.has_access(right))

    # -- rename ------------------------------------------------------------------------------------

    def test_a_customer_renames_his_database(self):
        self.post(f"{self.url}/rename", page=self.url, status=303, dbname=" New ")
        self.run_operations()
        self.assertEqual(self.client.name, "new.localhost")
        self.assertTrue(self.driver.status("new.localhost").exists)

    def test_a_bad_new_name_is_refused_with_a_reason(self):
        self.new(user_id=self.stranger.id, dbname="other.localhost")
        for name, words in (
            ("other", "This name is taken"),
            ("acme", "this name already"),
            ("www", "cannot be used"),
            ("support", "cannot be used"),
            ("a.b", "small letters"),
            ("", "Choose a name"),
        ):
            response = self.post(f"{self.url}/rename", page=self.url, status=422, dbname=name)
            self.assertIn(words, response.text)
        self.assertEqual(len(self.client.operation_ids), 1)

    def test_a_name_of_another_domain_is_the_operators_to_change(self):
        self.client.sudo().name = "www-acme.example.com"
        token = self.read_token_of(self.page("/my/account"))
        self.assertNotIn("/rename", self.page(self.url))
        self.post(f"{self.url}/rename", token=token, status=422, dbname="stolen")

    def test_one_change_at_a_time(self):
        token = self.read_token_of(self.page(self.url))
        self.post(f"{self.url}/rename", token=token, status=303, dbname="new")
        response = self.post(f"{self.url}/rename", token=token, status=422, dbname="newer")
        self.assertIn("cannot be done now", response.text)
        self.assertIn("Rename the database", response.text)

    # -- delete ------------------------------------------------------------------------------------

    def test_a_customer_deletes_by_typing_the_name_and_it_is_kept_for_a_while(self):
        self.post(f"{self.url}/delete", page=self.url, status=303, confirmation="Acme.localhost ")
        self.run_operations()
        client = self.client.with_context(active_test=False)
        self.assertEqual((client.state, bool(client.purge_at)), ("deleted", True))
        self.assertIn("Kept until", self.page("/my/databases"))
        self.call(self.manager, "saas_portal.client", "action_restore", [self.client.id])
        self.assertEqual(self.client.state, "open")

    def test_without_the_name_nothing_is_deleted(self):
        for typed in ("", "acme", "yes"):
            response = self.post(
                f"{self.url}/delete", page=self.url, status=422, confirmation=typed
            )
            self.assertIn("Type the whole name", response.text)
        self.assertEqual(self.client.state, "open")

    def test_what_is_gone_for_good_is_not_shown(self):
        self.client._set_deleted(trash_name=False)
        self.page(self.url, status=404)
        self.assertNotIn("acme.localhost", self.page("/my/databases"))
