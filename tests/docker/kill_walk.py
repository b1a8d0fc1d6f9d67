"""A random walk: something is done to a client, and something is killed meanwhile.

No part of the stage, because it takes half an hour: name the file to run it. KILL_ROUNDS and
KILL_SEED say how many rounds there are, and which ones; KILL_PLACE=outside keeps the databases on a
PostgreSQL server that clients share.
"""

import contextlib
import os
import random
import time
from collections.abc import Callable
from dataclasses import dataclass

from docker_clients_harness import CLIENT, Client
from kills_harness import Caller, Kills, back_up, backups, begin_backup

from devkit.console import Failure
from devkit.waiting import wait_for
from harness.rpc import Fault

ROUNDS = int(os.environ.get("KILL_ROUNDS", "30"))
OUTSIDE = os.environ.get("KILL_PLACE") == "outside"
SEED = int(os.environ.get("KILL_SEED", random.randrange(10**6)))
#: Kind of operation → seconds within which the kill comes.
KINDS = {
    "create": 20,
    "configure": 8,
    "install": 15,
    "rename": 8,
    "backup": 6,
    "restore_backup": 12,
    "rebuild": 10,
    "restart": 6,
    "delete": 8,
    "restore": 10,
    "purge": 6,
    "stage": 25,
}
VICTIMS = (
    "odoo stopped",
    "db stopped",
    "odoo crashed",
    "db crashed",
    "portainer",
    "engine",
    "portal",
)
APPS = ("contacts", "calendar", "lunch", "maintenance", "hr", "fleet")


@dataclass
class Task:
    """An operation on its way.

    ``check``: what is wrong once it is done; ``since``: the client's operation before this one;
    ``caller``: who waits for the answer; ``mark``: what the lasting client holds once it is done.
    """

    client: Client
    check: Callable[[], list[str]]
    since: int = 0
    caller: Caller | None = None
    mark: str = ""


