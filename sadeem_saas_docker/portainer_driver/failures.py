"""What Portainer complains of, as the errors of drivers."""

import contextlib
import re
from collections.abc import Iterator

from docker.errors import DockerException

from odoo.addons.saas_portal.lib.saas_driver import (
    DriverError,
    DriverNotFound,
    DriverRejected,
    DriverUnavailable,
)
from odoo.addons.sadeem_portainer.lib import portainer_api
from odoo.addons.sadeem_portainer.lib.portainer_api import PortainerClient, PortainerError
from odoo.addons.sadeem_portainer.stack_calls import Target

from .fleet import Place

#: The first that fits. What is none of these is worth another try.
_KINDS = (
    (portainer_api.NoSuchRoute, DriverRejected),
    (portainer_api.NotFound, DriverNotFound),
    (portainer_api.Unauthorized, DriverRejected),
    (portainer_api.Forbidden, DriverRejected),
    (portainer_api.UntrustedCertificate, DriverRejected),
    (portainer_api.InvalidRequest, DriverRejected),
    (portainer_api.Conflict, DriverRejected),
    (portainer_api.DeployFailed, DriverRejected),
)
#: What ends by itself, or by the operator's help, and does not come of what was asked for.
_PASSING = (
    "no space left on device",
    # Compose's words for an engine that is down or ended in between.
    "cannot connect to the docker daemon",
    "error during connect",
    "unexpected eof",
    "connection reset by peer",
)
#: How engines tell that they do not get a port of their host, by age and kind.
_REFUSED_PORT = re.compile(
    r"listen (?:tcp|udp)[46]? \S*:(?P<listen>\d+): bind: address already in use"
    r"|Bind for \S*:(?P<bind>\d+) failed: port is already allocated"
    r"|failed to bind host port (?:for )?\S*?:(?P<host>\d+)(?::\S*)?/\w+: address already in use"
    r"|port '(?P<swarm>\d+)' is already in use by service"
)


class PortRefused(DriverRejected):
    """Something else on the host has the port that the stack was to publish."""

    def __init__(self, text: str, port: int):
        self.port = port
        super().__init__(text)


def find_refused_port(text: str) -> int:
    """The port of the host that an engine complains of, 0 if it complains of none."""
    found = _REFUSED_PORT.search(text)
    return int(next(filter(None, found.groups()))) if found else 0


@contextlib.contextmanager
def talking(place: Place, about: str, target: Target | None = None) -> Iterator[PortainerClient]:
    """The API of a place; what goes wrong in it names the client or template ``about``.

    :param target: whose variables no complaint may hold
    """
    try:
        with place.portainer() as client:
            yield client
    except PortainerError as error:
        conceal = target.without_secrets if target else str
        if port := find_refused_port(str(error)):
            reason = conceal(error.reason)
            raise PortRefused(
                f"{about}: something else on the host of {place.name} has the port {port}. End"
                f" that, then try again. {error.server} said: {reason}.",
                port,
            ) from error
        kind, text = _judge(error)
        raise kind(conceal(f"{about}: {text}")) from error
    except DockerException as error:
        # Of the few calls that Portainer's client leaves to Docker's.
        reason = f"the Docker host of {place.name} failed: {type(error).__name__}"
        raise DriverUnavailable(f"{about}: {reason}. Try again.") from error


def _judge(error: PortainerError) -> tuple[type[DriverError], str]:
    text = str(error)
    if any(words in text.lower() for words in _PASSING):
        # What was asked for is right, whatever the hint says.
        hint = "Docker on that host was down, or its disk is full: try again."
        return DriverUnavailable, f"{error.server} could not {error.action}: {error.reason}. {hint}"
    kinds = (kind for cls, kind in _KINDS if isinstance(error, cls))
    return next(kinds, DriverUnavailable), text
