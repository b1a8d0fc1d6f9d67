import json
from datetime import timedelta

from cryptography.fernet import Fernet
from standardwebhooks.webhooks import Webhook

from odoo import Command, fields
from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.modules.neutralize import get_neutralization_queries
from odoo.tests import TransactionCase, new_test_user, tagged
from odoo.tools import config

from .. import webhook_patches
from ..lib.saas_rest.webhook_delivery import MAX_TRIES, Sender
from .common import RestCase
from .receiver import Receiver


class WebhookCase(TransactionCase):
    """A webhook on partners, and a receiver on this machine that only these tests may call."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.addClassCleanup(webhook_patches.remove, cls.registry)
        cls.manager = new_test_user(
            cls.env, "hooks-manager", "base.group_user,saas_rest_api.group_rest_manager"
        )
        cls.partner_model = cls.env["ir.model"]._get("res.partner")
        cls.deliveries = cls.env["saas_rest.delivery"]

    def setUp(self):
        super().setUp()
        self.receiver = self.enterContext(Receiver())
        sender = Sender(
            resolver=lambda host, port: ["127.0.0.1"],
            allowed=lambda address: address == "127.0.0.1",
            context=self.receiver.context,
        )
        self.patch(type(self.deliveries), "_get_sender", lambda model: sender)
        self.addCleanup(self.env.registry.clear_cache)
        self.webhook = self.subscribe()

    def subscribe(self, **values):
        vals = {
            "name": "Shop",
            "user_id": self.env.ref("base.user_admin").id,
            "url": self.receiver.url,
            "model_ids": [Command.set(self.partner_model.ids)],
        }
        return self.env["saas_rest.webhook"].create({**vals, **values})

    def noted(self, webhook=None):
        webhook = webhook or self.webhook
        return self.deliveries.search([("webhook_id", "=", webhook.id)], order="id")

    def deliver(self):
        self.env.flush_all()
        with self.enter_registry_test_mode():
            self.env.ref("saas_rest_api.ir_cron_deliver").method_direct_trigger()
        self.env.invalidate_all()

    def received(self):
        return [json.loads(body) for _path, _headers, body in self.receiver.calls]


@tagged("post_install", "-at_install")
class TestWebhookOutbox(WebhookCase):
    def test_a_creation_is_noted_in_its_own_transaction(self):
        """B75: the note is a row of the business transaction; rolled back, there is none."""
        with self.assertRaises(ZeroDivisionError), self.env.cr.savepoint():
            self.env["res.partner"].create({"name": "Never"})
            self.assertTrue(self.noted())
            raise ZeroDivisionError
        self.assertFalse(self.noted())
        self.deliver()
        self.assertEqual(self.receiver.calls, [])

    def test_what_arrives_verifies_and_names_ids_event_and_fields(self):
        """B75: a delivery verifies with the reference implementation of Standard Webhooks."""
        secret = self.webhook._get_secrets()[0]
        partner = self.env["res.partner"].create({"name": "Deco"})
        self.env.flush_all()
        self.deliver()
        _path, headers, body = self.receiver.calls[0]
        verified = Webhook(secret).verify(body, {key.lower(): v for key, v in headers.items()})
        self.assertEqual(verified["type"], "res.partner.created")
        self.assertEqual(verified["data"]["ids"], partner.ids)
        self.assertEqual(verified["data"]["event"], "created")
        self.assertEqual(len(self.receiver.calls), 1, "what follows a creation is part of it")
        self.assertEqual(self.noted().state, "delivered")

    def test_a_change_names_the_written_fields(self):
        partner = self.env["res.partner"].create({"name": "Deco"})
        self.env.flush_all()
        self.noted().unlink()
        partner.write({"city": "Rabat"})
        partner.write({"street": "1, rue X"})
        self.env.flush_all()
        self.deliver()
        (call,) = self.received()
        self.assertEqual((call["type"], call["data"]["ids"]), ("res.partner.updated", partner.ids))
        self.assertLessEqual({"city", "street"}, set(call["data"]["changed"]))

    def test_a_deletion_is_told(self):
        partner = self.env["res.partner"].create({"name": "Deco"})
        self.env.flush_all()
        self.noted().unlink()
        ids = partner.ids
        partner.unlink()
        self.deliver()
        self.assertEqual(
            [(call["type"], call["data"]["ids"]) for call in self.received()],
            [("res.partner.deleted", ids)],
        )

    def test_only_chosen_events_are_told(self):
        self.webhook.write({"on_created": False, "on_deleted": False})
        partner = self.env["res.partner"].create({"name": "Deco"})
        partner.unlink()
        self.assertNotIn("created", self.noted().mapped("event"))
        self.assertNotIn("deleted", self.noted().mapped("event"))

    def test_records_that_the_owner_may_not_read_are_left_out(self):
        """The subscriber's own rights and record rules decide what he hears of."""
        own = self.subscribe(user_id=self.manager.id, name="Manager's")
        self.env["ir.rule"].create(
            {
                "name": "Hidden",
                "model_id": self.partner_model.id,
                "groups": [Command.link(self.env.ref("saas_rest_api.group_rest_manager").id)],
                "domain_force": "[('name', '!=', 'Hidden')]",
            }
        )
        # An internal user's other rules would show it all the same.
        self.env["ir.rule"].create(
            {
                "name": "Hidden from everybody",
                "model_id": self.partner_model.id,
                "domain_force": "[('name', '!=', 'Hidden')]",
            }
        )
        hidden = self.env["res.partner"].create({"name": "Hidden"})
        shown = self.env["res.partner"].create({"name": "Shown"})
        self.env.flush_all()
        self.noted(own)._prepare()
        told = {id_ for call in self.noted(own) for id_ in call.res_ids}
        self.assertIn(shown.id, told)
        self.assertNotIn(hidden.id, told)

    def test_the_hidden_fields_of_a_model_are_not_named(self):
        users = self.subscribe(
            model_ids=[Command.set(self.env["ir.model"]._get("res.users").ids)], name="Users"
        )
        self.manager.write({"password": "a new password", "signature": "Me"})
        self.env.flush_all()
        self.noted(users)._prepare()
        changed = {name for call in self.noted(users) for name in call.changed}
        self.assertIn("signature", changed)
        self.assertNotIn("password", changed)

    def test_only_models_that_somebody_subscribes_to_are_watched(self):
        """B77: hooks stand on subscribed models only, and vanish with the last subscription."""
        self.assertEqual(webhook_patches.patched(self.registry), {"res.partner"})
        country = self.env["ir.model"]._get("res.country")
        self.webhook.model_ids = country
        self.assertEqual(webhook_patches.patched(self.registry), {"res.country"})
        self.webhook.active = False
        self.assertEqual(webhook_patches.patched(self.registry), set())
        for name in ("res.partner", "res.country"):
            for method in webhook_patches.WATCHED:
                self.assertNotIn(method, self.registry[name].__dict__)

    def test_a_patch_above_ours_survives_our_going(self):
        """base_automation patches the same methods; either may come and go first."""
        model_class = self.registry["res.partner"]
        calls = []

        def write(self, vals, **kwargs):
            calls.append(vals)
            return write.origin(self, vals, **kwargs)

        write.origin = model_class.write
        model_class.write = write
        self.addCleanup(delattr, model_class, "write")
        webhook_patches.remove(self.registry)
        self.env["res.partner"].create({"name": "A"}).write({"city": "Fès"})
        self.assertEqual(calls[-1], {"city": "Fès"})
        self.assertFalse([note for note in self.noted() if "city" in (note.changed or [])])

    def test_hidden_models_cannot_be_subscribed_to(self):
        for name in ("saas_rest.token", "ir.config_parameter", "ir.rule"):
            with self.assertRaises(ValidationError):
                self.subscribe(model_ids=[Command.set(self.env["ir.model"]._get(name).ids)])

    def test_addresses_that_are_no_https_are_refused(self):
        for url in ("http://example.org/", "https://user:pw@example.org/", "javascript:alert(1)"):
            with self.assertRaises(ValidationError):
                self.subscribe(url=url)


