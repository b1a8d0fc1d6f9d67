import contextlib

from psycopg2 import IntegrityError

from odoo.tests import tagged
from odoo.tools import mute_logger

from .common import Interrupted, ParallelCase, PortainerCase


class TestPorts(PortainerCase):
    def take(self, count=1, **options):
        return self.call(self.manager, self.environment, "allocate_ports", count, **options)

    def release(self, *ports):
        return self.call(self.manager, self.environment, "release_ports", list(ports))

    def test_ports_rise_from_the_last_one(self):
        self.assertEqual(self.environment.next_port, 10000)
        self.assertEqual(self.take(2, purpose="acme"), [10001, 10002])
        self.assertEqual(self.call(self.manager, self.environment, "allocate_port"), 10003)
        self.assertEqual(self.environment.next_port, 10003)
        self.assertEqual(self.environment.next_free_port, 10004)
        self.assertEqual(self.environment.port_ids[0].purpose, "acme")

    def test_released_ports_are_given_out_again_first(self):
        self.take(4)
        self.assertEqual(self.release(10003, 10002, 10099), 2)
        self.assertEqual(self.release(10003), 0)
        self.assertEqual(self.environment.next_free_port, 10002)
        self.assertEqual(self.take(3), [10002, 10003, 10005])

    def test_ports_that_containers_were_seen_with_are_left_out(self):
        self.environment.published_ports = [10001, 10003]
        self.env.flush_all()
        self.assertEqual(self.take(2), [10002, 10004])

    def test_a_port_that_is_set_aside_is_nobodys_until_it_is_released(self):
        self.take(2, purpose="acme")
        for port in (10001, 10004):
            self.environment._set_aside(port, "Something else listens here")
        self.env.invalidate_all()
        aside = self.environment.port_ids.filtered("set_aside")
        self.assertEqual(aside.mapped("port"), [10001, 10004])
        self.assertEqual(set(aside.mapped("purpose")), {"Something else listens here"})
        self.assertEqual(self.take(2), [10003, 10005])
        self.call(self.manager, aside, "action_release")
        self.assertFalse(aside.filtered("set_aside"))
        self.assertEqual(self.take(2), [10001, 10004])

    def test_environments_do_not_share_ports(self):
        other = self.new_environment("other", 2)
        self.env.flush_all()
        self.assertEqual(self.take(), [10001])
        self.assertEqual(self.call(self.manager, other, "allocate_ports", 1), [10001])

    def test_when_the_range_is_used_up_nothing_is_taken(self):
        self.environment.next_port = 65534
        with self.refused("no 2 free ports"):
            self.take(2)
        self.assertEqual(self.take(), [65535])
        with self.refused("no 1 free ports"):
            self.take()

    def test_only_a_sensible_number_of_ports_is_given(self):
        for count in (0, -1, 1001, True, "2", 1.5):
            with self.subTest(count), self.refused("1 to 1000"):
                self.take(count)

    @mute_logger("odoo.sql_db")
    def test_the_database_knows_a_port_once(self):
        self.take()
        with self.assertRaises(IntegrityError):
            self.env["sadeem.portainer.port"].create(
                {"environment_id": self.environment.id, "port": 10001}
            )

    def test_ports_of_a_request_that_fails_are_given_back(self):
        with self.registry.cursor() as cr:
            environment = self.environment.with_env(self.env(cr=cr))
            environment.allocate_ports(2)
            hooks = list(cr.postrollback._funcs)
            cr.postrollback.clear()
        self.release(10001)
        self.assertEqual(self.take(), [10001])
        for hook in hooks:
            hook()
        self.env.invalidate_all()
        held = self.environment.port_ids.filtered(lambda port: not port.released)
        self.assertEqual(held.mapped("port"), [10001], "what somebody else took meanwhile stays")


@tagged("post_install", "-at_install")
class TestPortsInParallel(ParallelCase):
    def setUp(self):
        super().setUp()
        with self.superuser() as env:
            server = self.make_server(env)
            environment = env["sadeem.portainer.environment"].create(
                {
                    "name": "Parallel",
                    "ip": "10.9.0.1",
                    "portainer_id": server.id,
                    "portainer_environment_id": 1,
                }
            )
            self.environment_id = environment.id
            self.made = [(record._name, record.ids) for record in (environment, server)]

    @contextlib.contextmanager
    def environment(self):
        with self.superuser() as env:
            yield env["sadeem.portainer.environment"].browse(self.environment_id)

    def test_two_hundred_parallel_requests_get_two_hundred_different_ports(self):
        taken = []

        def request(number):
            with self.environment() as environment:
                # The transaction has seen the ports before the lock is free.
                environment.port_ids.mapped("port")
                ports = environment.allocate_ports(2)
                if number % 10 == 0:
                    environment.release_ports(ports[1:])
                    ports = ports[:1]
                taken.extend(ports)

        self.assertFalse(self.run_in_threads(request, at_once=20))
        self.assertEqual(len(taken), 380)
        self.assertEqual(len(set(taken)), 380)
        with self.environment() as environment:
            held = environment.port_ids.filtered(lambda port: not port.released)
            self.assertEqual(set(held.mapped("port")), set(taken))
            self.assertLessEqual(environment.next_port, 10400)

    def test_a_request_that_is_rolled_back_gives_its_ports_back(self):
        with self.assertRaises(Interrupted), self.environment() as environment:
            ports = environment.allocate_ports(3)
            raise Interrupted()
        with self.environment() as environment:
            self.assertEqual(environment.port_ids.mapped("released"), [True] * 3)
            self.assertEqual(environment.allocate_ports(3), ports)
