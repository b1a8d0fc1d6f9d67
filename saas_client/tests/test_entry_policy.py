from odoo.tests import HttpCase, tagged

from .common import Portal
from .policy_common import PolicyCommon
from .test_connect import ConnectCommon
from .test_portal_login import PortalLoginPagesCommon


@tagged("post_install", "-at_install")
class TestEntryUnderPolicy(PolicyCommon, ConnectCommon, PortalLoginPagesCommon, HttpCase):
    """Coming in where a policy rules, and where the keys to trust lie outside of the database."""

    def log_in_via_portal(self, **kwargs):
        state = self.get_query(self.get_link())["state"]
        self.sign_in(self.sign_login(**kwargs), state)

    def test_the_owner_logs_in_where_he_can_only_read(self):
        self.obey(rung="read_only")
        self.log_in_via_portal()
        self.assertEqual(self.who_am_i(), self.owner.id)

    def test_the_operator_comes_in_at_each_rung_and_is_written_down(self):
        for number, rung in enumerate(("open", "notice", "read_only", "closed"), start=1):
            self.obey(rung=rung)
            self.env.flush_all()
            self.opener.cookies.clear()
            self.assertEqual(self.visit(self.sign_visit()).status_code, 303, rung)
            self.assertEqual(self.url_open("/odoo", allow_redirects=False).status_code, 200, rung)
            self.assertEqual(self.env["saas_client.connection"].search_count([]), number)

    def test_a_closed_database_shows_its_page_instead_of_the_way_to_the_portal(self):
        self.obey(rung="closed", reason="payment")
        self.env.flush_all()
        for path in ("/saas_client/login", "/web/login", "/auth_oauth/signin"):
            answer = self.url_open(path, allow_redirects=False)
            self.assertEqual(answer.status_code, 402, path)

    def test_a_key_that_somebody_wrote_into_the_database_opens_nothing(self):
        forger = Portal()
        self.sql(
            "UPDATE ir_config_parameter SET value = %s WHERE key = 'saas_client.portal_key'",
            forger.public_pem,
        )
        self.log_in_via_portal(portal=forger)
        self.assertNotEqual(self.who_am_i(), self.owner.id)
        self.assertEqual(self.visit(self.sign_visit(portal=forger)).status_code, 403)
        self.log_in_via_portal()
        self.assertEqual(self.who_am_i(), self.owner.id)

    def test_the_operators_account_is_known_by_its_number(self):
        self.sql(
            "UPDATE ir_model_data SET res_id = %s WHERE module = 'base' AND name = 'user_admin'",
            self.owner.id,
        )
        self.visit(self.sign_visit())
        self.assertEqual(self.who_am_i(), self.admin.id)
