"""What the REST layer costs, beside Odoo's own ways to read the same records.

Figures of one run are compared with each other, never with those of another run.
"""

import itertools
import json
import platform
import statistics
import tempfile
import time
import xmlrpc.client
from pathlib import Path
from urllib.parse import urlencode

from tables import judge, make_parser

from devkit.benchmarks import describe_goal, is_missed
from devkit.cluster import throw_away_cluster
from devkit.console import Step
from measuring import Call, Cost, Meter, take_turns
from world import DATABASE, KNOWN, PASSWORD, TOKENS, World

FIELDS = ["id", "name", "email", "city", "ref", "country_id"]
LIMITS = (1, 80, 1000)
BATCH = 50
#: what is compared: the ratio that it shall not exceed
TARGETS = {
    "rest/json2 limit 1": 0.75,
    "rest/json2 limit 80": 0.85,
    "rest/json2 limit 1000": 0.90,
    "rest/xmlrpc limit 1000": 0.80,
    "304/200 record": 0.70,
    "304/200 list 1000": 0.70,
    "cursor page 60/page 1": 1.10,
    "batch/single posts": 0.50,
    "refused logins dearest/cheapest": 1.20,
    "look-up 100000/100 tokens": 1.20,
    **{f"limiter, audit, ETag in limit {limit}": 0.08 for limit in LIMITS},
}


class Rest:
    """The calls that are measured."""

    def __init__(self, world: World):
        self.rest_headers = {
            "Authorization": f"Bearer {world.token}",
            "X-Odoo-Database": DATABASE,
        }
        self.json_headers = {
            "Authorization": f"Bearer {world.key}",
            "X-Odoo-Database": DATABASE,
            "Content-Type": "application/json",
        }

    def json2(self, limit: int) -> Call:
        body = {
            "domain": [["is_company", "=", True]],
            "fields": FIELDS,
            "order": "id",
            "limit": limit,
        }
        return Call(
            "json2",
            "POST",
            "/json/2/res.partner/search_read",
            json.dumps(body).encode(),
            self.json_headers,
            check=lambda answer: _rows(json.loads(answer)),
        )

    def xmlrpc(self, limit: int) -> Call:
        arguments = (
            DATABASE,
            2,
            PASSWORD,
            "res.partner",
            "search_read",
            [[["is_company", "=", True]]],
            {"fields": FIELDS, "order": "id", "limit": limit},
        )
        return Call(
            "xmlrpc",
            "POST",
            "/xmlrpc/2/object",
            xmlrpc.client.dumps(arguments, "execute_kw").encode(),
            {"Content-Type": "text/xml", "X-Odoo-Database": DATABASE},
            check=lambda answer: _rows(xmlrpc.client.loads(answer)[0][0]),
        )

    def rest(self, limit: int, name: str = "rest", more: str = "", **headers: str) -> Call:
        return Call(
            name,
            "GET",
            f"/api/v1/res.partner?fields={','.join(FIELDS[1:])}"
            f"&filter[is_company][eq]=true&order=id&limit={limit}{more}",
            headers=self.rest_headers | headers,
            check=lambda answer: _rows(json.loads(answer)["data"]),
        )

    def record(self, record_id: int, name: str, **headers: str) -> Call:
        return Call(
            name, "GET", f"/api/v1/res.partner/{record_id}", headers=self.rest_headers | headers
        )

    def refused(self, name: str, **credentials) -> Call:
        """A login that fails, with a body of its own each time: none is locked."""
        numbers = itertools.count()

        def body() -> bytes:
            number = next(numbers)
            fields = {"db": DATABASE, "login": f"{name}-{number}", "password": "wrong"}
            fields |= {key: value(number) for key, value in credentials.items()}
            return urlencode(fields).encode()

        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        return Call(name, "POST", "/api/auth/token", body, headers, 401)

    def changing(self, name: str, path: str, body: object, status: int, times: int = 1) -> Call:
        headers = {**self.rest_headers, "Content-Type": "application/json"}
        body = json.dumps(body).encode()
        return Call(name, "POST", f"/api/v1{path}", body, headers, status, times)


def _rows(rows: list[dict]) -> list[tuple]:
    """Records in one form, whichever way they came."""

    def relation(value):
        if isinstance(value, dict):
            return value["id"], value["display_name"]
        return tuple(value) if value else None

    return [
        (*(row[name] or None for name in FIELDS[:-1]), relation(row["country_id"])) for row in rows
    ]


