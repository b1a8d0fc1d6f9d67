import json

from odoo import Command
from odoo.exceptions import AccessError

from ..lib.saas_wire import ClientRejected, ClientUnavailable
from .common import SaasPortalCase


class TestConfigure(SaasPortalCase):
    def setUp(self):
        super().setUp()
        self.client = self.new(dbname="acme.localhost")
        self.transport.calls.clear()

    def push(self, key, value):
        return self.up(self.client, params=[{"key": f"saas_client.{key}", "value": value}])

    # -- the answer --------------------------------------------------------------------------------

    def test_the_answer_is_json_text_under_the_databases_name(self):
        self.transport.answer = {"access_remove": ["group not found: a.b"]}
        answer = self.up(self.client, access_remove="a.b")
        self.assertIsInstance(answer, str)
        self.assertEqual(
            json.loads(answer), {"acme.localhost": {"access_remove": ["group not found: a.b"]}}
        )

    def test_an_empty_payload_asks_nobody(self):
        self.assertEqual(json.loads(self.up(self.client)), {"acme.localhost": {}})
        self.assertEqual(self.transport.calls, [])

    def test_an_id_a_list_and_records_mean_the_same(self):
        model = self.env["saas.config"].with_user(self.user)
        payload = {"params": []}
        for database in (self.client.id, [self.client.id], self.client):
            self.env.flush_all()
            answer = model.do_upgrade_database(payload, database)
            self.assertEqual(json.loads(answer), {"acme.localhost": {}})

    def test_several_clients_are_answered_for_one_by_one(self):
        others = self.new(dbname="b.localhost") + self.new(dbname="c.localhost")
        clients = self.client + others
        self.transport.failures["b.localhost"] = ClientRejected("Not today.")
        answer = self.call(
            self.user,
            "saas.config",
            "do_upgrade_database",
            {"params": [{"key": "saas_client.max_users", "value": 3}]},
            clients.ids,
        )
        self.assertEqual(
            json.loads(answer),
            {"acme.localhost": {}, "b.localhost": {"error": "Not today."}, "c.localhost": {}},
        )
        self.assertEqual(clients.mapped("max_users"), [3, 0, 3])

    def test_modules_get_more_time(self):
        self.up(self.client, install_addons="sale")
        self.push("max_users", 4)
        (_d, _p, long), (_d, _p, short) = self.transport.calls
        self.assertGreater(long, short)

    def test_the_client_gets_steps_in_the_order_of_application(self):
        self.up(
            self.client,
            limit_nuber_of_records=[{"model": "res.partner", "max_records": 5}],
            configure_outgoing_mail=[{"smtp_login": "a", "smtp_password": "b"}],
            access_remove="a.b",
            access_owner_add="a.b",
            params=[{"key": "saas_client.max_users", "value": 4}],
            fixes=[["res.partner", "fix"]],
            uninstall_addons="fleet",
            install_addons="sale",
            update_addons="base",
            update_addons_list=True,
        )
        self.assertEqual(
            list(self.transport.payloads[0]),
            [
                "update_addons_list",
                "update_addons",
                "install_addons",
                "uninstall_addons",
                "fixes",
                "params",
                "access_owner_add",
                "access_remove",
                "configure_outgoing_mail",
                "limit_number_of_records",
            ],
        )

    # -- what the portal shows ---------------------------------------------------------------------

    def test_limits_are_shown_right_after_the_call(self):
        self.push("max_users", "4")
        self.push("total_storage_limit", 500)
        self.push("expiration_datetime", "2030-01-31 12:00:00")
        self.push("trial", True)
        self.push("visible_modules", "sale,crm")
        client = self.client
        self.assertEqual((client.max_users, client.total_storage_limit), (4, 500))
        self.assertEqual(str(client.expiration_datetime), "2030-01-31 12:00:00")
        self.assertEqual((client.trial, client.visible_addons), (True, "sale,crm"))
        for key in ("max_users", "total_storage_limit"):
            self.push(key, "")
        self.push("expiration_datetime", False)
        self.push("visible_modules", "")
        self.push("trial", "0")
        self.assertEqual((client.max_users, client.total_storage_limit), (0, 0))
        self.assertFalse(client.expiration_datetime or client.trial or client.visible_addons)

    def test_what_the_client_refuses_is_not_shown(self):
        self.push("max_users", 4)
        self.transport.failures["acme.localhost"] = ClientRejected("Too few.")
        with self.refused("Too few."):
            self.push("max_users", 1)
        self.assertEqual(self.client.max_users, 4)

    def test_mirroring_does_not_push_back(self):
        self.push("max_users", 4)
        self.run_operations()
        self.assertEqual(len(self.transport.calls), 1)

    # -- suspension --------------------------------------------------------------------------------

    def test_suspending_and_resuming_change_the_state_and_may_be_repeated(self):
        for value, state, reason in (
            ("1", "pending", "operator"),
            (1, "pending", "operator"),
            (True, "pending", "operator"),
            ("0", "open", False),
            (0, "open", False),
            (False, "open", False),
            (True, "pending", "operator"),
            ("", "open", False),
        ):
            answer = self.suspend(self.client, value)
            self.assertEqual(json.loads(answer), {"acme.localhost": {}})
            self.assertEqual((self.client.state, self.client.suspended_for), (state, reason))
            self.assertEqual(
                self.params_of(self.transport.payloads[-1])["saas_client.suspended"],
                "1" if state == "pending" else "0",
            )

    def test_the_buttons_suspend_and_resume_many(self):
        clients = self.client + self.new(dbname="b.localhost")
        self.call(self.user, "saas_portal.client", "action_suspend", clients.ids)
        self.assertEqual(set(clients.mapped("state")), {"pending"})
        answer = self.call(self.user, "saas_portal.client", "action_resume", clients.ids)
        self.assertEqual(set(clients.mapped("state")), {"open"})
        self.assertEqual(answer["params"]["type"], "success")

    def test_one_client_that_fails_does_not_keep_the_buttons_from_the_others(self):
        clients = self.client + self.new(dbname="b.localhost")
        self.transport.failures["acme.localhost"] = ClientUnavailable("No answer.")
        answer = self.call(self.user, "saas_portal.client", "action_suspend", clients.ids)
        self.assertEqual(clients.mapped("state"), ["open", "pending"])
        self.assertEqual(answer["params"]["type"], "warning")
        self.assertIn("acme.localhost: No answer.", answer["params"]["message"])
        with self.refused("No answer."):
            self.call(self.user, "saas_portal.client", "action_suspend", self.client.ids)

    # -- refusals ----------------------------------------------------------------------------------

    def test_a_payload_is_refused_as_a_whole_before_anybody_is_asked(self):
        for payload, text in (
            ({"colour": "red"}, "colour"),
            ({"params": [{"key": "saas_client.max_users", "value": "-1"}]}, "-1"),
            ({"params": [{"key": "saas_client.suspended", "value": "maybe"}]}, "maybe"),
            ({"install_addons": 5}, "install_addons"),
            ({"limit_nuber_of_records": [], "limit_number_of_records": []}, "twice"),
        ):
            with self.refused(text):
                self.up(self.client, **payload)
        for payload in (None, [], "params", 5):
            with self.refused("dictionary"):
                self.call(self.user, "saas.config", "do_upgrade_database", payload, self.client.id)
        self.assertEqual(self.transport.calls, [])
        self.assertEqual(len(self.client.operation_ids), 1)

    def test_what_is_no_client_is_refused(self):
        for database, text in (
            (10**6, "no client 1000000"),
            ([self.client.id, 10**6], "no client 1000000"),
            ("acme.localhost", "'acme.localhost'"),
            (True, "True"),
            (None, "None"),
            ([], "Give the id of a client"),
            ([None], "Give the id of a client"),
            ({"id": 1}, "Give the id of a client"),
        ):
            with self.refused(text):
                self.call(self.user, "saas.config", "do_upgrade_database", {}, database)

    def test_deleted_and_broken_clients_say_so(self):
        self.call(self.manager, "saas_portal.client", "delete_database", self.client.ids)
        with self.refused("acme.localhost is deleted"):
            self.suspend(self.client)
        self.transport.failures["b.localhost"] = ClientRejected("Not today.")
        with self.refused("Not today."):
            self.new(dbname="b.localhost")
        broken = self.env["saas_portal.client"].search([("name", "=", "b.localhost")])
        with self.refused("b.localhost is broken: Not today."):
            self.suspend(broken)

    def test_a_client_that_does_not_answer_says_so(self):
        self.transport.failures["acme.localhost"] = ClientUnavailable("No answer.")
        with self.refused("No answer."):
            self.suspend(self.client)
        self.assertEqual(self.client.state, "open")

    # -- the wizard --------------------------------------------------------------------------------

    def wizard(self, clients, **values):
        return (
            self.env["saas.config"]
            .with_user(self.user)
            .with_context(active_model="saas_portal.client", active_ids=clients.ids)
            .create(values)
        )

    def apply(self, wizard):
        return self.call(self.user, "saas.config", "action_apply", wizard.ids)

    def test_the_wizard_configures_the_chosen_clients_and_shows_a_line_for_each(self):
        clients = self.client + self.new(dbname="b.localhost") + self.new(dbname="c.localhost")
        self.transport.calls.clear()
        self.transport.failures["b.localhost"] = ClientRejected("Not today.")
        self.transport.answer = {"install_addons": ["addon not found: x"]}
        wizard = self.wizard(
            clients,
            install_addons="x, sale",
            param_ids=[
                Command.create({"key": "saas_client.max_users", "value": "4", "hidden": True})
            ],
            limit_line_ids=[Command.create({"model": "res.partner", "max_records": 5})],
        )
        self.assertEqual(wizard.client_ids, clients)
        action = self.apply(wizard)
        self.assertEqual((action["res_model"], action["res_id"]), ("saas.config", wizard.id))
        self.assertEqual(wizard.state, "done")
        self.assertEqual(
            [(line.name, line.state, line.message) for line in wizard.result_ids],
            [
                ("acme.localhost", "reported", "addon not found: x"),
                ("b.localhost", "failed", "Not today."),
                ("c.localhost", "reported", "addon not found: x"),
            ],
        )
        self.assertEqual(
            self.transport.payloads[0],
            {
                "install_addons": ["x", "sale"],
                "params": [{"key": "saas_client.max_users", "value": "4", "hidden": True}],
                "limit_number_of_records": [
                    {"model": "res.partner", "max_records": 5, "domain": "[]"}
                ],
            },
        )

    def test_many_clients_are_configured_in_the_background(self):
        clients = self.client
        for number in range(10):
            clients += self.new(dbname=f"b-{number}.localhost")
        self.transport.calls.clear()
        action = self.apply(self.wizard(clients, install_addons="sale"))
        self.assertEqual(action["res_model"], "saas_portal.batch")
        self.assertEqual(self.transport.calls, [])
        self.run_operations()
        self.assertEqual(len(self.transport.calls), 11)

    def test_the_wizard_refuses_what_means_nothing(self):
        with self.refused("Choose at least one client"):
            self.apply(self.wizard(self.env["saas_portal.client"], install_addons="sale"))
        with self.refused("Nothing to change"):
            self.apply(self.wizard(self.client))
        wrong = [Command.create({"key": "saas_client.max_users", "value": "many"})]
        with self.refused("many"):
            self.apply(self.wizard(self.client, param_ids=wrong))
        self.assertEqual(self.transport.calls, [])

    def test_another_user_cannot_apply_my_wizard(self):
        wizard = self.wizard(self.client, install_addons="sale")
        with self.refused(error=AccessError):
            self.call(self.internal, "saas.config", "action_apply", wizard.ids)
        self.assertEqual(self.transport.calls, [])
