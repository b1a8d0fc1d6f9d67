from dataclasses import replace

from ..lib.portainer_api import Capacity, Snapshot
from .common import COMPOSE, PortainerCase

TASK = {
    "com.docker.stack.namespace": "web",
    "com.docker.swarm.service.id": "service-1",
    "com.docker.swarm.task.id": "task-1",
}


class TestSwarm(PortainerCase):
    def setUp(self):
        super().setUp()
        self.environment.environment_type = "swarm"
        self.fake.swarms.add(1)

    def put_task(self):
        task = replace(self.fake.container("web_web.1.task-1"), labels=TASK, node="worker-1")
        self.fake.containers[1, "web"] = [task]
        return task

    def docker_action(self, container, action):
        return self.rpc(
            "docker_action",
            environment_id=self.environment.id,
            container=container,
            action=action,
        )

    def test_a_stack_becomes_services_of_the_swarm(self):
        stack = self.deploy()
        self.assertEqual((stack.state, stack.environment_type), ("active", "swarm"))
        for method, state in (
            ("action_stop", "inactive"),
            ("action_start", "active"),
            ("action_update", "active"),
        ):
            self.call(self.manager, stack, method)
            self.assertEqual(stack.state, state)

    def test_a_swarm_is_taken_when_it_has_room(self):
        self.assertEqual(self.environment._find_obstacle(), "")
        self.environment.max_running_containers = 0
        self.assertIn("full", self.environment._find_obstacle())

    def test_what_the_swarm_cannot_run_is_told(self):
        stack = self.deploy()
        self.fake.problems = ["service db: no suitable node (insufficient resources on 1 node)"]
        report = self.rpc("check_stack_status", stack_id=stack.id)
        self.assertEqual(report["state"], "active")
        self.assertIn("insufficient resources", report["error"])
        self.fake.containers[1, "web"] = []
        report = self.rpc("check_stack_status", stack_id=stack.id)
        self.assertEqual(report["state"], "error")
        self.assertIn("service db: no suitable node", report["error"])

    def test_a_container_tells_its_node(self):
        stack = self.deploy()
        self.put_task()
        (row,) = self.call(self.manager, stack, "get_live_containers")["containers"]
        self.assertEqual((row["node"], row["is_task"]), ("worker-1", True))

    def test_a_restart_has_the_swarm_replace_the_container(self):
        stack = self.deploy()
        task = self.put_task()
        self.call(self.manager, stack, "act_on_container", task.name, "restart")
        self.assertEqual(self.fake.called("restart_service"), [(1, "service-1")])
        for action in ("stop", "start", "pause", "unpause"):
            with self.subTest(action), self.refused("swarm starts and stops"):
                self.call(self.manager, stack, "act_on_container", task.name, action)
            with self.subTest(action), self.refused("swarm starts and stops"):
                self.docker_action(task.id, action)
        self.assertEqual(self.docker_action(task.id, "restart")["done"], True)
        self.assertEqual(len(self.fake.called("restart_service")), 2)
        self.assertFalse(self.fake.called("container_action"))

    def test_what_no_service_made_is_treated_as_anywhere(self):
        self.fake.containers[1, "portainer"] = [self.fake.container("portainer")]
        self.docker_action("portainer", "stop")
        self.assertEqual(self.fake.called("container_action"), [(1, "portainer", "stop")])

    def test_the_capacity_is_that_of_all_nodes(self):
        self.fake.capacities[1] = Capacity(
            7, 1, 0, 8, 12, 48 * 2**30, "29.0", ports=frozenset({8088})
        )
        self.call(self.manager, self.environment, "action_refresh")
        self.assertTrue(self.fake.called("swarm_capacity"))
        self.assertEqual((self.environment.container_run, self.environment.cpu_cores), (7, 12))
        self.assertIn(8088, self.environment.published_ports)

    def test_the_dashboard_tells_what_is_a_swarm(self):
        def cards():
            return {card["id"]: card["is_swarm"] for card in self.environment.get_dashboard()}

        self.assertTrue(cards()[self.environment.id])
        self.environment.environment_type = "standalone"
        self.assertFalse(cards()[self.environment.id])

    def test_the_kind_is_read_in_until_something_is_deployed(self):
        snapshot = Snapshot(0, "29.0", False, 4, 2**30, 0, 0, 0, 0, 0, 0)
        seen = replace(self.fake.environment(1, "local"), snapshot=snapshot)
        self.fake.environments[1] = seen
        stack = self.deploy()
        self.call(self.manager, self.server, "action_refresh")
        self.assertEqual(self.environment.environment_type, "swarm")
        self.rpc("delete_stack", stack_id=stack.id)
        self.call(self.manager, self.server, "action_refresh")
        self.assertEqual(self.environment.environment_type, "standalone")
        self.fake.environments[1] = replace(seen, snapshot=replace(snapshot, is_swarm=True))
        self.call(self.manager, self.server, "action_refresh")
        self.assertEqual(self.environment.environment_type, "swarm")

    def test_secrets_are_laid_down_before_and_go_with_the_stack(self):
        stack = self.new_stack(compose=COMPOSE)
        secrets = {"web_password": "hush-hush"}
        self.patch(type(stack), "_prepare_secrets", lambda record: secrets)
        self.call(self.manager, stack, "action_create")
        names = [call[0] for call in self.fake.calls]
        self.assertLess(names.index("ensure_swarm_object"), names.index("ensure_stack"))
        content, labels = self.fake.secrets[1, "web_password"]
        self.assertEqual((content, labels), (b"hush-hush", {"sadeem.stack": "web"}))
        self.call(self.manager, stack, "action_stop")
        self.assertIn((1, "web_password"), self.fake.secrets)
        self.rpc("delete_stack", stack_id=stack.id)
        self.assertFalse(self.fake.secrets)
