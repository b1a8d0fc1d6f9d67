"""Installation plans as data, so that an operation can show, repeat and resume their steps.

Every command may run again: it has a check (``unless``) that tells if its work is done, or does no
harm the second time.
"""

import re
import secrets
import string
from collections.abc import Callable
from dataclasses import dataclass

from .errors import CommandFailed
from .session import SshSession

CE_IMAGE = "portainer/portainer-ce:lts"
AGENT_IMAGE = "portainer/agent:lts"
CE_NAME = "portainer"
AGENT_NAME = "portainer_agent"
_SOCKET = "/var/run/docker.sock"
_APT = (
    *("env", "DEBIAN_FRONTEND=noninteractive"),
    *("apt-get", "-q", "-o", "DPkg::Lock::Timeout=300"),
)
_INSTALL = (*_APT, "install", "-y", "--no-install-recommends")
#: Unlike apt-get, dpkg does not wait until another one has ended.
_REPAIR = (
    "sh",
    "-c",
    "for _ in $(seq 60); do"
    " said=$(DEBIAN_FRONTEND=noninteractive dpkg --configure -a 2>&1); status=$?;"
    ' case "$said" in *"lock was locked"*) echo "Another installation is running."; sleep 5 ;;'
    ' *) echo "$said"; exit $status ;; esac;'
    ' done; echo "$said"; exit 1',
)
_HAS_CLIENT = ("sh", "-c", "command -v docker")
_HAS_ENGINE = ("docker", "info")
_START_ENGINE = (
    "sh",
    "-c",
    "if [ -d /run/systemd/system ]; then systemctl enable --now docker;"
    " else service docker start; fi;"
    " for _ in $(seq 30); do docker info >/dev/null 2>&1 && exit 0; sleep 1; done; docker info",
)


@dataclass(frozen=True)
class Command:
    """A program to run as root. ``unless``: a program whose success makes it unnecessary."""

    argv: tuple[str, ...]
    unless: tuple[str, ...] = ()
    timeout: float = 120


@dataclass(frozen=True)
class Step:
    """Commands that belong together. ``name`` never changes, ``title`` is for people."""

    name: str
    title: str
    commands: tuple[Command, ...]


def run_step(
    session: SshSession, step: Step, on_output: Callable[[str], None] | None = None
) -> bool:
    """Do what a step still has to do; whether there was anything.

    :raises CommandFailed: with the last lines of the command that failed
    """
    changed = False
    for command in step.commands:
        if _is_done(session, command):
            continue
        try:
            session.run(command.argv, sudo=True, timeout=command.timeout, on_output=on_output)
        except CommandFailed:
            # A run whose connection was lost may go on over there, and have been quicker.
            if not _is_done(session, command):
                raise
        changed = True
    return changed


def _is_done(session: SshSession, command: Command) -> bool:
    if not command.unless:
        return False
    return session.run(command.unless, sudo=True, timeout=60, check=False).exit_status == 0


def docker_steps() -> list[Step]:
    """Docker from the distribution's own packages, unless the machine has one."""
    return [
        Step(
            "packages",
            "Refresh the package lists",
            (Command((*_APT, "update"), unless=_HAS_CLIENT, timeout=300),),
        ),
        Step(
            "docker",
            "Install Docker",
            (
                # What an interrupted run left half done; apt refuses to go on otherwise.
                Command(_REPAIR, unless=_HAS_ENGINE, timeout=900),
                Command((*_INSTALL, "docker.io"), unless=_HAS_CLIENT, timeout=900),
                # A package of its own from Debian 13 on.
                Command((*_INSTALL, "docker-cli"), unless=_HAS_CLIENT, timeout=300),
            ),
        ),
        Step("engine", "Start Docker", (Command(_START_ENGINE, unless=_HAS_ENGINE),)),
    ]


def agent_steps(
    image: str = AGENT_IMAGE, port: int = 9001, name: str = AGENT_NAME, address: str = ""
) -> list[Step]:
    """Docker and Portainer's agent, by which another Portainer reaches this machine.

    :param address: publish on this address of the machine only
    """
    options = (
        *_publish(port, 9001, address),
        *("-v", f"{_SOCKET}:{_SOCKET}"),
        *("-v", "/var/lib/docker/volumes:/var/lib/docker/volumes"),
    )
    return [*docker_steps(), *container_steps("agent", "Portainer's agent", name, image, options)]


def portainer_steps(
    image: str = CE_IMAGE,
    https_port: int = 9443,
    tunnel_port: int = 8000,
    name: str = CE_NAME,
    address: str = "",
    volume: str = "portainer_data",
) -> list[Step]:
    """Docker and Portainer itself, on a machine that will be a master."""
    options = (
        *_publish(https_port, 9443, address),
        *_publish(tunnel_port, 8000, address),
        *("-v", f"{_SOCKET}:{_SOCKET}"),
        *("-v", f"{volume}:/data"),
    )
    return [*docker_steps(), *container_steps("portainer", "Portainer", name, image, options)]


def container_steps(
    key: str, title: str, name: str, image: str, options: tuple[str, ...]
) -> list[Step]:
    """A container that starts with the machine; one of that name which is there is kept."""
    exists = ("docker", "container", "inspect", name)
    create = ("docker", "create", "--name", name, "--restart=always", *options, image)
    return [
        Step(
            f"{key}_image",
            f"Fetch the image of {title}",
            (
                Command(
                    ("docker", "pull", image),
                    unless=("docker", "image", "inspect", image),
                    timeout=900,
                ),
            ),
        ),
        Step(
            f"{key}_container",
            f"Run {title}",
            (Command(create, unless=exists), Command(("docker", "start", name))),
        ),
    ]


def _publish(port: int, inside: int, address: str) -> tuple[str, str]:
    return "-p", f"{address}:{int(port)}:{inside}" if address else f"{int(port)}:{inside}"


# --- Portainer's first minutes -----------------------------------------------------------


def restart_container(session: SshSession, name: str = CE_NAME) -> None:
    """Unlocks a Portainer that waited five minutes for its administrator."""
    session.run(["docker", "restart", name], sudo=True)


def read_setup_token(session: SshSession, name: str = CE_NAME) -> str:
    """The one-time token that Portainer from 2.43 on prints at its start; '' if there is none."""
    try:
        result = session.run(["docker", "logs", "--tail", "2000", name], sudo=True)
    except CommandFailed:
        return ""
    return find_setup_token(result.stdout + "\n" + result.stderr)


def read_certificate(session: SshSession, name: str = CE_NAME) -> str:
    """Portainer's certificate (PEM) by way of the machine itself; '' if it is not where expected.

    Nobody between us and Portainer can exchange it, as he could in a TLS connection.
    """
    argv = ["docker", "cp", f"{name}:/data/certs/cert.pem", "-"]
    archive = session.run(argv, sudo=True, check=False).stdout
    found = re.search(
        r"-----BEGIN CERTIFICATE-----[\w+/=\s]+-----END CERTIFICATE-----", archive, re.ASCII
    )
    return found[0] if found else ""


def find_setup_token(log: str) -> str:
    """The token of the last start."""
    found = re.findall(r"setup_token[=:]\s*[\"']?([0-9a-f]{64})\b", log)
    return found[-1] if found else ""


def generate_password(length: int = 14) -> str:
    """A password with small and capital letters and digits, each as likely as any other."""
    alphabet = string.ascii_letters + string.digits
    while True:
        password = "".join(secrets.choice(alphabet) for _ in range(length))
        kinds = (str.islower, str.isupper, str.isdigit)
        if all(any(kind(character) for character in password) for kind in kinds):
            return password
