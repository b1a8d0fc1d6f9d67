"""Clients as Docker stacks, by way of Portainer."""

from .driver import PortainerDriver
from .fleet import Deployment, ExternalServer, Fleet, Place

__all__ = ["Deployment", "ExternalServer", "Fleet", "Place", "PortainerDriver"]
