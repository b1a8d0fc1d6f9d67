"""Keeps secrets that clients wrongly put into addresses out of the access log."""

import logging
import re

_SECRET = re.compile(
    r"((?:^|[?&;])(?:password|passwd|pwd|access[_-]token|token|api[_-]?key)=)[^&;\s\"]*",
    re.IGNORECASE,
)
_OURS = ("/api/", "/rest/sky/")
LOGGER = logging.getLogger("werkzeug")


class SecretsFilter(logging.Filter):
    """Masks the values of parameters with secret names in requests to our addresses."""

    def filter(self, record):
        if isinstance(record.args, tuple):
            record.args = tuple(_masked(argument) for argument in record.args)
        return True


def _masked(argument):
    if isinstance(argument, str) and "=" in argument and any(part in argument for part in _OURS):
        return _SECRET.sub(r"\1***", argument)
    return argument


_FILTER = SecretsFilter()


def install():
    LOGGER.addFilter(_FILTER)


def remove():
    LOGGER.removeFilter(_FILTER)
