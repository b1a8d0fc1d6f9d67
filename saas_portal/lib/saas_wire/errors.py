"""What can go wrong in a call to a client.

WireError
 ├─ ClientUnavailable   no answer: try again later; the call may or may not have been carried out
 ├─ ClientRejected      the client says no, in words for the operator
 ├─ ClientDenied        the client does not accept the portal's signature
 └─ ClientFailed        the client broke while carrying the call out
"""


class WireError(Exception):
    """Base of everything that a call to a client raises."""


class ClientUnavailable(WireError):
    """No answer from the client, or none in time."""


class ClientRejected(WireError):
    """The client understood and refuses."""


class ClientDenied(WireError):
    """The client refuses the signature."""


class ClientFailed(WireError):
    """The client raised an unexpected error."""
