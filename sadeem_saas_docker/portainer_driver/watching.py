"""Tells containers that take their time from those that will never run."""

import contextlib
import time
from collections.abc import Callable

from odoo.addons.sadeem_portainer.lib.portainer_api import PortainerClient, PortainerError

#: Restarts while somebody waits, and seconds of a bad state, after which there is no use in it.
#: A container that only misses PostgreSQL restarts once a minute.
RESTARTS, SECONDS = 4, 12
_BAD = ("exited", "restarting", "dead")


class Watch:
    """Looks at a container now and again while something is expected of it."""

    def __init__(
        self,
        client: PortainerClient,
        environment_id: int,
        container: str,
        clock: Callable[[], float] = time.monotonic,
    ):
        self._look = lambda: client.get_container(environment_id, container)
        self._clock = clock
        self._restarts: int | None = None
        self._bad_since: float | None = None

    def find_failure(self) -> str:
        """Why nothing will come of the container, '' while that is not known."""
        with contextlib.suppress(PortainerError):
            return self._judge(self._look())
        # Whoever cannot look has no reason to give up.
        return ""

    def _judge(self, details) -> str:
        if self._restarts is None:
            self._restarts = details.restart_count
        if details.restart_count - self._restarts >= RESTARTS:
            return f"it ends and starts again and again, with status {details.exit_code}"
        if details.state not in _BAD and details.health != "unhealthy":
            self._bad_since = None
            return ""
        now = self._clock()
        self._bad_since = now if self._bad_since is None else self._bad_since
        if now - self._bad_since < SECONDS:
            return ""
        state = "unhealthy" if details.is_running else details.state
        return f"it stays {state}, with status {details.exit_code}"
