"""What a driver raises, by what the caller should do next.

DriverError
 ├─ DriverUnavailable   the server did not answer: try again later
 │   └─ ServerUnavailable   and so would it not for any other client
 ├─ DriverRejected      it cannot be done as asked: tell the operator, do not repeat
 └─ DriverNotFound      the client or template is not there
"""


class DriverError(Exception):
    """Base of everything that a driver raises; the text is for the operator."""


class DriverUnavailable(DriverError):
    """The server did not answer, or not in time."""


class ServerUnavailable(DriverUnavailable):
    """Not one client but the place itself: nobody need ask for the others there now."""


class DriverRejected(DriverError):
    """The server refuses, and would refuse again."""


class DriverNotFound(DriverError):
    """There is no such client or template on the server."""
