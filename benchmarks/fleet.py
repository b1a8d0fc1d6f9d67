"""What looks at all clients, with a hundred of them and with a thousand: time and statements.

Lists, boards and pages ask as the web client does; the passes are those of the scheduled actions.
The two portals take turns in one process. A pass may take ten times as long for ten times as many,
with the same number of statements for each; what is only read may not take more statements at all.
In the full form, the statistics are also read of real databases.
"""

import contextlib
import shutil
import statistics
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from portal_world import INSTALLED, get_unserved
from tables import Figures, make_parser

from devkit import odoo
from devkit.cluster import Cluster, throw_away_cluster
from devkit.console import Failure, Step
from devkit.paths import ROOT
from devkit.ports import free_port
from harness import Portal

SMALL, LARGE, FEW, MANY = "fleet-small", "fleet-large", "fleet-few", "fleet-many"
MODEL = "fleet-model.localhost"
SCRIPT = """
import json, sys
sys.path.insert(0, {folder!r})
import fleet_inside
print(json.dumps(fleet_inside.run({small!r}, {large!r}, {rounds!r}, {real!r})))
"""


def main(arguments: list[str]) -> int:
    """Measure, print the tables, and write all figures as JSON; 1 when a goal is missed."""
    parser = make_parser("fleet")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--clients", type=int, default=1000, help="in the large portal")
    parser.add_argument("--databases", type=int, default=100, help="real ones; 0: none")
    options = parser.parse_args(arguments)
    if options.short:
        options.rounds, options.clients, options.databases = 5, 300, 0
    figures = Figures("All clients at once")
    with prepared(options.short) as world:
        found = world.measure(options.clients, options.rounds, options.databases)
    judge(figures, found, options.clients)
    if options.databases:
        judge_real(figures, found["real"], options.databases)
    figures.print()
    figures.write(options.json)
    return 1 if figures.missed(options.margin) else 0


class World:
    """Two portals that differ in nothing but the number of their clients."""

    def __init__(self, cluster: Cluster, folder: Path):
        self.cluster, self.folder = cluster, folder
        port = free_port(8660)
        self.conf = odoo.write_conf(
            folder / "odoo.conf",
            cluster,
            data_dir=folder / "data",
            http_port=port,
            gevent_port=free_port(port + 1),
            max_cron_threads=0,
            saas_secret_key=odoo.fernet_key(),
        )
        self.files = folder / "data" / "filestore"

    def install(self) -> None:
        with Step("Making the portal"):
            log = self.folder / "install.log"
            odoo.install(self.conf, self.cluster, SMALL, ["saas_portal"], log)

    def copy_installed(self, portal: Portal) -> None:
        """The same, from what another part of the run has installed."""
        shutil.copytree(portal.filestore(portal.name), self.files / INSTALLED)
        self._copy(INSTALLED, SMALL)

    def measure(self, clients: int, rounds: int, databases: int) -> dict:
        real = []
        self._copy(SMALL, LARGE)
        if databases:
            with Step(f"Copying {databases} databases"):
                self._make_databases(databases)
            real = [(self._copy(SMALL, FEW), databases // 10), (self._copy(SMALL, MANY), databases)]
        script = SCRIPT.format(
            folder=str(ROOT / "benchmarks"),
            small=(SMALL, clients // 10),
            large=(LARGE, clients),
            rounds=rounds,
            real=real,
        )
        with Step(f"Measuring {clients // 10} and {clients} clients"):
            return odoo.run_script(self.conf, self.cluster, SMALL, script)

    def _copy(self, source: str, name: str) -> str:
        self.cluster.query("postgres", f'CREATE DATABASE "{name}" TEMPLATE "{source}"')
        if (self.files / source).is_dir():
            shutil.copytree(self.files / source, self.files / name)
        return name

    def _make_databases(self, count: int) -> None:
        """Databases that the records of the fleet tell of, each with Odoo in it."""
        log = self.folder / "model.log"
        odoo.install(self.conf, self.cluster, MODEL, ["saas_client"], log)
        for number in range(1, count + 1):
            name = self._copy(MODEL, f"fleet-{number}.localhost")
            mark = f'{{"saas_client": "fleet-key-{number}"}}'
            self.cluster.query("postgres", f"COMMENT ON DATABASE \"{name}\" IS '{mark}'")


@contextmanager
def prepared(short: bool) -> Iterator[World]:
    shared = get_unserved() if short else None
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        if shared:
            world = World(shared.portal.cluster, folder)
            world.copy_installed(shared.portal)
        else:
            world = World(stack.enter_context(throw_away_cluster("bench")), folder)
            world.install()
        yield world


def judge(figures: Figures, found: dict, clients: int) -> None:
    """Times and statements of reads and passes; the driver answers from memory."""
    few, many = str(clients // 10), str(clients)
    rows = []
    for name, by_count in {**found["reads"], **found["passes"]}.items():
        is_pass = name in found["passes"]
        row = summarise(figures, name, by_count, few, many)
        rows.append(row)
        figures.compare(f"{name}: time", f"{name}, {many}", f"{name}, {few}", at_most=10)
        if is_pass and name != "spares are kept":
            # What is there anyway weighs less for each of many.
            growth = row["statements each"][1] / row["statements each"][0]
            figures.ratio(f"{name}: statements each", growth, at_most=1)
        else:
            growth = row["statements"][1] / row["statements"][0]
            # A page that is not full, or nothing that was read ahead, saves one or two.
            figures.ratio(f"{name}: statements", growth, at_most=1.4)
    print_table("servers that answer from memory", few, many, rows)
    figures.notes["statements"] = {row["name"]: row["statements"] for row in rows}


def summarise(figures: Figures, name: str, by_count: dict, few: str, many: str) -> dict:
    row = {"name": name, "statements": [], "statements each": [], "ms": []}
    for count in (few, many):
        for seconds, *_rest in by_count[count]:
            figures.add(f"{name}, {count}", seconds)
        statements = statistics.median(each[1] for each in by_count[count])
        row["statements"].append(statements)
        subjects = by_count[count][0][2] if len(by_count[count][0]) > 2 else 1
        row["statements each"].append(statements / subjects)
        row["ms"].append(figures.median(f"{name}, {count}") * 1000)
    return row


def judge_real(figures: Figures, real: dict, databases: int) -> None:
    """The statistics of databases that exist; none may be loaded, nor hold connections."""
    few, many, name = str(databases // 10), str(databases), "statistics of databases"
    row = summarise(figures, name, real["figures"], few, many)
    print_table("real databases", few, many, [row])
    figures.compare(f"{name}: time", f"{name}, {many}", f"{name}, {few}", at_most=10)
    connections = real["connections"]
    figures.ratio(f"{name}: connections", connections[many] / connections[few], at_most=1)
    for key in ("connections", "memory_kb", "read", "loaded"):
        figures.notes[f"{name}, {key}"] = real[key]
    if real["loaded"]:
        raise Failure(f"Registries of clients were loaded: {', '.join(real['loaded'])}")


def print_table(title: str, few: str, many: str, rows: list[dict]) -> None:
    print(f"\n{title}: {few} and {many} clients\n")
    print(f"{'':26} {'statements':>15} {'for each':>13} {'ms':>19} {'growth':>7}")
    for row in rows:
        one, other = row["statements"]
        each = " ".join(f"{value:6.2f}" for value in row["statements each"])
        each = each if row["statements each"] != row["statements"] else ""
        first, second = row["ms"]
        print(
            f"{row['name']:26} {one:7.0f} {other:7.0f} {each:>13}"
            f" {first:9.1f} {second:9.1f} {second / first:7.2f}"
        )
