"""Sending a webhook call to an address that a user has chosen, without trusting it.

The name is resolved once, every address it has is checked, and the connection is made to a
checked address: a name that changes its mind in between reaches nothing else.
"""

import http.client
import ipaddress
import socket
import ssl
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import SplitResult, urlsplit

TIMEOUT = 10.0
#: seconds from one try to the next; after the last one the call is given up
RETRY_DELAYS = (30, 120, 300, 900, 3600, 10800, 21600, 43200, 86400)
MAX_TRIES = len(RETRY_DELAYS) + 1
MAX_URL_LENGTH = 2000
USER_AGENT = "saas-rest-api-webhooks/1"
#: networks that carry an IPv4 address inside: what stands behind them cannot be told
EMBEDDING = tuple(
    ipaddress.ip_network(text)
    for text in ("64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "2001::/32", "::/96")
)

Resolver = Callable[[str, int], Sequence[str]]
Allowed = Callable[[str], bool]


class Refused(Exception):
    """The address of a webhook is not one that may be called; the text says why.

    :param code: ``https``, ``login``, ``ascii``, ``address`` or ``target``
    """

    def __init__(self, code: str, text: str):
        super().__init__(text)
        self.code = code


@dataclass(frozen=True)
class Outcome:
    """What became of one call. ``status``: what was answered, 0 for nothing."""

    status: int = 0
    error: str = ""

    @property
    def delivered(self) -> bool:
        return 200 <= self.status < 300


def resolve(host: str, port: int) -> list[str]:
    """All addresses of a name, in the order in which they should be tried."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(entry[4][0] for entry in found))


def is_public(address: str) -> bool:
    """Whether an IP address is one of the public internet."""
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.ipv4_mapped is not None:
            ip = ip.ipv4_mapped
        elif any(ip in network for network in EMBEDDING):
            return False
    return ip.is_global and not ip.is_multicast and not ip.is_reserved


def check_url(url: str) -> SplitResult:
    """The parts of an address that looks fit to be called; names are not resolved here.

    :raises Refused: with the reason
    """
    if len(url) > MAX_URL_LENGTH or any(ord(char) <= 32 or ord(char) == 127 for char in url):
        raise Refused("address", "The address is too long or holds blanks.")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise Refused("address", "This is not an address.") from None
    if parts.scheme != "https":
        raise Refused("https", "Only https addresses are called.")
    if not parts.hostname or port == 0:
        raise Refused("address", "The address names no host.")
    if parts.username is not None or parts.password is not None:
        raise Refused("login", "The address must not hold a user name or password.")
    try:
        parts.hostname.encode("idna")
        url.encode("ascii")
    except UnicodeError:
        text = "The address must be written in ASCII (xn--… for other names)."
        raise Refused("ascii", text) from None
    return parts


class _PinnedConnection(http.client.HTTPSConnection):
    """A connection to one IP address, whose certificate is checked for the host name."""

    def __init__(self, host: str, port: int, address: str, context: ssl.SSLContext, timeout: float):
        super().__init__(host, port, context=context, timeout=timeout)
        self._address = address
        self._tls = context

    def connect(self):
        self.sock = socket.create_connection((self._address, self.port), self.timeout)
        self.sock = self._tls.wrap_socket(
            self.sock, server_hostname=self.host, do_handshake_on_connect=False
        )
        self.sock.do_handshake()


@dataclass
class Sender:
    """Makes webhook calls.

    :param resolver: gives the addresses of a name
    :param allowed: whether an address may be called
    :param context: how certificates are checked
    :param timeout: seconds for a whole call, however slowly the other side answers
    """

    resolver: Resolver = resolve
    allowed: Allowed = is_public
    context: ssl.SSLContext = field(default_factory=ssl.create_default_context)
    timeout: float = TIMEOUT

    def send(self, url: str, body: bytes, headers: Mapping[str, str]) -> Outcome:
        """Post ``body``; never raises for what the other side does or is."""
        try:
            parts = check_url(url)
            address = self._choose_address(parts)
        except Refused as refusal:
            return Outcome(error=str(refusal))
        try:
            return self._post(parts, address, body, headers)
        except TimeoutError:
            return Outcome(error=f"No answer within {self.timeout:g} seconds.")
        except ssl.SSLError as error:
            return Outcome(error=f"No safe connection: {error.reason or error}")
        except (OSError, http.client.HTTPException, ValueError) as error:
            return Outcome(error=f"{type(error).__name__}: {error}"[:300])

    def _choose_address(self, parts: SplitResult) -> str:
        host = parts.hostname or ""
        try:
            addresses = self.resolver(host, parts.port or 443)
        except (OSError, UnicodeError):
            raise Refused("target", f"The name {host} cannot be resolved.") from None
        if not addresses:
            raise Refused("target", f"The name {host} has no address.")
        for address in addresses:
            if not self.allowed(address):
                text = f"{host} leads to {address}, which is not a public address."
                raise Refused("target", text)
        return addresses[0]

    def _post(
        self, parts: SplitResult, address: str, body: bytes, headers: Mapping[str, str]
    ) -> Outcome:
        connection = _PinnedConnection(
            parts.hostname or "", parts.port or 443, address, self.context, self.timeout
        )
        # Timeouts of sockets start again with each byte: this one does not.
        expired = threading.Event()
        timer = threading.Timer(self.timeout, self._cut, [connection, expired])
        timer.daemon = True
        timer.start()
        try:
            target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
            connection.request("POST", target, body, self._complete(headers))
            status = connection.getresponse().status
        except (OSError, http.client.HTTPException, ValueError):
            if expired.is_set():
                raise TimeoutError from None
            raise
        finally:
            timer.cancel()
            connection.close()
        if expired.is_set():  # cut in the middle of the headers, which looks like their end
            raise TimeoutError
        if 300 <= status < 400:
            return Outcome(status, "Redirects are not followed.")
        return Outcome(status, "" if 200 <= status < 300 else f"Answered {status}.")

    @staticmethod
    def _complete(headers: Mapping[str, str]) -> dict[str, str]:
        return {
            "Content-Type": "application/json",
            "User-Agent": USER_AGENT,
            "Connection": "close",
            **headers,
        }

    @staticmethod
    def _cut(connection: http.client.HTTPConnection, expired: threading.Event) -> None:
        expired.set()
        sock = connection.sock
        if sock is not None:
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                return