class Report:
    """Collects costs and ratios, and prints them."""

    def __init__(self):
        self.rows: list[dict] = []
        self.ratios: list[dict] = []

    def add(self, shape: str, what: str, costs: dict[str, Cost]) -> None:
        for name, cost in costs.items():
            self.rows.append({"server": shape, "what": what, "call": name, **cost.as_dict()})

    def compare(self, shape: str, name: str, one: Cost, other: Cost) -> None:
        """The ratio of the CPU of two calls."""
        self.note(shape, name, one.cpu_ms / other.cpu_ms)

    def note(self, shape: str, name: str, value: float) -> None:
        self.ratios.append(judge(name, value, at_most=TARGETS.get(name), server=shape))

    def print(self) -> None:
        head = f"{'server':10} {'what':18} {'call':14} {'CPU ms':>8} {'median':>8} {'p95':>8}"
        print(f"\n{head} {'bytes':>8}")
        for row in self.rows:
            print(
                f"{row['server']:10} {row['what']:18} {row['call']:14} {row['cpu_ms']:8.2f}"
                f" {row['median_ms']:8.2f} {row['p95_ms']:8.2f} {row['bytes']:8d}"
            )
        print(f"\n{'server':10} {'ratio of CPU':34} {'value':>7} {'goal':>8}")
        for row in self.ratios:
            missed = "  missed" if row["missed"] else ""
            print(
                f"{row['server']:10} {row['name']:34} {row['value']:7.2f}"
                f" {describe_goal(row):>8}{missed}"
            )


