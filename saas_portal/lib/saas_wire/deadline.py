"""An end to answers that never end."""

import contextlib
import http.client
import socket
import threading
from collections.abc import Iterator
from urllib.parse import urlsplit


@contextlib.contextmanager
def within(connection: http.client.HTTPConnection, seconds: float) -> Iterator[None]:
    """Receive an answer within so many seconds in all; a socket's timeout is for each piece of it.

    :param connection: one that has sent its request
    :raises TimeoutError: the time was over, whatever else that has led to
    """
    over = threading.Event()
    # The connection forgets it when the server says that it will close.
    line = connection.sock

    def cut():
        over.set()
        with contextlib.suppress(OSError):
            # Not that of TLS, which takes away what another thread reads from.
            socket.socket.shutdown(line, socket.SHUT_RDWR)

    timer = threading.Timer(seconds, cut)
    timer.daemon = True
    timer.start()
    try:
        yield
    except Exception as error:
        if not over.is_set():
            raise
        raise TimeoutError("timed out") from error
    finally:
        timer.cancel()
    # An answer that is cut may look like one that has ended.
    if over.is_set():
        raise TimeoutError("timed out")


def ask_status(url: str, host: str, seconds: float) -> int:
    """The status of the page at a plain HTTP address, asked for under a host name.

    :raises OSError, http.client.HTTPException: there was none within so many seconds
    """
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=seconds)
    with contextlib.closing(connection):
        connection.request("GET", parts.path or "/", headers={"Host": host})
        with within(connection, seconds), connection.getresponse() as response:
            return response.status
