"""Costs of requests: CPU of the server and its database, time on the clock, bytes."""

import http.client
import os
import statistics
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")


@dataclass
class Call:
    """A request that is measured.

    :param body: or what makes a new one for each request
    :param times: so many requests count as one
    :param check: makes of the body what calls of one comparison must agree on
    """

    name: str
    method: str
    path: str
    body: bytes | Callable[[], bytes] | None = None
    headers: dict[str, str] = field(default_factory=dict)
    status: int = 200
    times: int = 1
    check: Callable[[bytes], object] | None = None


@dataclass
class Cost:
    """What one kind of request cost: milliseconds of CPU for each, and times on the clock."""

    cpu: list[float] = field(default_factory=list)
    clock: list[float] = field(default_factory=list)
    size: int = 0

    @property
    def cpu_ms(self) -> float:
        """The median of the rounds."""
        return statistics.median(self.cpu)

    def as_dict(self) -> dict[str, float]:
        ordered = sorted(self.clock)
        return {
            "cpu_ms": round(self.cpu_ms, 3),
            "median_ms": round(statistics.median(ordered), 3),
            "p95_ms": round(ordered[int(len(ordered) * 0.95)], 3),
            "bytes": self.size,
        }


class Meter:
    """Measures calls to one server.

    :param roots: the processes whose CPU counts, with all that they have started
    """

    def __init__(self, port: int, roots: Iterable[int]):
        self.port = port
        self.roots = frozenset(roots)

    def send(self, call: Call) -> bytes:
        """One request; its body."""
        return self._send(call)[0]

    def etag(self, call: Call) -> str:
        """The version that a request answers with."""
        return self._send(call)[1]

    def _send(self, call: Call) -> tuple[bytes, str]:
        # On a connection of its own, as Odoo's server closes each of them.
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        try:
            body = call.body() if callable(call.body) else call.body
            connection.request(call.method, call.path, body, call.headers)
            response = connection.getresponse()
            body = response.read()
        finally:
            connection.close()
        if response.status != call.status:
            raise RuntimeError(f"{call.name}: {response.status} {body[:500]!r}")
        return body, response.headers.get("ETag", "")

    def cpu_seconds(self) -> float:
        """CPU that the processes have used, those that have ended included."""
        stats = _read_stats()
        return sum(stats[pid][1] for pid in list_processes(self.roots, stats)) / TICKS

    def compare(
        self, calls: list[Call], rounds: int, repeat: int, warm_up: int = 5
    ) -> dict[str, Cost]:
        """Cost of calls to this server, by their names."""
        return take_turns([(self, call) for call in calls], rounds, repeat, warm_up)

    def measure(self, call: Call, cost: Cost, repeat: int) -> None:
        """Adds what ``repeat`` calls cost."""
        begin = self.cpu_seconds()
        for _number in range(repeat):
            start = time.perf_counter()
            for _time in range(call.times):
                self.send(call)
            cost.clock.append((time.perf_counter() - start) * 1000)
        cost.cpu.append((self.cpu_seconds() - begin) * 1000 / repeat)

    def agree(self, calls: list[Call]) -> None:
        """See that calls which are compared answer the same.

        :raises RuntimeError: they do not
        """
        seen = {call.name: call.check(self.send(call)) for call in calls if call.check}
        first = next(iter(seen.values()))
        for name, value in seen.items():
            if value != first:
                raise RuntimeError(f"{name} answers otherwise: {str(value)[:400]}")

    def per_second(self, call: Call, threads: int, count: int) -> float:
        """Requests a second when several callers ask at the same time."""
        begin = time.perf_counter()
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(lambda _number: self.send(call), range(count)))
        return count / (time.perf_counter() - begin)


def take_turns(
    calls: list[tuple[Meter, Call]], rounds: int, repeat: int, warm_up: int = 5
) -> dict[str, Cost]:
    """Cost of calls that take turns, so that whatever else the machine does meets all.

    The first calls of each kind, which fill caches, do not count.
    """
    costs = {call.name: Cost() for _meter, call in calls}
    for meter, call in calls:
        for _number in range(warm_up):
            costs[call.name].size = len(meter.send(call))
    for _round in range(rounds):
        for meter, call in calls:
            meter.measure(call, costs[call.name], repeat)
    return costs


def list_processes(roots: Iterable[int], stats: dict | None = None) -> set[int]:
    """These processes and all that they have started, as far as they live."""
    stats = _read_stats() if stats is None else stats
    wanted, more = set(roots), set(roots)
    while more:
        more = {pid for pid, (parent, _ticks) in stats.items() if parent in wanted} - wanted
        wanted |= more
    return wanted & stats.keys()


def _read_stats() -> dict[int, tuple[int, int]]:
    """By process: its parent, and its ticks with those of its children that have ended."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        found[int(folder.name)] = (int(fields[1]), sum(map(int, fields[11:15])))
    return found
