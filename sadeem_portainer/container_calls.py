"""Results of the client's container calls, as other programs get them."""

import shlex
from collections.abc import Sequence

from odoo import api
from odoo.exceptions import UserError

from .lib.portainer_api import Container, ContainerStats, ExecResult, PortainerClient

MAX_TAIL = 1000
#: Longer texts help nobody on a screen; what is cut off is said.
MAX_TEXT = 256 * 1024
MAX_EXEC_SECONDS = 600


def act_on_task(
    env: api.Environment, client: PortainerClient, number: int, row: Container, action: str
) -> None:
    """Do to a container what a swarm, which made it, allows.

    :raises UserError: it would undo this
    """
    if action != "restart":
        raise UserError(
            env._(
                "A swarm starts and stops the containers of its services itself. Restart the"
                " container, or stop the whole stack."
            )
        )
    client.restart_service(number, row.service_id)


def split_command(env: api.Environment, command: str | Sequence[str]) -> list[str]:
    """Program and arguments. No shell reads them, neither here nor in the container."""
    if isinstance(command, str):
        try:
            argv = shlex.split(command)
        except ValueError as error:
            raise UserError(
                env._("The command cannot be read: %(reason)s.", reason=error)
            ) from error
    else:
        argv = list(command) if isinstance(command, list | tuple) else []
    if not argv or not all(isinstance(word, str) for word in argv):
        raise UserError(env._("Enter a command: a program and its arguments."))
    return argv


def check_seconds(env: api.Environment, timeout) -> float:
    if isinstance(timeout, bool) or not isinstance(timeout, int | float):
        raise UserError(env._("The timeout is a number of seconds."))
    return min(max(float(timeout), 1.0), MAX_EXEC_SECONDS)


def check_tail(env: api.Environment, tail) -> int:
    try:
        return min(max(int(tail), 1), MAX_TAIL)
    except (TypeError, ValueError) as error:
        raise UserError(
            env._("The number of lines is one from 1 to %(most)s.", most=MAX_TAIL)
        ) from error


def exec_report(result: ExecResult) -> dict:
    """``exit_code`` is False for a command that was left running."""
    return {
        "exit_code": False if result.exit_code is None else result.exit_code,
        "stdout": result.stdout,
        "stderr": result.stderr,
        "truncated": result.truncated,
    }


def stats_report(stats: ContainerStats) -> dict:
    """Sizes are floats because XML-RPC has no integers beyond 2 GiB."""
    return {
        "cpu_percent": round(stats.cpu_percent, 2),
        "cores": stats.cores,
        "memory_bytes": float(stats.memory_bytes),
        "memory_limit_bytes": float(stats.memory_limit_bytes),
        "memory_percent": round(stats.memory_percent, 2),
        "network_received_bytes": float(stats.network_received_bytes),
        "network_sent_bytes": float(stats.network_sent_bytes),
        "disk_read_bytes": float(stats.disk_read_bytes),
        "disk_written_bytes": float(stats.disk_written_bytes),
        "processes": stats.processes,
    }
