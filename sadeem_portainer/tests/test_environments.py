from psycopg2 import IntegrityError

from odoo.exceptions import UserError, ValidationError
from odoo.tools import mute_logger

from ..lib.portainer_api import Capacity, Unavailable
from .common import SERVER, PortainerCase


class TestEnvironments(PortainerCase):
    def refresh(self, **options):
        return self.call(self.manager, self.environment, "action_refresh", **options)

    def test_refresh_reads_the_capacity_live(self):
        self.fake.capacities[1] = Capacity(
            3, 2, 1, 6, 8, 16 * 2**30, "29.0", 5 * 2**30, 100 * 2**30, 50 * 2**30
        )
        self.refresh()
        found = self.environment
        self.assertEqual(
            (found.container_run, found.container_stop, found.container_pause), (3, 2, 1)
        )
        self.assertEqual((found.container_total, found.cpu_cores), (6, 8))
        self.assertEqual((found.total_ram_mb, found.disk_used_mb), (16384, 5120))
        self.assertEqual((found.disk_total_mb, found.docker_version), (102400, "29.0"))
        self.assertEqual(found.connection, "up")

    def test_an_environment_is_over_capacity_when_no_container_fits_in(self):
        found = self.environment
        found.write({"max_running_containers": 4, "container_run": 3})
        self.assertEqual((found.state, found.available_capacity), ("normal", 1))
        self.assertEqual(found.capacity_used, 75)
        found.container_run = 4
        self.assertEqual((found.state, found.available_capacity), ("over_capacity", 0))
        found.container_run = 6
        self.assertEqual((found.state, found.available_capacity), ("over_capacity", -2))
        found.max_running_containers = 7
        self.assertEqual((found.state, found.available_capacity), ("normal", 1))

    def test_an_environment_that_does_not_answer_is_down_and_keeps_what_was_seen(self):
        self.fake.capacities[1] = Capacity(3, 2, 1, 6, 8, 2**30)
        self.refresh()
        self.fake.failures["capacity"] = Unavailable(SERVER, "describe the host", "HTTP 502")
        action = self.refresh()
        self.assertIn("HTTP 502", action["params"]["message"])
        self.assertEqual((self.environment.connection, self.environment.container_run), ("down", 3))
        self.assertIn("HTTP 502", self.environment.last_error)
        self.fake.failures.clear()
        self.refresh()
        self.assertEqual((self.environment.connection, self.environment.last_error), ("up", False))

    def test_two_cannot_read_the_same_environment_at_once(self):
        with self.busy(self.environment):
            self.refresh()
        self.assertFalse(self.fake.calls)

    def test_the_dashboard_shows_a_card_and_reads_it_when_it_is_old(self):
        self.deploy()
        cards = self.call(self.manager, self.env["sadeem.portainer.environment"], "get_dashboard")
        card = next(card for card in cards if card["id"] == self.environment.id)
        self.assertEqual((card["running"], card["stacks"], card["max"]), (0, 1, 50))
        for _time in range(2):
            card = self.call(self.manager, self.environment, "refresh_card")
            self.assertEqual((card["running"], card["available"]), (1, 49))
        self.assertEqual(len(self.fake.called("capacity")), 1)

    def test_an_environment_with_deployed_stacks_is_neither_archived_nor_moved(self):
        stack = self.deploy()
        other = self.server.copy({"portainer_link": SERVER})
        for vals in (
            {"active": False},
            {"portainer_environment_id": 9},
            {"portainer_id": other.id},
        ):
            with self.assertRaisesRegex(UserError, "still carries"):
                self.environment.write(vals)
        self.environment.write({"portainer_environment_id": 1, "name": "renamed"})
        self.rpc("delete_stack", stack_id=stack.id)
        self.environment.active = False

    def test_ports_are_published_on_loopback_or_private_addresses_only(self):
        for address in ("127.0.0.1", "10.2.3.4", "172.31.0.1", "192.168.7.8", "::1", "fd00::5"):
            with self.subTest(address):
                self.environment.bind_ip = address
        for address in (
            "0.0.0.0", "::", "8.8.8.8", "172.32.0.1", "169.254.1.1", "2001:db8::1", "host",
            "127.0.0.1:80", "127.0.0.1\n", " 10.0.0.1", "", "fd00::5%eth0",
        ):  # fmt: skip
            with self.subTest(address), self.assertRaises(ValidationError):
                self.environment.bind_ip = address

    @mute_logger("odoo.sql_db")
    def test_an_environment_is_known_once(self):
        with self.assertRaises(IntegrityError):
            self.new_environment("twin", 1)

    def test_stacks_of_others_are_listed_too(self):
        stack = self.deploy()
        self.fake.put(1, "foreign", "services: {a: {image: x}}")
        rows = self.call(self.manager, self.environment, "list_stacks")
        self.assertEqual(
            [(row["name"], row["status"], row["stack_id"]) for row in rows],
            [("web", "active", stack.id), ("foreign", "active", False)],
        )

    def test_portainer_opens_at_the_environment(self):
        action = self.call(self.manager, self.environment, "action_open_portainer")
        self.assertEqual(action["url"], f"{SERVER}/#!/1/docker/dashboard")
        self.server.public_link = "https://docker.example.com/"
        action = self.call(self.manager, self.environment, "action_open_portainer")
        self.assertEqual(action["url"], "https://docker.example.com/#!/1/docker/dashboard")

    def test_settings_of_subscriptions_are_tracked(self):
        for name in ("nginx_server", "subscription_domain", "cloudflare_dns", "next_port"):
            self.assertTrue(self.environment._fields[name].tracking, name)
