"""How long a login is locked after failures."""

FREE_FAILURES = 5
FIRST_LOCK = 60
MAX_LOCK = 900


def lock_seconds(failures: int) -> int:
    """Seconds to wait after so many failures in a row: a minute after five, then doubling."""
    if failures < FREE_FAILURES:
        return 0
    return min(FIRST_LOCK * 2 ** min(failures - FREE_FAILURES, 10), MAX_LOCK)
