"""Carries signed requests to a client's gateway."""

import contextlib
import http.client
import xmlrpc.client
from collections.abc import Callable
from typing import Protocol
from urllib.parse import urlsplit
from xml.parsers.expat import ExpatError

from .deadline import within
from .errors import ClientDenied, ClientFailed, ClientRejected, ClientUnavailable
from .keys import SigningKey
from .report import cut, read_report

#: ``base.user_admin`` in every Odoo database.
ADMIN_UID = 2
GATEWAY = "saas_client.gateway"

#: Fault codes of Odoo's /xmlrpc/2 (odoo/addons/rpc/controllers/xmlrpc.py).
_FAULT_USER_ERROR = 2
_FAULT_DENIED = (3, 4)
#: Bytes of an answer; the gateway's are short.
_LONGEST = 16 * 1024 * 1024
#: What reading an answer raises whose values are not what they are marked as.
_NONSENSE = (ValueError, TypeError, LookupError, ArithmeticError, RecursionError)


class Transport(Protocol):
    """Delivers one ``execute_kw`` and returns its plain result.

    Implementations raise the errors of :mod:`.errors` and nothing else.
    """

    def execute_kw(self, database: str, token: str, method: str, timeout: float) -> object: ...


class _TimeoutTransport(xmlrpc.client.Transport):
    """Plain or TLS connection with limits of time and size, as xmlrpc.client offers none."""

    #: A few bytes of it could become any number.
    accept_gzip_encoding = False

    def __init__(self, secure: bool, timeout: float, headers: list[tuple[str, str]]):
        super().__init__(headers=headers)
        self._secure, self._timeout = secure, timeout

    def make_connection(self, host):
        kind = http.client.HTTPSConnection if self._secure else http.client.HTTPConnection
        chost, self._extra_headers, _x509 = self.get_host_info(host)
        # One connection a call: a kept one may be half-closed.
        return kind(chost, timeout=self._timeout)

    def request(self, host, handler, request_body, verbose=False):
        # The inherited one sends again what a lost connection may have delivered.
        connection = self.send_request(host, handler, request_body, verbose)
        with (
            contextlib.closing(connection),
            within(connection, self._timeout),
            connection.getresponse() as response,
        ):
            if response.status != 200:
                raise xmlrpc.client.ProtocolError(
                    host + handler, response.status, response.reason, {}
                )
            content = response.read(_LONGEST + 1)
        if len(content) > _LONGEST:
            raise http.client.HTTPException("its answer is too long")
        parser, unmarshaller = self.getparser()
        parser.feed(content)
        parser.close()
        return unmarshaller.close()


class XmlRpcTransport:
    """XML-RPC over HTTP(S) to the Odoo server at ``url`` (with or without a slash at its end)."""

    def __init__(self, url: str):
        self._url = url.rstrip("/")
        parts = urlsplit(self._url)
        try:
            valid = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
        except ValueError:
            valid = False
        # Not shown and not accepted with a password: the address is part of every complaint.
        if not valid or "@" in parts.netloc:
            raise ValueError("This is not the address of an HTTP server.")
        self._secure = parts.scheme == "https"

    def execute_kw(self, database: str, token: str, method: str, timeout: float) -> object:
        transport = _TimeoutTransport(self._secure, timeout, [("X-Odoo-Database", database)])
        where = f"{database} at {self._url}"
        try:
            proxy = xmlrpc.client.ServerProxy(f"{self._url}/xmlrpc/2/object", transport=transport)
            return proxy.execute_kw(database, ADMIN_UID, token, GATEWAY, method, [token])
        except xmlrpc.client.Fault as fault:
            raise _fault_to_error(fault, where) from None
        except (OSError, http.client.HTTPException, UnicodeError) as error:
            reason = str(error) or type(error).__name__
            raise ClientUnavailable(f"No answer from {where}: {reason}.") from error
        except xmlrpc.client.ProtocolError as error:
            raise ClientUnavailable(
                f"{where} answered HTTP {error.errcode} {cut(error.errmsg, 200)}."
            ) from None
        except (xmlrpc.client.Error, ExpatError, *_NONSENSE) as error:
            raise ClientUnavailable(f"{where} did not answer as Odoo does.") from error


def _fault_to_error(fault: xmlrpc.client.Fault, where: str) -> Exception:
    text = fault.faultString.strip() if isinstance(fault.faultString, str) else ""
    if fault.faultCode == _FAULT_USER_ERROR:
        return ClientRejected(cut(text))
    if fault.faultCode in _FAULT_DENIED:
        return ClientDenied(f"{where} refused the portal's signature.")
    last_line = text.splitlines()[-1] if text else "unknown error"
    if "does not exist" in last_line and "database" in last_line:
        return ClientUnavailable(f"{where}: the database does not exist.")
    return ClientFailed(f"{where} failed: {cut(last_line, 500)}")


class ClientConnection:
    """One client's gateway: signs each request and sends it."""

    def __init__(
        self,
        transport: Transport,
        sign: Callable[[str, dict | None], str],
        database: str,
    ):
        self._transport, self._sign, self._database = transport, sign, database

    @classmethod
    def open(
        cls, transport: Transport, key: SigningKey, issuer: str, database: str, uuid: str
    ) -> "ClientConnection":
        return cls(
            transport,
            lambda action, payload: key.sign_request(issuer, uuid, action, payload),
            database,
        )

    def _call(self, action: str, payload: dict | None, timeout: float) -> object:
        token = self._sign(action, payload)
        return self._transport.execute_kw(self._database, token, action, timeout)

    def apply(self, steps: dict, timeout: float) -> dict:
        """Have the client apply a payload (:class:`saas_rules.Payload`, ``steps``).

        Applying the same payload twice does no harm, so an unknown answer may be asked again.

        :return: what the client reports of each of the steps, typed and bounded
        """
        return read_report(self._call("apply", steps, timeout), steps, self._database)
