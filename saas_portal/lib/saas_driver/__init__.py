"""Where clients live: one small interface, and one class for each kind of server."""

from .base import Driver, SpareKeeper
from .errors import DriverError, DriverNotFound, DriverRejected, DriverUnavailable
from .local import LocalDriver
from .local_backup import check_archive
from .types import ClientRef, ClientSpec, ClientStatus, Identity, Spare, TemplateSpec, Usage

__all__ = [
    "ClientRef",
    "ClientSpec",
    "ClientStatus",
    "Driver",
    "DriverError",
    "DriverNotFound",
    "DriverRejected",
    "DriverUnavailable",
    "Identity",
    "LocalDriver",
    "Spare",
    "SpareKeeper",
    "TemplateSpec",
    "Usage",
    "check_archive",
]
