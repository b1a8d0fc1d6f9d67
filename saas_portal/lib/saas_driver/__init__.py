"""Where clients live: one small interface, and one class for each kind of server."""

from .base import Driver, SpareKeeper, UsageReader, read_usages
from .errors import (
    DriverError,
    DriverNotFound,
    DriverRejected,
    DriverUnavailable,
    ServerUnavailable,
)
from .local import LocalDriver
from .local_backup import check_archive
from .types import (
    ClientRef,
    ClientSpec,
    ClientStatus,
    Identity,
    Owner,
    Setup,
    Spare,
    TemplateSpec,
    Usage,
)

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
    "Owner",
    "ServerUnavailable",
    "Setup",
    "Spare",
    "SpareKeeper",
    "TemplateSpec",
    "Usage",
    "UsageReader",
    "check_archive",
    "read_usages",
]
