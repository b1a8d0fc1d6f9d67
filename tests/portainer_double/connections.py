"""Things done to a client's connection that a web framework does not foresee."""

import contextlib
import select
import socket
import struct
import time


def swallow(client, seconds=3600):
    """Reads and forgets until the client goes away."""
    deadline = time.monotonic() + seconds
    with contextlib.suppress(OSError, ValueError):
        while time.monotonic() < deadline:
            if select.select([client], [], [], 0.2)[0] and not client.recv(4096):
                return


def reset(client):
    """Ends the connection at once, the way a crash does."""
    with contextlib.suppress(OSError):
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    with contextlib.suppress(OSError):
        client.shutdown(socket.SHUT_RDWR)
