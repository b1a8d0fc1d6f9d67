"""How the portal talks to a client: signed requests, sent over XML-RPC or in this process."""

from .deadline import ask_status, within
from .errors import ClientDenied, ClientFailed, ClientRejected, ClientUnavailable, WireError
from .keys import LOGIN_LIFETIME, POLICY_TYPE, SigningKey, read_login
from .report import cut, read_report
from .transport import ADMIN_UID, ClientConnection, Transport, XmlRpcTransport

__all__ = [
    "ADMIN_UID",
    "LOGIN_LIFETIME",
    "POLICY_TYPE",
    "ClientConnection",
    "ClientDenied",
    "ClientFailed",
    "ClientRejected",
    "ClientUnavailable",
    "SigningKey",
    "Transport",
    "WireError",
    "XmlRpcTransport",
    "ask_status",
    "cut",
    "read_login",
    "read_report",
    "within",
]
