"""Machines reached by SSH: commands, what a machine has, and how Portainer gets onto it."""

from .errors import (
    AuthenticationFailed,
    CommandFailed,
    CommandTimedOut,
    HostKeyChanged,
    SshError,
    Unavailable,
)
from .facts import HostFacts, parse_probe, probe
from .install import (
    AGENT_IMAGE,
    AGENT_NAME,
    CE_IMAGE,
    CE_NAME,
    Command,
    Step,
    agent_steps,
    container_steps,
    docker_steps,
    find_setup_token,
    generate_password,
    portainer_steps,
    read_certificate,
    read_setup_token,
    restart_container,
    run_step,
)
from .keys import fetch_host_key, fingerprint, read_private_key
from .output import LiveOutput
from .session import CommandResult, SshSession

__all__ = [
    "AGENT_IMAGE",
    "AGENT_NAME",
    "CE_IMAGE",
    "CE_NAME",
    "AuthenticationFailed",
    "Command",
    "CommandFailed",
    "CommandResult",
    "CommandTimedOut",
    "HostFacts",
    "HostKeyChanged",
    "LiveOutput",
    "SshError",
    "SshSession",
    "Step",
    "Unavailable",
    "agent_steps",
    "container_steps",
    "docker_steps",
    "fetch_host_key",
    "find_setup_token",
    "fingerprint",
    "generate_password",
    "parse_probe",
    "portainer_steps",
    "probe",
    "read_certificate",
    "read_private_key",
    "read_setup_token",
    "restart_container",
    "run_step",
]
