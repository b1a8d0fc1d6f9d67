"""Failed logins to databases that do not exist, counted for all processes of a server.

Existing databases count in a table of theirs. Without the same for all other names, the sixth
wrong password would tell which names exist.
"""

import hashlib
import mmap
import struct
import time
from collections.abc import Callable

from .login_delays import MAX_LOCK, lock_seconds

_SLOTS = 4096
_SLOT = struct.Struct("<IdI")


class SharedThrottle:
    """Must be made before the server's processes part: they share its memory.

    Updates at the same moment may lose a count, and two names may share a slot: what is counted
    are guesses, and nobody else is hindered.
    """

    def __init__(self, clock: Callable[[], float] = time.time):
        self._clock = clock
        self._memory = mmap.mmap(-1, _SLOTS * _SLOT.size)

    def wait(self, key: str) -> float:
        """Seconds for which this key is locked."""
        _failures, locked_until, _last = self._read(key)
        return max(0.0, locked_until - self._clock())

    def fail(self, key: str) -> None:
        """Counts a failure."""
        now = self._clock()
        failures, locked_until, last = self._read(key)
        if max(last, locked_until) < now - MAX_LOCK:
            failures = 0
        failures += 1
        lock = lock_seconds(failures)
        self._write(key, failures, now + lock if lock else 0.0, int(now))

    def _offset(self, key: str) -> int:
        digest = hashlib.sha256(key.encode("utf-8", "replace")).digest()
        return int.from_bytes(digest[:4], "big") % _SLOTS * _SLOT.size

    def _read(self, key: str) -> tuple[int, float, int]:
        return _SLOT.unpack_from(self._memory, self._offset(key))

    def _write(self, key: str, *values) -> None:
        _SLOT.pack_into(self._memory, self._offset(key), *values)