class Walk:
    def __init__(self, portal: Kills, seed: int):
        self.portal, self.random = portal, random.Random(seed)
        self.begin_anew()

    def begin_anew(self):
        """A client that lasts from round to round; the marks of its backups; what it has."""
        name = f"walk{self.random.randrange(10**6)}.localhost"
        self.client = self.portal.create(self.portal.plan_id, name)
        self.saved, self.apps, self.workers = {}, list(APPS), 0

    def play(self, number: int) -> list[str]:
        """One round: what is wrong after it."""
        kind, victim = self.random.choice(list(KINDS)), self.random.choice(VICTIMS)
        delay = self.random.uniform(0, KINDS[kind])
        print(f"{number}: {kind}, {victim} after {delay:.1f} s", flush=True)
        self.mark = f"m{number}"
        self.portal.mark(self.client, self.mark)
        task = getattr(self, f"_{kind}")(number)
        target = self.random.choice([self.client, task.client])
        time.sleep(delay)  # the moment that chance has chosen
        with contextlib.suppress(IndexError, Failure):
            self._kill(victim, target)
        if task.caller:
            task.caller.join()
        return self._judge(task)

    def _kill(self, victim, client):
        match victim.split():
            case ["db", _how] if self.portal.shared:
                self.portal.shared.kill()
            case [service, "stopped"]:
                self.portal.kill_container(client, service)
            case [service, "crashed"]:
                self.portal.crash_container(client, service)
            case [other]:
                getattr(self.portal, f"kill_{other}")()

    def _judge(self, task):
        began = time.monotonic()
        state, causes = self.portal.finish(task.client)
        operation = self.portal.operation_of(task.client)[0]
        attempts = self.portal.attempts(task.client)
        seconds = time.monotonic() - began
        print(f"    {state} {seconds:.0f} s later, {attempts} waits, {causes}", flush=True)
        everybody = list({each.id: each for each in (self.client, task.client)}.values())
        self._start([each for each in everybody if each.read("state") == "open"])
        wrong = []
        if state != "done":
            wrong.append(f"ended {state}: {causes}")
        elif operation > task.since:
            wrong += task.check()
            self.mark = task.mark or self.mark
        else:
            print(f"    never begun: {task.caller.error}", flush=True)
        if self.client.read("state") == "deleted":
            self.client.call("action_restore")
        left = [each for each in everybody if each.read("state") == "open"]
        wrong += self.portal.complaints(*left)
        if (found := self.portal.read_mark(self.client)) != (self.mark, self.mark):
            wrong.append(f"holds {found} instead of {self.mark}")
        return wrong

    def _start(self, clients):
        """What a person does for clients that were stopped behind the portal's back."""
        if "down" in [kind for kind, _detail in self.portal.compare()]:
            for client in clients:
                client.call("action_rebuild")
                self.portal.finish(client)
        for client in clients:
            # What was killed last may just be starting again.
            wait_for(lambda client=client: answers(client), 300, f"{client.name} to answer")

    def tidy_up(self, *kept):
        """Remove all clients but these."""
        archived = {"context": {"active_test": False}}
        domain = [("docker_stack_id", "!=", False), ("id", "not in", kept)]
        for number in self.portal.admin.call(CLIENT, "search", domain, **archived):
            Client(self.portal, number).remove()

    # --- operations ---------------------------------------------------------------------

    def _ask(self, call, *arguments, client=None, check=list, **options):
        """Somebody waits for the answer."""
        client = client or self.client
        since = self.portal.operation_of(client)[0]
        return Task(client, check, since, Caller(call, *arguments, **options))

    def _create(self, number):
        name = f"new{number}.localhost"
        client = self.portal.create(self.portal.plan_id, name, async_creation=True)
        return Task(client, lambda: expect(client.read("state"), "open"))

    def _configure(self, number):
        value = {"key": "saas_client.max_users", "value": str(number), "hidden": False}
        return self._ask(
            self.portal.upgrade,
            self.client,
            params=[value],
            check=lambda: expect(self.client.read("max_users"), number),
        )

    def _install(self, number):
        app = self.apps.pop(0) if self.apps else APPS[-1]
        query = f"SELECT state FROM ir_module_module WHERE name = '{app}'"
        return self._ask(
            self.portal.upgrade,
            self.client,
            install_addons=[app],
            check=lambda: expect(self.client.sql(query), "installed"),
        )

    def _rename(self, number):
        name = f"name{number}.localhost"
        check = lambda: expect(self.client.name, name)  # noqa: E731
        return self._ask(self.client.call, "rename_database", name, check=check)

    def _backup(self, number):
        before = backups(self.portal, self.client)
        begin_backup(self.portal, self.client)

        def check():
            new = [each for each in backups(self.portal, self.client) if each not in before]
            self.saved.update(dict.fromkeys(new, self.mark))
            return expect(len(new), 1)

        return Task(self.client, check)

    def _restore_backup(self, number):
        if not set(self.saved) & set(backups(self.portal, self.client)):
            self.saved[back_up(self.portal, self.client)] = self.mark
        there = backups(self.portal, self.client)
        known = [pair for pair in self.saved.items() if pair[0] in there]
        backup, mark = self.random.choice(known)
        self.client.restore(backup)
        # The apps are those of that day.
        self.apps = list(APPS)
        return Task(self.client, list, mark=mark)

    def _rebuild(self, number):
        self.workers = 0 if self.workers else 2
        workers = {"docker_workers": self.workers}
        self.portal.admin.call(CLIENT, "write", [self.client.id], workers)
        self.client.call("action_rebuild")

        def check():
            command = self.portal.portainer.containers(self.client.stack)["odoo"]["Command"]
            return expect("--workers=2" in command, bool(self.workers))

        return Task(self.client, check)

    def _restart(self, number):
        self.client.call("action_restart")
        return Task(self.client, list)

    def _delete(self, number):
        def check():
            rows = self.portal.portainer.containers(self.client.stack).values()
            run = [row["Names"] for row in rows if row["State"] == "running"]
            return expect((self.client.read("state"), run), ("deleted", []))

        return self._ask(self.client.call, "delete_database", check=check)

    def _restore(self, number):
        self.client.call("delete_database")
        check = lambda: expect(self.client.read("state"), "open")  # noqa: E731
        return self._ask(self.client.call, "action_restore", check=check)

    def _purge(self, number):
        client = self.portal.create(self.portal.plan_id, f"gone{number}.localhost")
        client.call("delete_database")
        stack = client.stack
        check = lambda: expect(self.portal.left(stack), ([], 0, 0))  # noqa: E731
        return self._ask(client.call, "action_purge", client=client, check=check)

    def _stage(self, number):
        stage = Client(self.portal, self.client.call("create_stage", f"stage{number}.localhost"))
        mark = self.mark
        return Task(stage, lambda: expect(self.portal.read_mark(stage), (mark, mark)))


def answers(client):
    with contextlib.suppress(OSError):
        return client.get("/web/login").status_code == 200
    return False


def expect(seen, wanted):
    return [] if seen == wanted else [f"{seen} instead of {wanted}"]


def test_nothing_is_lost_doubled_or_left_behind_by_random_kills(mortal_portal, request, capsys):
    wrong = {}
    if OUTSIDE:
        mortal_portal.place_outside(request.getfixturevalue("shared_postgres"))
    with capsys.disabled():
        print(f"\nKILL_SEED={SEED} KILL_ROUNDS={ROUNDS}", flush=True)
        walk = Walk(mortal_portal, SEED)
        for number in range(1, ROUNDS + 1):
            try:
                found = walk.play(number)
                walk.tidy_up(walk.client.id)
            except (AssertionError, Failure, Fault, OSError) as error:
                found = [f"{type(error).__name__}: {error}"]
            if found:
                print(f"    WRONG: {found}", flush=True)
                wrong[number] = found
                walk.tidy_up()
                walk.begin_anew()
    assert wrong == {}
