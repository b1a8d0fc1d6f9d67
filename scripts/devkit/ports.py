"""TCP ports of this machine."""

import fcntl
import os
import socket
import tempfile
from pathlib import Path

from .console import Failure

#: port → file whose lock says that this process has been given it; open while it lives.
_claims = {}


def is_free(port, interface="127.0.0.1"):
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((interface, port))
        except OSError:
            return False
    return True


def free_port(first, taken=(), interface="127.0.0.1"):
    """The first free port from `first` on, outside `taken`; no other process is given it too.

    From 32768 on, Linux takes ports for connections as it likes: `first` is well below.
    """
    for port in range(first, first + 500):
        if port not in taken and is_free(port, interface) and _claim(port):
            return port
    raise Failure(f"no free TCP port between {first} and {first + 500}")


def _claim(port):
    """Whether the port is ours: test runs side by side look for ports before they use them."""
    if port in _claims:
        return True
    folder = Path(tempfile.gettempdir(), f"saas-dev-ports-{os.getuid()}")
    folder.mkdir(mode=0o700, exist_ok=True)
    claim = os.open(folder / str(port), os.O_CREAT | os.O_WRONLY, 0o600)
    try:
        fcntl.flock(claim, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(claim)
        return False
    _claims[port] = claim
    return True
