"""From a container that has just been started to a Portainer that obeys an access token.

Everything here may be interrupted and done again.
"""

import hashlib
import ssl
import time
from dataclasses import dataclass

from .lib.portainer_api import (
    Conflict,
    Environment,
    Locked,
    PortainerClient,
    ServerFailed,
    TlsPolicy,
    Unauthorized,
    UnknownOutcome,
    fetch_fingerprint,
)
from .lib.root_ssh import SshSession, read_certificate, read_setup_token, restart_container

ADMIN = "admin"
LOCAL_SOCKET = "unix:///var/run/docker.sock"
#: An agent that was started a moment ago does not listen yet; seconds.
_AGENT_PATIENCE = 30


@dataclass(frozen=True)
class Fresh:
    """What a Portainer says of itself before anybody logs in."""

    version: str
    version_info: tuple[int, ...]
    fingerprint: str
    has_admin: bool


def meet(session: SshSession, link: str) -> Fresh:
    """Wait until Portainer answers, and learn by which certificate it is known.

    :raises CertificateChanged: when what answers at the address is not what runs on the machine
    """
    _wait(link)
    fingerprint = _fingerprint(read_certificate(session)) or fetch_fingerprint(link)
    with PortainerClient(link, tls=TlsPolicy.pinned(fingerprint)) as client:
        status = client.status()
        try:
            has_admin = client.admin_exists()
        except Locked:
            _unlock(session, link)
            has_admin = client.admin_exists()
    return Fresh(status.version, status.version_info, fingerprint, has_admin)


def _fingerprint(certificate: str) -> str:
    if not certificate:
        return ""
    digest = hashlib.sha256(ssl.PEM_cert_to_DER_cert(certificate)).hexdigest()
    return TlsPolicy.pinned(digest).fingerprint


def _wait(link: str) -> None:
    # Nothing is sent or believed here. What is just starting may take a connection and be silent.
    with PortainerClient(link, tls=TlsPolicy.insecure(), timeout=3) as client:
        client.wait_until_ready()


def _unlock(session: SshSession, link: str) -> None:
    """Five minutes without an administrator lock Portainer until it is started again."""
    restart_container(session)
    _wait(link)


def ensure_admin(session: SshSession, client: PortainerClient, password: str) -> None:
    """Make the administrator; one who is there, perhaps by our own doing, stays as he is."""
    try:
        _make_admin(session, client, password)
    except Locked:
        _unlock(session, client.server)
        _make_admin(session, client, password)


def _make_admin(session: SshSession, client: PortainerClient, password: str) -> None:
    try:
        client.init_admin(ADMIN, password, read_setup_token(session) or None)
    except Conflict:
        return
    except UnknownOutcome:
        if not client.admin_exists():
            raise


def is_admins_token(client: PortainerClient) -> bool:
    try:
        return client.me().is_admin
    except Unauthorized:
        return False


def make_token(client: PortainerClient, password: str, name: str, ours: str) -> str | None:
    """A new access token; None when the password is not the administrator's.

    Only one of ours is alive afterwards: one that was made and got lost on the way is deleted.

    :param ours: what the names of all our tokens begin with
    """
    try:
        jwt = client.login(ADMIN, password)
    except Unauthorized:
        return None
    user = client.me(jwt)
    for key in client.list_api_keys(user.id, jwt):
        if key.description.startswith(ours):
            client.delete_api_key(user.id, key.id, jwt)
    return client.create_api_key(jwt, password, name).raw


def ensure_local_environment(client: PortainerClient) -> bool:
    """Whether the machine's own Docker had to be connected."""
    if any(environment.url == LOCAL_SOCKET for environment in client.list_environments()):
        return False
    client.create_environment("local")
    return True


def ensure_agent_environment(
    client: PortainerClient, name: str, url: str, clock=time.monotonic, sleep=time.sleep
) -> tuple[Environment, list[Environment]]:
    """The environment that leads to an agent, and all that there are then.

    :raises Conflict: when the name is that of another machine's environment
    """
    deadline = clock() + _AGENT_PATIENCE
    while not (found := _find_by_url(client, url)):
        try:
            client.create_environment(name, url, kind="agent")
        except Conflict as error:
            raise Conflict(
                error.server, error.action, "another machine has this name", "Choose another one."
            ) from error
        except UnknownOutcome:
            if not _find_by_url(client, url):
                raise
        except ServerFailed:
            if clock() >= deadline:
                raise
            sleep(2)
    environments = client.list_environments(snapshots=True)
    return found, environments


def _find_by_url(client: PortainerClient, url: str) -> Environment | None:
    return next((each for each in client.list_environments() if each.url == url), None)
