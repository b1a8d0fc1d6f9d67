from odoo.exceptions import UserError, ValidationError

from ..lib.portainer_api import (
    CertificateChanged,
    EnvironmentType,
    TlsPolicy,
    Unavailable,
    UntrustedCertificate,
    User,
)
from .common import SERVER, PortainerCase

PIN = ":".join(["AB"] * 32)


class TestServer(PortainerCase):
    def setUp(self):
        super().setUp()
        self.policies = []
        servers = self.registry["sadeem.portainer"]
        self.patch(servers, "_fetch_fingerprint", lambda server: PIN)
        self.draft = self.env["sadeem.portainer"].create(
            {
                "name": "New",
                "ip": "10.2.0.5",
                "portainer_link": "https://new.example.com:9443",
                "access_token": "ptr_new",
                "country_id": self.env.ref("base.de").id,
            }
        )
        self.self_signed = False

    def hand_out_client(self, server, tls):
        self.policies.append(tls)
        client = super().hand_out_client(server, tls)
        client.failures.pop("status", None)
        if self.self_signed and tls and not tls.fingerprint:
            client.failures["status"] = UntrustedCertificate(SERVER, "answer", "self-signed")
        return client

    def confirm(self, server=None):
        return self.call(self.manager, server or self.draft, "action_confirm")

    def test_confirm_reads_version_and_environments_in(self):
        self.fake.environments[7] = self.fake.environment(7, "remote", EnvironmentType.AGENT)
        self.fake.environments[8] = self.fake.environment(8, "socket", url="unix:///docker.sock")
        self.fake.environments[9] = self.fake.environment(9, "k8s", EnvironmentType.KUBERNETES)
        self.confirm()
        self.assertEqual((self.draft.state, self.draft.version), ("confirmed", "2.27.0"))
        found = self.draft.environment_ids
        self.assertEqual(found.mapped("name"), ["local", "remote", "socket"])
        self.assertEqual(found.mapped("ip"), ["10.1.0.7", "10.1.0.7", "10.2.0.5"])
        self.assertEqual(found.country_id.code, "DE")
        self.assertEqual(found.mapped("environment_type"), ["standalone"] * 3)
        self.assertEqual(set(found.mapped("next_port")), {10000})

    def test_confirming_twice_makes_no_second_environment(self):
        self.confirm()
        self.confirm()
        self.call(self.manager, self.draft, "action_reset_to_draft")
        self.confirm()
        self.assertEqual(len(self.draft.environment_ids), 1)

    def test_a_trusted_certificate_is_verified_and_not_pinned(self):
        self.confirm()
        self.assertFalse(self.draft.tls_fingerprint)
        self.assertEqual(self.draft._get_tls_policy(), TlsPolicy.verify())

    def test_a_self_signed_certificate_is_pinned_and_named_in_the_log(self):
        self.self_signed = True
        self.confirm()
        self.assertEqual(self.draft.tls_fingerprint, PIN)
        self.assertEqual(self.policies[-1], TlsPolicy.pinned(PIN))
        self.assertEqual(self.draft._get_tls_policy(), TlsPolicy.pinned(PIN))
        self.assertIn("AB:AB", "".join(self.draft.message_ids.mapped("body")))

    def test_skip_ssl_verify_pins_nothing_and_is_shown_as_unsafe(self):
        self.assertFalse(self.draft.is_unsafe)
        self.draft.skip_ssl_verify = True
        self.confirm()
        self.assertTrue(self.draft.is_unsafe)
        self.assertEqual(self.policies, [TlsPolicy.insecure()])
        self.assertFalse(self.draft.tls_fingerprint)

    def test_reset_to_draft_forgets_the_pin(self):
        self.self_signed = True
        self.confirm()
        self.call(self.manager, self.draft, "action_reset_to_draft")
        self.assertEqual((self.draft.state, self.draft.tls_fingerprint), ("draft", False))

    def test_confirm_needs_a_token(self):
        self.draft.access_token_cipher = False
        with self.refused("needs a link and an access token"):
            self.confirm()
        self.assertFalse(self.fake.calls)

    def test_confirm_refuses_the_token_of_somebody_who_is_no_administrator(self):
        self.fake.user = User(2, "bob", False)
        with self.refused("bob"):
            self.confirm()
        self.assertFalse(self.draft.environment_ids)

    def test_confirm_refuses_a_version_that_is_too_old(self):
        self.fake.version = "2.18.4"
        with self.refused("2.18.4"):
            self.confirm()

    def test_a_server_that_does_not_answer_stays_a_draft(self):
        self.fake.failures["me"] = Unavailable(SERVER, "tell who we are", "no route to host")
        with self.refused("no route to host"):
            self.confirm()

    def test_a_draft_and_a_cancelled_server_are_left_alone(self):
        with self.refused("not confirmed"):
            self.call(self.manager, self.draft, "docker_state", 1, "web")
        self.call(self.manager, self.server, "action_cancel")
        self.env.flush_all()
        self.assertIn("not confirmed", self.environment._refresh())
        self.assertFalse(self.fake.calls)

    def test_the_way_to_a_confirmed_server_is_settled(self):
        for vals in (
            {"portainer_link": "https://evil.example.com"},
            {"access_token": "ptr_other"},
            {"skip_ssl_verify": True},
        ):
            with self.assertRaisesRegex(UserError, "reset it to draft"):
                self.server.write(vals)

    def test_a_token_does_not_travel_to_another_server(self):
        self.draft.portainer_link = "https://elsewhere.example.com"
        self.assertFalse(self.draft.has_access_token)
        self.draft.write({"portainer_link": "https://new.example.com", "access_token": "ptr_2"})
        self.assertEqual(self.draft._get_secret("access_token"), "ptr_2")

    def test_only_addresses_of_http_servers_are_taken(self):
        for link in (
            "portainer:9443",
            "ftp://portainer",
            "https://user:pass@portainer",
            "https://",
        ):
            with self.subTest(link), self.assertRaises(ValidationError):
                self.draft.portainer_link = link

    def test_a_token_with_blanks_is_refused(self):
        with self.assertRaisesRegex(ValidationError, "no access token"):
            self.draft.access_token = "ptr_one two"

    def test_refresh_notes_what_is_new_and_what_is_gone(self):
        self.fake.environments = {5: self.fake.environment(5, "second")}
        self.call(self.manager, self.server, "action_refresh")
        self.assertEqual(self.environment.connection, "missing")
        second = self.server.environment_ids - self.environment
        self.assertEqual((second.name, second.connection), ("second", "up"))
        self.fake.environments[1] = self.fake.environment(1, "local")
        self.call(self.manager, self.server, "action_refresh")
        self.assertEqual(self.environment.connection, "up")

    def test_a_changed_certificate_is_refused_and_shown(self):
        error = CertificateChanged(SERVER, "list", "its certificate is not the pinned one")
        self.fake.failures["list_environments"] = error
        action = self.call(self.manager, self.server, "action_refresh")
        self.assertEqual(action["params"]["type"], "danger")
        self.assertIn("not the pinned one", self.server.last_error)

    def test_the_cron_reads_every_server_though_one_fails(self):
        self.confirm()
        failing = self.server
        hand_out = self.hand_out_client

        def client(server, tls):
            if server == failing:
                raise Unavailable(SERVER, "answer", "no route to host")
            return hand_out(server, tls)

        self.hand_out_client = client
        with self.registry.cursor() as cr:
            self.env(cr=cr)["sadeem.portainer"]._cron_refresh()
        self.env.invalidate_all()
        self.assertIn("no route to host", self.server.last_error)
        self.assertTrue(self.draft.environment_ids.last_seen)

    def test_a_server_with_deployed_stacks_is_not_archived(self):
        self.deploy()
        with self.assertRaisesRegex(UserError, "still carries"):
            self.server.active = False

    def test_the_panel_opens_at_the_link(self):
        action = self.call(self.manager, self.server, "action_open_panel")
        self.assertEqual(action["url"], SERVER)

    def test_people_are_led_to_the_address_for_browsers_and_the_token_is_not(self):
        self.server.public_link = "https://docker.example.com"
        self.assertEqual(self.server.state, "confirmed", "it is no other server for that")
        action = self.call(self.manager, self.server, "action_open_panel")
        self.assertEqual(action["url"], "https://docker.example.com")
        self.assertEqual(self.server.portainer_link, SERVER)
        self.assertTrue(self.server.has_access_token)
        for link in ("javascript:alert(1)", "https://user:word@docker.example.com", "docker"):
            with self.subTest(link), self.assertRaises(ValidationError), self.cr.savepoint():
                self.server.public_link = link
