import contextlib
import threading
import zlib
from dataclasses import replace
from types import SimpleNamespace

from cryptography.fernet import Fernet

from odoo import api
from odoo.exceptions import UserError
from odoo.modules.registry import DummyRLock, Registry
from odoo.service.model import call_kw
from odoo.sql_db import db_connect
from odoo.tests import TransactionCase, new_test_user
from odoo.tools import config

from ..lib.portainer_api import (
    PROJECT_LABEL,
    Capacity,
    Container,
    ContainerDetails,
    ContainerStats,
    Environment,
    EnvironmentType,
    ExecResult,
    NotFound,
    Progress,
    ServerStatus,
    Stack,
    StackStatus,
    StackType,
    SwarmObject,
    User,
    Volume,
    operation_key,
    read_compose,
)

SERVER = "https://portainer.example.com:9443"
TOKEN = "ptr_secret-token"
COMPOSE = """services:
  web:
    image: nginx:1
    environment: {PASSWORD: "${PASSWORD}"}
"""


def _read_labels(service):
    """The labels of a service, which compose takes in two forms."""
    labels = (service or {}).get("labels") or {}
    if isinstance(labels, dict):
        return {name: str(value) for name, value in labels.items()}
    return dict(label.partition("=")[::2] for label in labels)


class FakePortainer:
    """A server in memory, with the calls of the client that the addon makes.

    ``failures``: call → error that it raises before anything is done; ``failures_after``: the work
    is done, and then it raises.
    """

    server = SERVER

    def __init__(self):
        self.version = "2.27.0"
        self.user = User(1, "admin", True)
        self.environments = {1: self.environment(1, "local")}
        self.capacities = {}
        self.stacks, self.files, self.envs = {}, {}, {}
        self.containers, self.volumes = {}, {}
        #: name with tag → id of the images that the hosts have
        self.images = {}
        #: numbers of the environments that are swarms, and their secrets
        self.swarms, self.secrets = set(), {}
        self.problems = ()
        self.failures, self.failures_after = {}, {}
        self.calls = []
        self.exec_result = ExecResult(0, "out\n", "")

    def __enter__(self):
        return self

    def __exit__(self, *_error):
        pass

    @staticmethod
    def environment(number, name, kind=EnvironmentType.DOCKER, url="tcp://10.1.0.7:2375"):
        return Environment(number, name, kind, url, "", True)

    @contextlib.contextmanager
    def _call(self, name, *arguments):
        self.calls.append((name, *arguments))
        if name in self.failures:
            raise self.failures[name]
        yield
        if name in self.failures_after:
            raise self.failures_after[name]

    def called(self, name):
        return [call[1:] for call in self.calls if call[0] == name]

    # --- The server and its environments ---

    def status(self):
        with self._call("status"):
            return ServerStatus(self.version, "id")

    def me(self):
        with self._call("me"):
            return self.user

    def list_environments(self, snapshots=False):
        with self._call("list_environments"):
            return list(self.environments.values())

    def capacity(self, number, disk=False):
        with self._call("capacity", number):
            if number not in self.environments:
                raise NotFound(SERVER, "describe the Docker host", "no such environment")
            running = len([row for row in self.list_containers(number) if row.is_running])
            default = Capacity(running, 0, 0, running, 4, 8 * 2**30, "29.0")
            return self.capacities.get(number, default)

    # --- Stacks ---

    def find_stack(self, number, name):
        with self._call("find_stack", number, name):
            for stack in self.stacks.values():
                if (stack.environment_id, stack.name) == (number, name):
                    return stack
            return None

    def list_stacks(self, number):
        with self._call("list_stacks", number):
            return [stack for stack in self.stacks.values() if stack.environment_id == number]

    def get_stack(self, remote_id):
        with self._call("get_stack", remote_id):
            if remote_id not in self.stacks:
                raise NotFound(SERVER, f"read stack {remote_id}", "there is none")
            return self.stacks[remote_id]

    def get_stack_file(self, remote_id):
        with self._call("get_stack_file", remote_id):
            return self.files[remote_id]

    def put(self, number, name, text, env=None, status=StackStatus.ACTIVE, remote_id=None):
        """A stack as it is on the server, with a container for each service."""
        remote_id = remote_id or max(self.stacks, default=40) + 1
        env = env or {}
        rows = tuple(env.items())
        kind = StackType.SWARM if number in self.swarms else StackType.COMPOSE
        self.stacks[remote_id] = Stack(remote_id, name, number, status, kind, rows)
        self.files[remote_id], self.envs[remote_id] = text, env
        services = read_compose(text)["services"] if status is StackStatus.ACTIVE else {}
        self.containers[number, name] = [
            replace(
                self.container(f"{name}-{service}-1", service),
                project=name,
                labels=_read_labels(details),
                image_id=self.images.get((details or {}).get("image"), ""),
            )
            for service, details in services.items()
        ]
        return self.stacks[remote_id]

    @staticmethod
    def container(name, service="web", state="running", status="Up 2 minutes"):
        return Container(f"id-of-{name}", name, "nginx:1", state, status, service=service)

    def ensure_stack(self, number, name, text, env, *, operation, settle, swarm=False):
        assert swarm == (number in self.swarms)
        assert operation_key(text) == operation
        with self._call("ensure_stack", number, name, dict(env)):
            found = self.find_stack(number, name)
            return found or self.put(number, name, text, env)

    def update_stack(self, remote_id, number, text=None, env=None, pull=False):
        with self._call("update_stack", remote_id, number, env, pull):
            stack = self.get_stack(remote_id)
            assert stack.environment_id == number
            text = text or self.files[remote_id]
            env = self.envs[remote_id] if env is None else env
            return self.put(number, stack.name, text, env, remote_id=remote_id)

    def start_stack(self, remote_id, number):
        with self._call("start_stack", remote_id, number):
            stack = self.get_stack(remote_id)
            if stack.is_active:
                return stack
            return self.update_stack(remote_id, number)

    def stop_stack(self, remote_id, number):
        with self._call("stop_stack", remote_id, number):
            stack = self.get_stack(remote_id)
            return self.put(
                number,
                stack.name,
                self.files[remote_id],
                self.envs[remote_id],
                StackStatus.INACTIVE,
                remote_id,
            )

    def delete_stack(self, remote_id, number):
        with self._call("delete_stack", remote_id, number):
            stack = self.stacks.pop(remote_id, None)
            if stack:
                self.containers.pop((number, stack.name), None)

    # --- The swarm ---

    def swarm_progress(self, number, name):
        with self._call("swarm_progress", number, name):
            return Progress(waiting=tuple(self.problems))

    def swarm_capacity(self, number, disk=False):
        with self._call("swarm_capacity", number):
            return self.capacity(number, disk)

    def restart_service(self, number, service):
        with self._call("restart_service", number, service):
            pass

    def ensure_swarm_object(self, number, kind, name, content, labels):
        with self._call("ensure_swarm_object", number, kind, name):
            self.secrets.setdefault((number, name), (content, labels))

    def list_swarm_objects(self, number, kind, label):
        with self._call("list_swarm_objects", number, kind, label):
            name, _equals, value = label.partition("=")
            return [
                SwarmObject(secret, secret, labels)
                for (place, secret), (_content, labels) in self.secrets.items()
                if (place, kind) == (number, "secret") and labels.get(name) == value
            ]

    def delete_swarm_object(self, number, kind, object_id):
        with self._call("delete_swarm_object", number, kind, object_id):
            self.secrets.pop((number, object_id), None)

    # --- Images and containers ---

    def docker_client(self, number):
        """Of a host without networks."""
        with self._call("docker_client", number):
            return SimpleNamespace(networks=lambda filters: [])

    def docker_version(self, number):
        with self._call("docker_version", number):
            return {"Version": "28.0.0"}

    def find_image(self, number, reference):
        with self._call("find_image", number, reference):
            return self.images.get(reference, "")

    def list_containers(self, number, project=None):
        with self._call("list_containers", number, project):
            return [
                row
                for (place, name), rows in self.containers.items()
                if place == number and project in (None, name)
                for row in rows
            ]

    def get_container(self, number, container):
        with self._call("get_container", number, container):
            found = [
                row
                for (place, _name), rows in self.containers.items()
                for row in rows
                if place == number and container in (row.id, row.name)
            ]
            labels = {PROJECT_LABEL: found[0].project, **found[0].labels} if found else {}
            return ContainerDetails(
                "id", container, "nginx:1", "running", 0, "now", "", "", 0, labels
            )

    def container_action(self, number, container, action, force=False):
        with self._call("container_action", number, container, action):
            state = {"stop": "exited", "pause": "paused"}.get(action, "running")
            for rows in self.containers.values():
                rows[:] = [
                    replace(row, state=state) if container in (row.id, row.name) else row
                    for row in rows
                ]

    def logs(self, number, container, tail):
        with self._call("logs", number, container, tail):
            return "line\n"

    def stats(self, number, container):
        with self._call("stats", number, container):
            return ContainerStats(12.345, 4, 3 * 2**31, 2**33)

    def exec(self, number, container, command, **options):
        with self._call("exec", number, container, list(command), options):
            return self.exec_result

    def list_volumes(self, number, project):
        with self._call("list_volumes", number, project):
            return [Volume(name, "local") for name in self.volumes.get((number, project), [])]

    def delete_volume(self, number, name):
        with self._call("delete_volume", number, name):
            for names in self.volumes.values():
                names[:] = [known for known in names if known != name]