@tagged("post_install", "-at_install")
class TestWebhookDelivery(WebhookCase):
    def setUp(self):
        super().setUp()
        self.partner = self.env["res.partner"].create({"name": "Deco"})
        self.env.flush_all()

    def test_a_failure_is_retried_later_with_the_same_message(self):
        """B75: retried after a 500, half a minute later, under the same id."""
        self.receiver.answers.append((500, {}))
        before = fields.Datetime.now()
        self.deliver()
        call = self.noted()
        self.assertEqual((call.state, call.tries, call.last_status), ("pending", 1, 500))
        delay = (call.next_try - before).total_seconds()
        self.assertTrue(30 <= delay <= 60, delay)
        call.next_try = fields.Datetime.now()
        self.deliver()
        self.assertEqual((call.state, call.tries), ("delivered", 2))
        first, second = (headers for _path, headers, _body in self.receiver.calls)
        self.assertEqual(first["webhook-id"], second["webhook-id"])

    def test_after_ten_tries_it_is_given_up_and_can_be_sent_again(self):
        self.webhook.on_updated = False
        self.noted()._prepare()
        call = self.noted()
        for _try in range(MAX_TRIES):
            self.receiver.answers.append((503, {}))
            call.next_try = fields.Datetime.now()
            self.deliver()
        self.assertEqual((call.state, call.tries), ("dead", MAX_TRIES))
        call.action_retry()
        self.deliver()
        self.assertEqual(call.state, "delivered")
        with self.assertRaises(UserError):
            call.action_retry()

    def test_an_address_that_fails_fifty_times_in_a_row_is_paused(self):
        self.webhook.failure_count = 49
        self.receiver.answers.append((500, {}))
        with self.assertLogs("odoo.addons.saas_rest_api", "WARNING"):
            self.deliver()
        self.assertEqual(self.webhook.state, "paused")
        self.noted().next_try = fields.Datetime.now()
        self.deliver()
        self.assertEqual(len(self.receiver.calls), 1, "nothing is sent to a paused address")
        self.webhook.action_resume()
        self.deliver()
        self.assertEqual((self.noted().state, self.webhook.failure_count), ("delivered", 0))

    def test_a_success_forgets_earlier_failures(self):
        self.webhook.failure_count = 49
        self.deliver()
        self.assertEqual(self.webhook.failure_count, 0)

    def test_private_addresses_are_refused(self):
        """B75: what really sends calls nothing on this machine or in its network."""
        self.patch(type(self.deliveries), "_get_sender", lambda model: Sender())
        self.webhook.url = f"https://127.0.0.1:{self.receiver.port}/"
        self.deliver()
        call = self.noted()
        self.assertEqual(call.state, "pending")
        self.assertIn("not a public address", call.last_error)
        self.assertEqual(self.receiver.calls, [])

    def test_while_a_secret_is_replaced_both_verify(self):
        old = self.webhook._get_secrets()[0]
        new = self.webhook._make_secret(60)
        self.deliver()
        _path, headers, body = self.receiver.calls[0]
        lower = {key.lower(): value for key, value in headers.items()}
        for secret in (old, new):
            Webhook(secret).verify(body, lower)
        self.webhook._make_secret()
        self.assertEqual(len(self.webhook._get_secrets()), 1)

    def test_secrets_are_sealed_under_the_servers_key(self):
        """What a dump has of them is of no use without the server's configuration."""
        secrets = [self.webhook._get_secrets()[0], self.webhook._make_secret(60)]
        self.env.cr.execute("SELECT w::text FROM saas_rest_webhook w")
        dump = repr(self.env.cr.fetchall())
        for secret in secrets:
            self.assertNotIn(secret, dump)
            self.assertNotIn(secret.removeprefix("whsec_"), dump)

    def with_key(self, key):
        self.addCleanup(config.__setitem__, "saas_secret_key", config["saas_secret_key"])
        config["saas_secret_key"] = key

    def test_without_a_key_no_webhook_is_made_and_the_reason_told(self):
        for key in ("", "not a key"):
            self.with_key(key)
            with self.assertRaisesRegex(UserError, "saas_secret_key"):
                self.subscribe()

    def test_without_the_right_key_calls_wait_and_go_out_when_it_is_back(self):
        former = config["saas_secret_key"]
        for key in ("", Fernet.generate_key().decode()):
            self.with_key(key)
            with self.assertLogs("odoo.addons.saas_rest_api", "WARNING"):
                self.deliver()
            call = self.noted()
            self.assertEqual((call.state, call.tries, self.receiver.calls), ("pending", 0, []))
            self.assertIn("saas_secret_key", call.last_error)
            self.assertGreater(call.next_try, fields.Datetime.now())
            self.assertEqual(self.webhook.failure_count, 0)
            call.next_try = fields.Datetime.now()
        self.with_key(former)
        self.deliver()
        self.assertEqual((self.noted().state, len(self.receiver.calls)), ("delivered", 1))

    def test_a_new_secret_ends_the_trouble_with_a_lost_key(self):
        self.with_key(Fernet.generate_key().decode())
        secret = self.webhook._make_secret(60)
        self.assertEqual(self.webhook._get_secrets(), [secret])

    def test_neutralizing_stops_webhooks_and_forgets_their_secrets(self):
        """B77: a copy of the database calls nobody, and cannot sign in the original's name."""
        for query in get_neutralization_queries(["saas_rest_api"]):
            self.env.cr.execute(query)
        self.env.invalidate_all()
        self.assertFalse(self.webhook.active)
        self.assertFalse(self.deliveries.search([]))
        self.webhook.active = True
        self.env["res.partner"].create({"name": "In the copy"})
        with self.assertLogs("odoo.addons.saas_rest_api", "WARNING"):
            self.deliver()
        self.assertEqual(self.receiver.calls, [])
        self.assertIn("no secret", self.noted().last_error)

    def test_many_ids_come_in_parts(self):
        ids = self.env["res.partner"].create([{"name": str(i)} for i in range(1001)]).ids
        self.env.flush_all()
        self.env.invalidate_all()
        call = self.noted().filtered(lambda note: note.event == "created")
        self.assertGreater(len(call.res_ids), 1001)
        call._prepare()
        parts = self.noted().filtered("message_id")
        self.assertEqual([len(part.res_ids) for part in parts], [1000, 2])
        self.assertLessEqual(set(ids), {id_ for part in parts for id_ in part.res_ids})

    def test_old_calls_are_removed(self):
        old = fields.Datetime.now() - timedelta(days=31)
        self.env.cr.execute("UPDATE saas_rest_delivery SET create_date = %s", [old])
        self.deliveries._gc_deliveries()
        self.assertFalse(self.noted())


