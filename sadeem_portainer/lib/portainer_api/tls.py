"""Which certificate of a server is good."""

import hashlib
import re
import socket
import ssl
from dataclasses import dataclass
from urllib.parse import urlsplit

from requests.adapters import HTTPAdapter

from .errors import Unavailable


@dataclass(frozen=True)
class TlsPolicy:
    """Verify against the authorities of the system, against one pinned certificate, or not at all.

    Made by :meth:`verify`, :meth:`pinned` and :meth:`insecure`.
    """

    fingerprint: str = ""
    checked: bool = True

    @classmethod
    def verify(cls) -> "TlsPolicy":
        return cls()

    @classmethod
    def pinned(cls, fingerprint: str) -> "TlsPolicy":
        """Accept the certificate with this SHA-256 fingerprint only, whoever signed it."""
        digits = re.sub(r"[^0-9a-f]", "", fingerprint.lower().removeprefix("sha256"))
        if len(digits) != 64:
            raise ValueError("This is not a SHA-256 fingerprint of a certificate.")
        return cls(fingerprint=format_fingerprint(digits))

    @classmethod
    def insecure(cls) -> "TlsPolicy":
        """Accept every certificate: whoever is between can read and change everything."""
        return cls(checked=False)

    @property
    def verify_option(self) -> bool:
        """What ``requests`` shall check itself; a pin is checked by the adapter instead."""
        return self.checked and not self.fingerprint

    def adapter(self, **options) -> HTTPAdapter:
        return PinningAdapter(self.fingerprint, **options)


class PinningAdapter(HTTPAdapter):
    """Refuses a connection, before anything is sent, unless the certificate has the fingerprint."""

    def __init__(self, fingerprint: str = "", **options):
        self._fingerprint = fingerprint.replace(":", "").lower()
        super().__init__(**options)

    def init_poolmanager(self, *args, **options):
        if self._fingerprint:
            options["assert_fingerprint"] = self._fingerprint
        return super().init_poolmanager(*args, **options)


def format_fingerprint(digits: str) -> str:
    """As browsers and openssl show it: ``AB:CD:…``."""
    digits = digits.upper()
    return ":".join(digits[index : index + 2] for index in range(0, len(digits), 2))


def fetch_fingerprint(url: str, timeout: float = 10) -> str:
    """SHA-256 fingerprint of the certificate that the server shows now; trusts nothing.

    :raises Unavailable: when no TLS server answers there
    """
    parts = urlsplit(url)
    if parts.scheme != "https" or not parts.hostname:
        raise ValueError("Only an https address has a certificate.")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    address = (parts.hostname, parts.port or 443)
    try:
        with (
            socket.create_connection(address, timeout) as connection,
            context.wrap_socket(connection, server_hostname=parts.hostname) as secured,
        ):
            certificate = secured.getpeercert(binary_form=True)
    except OSError as error:
        server = f"https://{parts.hostname}:{address[1]}"
        raise Unavailable(server, "show its certificate", str(error)) from error
    return format_fingerprint(hashlib.sha256(certificate).hexdigest())
