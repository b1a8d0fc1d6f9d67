"""What Portainer complains of, as the errors of drivers."""

import contextlib
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
_FULL_DISK = "no space left on device"


@contextlib.contextmanager
def talking(place: Place, about: str, target: Target | None = None) -> Iterator[PortainerClient]:
    """The API of a place; what goes wrong in it names the client or template ``about``.

    :param target: whose variables no complaint may hold
    """
    try:
        with place.portainer() as client:
            yield client
    except PortainerError as error:
        text = f"{about}: {error}"
        raise _kind(error)(target.without_secrets(text) if target else text) from error
    except DockerException as error:
        # Of the few calls that Portainer's client leaves to Docker's.
        reason = f"the Docker host of {place.name} failed: {type(error).__name__}"
        raise DriverUnavailable(f"{about}: {reason}. Try again.") from error


def _kind(error: PortainerError) -> type[DriverError]:
    if _FULL_DISK in str(error).lower():
        return DriverUnavailable
    return next((kind for cls, kind in _KINDS if isinstance(error, cls)), DriverUnavailable)
