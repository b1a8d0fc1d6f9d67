"""How the portal talks to a client: signed requests, sent over XML-RPC or in this process."""

from .errors import ClientDenied, ClientFailed, ClientRejected, ClientUnavailable, WireError
from .keys import SigningKey
from .transport import ADMIN_UID, ClientConnection, Transport, XmlRpcTransport

__all__ = [
    "ADMIN_UID",
    "ClientConnection",
    "ClientDenied",
    "ClientFailed",
    "ClientRejected",
    "ClientUnavailable",
    "SigningKey",
    "Transport",
    "WireError",
    "XmlRpcTransport",
]
