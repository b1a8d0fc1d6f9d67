"""Clients as Docker stacks, by way of Portainer."""

from .agent_calls import LIMIT_PARAMETER, LIMITS
from .driver import PortainerDriver
from .failures import PortRefused
from .fleet import Deployment, ExternalServer, Fleet, Place

__all__ = [
    "LIMITS",
    "LIMIT_PARAMETER",
    "Deployment",
    "ExternalServer",
    "Fleet",
    "Place",
    "PortRefused",
    "PortainerDriver",
]