class PortainerCase(TransactionCase):
    """A confirmed server with one environment, in memory."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        former = config.get("saas_secret_key")
        config["saas_secret_key"] = Fernet.generate_key().decode()
        cls.addClassCleanup(config.__setitem__, "saas_secret_key", former)
        cls.server = cls.env["sadeem.portainer"].create(
            {
                "name": "Server",
                "ip": "10.1.0.5",
                "portainer_link": SERVER,
                "access_token": TOKEN,
            }
        )
        cls.server.state = "confirmed"
        cls.environment = cls.new_environment("local", 1)
        cls.portal = cls.make_user("portainer-portal", "base.group_portal")
        cls.internal = cls.make_user("portainer-internal", "base.group_user")
        cls.manager = cls.make_user("portainer-manager", "sadeem_portainer.group_manager")

    @classmethod
    def make_user(cls, login, groups):
        return new_test_user(cls.env, login, groups, context={"no_reset_password": True})

    @classmethod
    def new_environment(cls, name, number, **vals):
        return cls.env["sadeem.portainer.environment"].create(
            {
                "name": name,
                "ip": "10.1.0.7",
                "portainer_id": cls.server.id,
                "portainer_environment_id": number,
                "connection": "up",
                **vals,
            }
        )

    def setUp(self):
        super().setUp()
        self.fake = FakePortainer()
        servers = self.registry["sadeem.portainer"]
        self.patch(
            servers, "_get_client", lambda server, tls=None: self.hand_out_client(server, tls)
        )
        # What is told to a server is written down in transactions of its own.
        self.env.flush_all()
        self.registry_enter_test_mode()

    def hand_out_client(self, server, tls):
        if tls is None:
            server._check_confirmed()
        return self.fake

    def call(self, user, record, method, /, *args, **kwargs):
        """As RPC calls it; what others wrote meanwhile is seen afterwards."""
        self.env.flush_all()
        arguments = (record.ids, *args) if record.ids else args
        try:
            return call_kw(self.env(user=user, su=False)[record._name], method, arguments, kwargs)
        finally:
            self.env.flush_all()
            self.env.invalidate_all()

    def rpc(self, method, *args, **kwargs):
        return self.call(self.manager, self.server, method, *args, **kwargs)

    @contextlib.contextmanager
    def refused(self, text="", error=UserError):
        """Like assertRaises, which would roll back what was written down."""
        try:
            yield
        except error as refusal:
            self.assertIn(text, str(refusal))
        else:
            self.fail(f"Nobody refused with {text!r}")
        finally:
            self.env.invalidate_all()

    def deploy(self, name="web", **options):
        """The record of a stack that was deployed."""
        options = {"compose": COMPOSE, "env": {"PASSWORD": "s3cret"}, **options}
        report = self.rpc("create_stack", environment_id=self.environment.id, name=name, **options)
        return self.env["sadeem.portainer.stack"].browse(report["stack_id"])

    def new_stack(self, **vals):
        """A stack that is not deployed yet."""
        stack = self.env["sadeem.portainer.stack"].create(
            {
                "name": "web",
                "environment_id": self.environment.id,
                "compose": COMPOSE,
                "variable_ids": [(0, 0, {"name": "PASSWORD", "value": "s3cret"})],
                **vals,
            }
        )
        self.env.flush_all()
        return stack

    @contextlib.contextmanager
    def busy(self, record):
        """Another process is at work on the record."""
        keys = [zlib.crc32(record._name.encode()) - 2**31, record.id]
        with db_connect(self.env.cr.dbname).cursor() as cr:
            cr.execute("SELECT pg_advisory_lock(%s, %s)", keys)
            yield
            cr.execute("SELECT pg_advisory_unlock(%s, %s)", keys)


class Interrupted(Exception):
    """Something else went wrong in a request."""


class ParallelCase(TransactionCase):
    """Real threads, connections and transactions: what they leave is removed by hand."""

    def setUp(self):
        super().setUp()
        # The thread that loads the registry runs the tests and holds it.
        self.patch(Registry, "_lock", DummyRLock())
        #: (model, ids) of what the test has made, in the order in which it can be removed
        self.made = []
        self.addCleanup(self.remove)

    @contextlib.contextmanager
    def superuser(self):
        """An environment in a transaction of its own, which is committed."""
        with self.registry.cursor() as cr:
            yield api.Environment(cr, api.SUPERUSER_ID, {})

    @staticmethod
    def make_server(env, **vals):
        return env["sadeem.portainer"].create(
            {"name": "Parallel", "ip": "10.9.0.1", "portainer_link": "https://10.9.0.1", **vals}
        )

    def remove(self):
        with self.superuser() as env:
            for model, ids in self.made:
                env[model].browse(ids).exists().unlink()

    def run_in_threads(self, request, count=200, at_once=15):
        """Call ``request`` with each number, in threads; returns what they raised.

        :param at_once: as many have connections of their own; the others wait for one of these
        """
        errors, slots = [], threading.Semaphore(at_once)

        def run(number):
            try:
                with slots:
                    request(number)
            except Exception as error:
                errors.append(error)

        threads = [
            threading.Thread(target=run, args=(number,), daemon=True) for number in range(count)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(120)
            self.assertFalse(thread.is_alive(), "a request waits for ever")
        return errors
