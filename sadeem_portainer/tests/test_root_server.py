from odoo.exceptions import UserError, ValidationError

from ..lib.root_ssh import HostFacts, HostKeyChanged, Unavailable
from .common import PortainerCase

FACTS = HostFacts(
    os_id="debian",
    os_name="Debian GNU/Linux 13",
    os_version="13",
    architecture="x86_64",
    hostname="root1",
    cores=8,
    ram_bytes=16 * 2**30,
    disk_bytes=100 * 2**30,
    disk_free_bytes=60 * 2**30,
    docker_version="29.0",
    docker_runs=True,
)
HOST_KEY = "SHA256:abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG"


class TestRootServer(PortainerCase):
    def setUp(self):
        super().setUp()
        self.answer = FACTS
        self.sessions = []
        servers = self.registry["sadeem.root.server"]

        def probe(server):
            self.sessions.append(server._get_session())
            if isinstance(self.answer, Exception):
                raise self.answer
            return self.answer

        self.patch(servers, "_fetch_host_key", lambda server: HOST_KEY)
        self.patch(servers, "_probe", probe)
        self.root = self.env["sadeem.root.server"].create(
            {"name": "Root 1", "host": "root1.example.com", "password": "hunter2"}
        )

    def confirm(self):
        return self.call(self.manager, self.root, "action_confirm")

    def test_confirm_pins_the_host_key_and_looks_around(self):
        self.confirm()
        self.assertEqual((self.root.state, self.root.host_key), ("confirmed", HOST_KEY))
        self.assertEqual((self.root.cpu_cores, self.root.total_ram_mb), (8, 16384))
        self.assertEqual((self.root.disk_total_mb, self.root.disk_free_mb), (102400, 61440))
        self.assertEqual(self.sessions[0]._host_key, HOST_KEY)
        self.assertEqual(self.sessions[0]._password, "hunter2")

    def test_the_connection_test_shows_what_the_machine_has(self):
        self.confirm()
        action = self.call(self.manager, self.root, "action_test_connection")
        for text in ("Debian GNU/Linux 13", "8 cores", "16384 MB", "60 of 100 GB", "Docker 29.0"):
            self.assertIn(text, action["params"]["message"])

    def test_a_changed_host_key_is_refused(self):
        self.confirm()
        self.answer = HostKeyChanged("root1 showed another host key")
        with self.refused("another host key"):
            self.call(self.manager, self.root, "action_test_connection")
        self.assertEqual(self.root.host_key, HOST_KEY)

    def test_a_machine_that_does_not_answer_is_not_confirmed(self):
        self.answer = Unavailable("root1 does not answer")
        with self.refused("does not answer"):
            self.confirm()

    def test_nothing_is_tried_before_confirmation_or_without_credentials(self):
        with self.refused("not confirmed"):
            self.call(self.manager, self.root, "action_test_connection")
        self.root.auth = "key"
        with self.refused("needs a password or a private key"):
            self.confirm()

    def test_credentials_do_not_travel_to_another_machine(self):
        self.root.host = "other.example.com"
        self.assertFalse(self.root._get_secret("password"))

    def test_the_way_to_a_confirmed_machine_is_settled(self):
        self.confirm()
        for vals in ({"host": "x"}, {"port": 2222}, {"username": "x"}, {"host_key": "SHA256:x"}):
            with self.assertRaisesRegex(UserError, "reset it to draft"):
                self.root.write(vals)
        self.call(self.manager, self.root, "action_reset_to_draft")
        self.assertFalse(self.root.host_key)

    def test_hosts_users_and_keys_are_checked(self):
        for vals in (
            {"host": "-oProxyCommand=x"},
            {"host": "a b"},
            {"username": "root;id"},
        ):
            with self.subTest(vals), self.assertRaises(ValidationError):
                self.root.write(vals)
        with self.assertRaisesRegex(UserError, "not a private key"):
            self.root.private_key = "nonsense"
