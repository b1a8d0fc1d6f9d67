"""A network of one's own, with nothing in it but the loopback interface."""

import ctypes
import fcntl
import socket
import struct

_CLONE_NEWNET = 0x40000000
_SIOCGIFFLAGS, _SIOCSIFFLAGS = 0x8913, 0x8914
_IFF_UP = 1
_IFREQ = "16sh14x"


def leave_network() -> bool:
    """Move this process, and all that it starts, into a network namespace of its own.

    Chromium gives up what it is asking for whenever an interface of the machine comes or goes, and
    a Docker engine beside it makes and removes some with every container.

    :return: False when the system does not let this account do so; nothing has changed then
    """
    system = ctypes.CDLL(None, use_errno=True)
    if system.unshare(_CLONE_NEWNET):
        return False
    with socket.socket() as any_socket:
        request = struct.pack(_IFREQ, b"lo", 0)
        flags = struct.unpack(_IFREQ, fcntl.ioctl(any_socket, _SIOCGIFFLAGS, request))[1]
        fcntl.ioctl(any_socket, _SIOCSIFFLAGS, struct.pack(_IFREQ, b"lo", flags | _IFF_UP))
    return True
