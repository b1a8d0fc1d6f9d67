"""Kills parts of a running portal, its Portainer and its engine, and looks at what is left."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from types import SimpleNamespace

import addon_harness
import requests
from docker_clients_harness import CLIENT, PLAN, SERVER, Client, DockerPortal
from portainer_harness import Api, Portainer

from devkit.console import Failure
from devkit.paths import ROOT
from devkit.ports import free_port
from devkit.waiting import wait_for

IMAGE = "sadeem.portainer.image"
BACKUP, DEVIATION = "saas_portal.client.backup", "sadeem.saas.docker.deviation"
OPEN_STATES = ("pending", "running")
#: Odoo in its container has a volume for its data, and one for addons; PostgreSQL has one.
VOLUMES = 3
#: Seconds after which the cron workers of a portal that was killed are woken.
NUDGE = 3
_FILES = "/var/lib/odoo/filestore"


class KillablePortainer(Portainer):
    """A double in a process of its own, which is killed with the compose that it runs."""

    def __init__(self, folder, engine):
        self.folder, self.engine = folder, engine
        self.port = free_port(28500)
        self.double = SimpleNamespace(setup_token="")
        self.anonymous = Api(self.url)
        self.faults = RemoteFaults(self.anonymous)
        self.start()

    @property
    def url(self):
        return f"https://127.0.0.1:{self.port}"

    def start(self):
        command = [sys.executable, "-m", "portainer_double", f"--port={self.port}"]
        command += [f"--docker={self.engine.url}", f"--state={self.folder}"]
        with (self.folder / "log").open("a") as log:
            self.process = subprocess.Popen(
                command,
                env={**self.engine.environment(), "PYTHONPATH": str(ROOT / "tests")},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        wait_for(self._answers, 60, "the double")

    def _answers(self):
        with contextlib.suppress(requests.RequestException):
            return self.anonymous.get("/status", timeout=5).status_code == 200
        return False

    def kill(self):
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    stop = kill


class RemoteFaults:
    """The faults of a double in another process."""

    def __init__(self, api):
        self.api = api

    def add(self, kind, match="", **options):
        body = {"kind": kind, "match": match, **options}
        assert self.api.post("/_double/faults", body).status_code == 200

    def clear(self):
        self.api.delete("/_double/faults")

    @property
    def seen(self):
        return self.api.get("/_double/requests").json()


class Kills(DockerPortal):
    """A portal, and what of it can be killed: its clients are behind a Portainer of their own.

    :param shared: the portal of other tests, whose template is used
    """

    def __init__(self, shared, portainer):
        self.world, self.admin, self.cluster = (
            shared.world,
            shared.admin,
            shared.world.server.cluster,
        )
        self.server_id, self.image_id = shared.server_id, shared.image_id
        self.portainer, self.engine, self.engines = portainer, portainer.engine, {}
        self.shared = None
        self.environment_id = self.connect("Mortal", portainer, portainer.endpoint)
        template_id = self.admin.read(PLAN, shared.plan_id, "template_id")[0]
        vals = {"name": "Kills", "server_id": self.server_id, "template_id": template_id}
        self.plan_id = self.admin.call(PLAN, "create", vals)
        self.admin.call(PLAN, "write", [self.plan_id], {"retention_days": 1})

    def place_outside(self, shared):
        """The databases of new clients are on a PostgreSQL server that they share."""
        self.shared, self.plan_id = shared, self.make_external_plan(shared)
        self.admin.call(PLAN, "write", [self.plan_id], {"retention_days": 1})

    @contextlib.contextmanager
    def alone(self):
        """New clients go behind this Portainer."""
        line = {"environment_id": self.environment_id}
        self.admin.call(IMAGE, "write", [self.image_id], {"line_ids": [(0, 0, line)]})
        try:
            yield self
        finally:
            self.clear()
            self.remove_all()
            self.admin.call(IMAGE, "write", [self.image_id], {"line_ids": [(5, 0, 0)]})

    # --- killing ------------------------------------------------------------------

    def kill_container(self, client, service):
        """For good: Docker takes it for somebody's wish."""
        self.engine.docker("kill", "--signal=KILL", self.container(client, service))

    def crash_container(self, client, service):
        """As the kernel does it; Docker starts it again."""
        form = "--format={{.State.Pid}}"
        pid = int(self.engine.docker("inspect", form, self.container(client, service)))
        if not pid:
            raise Failure(f"{service} of {client.stack} ended before it could crash")
        os.kill(pid, signal.SIGKILL)

    def kill_engine(self):
        """With all its containers, as a power cut does; then it is there again."""
        self.engine.kill()
        self.engine.start()

    def kill_portal(self):
        self.world.server.kill()
        self.world.server.start()

    def kill_portainer(self):
        self.portainer.kill()
        self.portainer.start()

    def container(self, client, service):
        filters = [f"label=com.docker.compose.{key}" for key in (f"project={client.stack}",)]
        filters.append(f"label=com.docker.compose.service={service}")
        options = [f"--filter={each}" for each in filters]
        return self.engine.docker("ps", "--all", "--quiet", *options).split()[0]

    # --- moments ------------------------------------------------------------------

    def is_loading(self, client):
        """A database is on its way in the client's PostgreSQL."""
        with contextlib.suppress(Failure, IndexError):
            return any(name.startswith("saas-new-") for name in self.databases(client))
        return False

    def hold_up_dumps(self, client):
        """Keep a table of the client's to a session of its own: who reads it, waits."""
        statement = "BEGIN; LOCK TABLE kept; SELECT pg_sleep(600)"
        words = ["psql", "-U", "odoo", "-d", client.name, "-c", statement]
        self.engine.docker("exec", "--detach", self.container(client, "db"), *words)
        locks = (
            "SELECT count(*) FROM pg_locks WHERE relation = 'kept'::regclass"
            " AND mode = 'AccessExclusiveLock' AND granted"
        )
        wait_for(lambda: client.sql(locks) != "0", 60, "the table to be held")

    def is_dumping(self, client):
        """A dump of the client's waits for the table that is held."""
        waiting = (
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE application_name = 'pg_dump' AND wait_event_type = 'Lock'"
        )
        return client.sql(waiting) != "0"

    def has_seen(self, pattern, since):
        return any(pattern in line for line in self.portainer.faults.seen[since:])

    def requests_seen(self):
        return len(self.portainer.faults.seen)

    # --- going on -----------------------------------------------------------------

    def hurry(self):
        """Nobody waits for the next attempt, nor for the minute of the cron workers."""
        self.query(
            "UPDATE saas_portal_operation SET next_attempt_at = NULL"
            " WHERE state = 'pending' AND next_attempt_at IS NOT NULL"
        )
        self.query(
            "INSERT INTO ir_cron_trigger (cron_id, call_at)"
            " SELECT id, now() AT TIME ZONE 'UTC' FROM ir_cron WHERE ir_actions_server_id IN"
            " (SELECT id FROM ir_act_server WHERE code = 'model._cron_run_operations()')"
        )
        self.cluster.query("postgres", "SELECT pg_notify('cron_trigger', %s)", [self.database])

    def reach(self, condition, timeout, what):
        """Wait for it, whatever attempt it is that comes so far."""

        def look():
            self.hurry()
            return condition()

        wait_for(look, timeout, what)

    @property
    def database(self):
        return addon_harness.DATABASE

    def query(self, statement, *params):
        return self.cluster.query(self.database, statement, params or None)

    def operation_of(self, client):
        """(id, state, cause) of its latest operation."""
        ((row),) = self.query(
            "SELECT id, state, error FROM saas_portal_operation WHERE client_id = %s"
            " ORDER BY id DESC LIMIT 1",
            client.id,
        )
        return row

    def attempts(self, client):
        """How often its latest operation waited for a server that did not answer."""
        query = "SELECT COALESCE(attempts, 0) FROM saas_portal_operation WHERE id = %s"
        ((attempts,),) = self.query(query, self.operation_of(client)[0])
        return attempts

    def finish(self, client, retries=2, timeout=400):
        """Wait until the latest operation has ended, and retry what failed; causes of failures."""
        causes = []
        deadline = time.monotonic() + timeout
        nudge = time.monotonic() + NUDGE
        while True:
            number, state, error = self.operation_of(client)
            if state == "failed" and len(causes) < retries:
                causes.append(error)
                self.admin.call("saas_portal.operation", "action_retry", [number])
            elif state not in OPEN_STATES:
                return state, causes + ([error] if error else [])
            assert time.monotonic() < deadline, f"operation {number} does not end: {error}"
            # What runs may have been cut off by the portal's death.
            if state == "pending" or time.monotonic() > nudge:
                self.hurry()
                nudge = time.monotonic() + NUDGE
            time.sleep(0.5)  # a pause between two looks

    # --- looking ------------------------------------------------------------------

    def databases(self, client):
        if self.shared:
            return {name for role, name in self._shared() if role == _role(client)}
        container = self.container(client, "db")
        statement = "SELECT datname FROM pg_database WHERE datname NOT LIKE 'template_'"
        words = ["psql", "-U", "odoo", "-d", "postgres", "-tAc", statement]
        return set(self.engine.docker("exec", container, *words).split()) - {"postgres"}

    def _shared(self):
        """(role, database) of all clients on the shared server."""
        return self.shared.query(
            "SELECT rolname, datname FROM pg_roles LEFT JOIN pg_database ON datdba = pg_roles.oid"
            " WHERE starts_with(rolname, 'saas_') AND rolname != %s",
            self.shared.admin,
        )

    def files(self, client):
        """What of databases' files is in the container."""
        container = self.container(client, "odoo")
        return set(self.engine.docker("exec", container, "ls", _FILES).split())

    def mark(self, client, text):
        """Data of a customer's: a row and a file."""
        client.sql("CREATE TABLE IF NOT EXISTS kept (text varchar)")
        client.sql("DELETE FROM kept")
        client.sql(f"INSERT INTO kept VALUES ('{text}')")
        folder = f"{_FILES}/{client.name}/zz"
        script = f"mkdir -p {folder} && printf %s {text} > {folder}/kept"
        self.engine.docker("exec", self.container(client, "odoo"), "sh", "-c", script)

    def read_mark(self, client):
        (text,) = {client.sql("SELECT text FROM kept")}
        path = f"{_FILES}/{client.name}/zz/kept"
        in_file = self.engine.docker("exec", self.container(client, "odoo"), "cat", path)
        return text, in_file

    def compare(self):
        self.admin.call(SERVER, "action_compare", [self.server_id])
        here = [("environment_id", "=", self.environment_id)]
        rows = self.admin.call(DEVIATION, "search_read", here, ["kind", "detail"])
        return [(row["kind"], row["detail"]) for row in rows]

    def left(self, stack):
        """(containers, networks, volumes) of a stack in the engine."""
        label = f"--filter=label=com.docker.compose.project={stack}"
        form = '--format={{.Label "com.docker.compose.service"}}'
        containers = self.engine.docker("ps", "--all", label, form).split()
        networks = self.engine.docker("network", "ls", "--quiet", label).split()
        volumes = self.engine.docker("volume", "ls", "--quiet", label).split()
        return sorted(containers), len(networks), len(volumes)

    def complaints(self, *clients):
        """What is not as it should be when these are the portal's only clients."""
        found = []

        def expect(what, seen, wanted):
            if seen != wanted:
                found.append(f"{what}: {seen} instead of {wanted}")

        whole = (["odoo"], 1, VOLUMES - 1) if self.shared else (["db", "odoo"], 1, VOLUMES)
        for client in clients:
            expect("state", client.read("state"), "open")
            expect("stack", self.left(client.stack), whole)
            expect("databases", self.databases(client), {client.name})
            expect("files", self.files(client), {client.name})
            expect("page", _ask_for_page(client), 200)
        expect("stacks", self.stacks(), {client.stack for client in clients})
        for kind, names in self.remains().items():
            expect(kind, names, {client.stack for client in clients})
        expect("ports", self.ports_taken(), 2 * len(clients))
        here = [("environment_id", "=", self.environment_id)]
        for model in ("sadeem.saas.docker.placement", "sadeem.portainer.stack"):
            expect(model, self.admin.call(model, "search_count", here), len(clients))
        expect("deviations", self.compare(), [])
        if self.shared:
            expect("roles", {role for role, _name in self._shared()}, {*map(_role, clients)})
        return found