@tagged("post_install", "-at_install")
class TestWebhookAccess(WebhookCase):
    def test_ordinary_users_have_no_webhooks(self):
        for group in ("base.group_user", "base.group_portal"):
            user = new_test_user(self.env, f"hooks-{group}", group)
            for name in ("saas_rest.webhook", "saas_rest.delivery"):
                model = self.env[name].with_user(user)
                with self.assertRaises(AccessError):
                    model.search([])
            with self.assertRaises(AccessError):
                self.webhook.with_user(user).action_rotate_secret()
            with self.assertRaises(AccessError):
                self.webhook.with_user(user).action_test()

    def test_managers_have_their_own_and_lend_nobody_elses_rights(self):
        webhooks = self.env["saas_rest.webhook"].with_user(self.manager)
        self.assertFalse(webhooks.search([]))
        values = {
            "name": "Own",
            "url": self.receiver.url,
            "model_ids": [Command.set(self.partner_model.ids)],
        }
        own = webhooks.create(values)
        self.assertEqual(own.user_id, self.manager)
        with self.assertRaises(AccessError):
            self.webhook.with_user(self.manager).write({"url": "https://example.org/"})
        with self.assertRaises(AccessError):
            own.write({"user_id": self.env.ref("base.user_admin").id})

    def test_no_reading_of_the_orm_shows_a_secret(self):
        secret = self.webhook._get_secrets()[0]
        self.assertNotIn("secret", self.webhook._fields)
        seen = [
            self.webhook.read(),
            self.webhook.export_data(["name", "url", "delivery_ids/payload"]),
            self.webhook.copy_data(),
            self.webhook.fields_get(),
        ]
        self.assertNotIn(secret, repr(seen))
        for name in ("sealed_secret", "sealed_old_secret"):
            with self.assertRaises(ValueError):
                self.env["saas_rest.webhook"].search([(name, "like", "whsec")])

    def test_a_new_secret_is_shown_once_and_stored_nowhere_else(self):
        action = self.webhook.action_rotate_secret()
        secret = action["context"]["default_secret"]
        self.assertEqual(secret, self.webhook._get_secrets()[0])
        dialog = self.env["saas_rest.webhook.secret"].with_context(**action["context"]).create({})
        self.env.flush_all()
        self.env.cr.execute("SELECT * FROM saas_rest_webhook_secret WHERE id = %s", dialog.ids)
        self.assertNotIn(secret, repr(self.env.cr.fetchall()))


