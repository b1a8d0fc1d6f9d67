import threading

from odoo.tests import TransactionCase

from .. import local_transport
from ..lib.saas_wire import ClientFailed
from .common import SaasPortalCase


class TestFirstPage(TransactionCase):
    """The visits themselves are made end to end; here it is counted how many there are."""

    def setUp(self):
        super().setUp()
        self.visits = []
        self.patch(local_transport, "_visit", self.visit)
        self.patch(local_transport, "keep", lambda database: None)

    def visit(self, database, base_url, statuses):
        self.visits.append(database)
        statuses.append(200)
        thread = threading.Thread(target=str)
        thread.start()
        return thread

    def ask(self, database="acme.localhost"):
        return local_transport.open_first_page(database, f"http://{database}", 1)

    def test_who_asks_during_a_visit_waits_for_it(self):
        self.ask()
        self.assertTrue(self.ask()())
        self.assertEqual(self.visits, ["acme.localhost"])

    def test_a_visit_that_is_over_is_not_asked_again(self):
        self.ask()()
        self.ask()()
        self.assertEqual(len(self.visits), 2)

    def test_the_visit_of_a_former_namesake_tells_nothing(self):
        self.ask()
        local_transport.forget_visit("acme.localhost")
        self.ask()()
        self.assertEqual(len(self.visits), 2)


class TestFirstSetup(SaasPortalCase):
    """A client that its driver makes with owner, limits and policy, and one that has to be told."""

    def setUp(self):
        super().setUp()
        self.driver.sets_up = True
        self.page_is_there = True
        servers = self.registry["saas_portal.server"]
        self.patch(servers, "_warm", lambda server, host: lambda: self.page_is_there)

    def policy_file(self, client):
        return self.anchor / f"{client.client_id}.policy"

    def test_the_copy_is_given_what_its_gateway_would_be_told(self):
        self.plan.write({"max_users": 4, "expiration": 3, "tz": "Europe/Vienna"})
        client = self.new(dbname="acme.localhost", trial=True, owner_password="correct horse")
        setup, owner = self.driver.setup, self.driver.setup.owner
        self.assertEqual(
            (owner.login, owner.name, owner.email, owner.email_normalized, owner.lang, owner.tz),
            ("customer@example.com", "Customer", "customer@example.com", "customer@example.com")
            + ("en_US", "Europe/Vienna"),
        )
        self.assertTrue(owner.password_hash.startswith("$pbkdf2-sha512$"))
        self.assertEqual(owner.subject, self.customer._get_saas_subject())
        self.assertEqual(setup.portal_url, client.get_base_url())
        self.assertEqual(setup.parameters["saas_client.max_users"], "4")
        self.assertEqual(setup.parameters["saas_client.trial"], "1")
        self.assertEqual(setup.parameters["saas_client.suspended"], "0")
        self.assertEqual(
            setup.parameters["saas_client.expiration_datetime"], str(client.expiration_datetime)
        )

    def test_its_policy_lies_ready_before_the_client_is_made(self):
        seen = []
        real = self.driver.create

        def create(spec):
            seen.append((self.anchor / f"{spec.identity.database_uuid}.policy").read_text())
            return real(spec)

        self.driver.create = create
        client = self.new(dbname="acme.localhost")
        setup = self.driver.setup
        self.assertEqual(seen, [setup.parameters["saas_client.policy"]])
        self.assertEqual(setup.hidden, {"saas_client.policy"})
        self.assertEqual(client.state, "open")

    def test_who_is_set_up_is_not_told_again(self):
        client = self.new(dbname="acme.localhost")
        self.assertEqual(self.transport.calls, [])
        self.assertEqual(client.login_portal_url, client.get_base_url())

    def test_a_copy_that_could_not_be_set_up_is_told(self):
        """Of a template that was built before this was possible"""
        self.driver.sets_up = False
        client = self.new(dbname="acme.localhost")
        (payload,) = self.transport.payloads
        self.assertEqual(payload["owner"]["login"], "customer@example.com")
        self.assertEqual(payload["owner_subject"], self.customer._get_saas_subject())
        self.assertEqual(client.state, "open")
        # The policy that it is sent is newer than the one that was there before it.
        (policy,) = self.transport.policies
        self.assertEqual(str(policy["serial"]), client.policy_serial)

    def test_clients_of_another_odoo_server_are_told(self):
        self.server.internal_url = "http://10.0.0.5:8069"
        client = self.new(dbname="acme.localhost")
        self.assertIsNone(self.driver.setup)
        self.assertFalse(self.policy_file(client).exists())

    def test_what_is_hidden_is_not_written_for_all_to_read(self):
        plain = self.env["saas_portal.client"]._prepare_request(self.plan, dbname="acme.localhost")
        draft = self.env["saas_portal.client"].create(
            {**plain[0], "hidden_parameters": ["saas_client.max_users"]}
        )
        self.new(dbname="acme.localhost", client_id=draft.client_id)
        self.assertIsNone(self.driver.setup)

    def test_a_client_whose_first_page_does_not_come_says_why_before_it_is_open(self):
        self.page_is_there = False
        self.transport.failures["acme.localhost"] = ClientFailed("acme.localhost failed: no column")
        with self.refused("no column"):
            self.new(dbname="acme.localhost")
        client = self.env["saas_portal.client"].search([("name", "=", "acme.localhost")])
        self.assertEqual(client.state, "broken")
        self.assertFalse(self.driver.status("acme.localhost").exists)
        self.assertFalse(self.policy_file(client).exists())

    def test_a_client_that_is_slow_only_is_open(self):
        self.page_is_there = False
        client = self.new(dbname="acme.localhost")
        self.assertEqual((client.state, self.transport.payloads), ("open", [{}]))

    def test_a_creation_that_is_repeated_sets_up_again(self):
        self.page_is_there = False
        self.transport.failures["acme.localhost"] = ClientFailed("acme.localhost failed: no column")
        with self.refused("no column"):
            self.new(dbname="acme.localhost")
        client = self.env["saas_portal.client"].search([("name", "=", "acme.localhost")])
        self.transport.failures.clear()
        self.transport.calls.clear()
        self.driver.sets_up = False
        self.call(self.user, "saas_portal.client", "action_retry", [client.id])
        self.run_operations()
        self.assertEqual(client.state, "open")
        self.assertIn("owner", self.transport.payloads[0])
