"""Freedom from the seconds of CPU that Odoo gives its workers (``limit_time_cpu``).

They are meant for requests that went wild. What a worker starts inherits them, and a program that
installs apps or packs a large database needs more.
"""

import contextlib
import resource
import subprocess
import time
from collections.abc import Iterator, Sequence


def start(command: Sequence[str], **options) -> subprocess.Popen:
    """``subprocess.Popen`` of a program that may use as much CPU time as the machine lets it."""
    process = subprocess.Popen(command, **options)
    # Set from outside: code between fork and exec is not safe beside threads.
    with contextlib.suppress(ProcessLookupError):
        _soft, hard = resource.prlimit(process.pid, resource.RLIMIT_CPU)
        resource.prlimit(process.pid, resource.RLIMIT_CPU, (hard, hard))
    return process


@contextlib.contextmanager
def unlimited() -> Iterator[None]:
    """Let this process work on; afterwards it has as much left as before."""
    soft, hard = resource.getrlimit(resource.RLIMIT_CPU)
    begun = time.process_time()
    resource.setrlimit(resource.RLIMIT_CPU, (hard, hard))
    try:
        yield
    finally:
        if soft != hard:
            used = int(time.process_time() - begun) + 1
            left = soft + used if hard == resource.RLIM_INFINITY else min(soft + used, hard)
            resource.setrlimit(resource.RLIMIT_CPU, (left, hard))