@tagged("post_install", "-at_install")
class TestWebhookCalls(RestCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.addClassCleanup(webhook_patches.remove, cls.registry)

    def setUp(self):
        super().setUp()
        self.addCleanup(self.env.registry.clear_cache)
        self.key = self.token(self.admin)

    def subscribe(self, **values):
        body = {"url": "https://example.org/hook", "models": ["res.partner"], **values}
        return self.call("POST", "/api/v1/webhooks", json=body, token=self.key)

    def test_a_webhook_is_made_changed_tested_and_deleted(self):
        answer = self.subscribe(events=["created"])
        self.assertEqual(answer.status_code, 201, answer.text)
        made = answer.json()["data"]
        self.assertTrue(made.pop("secret").startswith("whsec_"))
        self.assertEqual(answer.headers["Location"], f"/api/v1/webhooks/{made['id']}")
        path = answer.headers["Location"]
        self.assertEqual(self.call("GET", path, token=self.key).json()["data"], made)
        changed = self.call("PATCH", path, json={"events": ["deleted"]}, token=self.key)
        self.assertEqual(changed.json()["data"]["events"], ["deleted"])
        rotated = self.call("POST", f"{path}/rotate-secret", json={}, token=self.key)
        self.assertTrue(rotated.json()["data"]["secret"].startswith("whsec_"))
        tested = self.call("POST", f"{path}/test", token=self.key)
        self.assertEqual((tested.status_code, tested.json()["data"]["event"]), (202, "test"))
        calls = self.call("GET", f"{path}/deliveries?limit=1", token=self.key).json()
        self.assertEqual(calls["data"], [tested.json()["data"]])
        self.assertEqual(calls["meta"], {"limit": 1, "offset": 0, "total": 1})
        number = tested.json()["data"]["id"]
        again = self.call("POST", f"/api/v1/webhooks/deliveries/{number}/retry", token=self.key)
        self.assertEqual(again.status_code, 202, again.text)
        self.assertEqual(self.call("DELETE", path, token=self.key).status_code, 204)
        self.assert_problem(self.call("GET", path, token=self.key), 404, "not-found")

    def test_what_is_wrong_is_pointed_at(self):
        cases = [
            ({"url": "http://example.org/"}, "invalid-value", "/url"),
            ({"url": 5}, "invalid-value", "/url"),
            ({"models": []}, "invalid-value", "/models"),
            ({"models": ["res.partner", "saas_rest.token"]}, "not-found", "/models/1"),
            ({"events": ["exploded"]}, "invalid-value", "/events"),
            ({"name": ""}, "invalid-value", "/name"),
            ({"active": 1}, "invalid-value", "/active"),
            ({"nope": 1}, "invalid-value", "/nope"),
        ]
        for values, code, pointer in cases:
            with self.subTest(values=values):
                answer = self.subscribe(**values)
                self.assertGreaterEqual(answer.status_code, 400)
                error = answer.json()["errors"][0]
                self.assertEqual((error["code"], error["pointer"]), (code, pointer))

    def test_who_may_not_is_told(self):
        employee = self.token(self.employee)
        answer = self.call("GET", "/api/v1/webhooks", token=employee)
        self.assert_problem(answer, 403, "access-denied")
        read_only = self.token(self.admin, read_only=True)
        body = {"url": "https://example.org/", "models": ["res.partner"]}
        answer = self.call("POST", "/api/v1/webhooks", json=body, token=read_only)
        self.assert_problem(answer, 403, "read-only-token")

    def test_a_narrow_token_sees_only_webhooks_of_its_models(self):
        self.subscribe()
        narrow = self.token(self.admin, scopes=["res.country:read"])
        self.assertEqual(self.call("GET", "/api/v1/webhooks", token=narrow).json()["data"], [])

    def test_a_call_made_by_rest_carries_its_request_id(self):
        webhook_id = self.subscribe().json()["data"]["id"]
        answer = self.call(
            "POST",
            "/api/v1/res.partner",
            json={"name": "Deco"},
            token=self.key,
            headers={"X-Request-ID": "my-request"},
        )
        if answer.status_code == 404:
            self.skipTest("writing is not mounted yet")
        notes = self.env["saas_rest.delivery"].search([("webhook_id", "=", webhook_id)])
        self.assertEqual(set(notes.mapped("request_id")), {"my-request"})
