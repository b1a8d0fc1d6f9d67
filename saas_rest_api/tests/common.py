"""What all tests of the REST layer share."""

from odoo.tests import HttpCase, new_test_user


class RestCase(HttpCase):
    """Calls to a running server, with tokens made without the detour of a password."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        set_param = cls.env["ir.config_parameter"].sudo().set_param
        # Tests are quicker than any client; those of the limits set their own.
        set_param("saas_rest_api.rate_per_token", 1_000_000)
        set_param("saas_rest_api.rate_per_ip", 1_000_000)
        cls.admin = cls.env.ref("base.user_admin")
        cls.employee = new_test_user(
            cls.env, "rest-employee", "base.group_user,base.group_partner_manager", name="Employee"
        )
        cls.portal_user = new_test_user(cls.env, "rest-portal", "base.group_portal", name="Visitor")

    def token(self, user, **values):
        """The value of a new token: ``self.token(user, scopes=["res.partner:read"])``."""
        return self.token_and_record(user, **values)[1]

    def token_and_record(self, user, **values):
        values = {"name": "Test", "source": "backend", **values}
        record, value = self.env["saas_rest.token"].sudo()._mint(user, values)
        self.env.flush_all()
        return record, value

    def call(self, method, path, *, json=None, token=None, headers=None, **options):
        """One request, as ``requests`` answers it; ``path`` begins with ``/``.

        :param token: sent as Bearer
        :param options: further arguments of ``requests``, such as ``params`` or ``data``
        """
        headers = dict(headers or {})
        if token:
            headers["Authorization"] = f"Bearer {token}"
        return self.opener.request(
            method, self.base_url() + path, json=json, headers=headers, timeout=60, **options
        )

    def assert_problem(self, response, status, code):
        """The answer is problem+json with this status and code; returns its body."""
        self.assertEqual(response.status_code, status, response.text)
        self.assertTrue(response.headers["Content-Type"].startswith("application/problem+json"))
        body = response.json()
        self.assertEqual(body["type"], f"/api/v1/problems/{code}", body)
        self.assertEqual(body["status"], status)
        return body
