"""TCP ports of the loopback interface."""

import socket

from .console import Failure


def is_free(port, interface="127.0.0.1"):
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((interface, port))
        except OSError:
            return False
    return True


def free_port(first, taken=()):
    """The first free port from `first` on, outside `taken`."""
    for port in range(first, first + 500):
        if port not in taken and is_free(port):
            return port
    raise Failure(f"no free TCP port between {first} and {first + 500}")
