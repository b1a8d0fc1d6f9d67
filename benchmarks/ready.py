"""How soon a client is ready: from the call to its login page, beside what it costs at least.

All ways take turns in one run, on one PostgreSQL that keeps its data through a power cut (``fsync``
and all else as PostgreSQL comes), with the same apps in the same template:

- *client from a spare*, *client from the template*: the public call ``create_new_database`` over
  XML-RPC, owner, limits and policy included, and then the login page under the new host name.
- *floor: rename*, *floor: copy*: ``ALTER DATABASE … RENAME``, or ``CREATE DATABASE … TEMPLATE``,
  with the files renamed or linked; the identity of a client in one SQL transaction, without owner
  and limits; and one login page, whose process has not seen the database before. No portal.
- *Odoo's own duplicate*: ``db.duplicate_database`` over XML-RPC with the master password, on
  another Odoo process with ``list_db = True``, and the login page there.
- *fresh install*: an Odoo process that installs the same addons with ``-i`` into a new database,
  its assets not compiled, and the login page.
- *customer's first page* is the one that follows the creation; *warm page* each of the three after.

The plan keeps two spares, and one that was taken is replaced. Before each way has its turn,
PostgreSQL and the disk have written what the one before left to them; databases are dropped when
all had theirs, since a disk may be busy with that for longer than it says.
"""

import time

from portal_world import TEMPLATE, PortalWorld, running
from tables import Figures, make_parser

from devkit.console import Step

SPARE, COPY = "client from a spare", "client from the template"
SPARE_FLOOR, COPY_FLOOR = "floor: rename", "floor: copy"
DUPLICATE, INSTALL = "Odoo's own duplicate", "fresh install"
FIRST, WARM = "customer's first page", "warm page"
GOALS = (
    ("spare / its floor", SPARE, SPARE_FLOOR, {"at_most": 1.3}),
    ("template / its floor", COPY, COPY_FLOOR, {"at_most": 1.3}),
    ("fresh install / spare", INSTALL, SPARE, {"at_least": 40}),
    ("Odoo's duplicate / spare", DUPLICATE, SPARE, {"at_least": 2.5}),
    ("first page / warm page", FIRST, WARM, {"at_most": 3}),
)


def main(arguments: list[str]) -> int:
    """Measure, print the table, and write all figures as JSON; 1 when a goal is missed."""
    parser = make_parser("ready")
    parser.add_argument("--rounds", type=int, default=21)
    parser.add_argument("--installs", type=int, default=5, help="fresh installs, the slow part")
    parser.add_argument("--apps", default="", help="apps in the template, with commas")
    options = parser.parse_args(arguments)
    figures = Figures("A client is ready")
    rounds, installs = (9, 0) if options.short else (options.rounds, options.installs)
    apps = tuple(filter(None, options.apps.split(",")))
    with running(apps=apps) as world, world.managed():
        measure(world, figures, rounds, installs)
    if not installs:
        figures.notes["not measured"] = INSTALL
    for name, one, other, goal in GOALS:
        if {one, other} <= figures.times.keys():
            figures.compare(name, one, other, **goal)
    figures.print()
    figures.write(options.json)
    return 1 if figures.missed(options.margin) else 0


def measure(world: PortalWorld, figures: Figures, rounds: int, installs: int) -> None:
    """The ways take turns, so that whatever else the machine does meets all; round 0 is to warm."""
    for number in range(rounds + 1):
        with Step(f"Round {number} of {rounds}"):
            for name, way in (
                (SPARE, from_spare),
                (SPARE_FLOOR, rename_floor),
                (COPY, from_template),
                (COPY_FLOOR, copy_floor),
                (DUPLICATE, duplicate),
            ):
                world.settle()
                seconds = way(world, figures if number else None)
                if number:
                    figures.add(name, seconds)
            world.drop_left()
    for number in range(installs):
        with Step(f"Fresh install {number + 1} of {installs}"):
            figures.add(INSTALL, install(world))


def from_spare(world: PortalWorld, figures: Figures | None) -> float:
    world.keep_spares(2)
    world.settle()
    seconds = _client(world, figures)
    world.keep_spares(0)
    return seconds


def from_template(world: PortalWorld, figures: Figures | None) -> float:
    return _client(world, figures)


def _client(world: PortalWorld, figures: Figures | None) -> float:
    name = world.new_name("client")
    start = time.perf_counter()
    answer = world.create(name)
    first = world.open_page(name)
    seconds = time.perf_counter() - start
    if figures:
        figures.add(FIRST, first)
        for _number in range(3):
            figures.add(WARM, world.open_page(name))
    world.delete(answer["id"])
    return seconds


def rename_floor(world: PortalWorld, _figures) -> float:
    source, name = world.new_name("copy"), world.new_name("floor")
    world.copy(source)
    return _timed(world, name, lambda: world.rename(source, name))


def copy_floor(world: PortalWorld, _figures) -> float:
    name = world.new_name("floor")
    return _timed(world, name, lambda: world.copy(name))


def _timed(world: PortalWorld, name: str, make) -> float:
    start = time.perf_counter()
    make()
    world.identify(name)
    world.open_page_of_ours(name)
    seconds = time.perf_counter() - start
    world.drop_later(name)
    return seconds


def duplicate(world: PortalWorld, _figures) -> float:
    # Odoo duplicates only what it may connect to.
    world.let_in(TEMPLATE, True)
    name = world.new_name("duplicate")
    start = time.perf_counter()
    world.duplicate(name)
    world.open_page_of_ours(name, world.manager)
    seconds = time.perf_counter() - start
    world.drop_later(name)
    world.let_in(TEMPLATE, False)
    return seconds


def install(world: PortalWorld) -> float:
    name = world.new_name("fresh")
    start = time.perf_counter()
    world.install(name)
    world.open_page_of_ours(name)
    seconds = time.perf_counter() - start
    world.drop(name)
    return seconds
