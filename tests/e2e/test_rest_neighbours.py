"""The REST layer beside Odoo's own automated actions, which watch the same methods of models."""

import itertools

import pytest

from devkit import odoo

ADDON = "base_automation"

pytestmark = pytest.mark.one_shape


@pytest.fixture(scope="module")
def both(rest):
    """A copy of the database with automated actions, on a server of its own."""
    with rest.duplicate("automated.localhost") as copy:
        odoo.install(rest.conf, rest.cluster, copy, [ADDON], rest.folder / f"install-{ADDON}.log")
        with rest.other_server() as port:
            yield Both(rest, copy, port)


class Both:
    """Calls to the copy, and what its two watchers have seen."""

    def __init__(self, rest, name, port):
        self.rest, self.name, self.port = rest, name, port
        self.admin = rest.rpc(name, "admin", rest.admin_password, port=port)
        body = {"login": "admin", "password": rest.admin_password}
        self.token = self.call("POST", "/api/v1/tokens", 201, body)["data"]["access_token"]
        self.numbers = itertools.count()

    def call(self, verb, path, status, body=None):
        token = getattr(self, "token", None)
        answer = self.rest.call(verb, path, token=token, host=self.name, port=self.port, json=body)
        assert answer.status_code == status, answer.text
        return answer.json() if answer.content else None

    def automate(self):
        """An automated action that signs each partner whose city changes."""
        ref = self.admin.ref
        rule = {
            "name": "Sign",
            "model_id": ref("base.model_res_partner"),
            "trigger": "on_create_or_write",
            "trigger_field_ids": [(6, 0, [ref("base.field_res_partner__city")])],
        }
        rule_id = self.admin.call("base.automation", "create", rule)
        action = {
            "name": "Sign",
            "model_id": ref("base.model_res_partner"),
            "state": "code",
            "code": "records.write({'ref': 'automated'})",
            "base_automation_id": rule_id,
            "usage": "base_automation",
        }
        self.admin.call("ir.actions.server", "create", action)
        return rule_id

    def subscribe(self):
        body = {"url": "https://hooks.example.org/", "models": ["res.partner"]}
        return self.call("POST", "/api/v1/webhooks", 201, body)["data"]["id"]

    def watchers(self):
        """Who has seen a new partner: the automated action, the webhook."""
        city = f"City {next(self.numbers)}"
        path = "/api/v1/res.partner"
        made = self.call("POST", path, 201, {"name": "Watched", "city": city})["data"]["id"]
        ref = self.call("GET", f"{path}/{made}?fields=ref", 200)["data"]["ref"]
        notes = self.rest.psql(
            self.name, "SELECT 1 FROM saas_rest_delivery WHERE res_ids @> %s", f"[{made}]"
        )
        return ref == "automated", bool(notes)


def test_automated_actions_and_webhooks_leave_each_other_alone(both):
    """B75, B77: either comes first and either goes first; the other one goes on watching."""
    assert both.watchers() == (False, False)
    rule = both.automate()
    assert both.watchers() == (True, False)
    hook = both.subscribe()
    assert both.watchers() == (True, True)
    both.admin.call("base.automation", "unlink", [rule])
    assert both.watchers() == (False, True)
    rule = both.automate()
    assert both.watchers() == (True, True)
    both.call("DELETE", f"/api/v1/webhooks/{hook}", 204)
    assert both.watchers() == (True, False)
    both.admin.call("base.automation", "unlink", [rule])
    assert both.watchers() == (False, False)
