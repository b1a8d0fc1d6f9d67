"""Creation under load: many clients asked for by several callers at the same time.

For a server of threads, for one with two worker processes, and for one with two more than there
are callers; with spares for all and with none (in the short form: with two workers and spares for
half of them): throughput, how long each caller waits for his call to return, failures, and what
other people feel meanwhile: somebody who opens the portal's login page, and somebody who opens the
list of clients, again and again, beside the same when nobody creates anything. A created client
counts as ready only when its login page is there, which is asked for after the clock of its call
has been stopped.
"""

import time
from concurrent.futures import ThreadPoolExecutor

from portal_world import PortalWorld, running
from tables import Figures, make_parser, p95
from watching import Visitor, Watch, measure_memory, timed

from devkit.console import Step

#: Seconds for which the idle portal is visited.
_IDLE = 3


def main(arguments: list[str]) -> int:
    """Measure, print the table, and write all figures as JSON; 1 when a creation failed."""
    parser = make_parser("load")
    parser.add_argument("--clients", type=int, default=50)
    parser.add_argument("--callers", type=int, default=10)
    options = parser.parse_args(arguments)
    shapes, count = (0, 2, options.callers + 2), options.clients
    parts = {"spares": 1, "no spares": 0}
    if options.short:
        shapes, count, parts = (2,), 10, {"spares for half": 0.5}
    figures = Figures("Clients are created under load")
    failures = []
    for workers in shapes:
        with running(workers=workers) as world:
            for title, part in parts.items():
                name, spares = f"workers={workers}, {title}", int(count * part)
                with Step(f"{count} clients, {name}"):
                    failures += load(world, figures, name, count, options.callers, spares)
                if not options.short:
                    world.delete_all()
    figures.notes["failures"] = failures
    figures.ratio("what failed", len(failures), at_most=0)
    figures.print()
    figures.write(options.json)
    return 1 if figures.missed(options.margin) else 0


def load(
    world: PortalWorld, figures: Figures, name: str, count: int, callers: int, spares: int
) -> list[str]:
    """Let so many clients be made; what went wrong."""
    world.keep_spares(spares)
    with world.left_alone():
        failures = _load(world, figures, name, count, callers)
        taken = spares - world.count_spares()
        world.portal.admin.call("saas_portal.plan", "write", [world.plan], {"spare_target": 0})
    figures.notes[name]["spares_taken"] = taken
    if taken != spares:
        failures.append(f"{taken} of {spares} spares were taken")
    return failures


def _load(world: PortalWorld, figures: Figures, name: str, count: int, callers: int) -> list[str]:
    login, clients, shape = page_of(world), list_of(world), world.portal.shape.workers
    with ThreadPoolExecutor(callers) as pool:
        # Each worker loads the portal, and checks a password, when it is first asked to.
        for visit in (login, clients):
            list(pool.map(lambda _number, visit=visit: visit(), range(4 * max(shape, 1))))
    with Visitor(login) as idle_login, Visitor(clients) as idle_list:
        # How long visitors are watched; there is nothing to wait for.
        time.sleep(_IDLE)
    names, failures = [world.new_name("load") for _number in range(count)], []

    def create(client: str) -> None:
        try:
            figures.add(f"create, {name}", timed(lambda: world.create(client)))
        except Exception as error:
            failures.append(f"{client}: {str(error)[:300]}")

    with Visitor(login) as busy_login, Visitor(clients) as busy_list, Watch(world) as watch:
        start = time.perf_counter()
        with ThreadPoolExecutor(callers) as pool:
            list(pool.map(create, names))
        seconds = time.perf_counter() - start
    for client in names:
        world.open_page(client)
    figures.notes[name] = {
        "clients_per_second": round(count / seconds, 2),
        "failures": len(failures),
        "most_connections": watch.connections,
        "most_memory_pss_mb": watch.memory,
        **measure_memory(world),
        "login_page_idle": idle_login.describe(),
        "login_page_meanwhile": busy_login.describe(),
        "client_list_idle": idle_list.describe(),
        "client_list_meanwhile": busy_list.describe(),
    }
    for what, idle, busy in (
        ("login page", idle_login, busy_login),
        ("list of clients", idle_list, busy_list),
    ):
        failures += [f"{what}: {reason}" for reason in idle.failures + busy.failures]
        figures.ratio(f"{what}, {name}: p95 / p95 idle", p95(busy.times) / p95(idle.times))
    return failures


def page_of(world: PortalWorld):
    """Opens the portal's login page."""
    return lambda: world.open_page(world.portal.name)


def list_of(world: PortalWorld):
    """Opens the list of clients, as the web client asks for it."""
    columns = {name: {} for name in ("name", "state", "users_len", "total_storage")}
    session = world.portal.rpc(world.portal.name, "admin", world.portal.admin_password)

    def visit() -> float:
        return timed(
            lambda: session.call(
                "saas_portal.client", "web_search_read", [], columns, limit=80, order="id desc"
            )
        )

    return visit
