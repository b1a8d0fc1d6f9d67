"""Records and calls that several tests of the engine share."""

import json

from odoo.tools import mute_logger

from .common import RestCase


class RecordsCase(RestCase):
    """Calls to records, as an employee unless told otherwise."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.partners = cls.env["res.partner"].create(
            [{"name": f"Rest {letter}", "ref": f"REST-{letter}"} for letter in "ABCDE"]
        )

    def setUp(self):
        super().setUp()
        self.employee_token = self.token(self.employee)
        self.admin_token = self.token(self.admin)

    def ask(self, method, path, values=None, *, token=None, **options):
        """A call below ``/api/v1``; what the database refuses is part of some tests."""
        with mute_logger("odoo.sql_db"):
            return self.call(
                method, f"/api/v1{path}", json=values, token=token or self.employee_token, **options
            )

    def get(self, path, *, token=None, headers=None, **params):
        """A GET with these parameters."""
        return self.ask("GET", path, token=token, headers=headers, params=params)

    def listed(self, path, **params):
        """The records that a GET answers."""
        response = self.get(path, **params)
        self.assertEqual(response.status_code, 200, response.text)
        return response.json()["data"]

    def search(self, model, body, **options):
        return self.ask("POST", f"/{model}/search", body, **options)

    def send_raw(self, method, path, body):
        """A body that is no JSON which Python would write."""
        headers = {"Content-Type": "application/json"}
        return self.ask(method, path, data=body, headers=headers)

    def ours(self):
        """A domain with the partners of this class, for the query string."""
        return json.dumps([["id", "in", self.partners.ids]])
