"""How many requests somebody has left in the current minute.

The count is kept elsewhere, in a place that all processes share; here are the units that this
process has leased from it, so that most requests need not ask there.
"""

import threading
import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass

WINDOW = 60
#: The part of a window whose units are leased at once, 1 / 60: those of a second.
LEASES = 60
MAX_KEYS = 20_000


@dataclass(frozen=True)
class Rate:
    """The state after a request: of ``limit`` in a window, ``remaining`` for ``reset`` seconds."""

    limit: int
    remaining: int
    reset: int
    allowed: bool = True


@dataclass(frozen=True)
class Grant:
    """What was leased: ``granted`` units, of which ``used`` are gone, for ``seconds`` from now."""

    granted: int
    used: int
    seconds: float


@dataclass
class _Lease:
    left: int
    shared_left: int
    end: float


class Limiter:
    """Counts down; ``clock`` gives seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic):
        self._clock = clock
        self._lock = threading.Lock()
        self._leases: dict[Hashable, _Lease] = {}

    def take(self, key: Hashable, limit: int, lease: Callable[[int], Grant]) -> Rate:
        """Uses one unit of ``key``.

        :param lease: gets up to that many units from the shared count; what it raises goes through
        """
        key = (key, limit)
        rate = self._take_leased(key, limit)
        if rate is None:
            self._add(key, limit, lease(self._size(key, limit)))
            rate = self._take_leased(key, limit)
        return rate or Rate(limit, 0, WINDOW, allowed=False)

    def _size(self, key: Hashable, limit: int) -> int:
        """What comes in a second, and less near the end, where others wait for what is left."""
        with self._lock:
            known = self._leases.get(key)
        left = limit if known is None or known.end <= self._clock() else known.shared_left
        return max(1, min(limit // LEASES, left // 20))

    def _take_leased(self, key: Hashable, limit: int) -> Rate | None:
        now = self._clock()
        with self._lock:
            lease = self._leases.get(key)
            if lease is None or lease.end <= now:
                return None
            reset = max(1, round(lease.end - now))
            if lease.left > 0:
                lease.left -= 1
                return Rate(limit, lease.left + lease.shared_left, reset)
            if lease.shared_left <= 0:
                return Rate(limit, 0, reset, allowed=False)
            return None

    def _add(self, key: Hashable, limit: int, grant: Grant) -> None:
        now = self._clock()
        with self._lock:
            if len(self._leases) >= MAX_KEYS:
                self._leases = {k: v for k, v in self._leases.items() if v.end > now}
            left = grant.granted
            known = self._leases.get(key)
            end = now + grant.seconds
            if known and known.end > now and abs(known.end - end) < 1:
                left += known.left
            self._leases[key] = _Lease(left, max(0, limit - grant.used), end)


def headers(rate: Rate, policy: str = "token") -> dict[str, str]:
    """Both families of headers that clients know."""
    reset = str(rate.reset)
    return {
        "RateLimit-Policy": f'"{policy}";q={rate.limit};w={WINDOW}',
        "RateLimit": f'"{policy}";r={rate.remaining};t={reset}',
        "X-RateLimit-Limit": str(rate.limit),
        "X-RateLimit-Remaining": str(rate.remaining),
        "X-RateLimit-Reset": reset,
    }
