"""How fast parameters reach clients, one by one and a hundred at once, beside bare calls.

On one client that the portal's process has loaded already, taking turns:

- *push*: the public call ``saas.config.do_upgrade_database`` with another ``saas_client.max_users``
  each time, over XML-RPC. One push is all that such a call does: the operation and its step are
  written, the client is locked, a request and the policy are signed, the client verifies both,
  obeys, and the portal's record, its history and the operation say so.
- *signed request*: what the portal sends to the client for it, sent by this program instead: the
  transport and the client's part, without any record of the portal.
- *bare call*: ``ir.config_parameter.set_param`` with another value each time, called over XML-RPC
  in the client by its owner, who administers it and has a password as the public call makes him,
  with an API key. Odoo forgets after each such write whom it has let in: each call tries the key as
  password (600,000 rounds) and then as key (6,000), which is most of what it costs.
- *bare call, no password*: the same in another client, whose owner has no password, only
  the key. No account that a person uses is like this; it is the least that such a call can cost.
- *bare call, key remembered*: ``res.partner.write``, after which Odoo remembers the key. It changes
  no parameter; it tells what remains when the check of the key is taken away.

Then on many clients: *one call for N clients* is ``do_upgrade_database`` with N ids, which the
portal works on side by side within its bounds; *N bare calls* are made by as many callers as the
portal has threads for it. Once with clients that the process has loaded, taking turns, and once
right after a start of the portal, when nobody has loaded any.
"""

import time
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

from passlib.context import CryptContext
from portal_world import PortalWorld, running
from saas_wire import POLICY_TYPE, SigningKey, XmlRpcTransport
from tables import Figures, make_parser
from watching import Watch, measure_memory, timed

from devkit.console import Failure, Step
from harness import tokens

PUSH, SIGNED = "push", "signed request"
BARE, KEY_ONLY = "bare call", "bare call, no password"
REMEMBERED = "bare call, key remembered"
#: What the portal's parameter `saas_portal.clients_at_once` is by itself.
AT_ONCE = 4
KEY = "0123456789abcdef0123456789abcdef01234567"
_ADD_KEY = """
INSERT INTO res_users_apikeys (name, user_id, key, index, create_date)
SELECT 'bench', id, %s, %s, now() FROM res_users WHERE login = %s RETURNING user_id
"""
_FIRST_NUMBER = 10


def main(arguments: list[str]) -> int:
    """Measure, print the table, and write all figures as JSON; 1 when a goal is missed."""
    parser = make_parser("push")
    parser.add_argument("--rounds", type=int, default=40, help="of the calls to one client")
    parser.add_argument("--clients", type=int, default=100)
    parser.add_argument("--batches", type=int, default=5, help="rounds of all clients")
    options = parser.parse_args(arguments)
    rounds, count, batches = options.rounds, options.clients, options.batches
    if options.short:
        rounds, count, batches = 5, 4, 5
    figures = Figures("Parameters reach clients")
    with running() as world:
        fleet = Fleet(world, count)
        push_to_one(fleet, figures, rounds)
        push_to_all(fleet, figures, batches)
        push_after_start(fleet, figures)
    figures.notes["pushes a second"] = round(1 / figures.median(PUSH), 1)
    figures.notes["bare calls a second"] = round(1 / figures.median(BARE), 1)
    figures.compare("pushes / bare calls, a second", BARE, PUSH, at_least=0.8)
    figures.compare("pushes / bare calls without password", KEY_ONLY, PUSH)
    # Both reach the client and have it change a parameter, and neither hashes a password.
    figures.compare("signed requests / bare calls without password", KEY_ONLY, SIGNED, at_least=0.8)
    figures.compare("pushes / bare calls with key remembered", REMEMBERED, PUSH)
    for state in ("warm", "cold"):
        figures.compare(
            f"all {count} clients, {state}: one call / bare calls",
            *(name.format(count=count, state=state) for name in (BARE_ALL, PUSH_ALL)),
            at_least=0.8,
        )
    figures.print()
    figures.write(options.json)
    return 1 if figures.missed(options.margin) else 0


PUSH_ALL = "one call for {count} clients, {state}"
BARE_ALL = "{count} bare calls, {state}"


