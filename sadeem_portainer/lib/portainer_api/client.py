"""A client of Portainer's HTTP API, for Community Edition 2.19 to 2.45 and later."""

import time

import requests

from .containers import ContainerCalls
from .environments import EnvironmentCalls
from .stacks import StackCalls
from .swarm import SwarmCalls
from .system import SystemCalls
from .tls import TlsPolicy
from .transport import Transport


class PortainerClient(SystemCalls, EnvironmentCalls, StackCalls, ContainerCalls, SwarmCalls):
    """One Portainer server, as one access token sees it.

    Every call raises :class:`~.errors.PortainerError` and nothing else for what the server or the
    network does.

    :param base_url: ``https://host:9443``, without ``/api``
    :param token: an access token (``ptr_…``); none is needed for what comes before there is one
    :param tls: which certificate is good; verified by default
    :param timeout: seconds for an ordinary call
    :param deploy_timeout: seconds for a deployment, pulling images included
    """

    def __init__(
        self,
        base_url: str,
        token: str = "",
        *,
        tls: TlsPolicy | None = None,
        timeout: float = 30,
        deploy_timeout: float = 900,
        session: requests.Session | None = None,
        clock=time.monotonic,
        sleep=time.sleep,
    ):
        self._transport = Transport(base_url, token, tls, timeout, session, clock, sleep)
        self.deploy_timeout = deploy_timeout
        self._nodes = {}

    def close(self) -> None:
        self._transport.close()

    def __enter__(self) -> "PortainerClient":
        return self

    def __exit__(self, *_error) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"PortainerClient({self.server!r})"
