import xmlrpc.client

from odoo.addons.rpc.controllers.xmlrpc import dumps

from ..lib.portainer_api import ExecResult, NotFound
from .common import SERVER, PortainerCase


class TestContainers(PortainerCase):
    def test_an_action_reaches_the_container(self):
        answer = self.rpc(
            "docker_action", environment_id=self.environment.id, container="web", action="restart"
        )
        self.assertEqual(answer, {"container": "web", "action": "restart", "done": True})
        self.assertEqual(self.fake.called("container_action"), [(1, "web", "restart")])

    def test_a_command_is_split_and_no_shell_reads_it(self):
        for command, argv in (
            ("ls -l '/a b'", ["ls", "-l", "/a b"]),
            ("echo $HOME; rm -rf / | cat", ["echo", "$HOME;", "rm", "-rf", "/", "|", "cat"]),
            (["psql", "-c", "select 1; --"], ["psql", "-c", "select 1; --"]),
        ):
            answer = self.rpc(
                "docker_exec", environment_id=self.environment.id, container="web", command=command
            )
            self.assertEqual(answer["exit_code"], 0)
            self.assertEqual(self.fake.called("exec")[-1][2], argv)

    def test_a_command_that_cannot_be_read_is_refused(self):
        for command in ("", "   ", "echo 'open", [], [1]):
            with self.subTest(command), self.refused("command"):
                self.rpc(
                    "docker_exec",
                    environment_id=self.environment.id,
                    container="web",
                    command=command,
                )
        self.assertFalse(self.fake.calls)

    def test_a_command_that_fails_tells_its_exit_code(self):
        self.fake.exec_result = ExecResult(3, "", "boom\n")
        answer = self.rpc(
            "docker_exec", environment_id=self.environment.id, container="web", command="false"
        )
        self.assertEqual((answer["exit_code"], answer["stderr"]), (3, "boom\n"))

    def test_commands_are_not_logged(self):
        with self.assertLogs("odoo.addons.sadeem_portainer", "DEBUG") as logs:
            self.rpc(
                "docker_exec",
                environment_id=self.environment.id,
                container="web",
                command="login --password hunter2",
            )
        self.assertNotIn("hunter2", "".join(logs.output))

    def test_state_is_numbers(self):
        answer = self.rpc("docker_state", environment_id=self.environment.id, container="web")
        self.assertEqual((answer["cpu_percent"], answer["memory_bytes"]), (12.35, 3 * 2.0**31))
        self.assertEqual((answer["memory_percent"], answer["state"]), (75.0, "running"))

    def test_the_log_has_a_tail_of_at_most_a_thousand_lines(self):
        for tail, sent in ((5, 5), (100000, 1000), (0, 1)):
            answer = self.rpc(
                "docker_logs", environment_id=self.environment.id, container="web", tail=tail
            )
            self.assertEqual(answer["log"], "line\n")
            self.assertEqual(self.fake.called("logs")[-1], (1, "web", sent))
        with self.refused("number of lines"):
            self.rpc("docker_logs", environment_id=self.environment.id, container="x", tail="all")

    def test_what_the_server_refuses_is_told(self):
        self.fake.failures["container_action"] = NotFound(SERVER, "stop", "No such container: web")
        with self.refused("No such container: web"):
            self.rpc(
                "docker_action", environment_id=self.environment.id, container="web", action="stop"
            )

    def test_every_answer_can_travel_over_xmlrpc(self):
        self.fake.exec_result = ExecResult(None, "\x1b[0m", "", True)
        stack = self.deploy()
        where = {"environment_id": self.environment.id, "container": "web"}
        for answer in (
            self.rpc("check_stack_status", stack_id=stack.id),
            self.rpc("stop_stack", stack_id=stack.id),
            self.rpc("start_stack", stack_id=stack.id),
            self.rpc("update_stack", stack_id=stack.id),
            self.rpc("delete_stack", stack_id=stack.id),
            self.rpc("docker_action", **where, action="stop"),
            self.rpc("docker_exec", **where, command="ls"),
            self.rpc("docker_state", **where),
            self.rpc("docker_logs", **where),
            self.call(self.manager, self.environment, "allocate_ports", 2),
            self.call(self.manager, self.environment, "release_ports", [10001]),
            self.call(self.manager, self.environment, "list_stacks"),
            self.call(self.manager, self.environment, "refresh_card"),
            self.call(self.manager, self.server, "action_refresh"),
        ):
            xmlrpc.client.loads(dumps((answer,)))

    def test_the_screen_of_a_stack_sees_its_own_containers_only(self):
        stack = self.deploy()
        other = self.deploy("other")
        live = self.call(self.manager, stack, "get_live_containers")
        self.assertEqual([row["name"] for row in live["containers"]], ["web-web-1"])
        stats = self.call(self.manager, stack, "get_container_stats", "web-web-1")
        self.assertEqual(stats["cpu_percent"], 12.35)
        log = self.call(self.manager, stack, "get_container_log", "id-of-web-web-1", 5000)
        self.assertEqual(log, {"log": "line\n"})
        self.assertEqual(self.fake.called("logs"), [(1, "id-of-web-web-1", 1000)])
        self.call(self.manager, stack, "run_command", "web-web-1", "ls -l")
        self.assertEqual(self.fake.called("exec")[0][2], ["ls", "-l"])
        for method, *arguments in (
            ("get_container_stats",),
            ("get_container_log",),
            ("run_command", "ls"),
            ("act_on_container", "stop"),
        ):
            with self.subTest(method), self.refused("has no container"):
                self.call(self.manager, other, method, "web-web-1", *arguments)

    def test_one_container_of_a_stack_is_stopped_but_not_removed(self):
        stack = self.deploy()
        self.call(self.manager, stack, "act_on_container", "web-web-1", "stop")
        self.assertEqual(self.fake.containers[1, "web"][0].state, "exited")
        for action in ("remove", "kill"):
            with self.refused("cannot be done"):
                self.call(self.manager, stack, "act_on_container", "web-web-1", action)