def _ask_for_page(client):
    """The status of its login page; an engine that was killed may be starting its Odoo again."""

    def ask():
        with contextlib.suppress(requests.ConnectionError):
            return client.get("/web/login").status_code

    return wait_for(ask, 180, f"the page of {client.name}")


def _role(client):
    """To whom the client's database on a shared server belongs."""
    return f"saas_{client.read('client_id').replace('-', '_')}"


class Known(Client):
    """A client of which enough is known while the portal is dead."""

    def __init__(self, client):
        super().__init__(client.portal, client.id)
        self._values = client.read("client_id", "name", "docker_environment_id")

    def read(self, field):
        return self._values[field]


class Caller(threading.Thread):
    """Makes one call of the portal and keeps what comes of it."""

    def __init__(self, call, *arguments, **options):
        super().__init__(daemon=True)
        self.call, self.arguments, self.options = call, arguments, options
        self.error = None
        self.start()

    def run(self):
        try:
            self.call(*self.arguments, **self.options)
        except Exception as error:  # the test judges it
            self.error = error


def begin_backup(portal, client):
    """Older ones make room: a client has only so many."""
    if old := backups(portal, client)[2:]:
        portal.admin.call(BACKUP, "unlink", old)
    client.call("action_backup")


def back_up(portal, client):
    """The id of a backup of what it holds now."""
    begin_backup(portal, client)
    portal.finish(client)
    return backups(portal, client)[0]


def backups(portal, client):
    """Ids of its finished backups, the latest first."""
    domain = [("client_id", "=", client.id), ("state", "=", "ready")]
    return portal.admin.call(BACKUP, "search", domain)


def settings(portal, client, **vals):
    """Change settings of the stack and deploy them."""
    portal.admin.call(CLIENT, "write", [client.id], vals)
    client.call("action_rebuild")
