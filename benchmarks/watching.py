"""What a portal takes while it works: memory, connections to PostgreSQL, time for other people."""

import statistics
import threading
import time
from collections.abc import Callable
from pathlib import Path

from portal_world import PortalWorld
from tables import p95

from measuring import list_processes

#: Seconds between two looks.
_PAUSE = 0.25
_CONNECTIONS = "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'"


def measure_memory(world: PortalWorld) -> dict[str, float]:
    """MB of the portal's processes: their own pages whole and shared ones by share, and all."""
    sizes = {"Pss": 0, "Rss": 0}
    for pid in list_processes({world.portal.server.pid}):
        try:
            lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        except OSError:
            # It has ended since it was listed.
            continue
        for line in lines:
            name, _colon, rest = line.partition(":")
            if name in sizes:
                sizes[name] += int(rest.split()[0])
    return {f"{name.lower()}_mb": round(size / 1024, 1) for name, size in sizes.items()}


class Watch:
    """Looks on in a thread, as long as the block lasts."""

    def __init__(self, world: PortalWorld):
        self.world = world
        self.connections = self.memory = 0
        self._over = threading.Event()

    def __enter__(self):
        self._cluster = self.world.portal.cluster.connect("postgres")
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_error):
        self._over.set()
        self._thread.join()
        self._cluster.close()

    def _look(self):
        while not self._over.wait(_PAUSE):
            with self._cluster.cursor() as cursor:
                cursor.execute(_CONNECTIONS)
                # Without this one.
                self.connections = max(self.connections, cursor.fetchone()[0] - 1)
            self.memory = max(self.memory, measure_memory(self.world)["pss_mb"])


class Visitor:
    """Opens the same page again and again, as long as the block lasts; ``times`` in seconds."""

    def __init__(self, visit: Callable[[], float]):
        self.visit, self.times, self.failures = visit, [], []
        self._over = threading.Event()

    def __enter__(self):
        self._thread = threading.Thread(target=self._come_again, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_error):
        self._over.set()
        self._thread.join()

    def _come_again(self):
        while not self._over.is_set():
            try:
                self.times.append(self.visit())
            except Exception as error:
                self.failures.append(str(error)[:200])
            self._over.wait(0.05)

    def describe(self) -> dict[str, float]:
        return {
            "median_ms": round(statistics.median(self.times) * 1000, 1),
            "p95_ms": round(p95(self.times) * 1000, 1),
            "visits": len(self.times),
            "failures": len(self.failures),
        }


def timed(call: Callable[[], object]) -> float:
    """Seconds that a call takes."""
    start = time.perf_counter()
    call()
    return time.perf_counter() - start