class Benchmark:
    """All measurements on one server."""

    def __init__(self, meter: Meter, calls: Rest, report: Report, shape: str, options):
        self.meter, self.calls, self.report, self.shape = meter, calls, report, shape
        self.rounds, self.repeat = options.rounds, options.repeat

    def reading(self) -> None:
        for limit in LIMITS:
            calls = [self.calls.json2(limit), self.calls.xmlrpc(limit), self.calls.rest(limit)]
            self.meter.agree(calls)
            repeat = self.repeat if limit < 1000 else max(self.repeat // 3, 5)
            costs = self.meter.compare(calls, self.rounds, repeat)
            self.report.add(self.shape, f"limit {limit}", costs)
            for other in ("json2", "xmlrpc"):
                name = f"rest/{other} limit {limit}"
                self.report.compare(self.shape, name, costs["rest"], costs[other])

    def not_modified(self) -> None:
        record = json.loads(self.meter.send(self.calls.rest(1)))["data"][0]["id"]
        for what, make in (
            ("record", lambda name, **headers: self.calls.record(record, name, **headers)),
            ("list 1000", lambda name, **headers: self.calls.rest(1000, name, **headers)),
        ):
            whole = make("200")
            tag = self.meter.etag(whole)
            unchanged = make("304", **{"If-None-Match": tag})
            unchanged.status = 304
            costs = self.meter.compare([whole, unchanged], self.rounds, max(self.repeat // 3, 5))
            self.report.add(self.shape, what, costs)
            self.report.compare(self.shape, f"304/200 {what}", costs["304"], costs["200"])

    def paging(self) -> None:
        cursor = ""
        for _page in range(59):
            page = json.loads(self.meter.send(self.calls.rest(80, more=f"&cursor={cursor}")))
            cursor = page["meta"]["next_cursor"]
        costs = self.meter.compare(
            [
                self.calls.rest(80, "page 1", "&cursor="),
                self.calls.rest(80, "page 60", f"&cursor={cursor}"),
                self.calls.rest(80, "offset page 60", "&offset=4720"),
            ],
            self.rounds,
            self.repeat,
        )
        self.report.add(self.shape, "paging", costs)
        self.report.compare(self.shape, "cursor page 60/page 1", costs["page 60"], costs["page 1"])

    def batches(self) -> None:
        values = {"name": "Made by a benchmark"}
        operation = {"method": "POST", "path": "/res.partner", "body": values}
        batch = self.calls.changing("batch", "/batch", {"operations": [operation] * BATCH}, 200)
        single = self.calls.changing(f"{BATCH} posts", "/res.partner", values, 201, BATCH)
        for call in (batch, single):
            call.headers["Prefer"] = "return=minimal"
        costs = self.meter.compare([batch, single], self.rounds, max(self.repeat // 50, 1), 1)
        self.report.add(self.shape, f"{BATCH} creations", costs)
        self.report.compare(
            self.shape, "batch/single posts", costs["batch"], costs[f"{BATCH} posts"]
        )

    def overhead(self, world: World, workers: int) -> None:
        """The part of a page's cost that a server without these three saves."""
        with world.server(workers, bare=True) as bare:
            for limit in LIMITS:
                ways = [(self.meter, "rest"), (bare, "bare")]
                pairs = [(meter, self.calls.rest(limit, name)) for meter, name in ways]
                costs = take_turns(pairs, self.rounds, max(self.repeat // (1 + limit // 500), 5))
                self.report.add(self.shape, f"limit {limit} again", costs)
                part = 1 - costs["bare"].cpu_ms / costs["rest"].cpu_ms
                self.report.note(self.shape, f"limiter, audit, ETag in limit {limit}", part)

    def refused_logins(self) -> None:
        """Whether time tells that a login or a database is there: B18 of the contract."""
        calls = [
            self.calls.refused("wrong password", login=lambda number: f"refused-{number % KNOWN}"),
            self.calls.refused("unknown login"),
            self.calls.refused("unknown database", db=lambda number: f"ghost-{number}"),
        ]
        # Each of the known users may fail five times, that of the warm-up included.
        repeat = min((KNOWN * 5 - 1) // self.rounds, max(self.repeat // 16, 1), 6)
        costs = self.meter.compare(calls, self.rounds, repeat, 1)
        self.report.add(self.shape, "refused logins", costs)
        medians = [statistics.median(cost.clock) for cost in costs.values()]
        self.report.note(self.shape, "refused logins dearest/cheapest", max(medians) / min(medians))

    def throughput(self) -> dict[str, float]:
        """Requests a second of four callers, for pages of 80."""
        found = {}
        for call in (self.calls.json2(80), self.calls.xmlrpc(80), self.calls.rest(80)):
            found[call.name] = round(self.meter.per_second(call, 4, self.repeat * 2), 1)
        return found


def main(arguments: list[str]) -> int:
    """Measure, print tables, and write all figures as JSON; 1 when a goal is missed."""
    parser = make_parser("rest")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--repeat", type=int, default=150, help="calls of each kind in a round")
    parser.add_argument("--workers", type=int, nargs="*", default=[0, 2], help="0: threads")
    options = parser.parse_args(arguments)
    if options.short:
        options.repeat, options.workers = 16, [0]
    report, throughput = Report(), {}
    with throw_away_cluster("bench") as cluster, tempfile.TemporaryDirectory() as folder:
        with Step("Making a database with 5 000 partners"):
            world = World(cluster, Path(folder))
        for workers in options.workers:
            shape = f"workers={workers}"
            world.forget_failures()
            with world.server(workers) as meter:
                bench = Benchmark(meter, Rest(world), report, shape, options)
                parts = {
                    "reading": bench.reading,
                    "limiter, audit, ETag": lambda bench=bench, workers=workers: bench.overhead(
                        world, workers
                    ),
                    "unchanged pages": bench.not_modified,
                    "paging": bench.paging,
                    "batches": bench.batches,
                    "refused logins": bench.refused_logins,
                }
                if options.short:
                    # So few calls tell nothing about a tenth of their cost.
                    del parts["limiter, audit, ETag"]
                for name, part in parts.items():
                    with Step(f"Measuring {name} with {shape}"):
                        part()
                if not options.short:
                    throughput[shape] = bench.throughput()
        world.add_tokens()
        look_up = world.look_up()
        ratio = look_up["many"]["median_ms"] / look_up["few"]["median_ms"]
        report.note("", f"look-up {TOKENS}/100 tokens", ratio)
    report.print()
    if throughput:
        print("\nrequests a second, 4 callers, limit 80")
    for shape, found in throughput.items():
        print(f"{shape:10} " + "  ".join(f"{name} {rate}" for name, rate in found.items()))
    print(f"\nlooking up a token, among 100 and {TOKENS}, by turns\n{look_up['plan']}")
    for name in ("few", "many"):
        cost = look_up[name]
        print(f"{name:16} median {cost['median_ms']:.3f} ms, p95 {cost['p95_ms']:.3f} ms")
    options.json.parent.mkdir(parents=True, exist_ok=True)
    figures = {
        "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "python": platform.python_version(),
        "rounds": options.rounds,
        "repeat": options.repeat,
        "costs": report.rows,
        "ratios": report.ratios,
        "requests_per_second": throughput,
        "token_look_up": look_up,
    }
    options.json.write_text(json.dumps(figures, indent=1) + "\n")
    print(f"\nall figures: {options.json}")
    print(
        "The first calls after a start do not count. A part of the gain over JSON-2 at limit 1 is"
        " the slow hash of its keys: the row of limit 1000 compares the serializers."
    )
    return 1 if any(is_missed(row, options.margin) for row in report.ratios) else 0