class Fleet:
    """Clients with an owner who administers his database, and has an API key."""

    def __init__(self, world: PortalWorld, count: int):
        self.world, self.portal = world, world.portal
        self.numbers = iter(range(_FIRST_NUMBER, 1_000_000))
        self.login = f"owner@{world.new_name('fleet')}"
        self.owner = self.portal.sign_up(self.login, "a password")
        with Step(f"Making {count} clients"):
            self.clients = [self._make("a password of his own") for _number in range(count)]
            self.without_password = self._make(None)
        # Whoever administers has to be known when the process loads the client.
        self.restart()

    def _make(self, password: str | None) -> SimpleNamespace:
        name = self.world.new_name("push")
        chosen = {"owner_password": password} if password else {}
        answer = self.world.create(name, user_id=self.owner, **chosen)
        client = SimpleNamespace(id=answer["id"], client_id=answer["client_id"], name=name)
        query = self.portal.cluster.query
        stored = CryptContext(["pbkdf2_sha512"], pbkdf2_sha512__rounds=6000).hash(KEY)
        ((user,),) = query(name, _ADD_KEY, [stored, KEY[:8], self.login])
        query(
            name,
            "INSERT INTO res_groups_users_rel (gid, uid) SELECT res_id, %s FROM ir_model_data"
            " WHERE module = 'base' AND name = 'group_system'",
            [user],
        )
        client.owner = self.portal.rpc(name, password=KEY, uid=user)
        return client

    def restart(self):
        self.portal.server.restart()
        # The portal's own database is warm in every comparison.
        self.portal.admin.call("saas_portal.client", "search_count", [])

    # -- the calls ---------------------------------------------------------------------------------

    def push(self, clients: list) -> None:
        """One call of the public method; each client has to have obeyed."""
        payload = {"params": [{"key": "saas_client.max_users", "value": str(next(self.numbers))}]}
        ids = [client.id for client in clients]
        answer = self.portal.admin.call("saas.config", "do_upgrade_database", payload, ids)
        if "error" in answer:
            raise Failure(f"A push failed: {answer[:1000]}")

    def set_parameter(self, client) -> None:
        client.owner.call(
            "ir.config_parameter", "set_param", "bench.value", str(next(self.numbers))
        )

    def write_partner(self, client) -> None:
        client.owner.call("res.partner", "write", [1], {"ref": str(next(self.numbers))})

    def set_parameters(self) -> None:
        """A bare call to each client, by several callers."""
        with ThreadPoolExecutor(AT_ONCE) as pool:
            list(pool.map(self.set_parameter, self.clients))


class Sender:
    """Sends one client what the portal would, with the portal's key."""

    def __init__(self, fleet: Fleet, client):
        self.client, self.numbers = client, fleet.numbers
        portal = fleet.portal
        ((self.issuer,),) = portal.psql(
            portal.name, "SELECT value FROM ir_config_parameter WHERE key = 'database.uuid'"
        )
        self.key = SigningKey(tokens.portal_key(portal))
        self.policy = portal.policy(client)
        self.transport = XmlRpcTransport(f"http://127.0.0.1:{portal.port}")

    def send(self) -> None:
        number = next(self.numbers)
        now = time.time()
        policy = self.key.sign(
            POLICY_TYPE,
            {
                "iss": self.issuer,
                "aud": self.client.client_id,
                "sub": self.client.name,
                "iat": int(now),
                "serial": int(now * 1000),
                "policy": {**self.policy, "max_users": number},
            },
        )
        params = [{"key": "saas_client.max_users", "value": str(number), "hidden": True}]
        request = self.key.sign_request(
            self.issuer, self.client.client_id, "apply", {"policy": policy, "params": params}
        )
        self.transport.execute_kw(self.client.name, request, "apply", 60)


def push_to_one(fleet: Fleet, figures: Figures, rounds: int) -> None:
    client = fleet.clients[0]
    sender = Sender(fleet, client)
    ways = (
        (PUSH, lambda: fleet.push([client])),
        (BARE, lambda: fleet.set_parameter(client)),
        (SIGNED, sender.send),
        (KEY_ONLY, lambda: fleet.set_parameter(fleet.without_password)),
        (REMEMBERED, lambda: fleet.write_partner(client)),
    )
    with Step(f"{rounds} rounds of calls to one client"):
        for number in range(rounds + 2):
            for name, way in ways:
                if name == REMEMBERED:
                    # It is the second call that meets a key which is remembered.
                    way()
                seconds = timed(way)
                if number > 1:
                    figures.add(name, seconds)


def push_to_all(fleet: Fleet, figures: Figures, rounds: int) -> None:
    count = len(fleet.clients)
    with Step(f"{rounds} rounds of {count} clients, warm"):
        for number in range(rounds + 1):
            bare = timed(fleet.set_parameters)
            with Watch(fleet.world) as watch:
                pushed = timed(lambda: fleet.push(fleet.clients))
            if number:
                figures.add(PUSH_ALL.format(count=count, state="warm"), pushed)
                figures.add(BARE_ALL.format(count=count, state="warm"), bare)
                figures.notes["most connections of the warm calls"] = watch.connections


def push_after_start(fleet: Fleet, figures: Figures) -> None:
    count = len(fleet.clients)
    with Step(f"{count} clients, cold"):
        fleet.restart()
        figures.add(BARE_ALL.format(count=count, state="cold"), timed(fleet.set_parameters))
        figures.notes["memory after the bare calls"] = measure_memory(fleet.world)
        fleet.restart()
        before = measure_memory(fleet.world)
        with Watch(fleet.world) as watch:
            seconds = timed(lambda: fleet.push(fleet.clients))
        figures.add(PUSH_ALL.format(count=count, state="cold"), seconds)
        figures.notes["memory before one call for all"] = before
        figures.notes["memory after it"] = measure_memory(fleet.world)
        figures.notes["most memory during it, MB (PSS)"] = watch.memory
        figures.notes["most connections during it"] = watch.connections
