"""What the driver asks of whoever knows where clients belong: the portal's records, or a test."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Protocol

from odoo.addons.saas_portal.lib.saas_driver import ClientRef, TemplateSpec
from odoo.addons.sadeem_portainer.lib.portainer_api import PortainerClient
from odoo.addons.sadeem_portainer.stack_calls import Target


@dataclass(frozen=True)
class Place:
    """A Docker host behind a Portainer.

    :param portainer: opens the API of the Portainer; may raise what the API raises
    :param environment_id: the host's number there
    :param host: address at which the ports that stacks publish answer
    :param name: what the operator calls the environment, for complaints
    """

    portainer: Callable[[], AbstractContextManager[PortainerClient]]
    environment_id: int
    host: str
    name: str = ""


@dataclass(frozen=True)
class ExternalServer:
    """A PostgreSQL server that clients share, as its administrator reaches it from the portal.

    ``role`` and ``role_password`` are the client's; its container has them too. ``sessions``: how
    many the role may have at once, so that no client takes all of the server's.
    """

    host: str
    port: int
    user: str
    password: str = field(repr=False)
    role: str = ""
    role_password: str = field(default="", repr=False)
    sslmode: str = "prefer"
    name: str = ""
    sessions: int = 40


@dataclass(frozen=True)
class Deployment:
    """The stack that a client is, or should be.

    ``target`` holds the compose text and variables for the name of the :class:`ClientRef` that
    was asked about. ``containers``: services that must run, Odoo's first. ``external`` is None
    when PostgreSQL is a service of the stack. ``settled``: this text was deployed to the end once;
    otherwise the server may have it although its containers are still those of another one.
    ``storage_mb``: what it may hold by its plan; 0 is unlimited.
    """

    place: Place
    target: Target
    containers: tuple[str, ...] = ("odoo", "db")
    external: ExternalServer | None = None
    settled: bool = True
    storage_mb: int = 0

    @property
    def odoo(self) -> str:
        """The service in which the agent is."""
        return self.containers[0]


class Fleet(Protocol):
    """Which client belongs where. Every method may be called at any time, from any thread."""

    def deployment(self, ref: ClientRef) -> Deployment:  # pylint: disable=method-required-super
        """The stack of the client ``ref.key``, with ``ref.name`` as its host name.

        :raises DriverNotFound: the portal knows no place for it
        """

    def standing(self, ref: ClientRef) -> Deployment:
        """The stack as it was last settled, for what needs no new text: its name does not count.

        :raises DriverNotFound: the portal knows no place for it
        """

    def builder(self, spec: TemplateSpec) -> Deployment:
        """A stack in which to build a template; removed afterwards with its volumes."""

    def places(self) -> list[Place]:
        """All environments in which clients of this server may be."""
