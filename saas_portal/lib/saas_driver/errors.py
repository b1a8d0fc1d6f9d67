"""What a driver raises, by what the caller should do next.

DriverError
 ├─ DriverUnavailable   the server did not answer: try again later
 ├─ DriverRejected      it cannot be done as asked: tell the operator, do not repeat
 └─ DriverNotFound      the client or template is not there
"""


class DriverError(Exception):
    """Base of everything that a driver raises; the text is for the operator."""


class DriverUnavailable(DriverError):
    """The server did not answer, or not in time."""


class DriverRejected(DriverError):
    """The server refuses, and would refuse again."""


class DriverNotFound(DriverError):
    """There is no such client or template on the server."""
