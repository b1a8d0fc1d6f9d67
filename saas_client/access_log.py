"""Keeps health checks out of the access log, where they would drown what an operator looks for."""

import logging
import re

_HEALTHY = re.compile(r'"GET /web/health[ ?].*" 200 ')
LOGGER = logging.getLogger("werkzeug")


class HealthFilter(logging.Filter):
    """Drops the line of a health check that found nothing amiss."""

    def filter(self, record):
        return not _HEALTHY.search(record.getMessage())


def install():
    LOGGER.addFilter(HealthFilter())
