import time
import uuid

import jwt

from odoo.exceptions import AccessError
from odoo.service.model import call_kw
from odoo.tests import HttpCase, tagged

from ..lib.client_rules import CONNECT_TYPE
from .common import Portal, SaasClientCommon


class ConnectCommon(SaasClientCommon):
    """Visits in the name of the test's portal."""

    def sign_visit(self, portal=None, typ=CONNECT_TYPE, **changes):
        now = int(time.time())
        claims = {
            "iss": self.portal.uuid,
            "aud": self.database_uuid,
            "iat": now,
            "exp": now + 60,
            "jti": uuid.uuid4().hex,
            "operator": "Mitchell (mitchell@example.com)",
            "reason": "Ticket 7",
            **changes,
        }
        key = (portal or self.portal).private_key
        return jwt.encode(claims, key, algorithm="EdDSA", headers={"typ": typ})

    def visit(self, token):
        return self.url_open("/saas_client/connect", data={"token": token}, allow_redirects=False)

    def who_am_i(self):
        info = self.url_open(
            "/web/session/get_session_info", json={"jsonrpc": "2.0", "params": {}}
        ).json()
        return info.get("result", {}).get("uid")


@tagged("post_install", "-at_install")
class TestConnect(ConnectCommon, HttpCase):
    """The operator comes in with a token of the portal: once, at once, and the customer sees it."""

    def read_visits(self, user):
        return call_kw(
            self.env(user=user)["saas_client.connection"], "search_read", [[]], {"fields": []}
        )

    def test_the_operator_is_logged_in_as_administrator_and_written_down(self):
        answer = self.visit(self.sign_visit())
        self.assertEqual(answer.status_code, 303)
        self.assertEqual(self.who_am_i(), self.admin.id)
        visit = self.env["saas_client.connection"].search([])
        self.assertEqual(visit.operator, "Mitchell (mitchell@example.com)")
        self.assertEqual(visit.reason, "Ticket 7")
        self.assertTrue(visit.date)

    def test_a_link_lets_in_once_and_the_second_time_says_why_not(self):
        token = self.sign_visit()
        self.visit(token)
        self.opener.cookies.clear()
        answer = self.visit(token)
        self.assertEqual(answer.status_code, 403)
        self.assertIn("used already", answer.text)
        self.assertFalse(self.who_am_i())
        self.assertEqual(len(self.env["saas_client.connection"].search([])), 1)

    def test_what_the_portal_did_not_make_for_now_and_here_is_refused_in_words(self):
        now = int(time.time())
        for token, word in (
            (self.sign_visit(iat=now - 90, exp=now - 30), "expired"),
            (self.sign_visit(exp=now + 61), "longer"),
            (self.sign_visit(aud=str(uuid.uuid4())), "another database"),
            (self.sign_visit(iss=str(uuid.uuid4())), "another portal"),
            (self.sign_visit(portal=Portal()), "not a valid token"),
            (self.sign_visit(typ="JWT"), "something else"),
            (self.sign_visit(reason=""), "reason"),
            (self.sign("apply"), "something else"),
            ("", "not a valid token"),
        ):
            answer = self.visit(token)
            self.assertEqual(answer.status_code, 403)
            self.assertIn(word, answer.text)
            self.assertNotIn("Traceback", answer.text)
            self.assertFalse(self.who_am_i())
        self.assertFalse(self.env["saas_client.connection"].search([]))

    def test_a_token_in_an_address_is_not_accepted(self):
        token = self.sign_visit()
        answer = self.url_open(f"/saas_client/connect?token={token}", allow_redirects=False)
        self.assertEqual(answer.status_code, 405)
        self.assertFalse(self.who_am_i())

    def test_a_visit_works_in_a_suspended_database(self):
        self.suspend()
        self.env.flush_all()
        self.assertNotEqual(self.url_open("/web/login").status_code, 200)
        self.visit(self.sign_visit())
        self.assertEqual(self.url_open("/odoo", allow_redirects=False).status_code, 200)

    def test_a_visit_takes_the_place_of_another_session(self):
        self.make_user("clerk", password="clerk")
        self.authenticate("clerk", "clerk")
        self.visit(self.sign_visit())
        self.assertEqual(self.who_am_i(), self.admin.id)

    def test_an_archived_account_of_the_operator_is_refused_in_words(self):
        self.admin.active = False
        answer = self.visit(self.sign_visit())
        self.assertEqual(answer.status_code, 403)
        self.assertIn("archived", answer.text)

    def test_the_visit_is_shown_to_the_owner_and_to_administrators_and_to_nobody_else(self):
        self.apply(owner={"login": "owner@example.com", "name": "Owner"})
        owner = self.env["res.users"]._saas_get_owner()
        manager = self.make_user("manager", "base.group_system")
        clerk, guest = self.make_user("clerk"), self.make_user("guest", "base.group_portal")
        self.visit(self.sign_visit())
        self.env.invalidate_all()
        for user in (owner, manager):
            self.assertEqual([row["reason"] for row in self.read_visits(user)], ["Ticket 7"])
        self.assertFalse(self.read_visits(clerk))
        with self.assertRaises(AccessError):
            self.read_visits(guest)

    def test_nobody_in_the_database_writes_or_removes_a_visit(self):
        self.visit(self.sign_visit())
        self.env.invalidate_all()
        visit = self.env["saas_client.connection"].search([])
        for user in (self.make_user("manager", "base.group_system"), self.admin):
            visits = visit.with_user(user)
            for attempt in (
                lambda visits=visits: visits.write({"reason": "Tea"}),
                lambda visits=visits: visits.unlink(),
                lambda visits=visits: visits.create({"operator": "x", "reason": "y"}),
                lambda visits=visits: visits.env["saas_client.used_token"].search([]),
            ):
                with self.assertRaises(AccessError):
                    attempt()

    def test_the_owner_finds_the_list_in_the_menu_of_his_name(self):
        self.apply(owner={"login": "owner@example.com", "name": "Owner"})
        info = self.env["res.users"]._saas_get_owner()
        self.assertTrue(self.env["ir.http"].with_user(info)._saas_sees_visits())
        self.assertFalse(self.env["ir.http"].with_user(self.make_user("clerk"))._saas_sees_visits())

    def test_a_token_is_never_logged(self):
        token = self.sign_visit()
        with self.assertLogs("odoo.addons.saas_client", level="DEBUG") as logs:
            self.visit(token)
            self.visit(token)
        text = "".join(logs.output)
        self.assertIn("comes in", text)
        self.assertIn("used already", text)
        self.assertNotIn(token.rsplit(".", 1)[1], text)
