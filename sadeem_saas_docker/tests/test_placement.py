import uuid

from odoo import api
from odoo.exceptions import AccessError, UserError
from odoo.tests import tagged

from odoo.addons.sadeem_portainer.lib.portainer_api import Capacity, Container, Unavailable
from odoo.addons.sadeem_portainer.tests.common import (
    SERVER,
    Interrupted,
    ParallelCase,
    PortainerCase,
)

from ..lib.saas_stack.names import LABEL_KEY


def new_client(env, server, name, **vals):
    """A record as an operation has it before anything is done."""
    return env["saas_portal.client"].create(
        {
            "name": name,
            "server_id": server.id,
            "partner_id": env.ref("base.main_partner").id,
            **vals,
        }
    )


def container(key, service="odoo", state="running"):
    name = f"saas-{key}-{service}-1"
    return Container(f"id-{name}", name, "x", state, "Up", service=service, labels={LABEL_KEY: key})


class TestPlacement(PortainerCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.saas_server = cls.env["saas_portal.server"].create({"name": "Somewhere"})
        cls.second = cls.new_environment("second", 2)
        cls.image = cls.env["sadeem.portainer.image"].create(
            {
                "name": "odoo",
                "odoo_version": "19.0",
                "tag_ids": [(0, 0, {"name": "19.0"})],
                "line_ids": [
                    (0, 0, {"sequence": 10, "environment_id": cls.environment.id}),
                    (0, 0, {"sequence": 20, "environment_id": cls.second.id}),
                ],
            }
        )
        (cls.environment | cls.second).max_running_containers = 4
        cls.operator = cls.make_user("docker-operator", "saas_portal.group_user")
        cls.saas_manager = cls.make_user("docker-manager", "saas_portal.group_manager")

    def setUp(self):
        super().setUp()
        self.fake.environments[2] = self.fake.environment(2, "second")

    def new_client(self, name="acme", **vals):
        client = new_client(self.env, self.saas_server, f"{name}.localhost", **vals)
        self.env.flush_all()
        return client

    def place(self, client=None, containers=2):
        self.env.flush_all()
        try:
            return self.image._place(containers, client or self.new_client(uuid.uuid4().hex[:8]))
        finally:
            self.env.invalidate_all()

    def refresh(self, *containers):
        self.fake.containers[1, "stacks"] = list(containers)
        self.environment._refresh()
        self.env.invalidate_all()

    def test_room_that_is_reserved_is_nobody_elses(self):
        self.assertEqual(self.place().environment_id, self.environment)
        self.assertEqual(self.environment.available_capacity, 2)
        self.assertEqual(self.place().environment_id, self.environment)
        self.assertEqual(self.environment.reserved_containers, 4)
        self.assertEqual(self.place().environment_id, self.second)
        self.place()
        with self.refused("No environment can take"):
            self.place()

    def test_a_place_explains_itself(self):
        self.place(containers=3)
        reason = self.place().reason
        self.assertIn("second (Server): it is the first in the order that has room", reason)
        self.assertIn("4 of 4 containers were free", reason)
        self.assertIn("Not local (Server): it has no room for 2 more", reason)
        self.assertIn("of 4 containers 0 run and 3 are reserved", reason)

    def test_a_refusal_names_every_environment_with_its_reason(self):
        self.environment.active = False
        self.place(containers=4)
        with self.refused("local (Server): it is archived\nsecond (Server): it has no room"):
            self.place()

    def test_a_swarm_takes_clients_only_when_somebody_says_that_firewalls_guard_its_ports(self):
        self.environment.environment_type = "swarm"
        self.assertEqual(self.place().environment_id, self.second)
        self.second.active = False
        with self.refused("local (Server): a swarm opens published ports on all addresses"):
            self.place()
        self.environment.ports_guarded = True
        self.assertEqual(self.place().environment_id, self.environment)

    def test_by_room_the_emptiest_is_taken_and_what_is_reserved_counts(self):
        self.image.select_environment_by = "used"
        self.second.max_running_containers = 7
        found = [self.place().environment_id for _number in range(4)]
        self.assertEqual(found, [self.second, self.second, self.environment, self.second])
        reason = self.place().reason
        self.assertIn("local (Server): it has the most room", reason)
        self.assertIn("Not second (Server): it has no room for 2 more", reason)

    def test_what_runs_and_what_is_reserved_is_not_counted_twice(self):
        client = self.new_client()
        placement = self.place(client)
        self.refresh(container(client.client_id), container("stranger"))
        self.assertEqual((placement.seen_containers, placement.seen), (1, False))
        self.assertEqual(self.environment.container_run, 2)
        self.assertEqual(self.environment.available_capacity, 1)
        self.refresh(container(client.client_id), container(client.client_id, "db"))
        self.assertTrue(placement.seen)
        self.assertEqual(self.environment.reserved_containers, 0)
        self.assertEqual(self.environment.available_capacity, 2)

    def test_a_stopped_client_keeps_its_room(self):
        client = self.new_client()
        self.place(client)
        self.refresh(container(client.client_id), container(client.client_id, "db"))
        self.refresh(container(client.client_id, state="exited"))
        self.assertEqual(self.environment.container_run, 0)
        self.assertEqual(self.environment.available_capacity, 2)

    def test_more_containers_than_reserved_take_no_room_from_others_reservations(self):
        client = self.new_client()
        placement = self.place(client, 1)
        self.refresh(*[container(client.client_id, f"s{number}") for number in range(3)])
        self.assertEqual(placement.seen_containers, 1)
        self.assertEqual(self.environment.available_capacity, 1)

    def test_a_client_that_has_a_place_keeps_it(self):
        client = self.new_client()
        first = self.place(client)
        self.assertEqual(self.place(client), first)
        self.environment.max_running_containers = 2
        self.assertEqual(self.place(client), first, "its own room is no obstacle")
        with self.refused("cannot grow on local: it has no room for 1 more"):
            self.place(client, 3)
        self.assertEqual(first.containers, 2)
        self.environment.max_running_containers = 3
        self.place(client, 3)
        self.assertEqual(first.containers, 3)

    def test_room_that_is_given_back_can_be_taken_again(self):
        placement = self.place(containers=4)
        placement._give_back()
        self.env.invalidate_all()
        self.assertEqual(self.environment.available_capacity, 4)
        self.assertEqual(self.place(containers=4).environment_id, self.environment)

    def test_a_request_that_fails_gives_its_room_back_but_not_what_another_kept(self):
        client, other = self.new_client("one"), self.new_client("two")
        self.env.flush_all()
        with self.registry.cursor() as cr:
            image = self.image.with_env(self.env(cr=cr))
            for record in (client, other):
                image._place(2, record.with_env(image.env))
            hooks = list(cr.postrollback._funcs)
            cr.postrollback.clear()
        self.place(other)
        for hook in hooks:
            hook()
        self.env.invalidate_all()
        held = self.env["sadeem.saas.docker.placement"].search([])
        self.assertEqual(held.client_id, other)

    def test_an_environment_that_does_not_answer_is_passed_over(self):
        self.fake.failures["capacity"] = Unavailable(SERVER, "describe the host", "HTTP 502")
        with self.refused("HTTP 502"):
            self.place()

    def test_a_server_that_died_since_it_was_read_is_passed_over(self):
        (self.environment | self.second)._refresh_stale()
        self.patch(self.fake, "docker_version", self.answer_from_the_second)
        placement = self.place()
        self.assertEqual(placement.environment_id, self.second)
        self.assertIn("Not local (Server): it does not answer: ", placement.reason)
        self.assertEqual(self.environment.connection, "down")
        self.assertEqual(self.environment.available_capacity, 4, "nothing is taken there")

    def test_nor_is_a_template_built_there(self):
        (self.environment | self.second)._refresh_stale()
        self.patch(self.fake, "docker_version", self.answer_from_the_second)
        template = self.env["saas_portal.database"].create(
            {"name": "template", "server_id": self.saas_server.id}
        )
        self.env.flush_all()
        self.assertEqual(self.image._choose_to_build(template), self.second)

    def answer_from_the_second(self, number):
        if number != 2:
            raise Unavailable(SERVER, "tell Docker's version", "connection refused")

    def test_the_search_for_an_environment_counts_reservations_too(self):
        self.place(containers=4)
        best = self.call(self.manager, self.image, "get_best_environment")
        self.assertEqual(best["environment_id"], self.second.id)
        self.fake.capacities[1] = Capacity(0, 0, 0, 0, 4, 2**30)
        card = self.call(self.manager, self.environment, "refresh_card")
        self.assertEqual(card["available"], 0)

    def test_an_image_without_environment_is_refused(self):
        self.image.line_ids.unlink()
        with self.refused("has no environment"):
            self.place()

    def test_operators_look_at_places_and_nobody_writes_them(self):
        placement = self.place()
        self.assertTrue(placement.with_user(self.operator).read(["reason"]))
        for user in (self.operator, self.saas_manager, self.manager):
            for refused in (
                lambda user=user: placement.with_user(user).write({"containers": 9}),
                lambda user=user: placement.with_user(user).create({}),
                lambda user=user: placement.with_user(user).unlink(),
            ):
                with self.assertRaises(AccessError):
                    refused()
        for user in (self.portal, self.internal):
            with self.assertRaises(AccessError):
                placement.with_user(user).read(["reason"])


@tagged("post_install", "-at_install")
class TestPlacementInParallel(ParallelCase):
    def setUp(self):
        super().setUp()
        with self.superuser() as env:
            portainer = self.make_server(env)
            portainer.state = "confirmed"
            environments = env["sadeem.portainer.environment"].create(
                [
                    {
                        "name": f"Parallel {number}",
                        "ip": "10.9.0.1",
                        "portainer_id": portainer.id,
                        "portainer_environment_id": number,
                        "max_running_containers": most,
                        "container_run": 3,
                        "connection": "up",
                    }
                    for number, most in ((1, 104), (2, 53))
                ]
            )
            image = env["sadeem.portainer.image"].create(
                {
                    "name": "parallel",
                    "odoo_version": "19.0",
                    "tag_ids": [(0, 0, {"name": "parallel"})],
                    "line_ids": [(0, 0, {"environment_id": found.id}) for found in environments],
                }
            )
            server = env["saas_portal.server"].create({"name": "Parallel"})
            clients = [
                new_client(env, server, f"parallel-{number}.localhost") for number in range(200)
            ]
            self.made = [
                (record._name, record.ids)
                for record in (image, env["saas_portal.client"].concat(*clients), server)
            ] + [(record._name, record.ids) for record in (image.tag_ids, environments, portainer)]
            self.image_id, self.environment_ids = image.id, environments.ids
            self.client_ids = [client.id for client in clients]
        # What a server shows does not change while the requests run.
        environments = self.registry["sadeem.portainer.environment"]
        self.patch(environments, "_refresh_stale", lambda environments, failed_too=False: None)
        self.patch(environments, "_find_silence", lambda environment: "")

    def place(self, cr, client_id):
        env = api.Environment(cr, api.SUPERUSER_ID, {})
        image = env["sadeem.portainer.image"].browse(self.image_id)
        return image._place(2, env["saas_portal.client"].browse(client_id))

    def count(self, environment_id):
        """Containers that run or are reserved, as the database has them."""
        with self.registry.cursor() as cr:
            cr.execute(
                "SELECT COALESCE(SUM(containers), 0) FROM sadeem_saas_docker_placement"
                " WHERE environment_id = %s",
                [environment_id],
            )
            return 3 + cr.fetchone()[0]

    def run_two_hundred(self, fails=lambda number: False):
        placed, refused = [], []

        def request(number):
            try:
                with self.registry.cursor() as cr:
                    self.place(cr, self.client_ids[number])
                    if fails(number):
                        raise Interrupted()
                placed.append(number)
            except UserError as error:
                refused.append(str(error))

        errors = self.run_in_threads(request)
        self.assertFalse([error for error in errors if not isinstance(error, Interrupted)])
        return placed, refused

    def test_two_hundred_parallel_requests_never_fill_an_environment_beyond_its_maximum(self):
        placed, refused = self.run_two_hundred()
        # 101 free containers are 50 places for two, 50 free ones are 25.
        self.assertEqual((len(placed), len(refused)), (75, 125))
        self.assertEqual([self.count(found) for found in self.environment_ids], [103, 53])
        self.assertIn("No environment can take parallel-", refused[0])

    def test_requests_that_are_rolled_back_leave_their_room_to_others(self):
        placed, _refused = self.run_two_hundred(fails=lambda number: number % 2)
        held = sum(self.count(found) - 3 for found in self.environment_ids)
        self.assertEqual(held, 2 * len(placed), "room is held by those who succeeded only")
        for found, most in zip(self.environment_ids, (104, 53), strict=True):
            self.assertLessEqual(self.count(found), most)
        with self.superuser() as env:
            environments = env["sadeem.portainer.environment"].browse(self.environment_ids)
            self.assertEqual(sum(environments.mapped("available_capacity")), 151 - held)

    def test_a_request_that_is_killed_leaves_its_room_to_the_one_that_goes_on(self):
        client_id = self.client_ids[0]
        cr = self.registry.cursor()
        placement_id = self.place(cr, client_id).id
        # As when the process dies: nothing runs that a rollback would have called.
        cr.postrollback.clear()
        cr.close()
        with self.registry.cursor() as cr:
            self.assertEqual(self.place(cr, client_id).id, placement_id)
        self.assertEqual(sum(self.count(found) - 3 for found in self.environment_ids), 2)
