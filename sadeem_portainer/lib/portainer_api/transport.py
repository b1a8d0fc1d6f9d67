"""The one door to the network."""

import json
import logging
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from http.cookiejar import DefaultCookiePolicy
from tarfile import TarError
from typing import BinaryIO, TypeVar
from urllib.parse import urlsplit

import requests
from urllib3 import Timeout
from urllib3.exceptions import HTTPError, NewConnectionError, ProtocolError, ReadTimeoutError

from . import errors
from .tls import TlsPolicy, format_fingerprint

_logger = logging.getLogger(__name__)

T = TypeVar("T")

CONNECT_TIMEOUT = 10
#: How long the other side may take no piece of an upload, or send none of a download, in seconds.
IDLE_TIMEOUT = 120
MAX_ANSWER = 32 * 1024 * 1024
#: Reads are tried again after these pauses (seconds).
PAUSES = (0.5, 2)
#: A proxy speaks, and what is behind it may be at work all the same; 520 and up are Cloudflare's.
_TRANSIENT = frozenset({502, 503, 504, *range(520, 530)})
#: What reading an answer of another shape than expected ends with.
_MALFORMED = (ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError)
_ERROR_OF_STATUS = {
    400: errors.InvalidRequest,
    401: errors.Unauthorized,
    403: errors.Forbidden,
    404: errors.NotFound,
    405: errors.NoSuchRoute,
    408: errors.Unavailable,
    409: errors.Conflict,
    422: errors.InvalidRequest,
    429: errors.Unavailable,
}
_DEPLOY_FAILED = re.compile(
    r"failed to (?:deploy|pull images of|update) (?:a|the) stack: ", re.IGNORECASE
)
_DAEMON_DOWN = "Unable to proxy the request via the Docker socket"


@dataclass(frozen=True)
class Answer:
    """A successful answer. ``truncated``: there was more than the caller wanted."""

    status: int
    content: bytes
    truncated: bool = False


class Transport:
    """Sends requests to one Portainer and turns whatever goes wrong into :mod:`.errors`.

    Never keeps a cookie, because a cookie outranks the token and demands CSRF headers; never sends
    two credentials; never follows a redirect; repeats only what reads.
    """

    def __init__(
        self,
        base_url: str,
        token: str = "",
        tls: TlsPolicy | None = None,
        timeout: float = 30,
        session: requests.Session | None = None,
        clock=time.monotonic,
        sleep=time.sleep,
    ):
        self.server = _check_address(base_url)
        self.tls = tls or TlsPolicy.verify()
        self.timeout = timeout
        self.clock, self.sleep = clock, sleep
        self._token = _check_token(token)
        self._session = session or requests.Session()
        self.configure_session(self._session)

    def configure_session(self, session: requests.Session) -> None:
        """Make a session keep to the rules of this server: TLS, no cookies, no environment."""
        # Else REQUESTS_CA_BUNDLE would override the TLS policy, and .netrc add a credential.
        session.trust_env = False
        session.cookies.clear()
        session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        session.verify = self.tls.verify_option
        session.mount("https://", self.tls.adapter())

    @property
    def token_headers(self) -> dict[str, str]:
        return {"X-API-Key": self._token} if self._token else {}

    def close(self) -> None:
        self._session.close()

    def request(
        self,
        method: str,
        path: str,
        action: str,
        *,
        params: dict | None = None,
        payload: object = None,
        form: dict | None = None,
        data: BinaryIO | None = None,
        headers: dict | None = None,
        bearer: str | None = None,
        anonymous: bool = False,
        timeout: float | None = None,
        max_bytes: int = MAX_ANSWER,
        truncate: bool = False,
    ) -> Answer:
        """Send one request and read its answer, within about ``timeout`` seconds in all.

        :param action: what it does, for complaints: "create the stack web"
        :param data: a body that is sent piece by piece; it has a length
        :param bearer: a JWT to send instead of the API key
        :param anonymous: send no credential
        :param truncate: stop reading after ``max_bytes`` instead of complaining
        :raises PortainerError: everything that goes wrong
        """
        sent = dict(headers or {})
        if bearer:
            sent["Authorization"] = f"Bearer {_check_token(bearer)}"
        elif not anonymous:
            sent |= self.token_headers
        options = {"params": params, "json": payload, "data": data, "headers": sent}
        if form is not None:
            options["files"] = {name: (None, str(value)) for name, value in form.items()}
        reads = method in ("GET", "HEAD")
        if not reads:
            # A kept connection may be half-closed, and a write must not be sent twice.
            self._session.close()
        pauses = list(PAUSES) if reads else []
        limit = (max_bytes, truncate)
        deadline = self.clock() + (timeout or self.timeout)
        while True:
            try:
                return self._send(method, path, action, options, deadline, limit)
            except errors.Unavailable as error:
                late = not pauses or self.clock() + pauses[0] >= deadline
                if late or not error.transient:
                    raise
                _logger.info("trying again to %s: %s", action, error)
                self.sleep(pauses.pop(0))

    def _send(self, method, path, action, options, deadline, limit) -> Answer:
        reads = method in ("GET", "HEAD")
        left = max(deadline - self.clock(), 0.1)
        # While a body is sent, the limit for connecting is that for sending a piece of it.
        connect = CONNECT_TIMEOUT if options["data"] is None else IDLE_TIMEOUT
        try:
            with self._session.request(
                method,
                f"{self.server}/api{path}",
                timeout=Timeout(total=left, connect=min(connect, left)),
                allow_redirects=False,
                stream=True,
                **options,
            ) as response:
                content, truncated = self._read(response, action, reads, deadline, limit)
        except (requests.RequestException, HTTPError) as error:
            raise self._network_error(error, action, reads) from error
        _logger.debug("%s %s: %s", method, path, response.status_code)
        if response.status_code in range(200, 300) or response.status_code == 304:
            return Answer(response.status_code, content, truncated)
        raise self._answer_error(response, content, action, reads)

    def download(
        self,
        path: str,
        action: str,
        take: Callable[[BinaryIO], T],
        *,
        params: dict | None = None,
        headers: dict | None = None,
        timeout: float,
    ) -> T:
        """Let ``take`` read the answer of a GET piece by piece, within ``timeout`` seconds.

        :raises PortainerError: everything that goes wrong, also when the answer ends too early
        """
        deadline = self.clock() + timeout
        try:
            with self._session.request(
                "GET",
                f"{self.server}/api{path}",
                params=params,
                headers={**(headers or {}), **self.token_headers},
                timeout=Timeout(connect=CONNECT_TIMEOUT, read=IDLE_TIMEOUT),
                allow_redirects=False,
                stream=True,
            ) as response:
                if response.status_code != 200:
                    content, _more = self._read(response, action, True, deadline, (65536, True))
                    raise self._answer_error(response, content, action, True)
                return take(_Body(response.raw, lambda: self._check_time(action, deadline)))
        except TarError as error:
            raise self._unavailable(action, f"what it sent is not whole: {error}") from error
        except (requests.RequestException, HTTPError) as error:
            raise self._network_error(error, action, True) from error

    def _check_time(self, action: str, deadline: float) -> None:
        if self.clock() > deadline:
            raise self._lost(action, "the answer took too long", True)

    def _read(self, response, action, reads, deadline, limit):
        max_bytes, truncate = limit
        content = bytearray()
        # read1: what is there, and not until so much has come, which may take for ever.
        while chunk := response.raw.read1(64 * 1024, decode_content=True):
            content += chunk
            if len(content) > max_bytes:
                if truncate:
                    return bytes(content[:max_bytes]), True
                reason = "its answer is too long"
                if not reads:
                    raise self._lost(action, reason, reads)
                raise errors.ServerFailed(self.server, action, reason, "Ask for less of it.")
            if self.clock() > deadline:
                raise self._lost(action, "the answer took too long", reads)
        return bytes(content), False

    def _lost(
        self, action: str, reason: str, reads: bool, transient: bool = False
    ) -> errors.PortainerError:
        if not reads:
            return errors.UnknownOutcome(self.server, action, self._clean(reason))
        return self._unavailable(action, self._clean(reason), transient)

    def _unavailable(self, action: str, reason: str, transient: bool = True) -> errors.Unavailable:
        error = errors.Unavailable(self.server, action, reason)
        error.transient = transient
        return error

    def _clean(self, text: str, keep: int = 1000) -> str:
        """Without the token, in case the server repeats it, and not endless: the end tells most."""
        if self._token:
            text = text.replace(self._token, "…")
        # Neither a database nor XML takes these.
        text = text.replace("\0", "").encode(errors="replace").decode()
        return text if len(text) <= keep else f"…{text[-keep:]}"

    def _network_error(self, error, action: str, reads: bool) -> errors.PortainerError:
        cause = _cause(error)
        text = str(cause)
        if isinstance(error, requests.exceptions.SSLError):
            if "Fingerprint" in text and "match" in text:
                return errors.CertificateChanged(self.server, action, _shown_instead(text))
            if "CERTIFICATE_VERIFY_FAILED" in text or "doesn't match" in text:
                return errors.UntrustedCertificate(
                    self.server, action, "its certificate is not trusted"
                )
            if "WRONG_VERSION_NUMBER" in text:
                return errors.Unavailable(
                    self.server, action, "no TLS server answers there", "Check the address."
                )
            return self._lost(action, "TLS failed", reads)
        if isinstance(error, requests.ConnectTimeout):
            return self._unavailable(action, "it does not answer")
        if isinstance(cause, NewConnectionError):
            # Nothing was sent.
            reason = text.rsplit("] ", 1)[-1] if "] " in text else "no connection"
            return self._unavailable(action, reason)
        if isinstance(error, requests.Timeout) or isinstance(cause, ReadTimeoutError):
            return self._lost(action, "it did not answer in time", reads)
        if isinstance(cause, ProtocolError | requests.ConnectionError):
            return self._lost(action, "the connection was lost", reads, transient=True)
        # Only the kind: the text may hold a header.
        return self._lost(action, type(error).__name__, reads)

    def _answer_error(self, response, content: bytes, action: str, reads: bool):
        status = response.status_code
        message, details, is_json = _complaint(content)
        reason = self._clean(details or message or response.reason or f"HTTP {status}")
        if message and details and message.lower() != details.lower():
            reason = self._clean(f"{message}: {details}")
        if status in range(300, 400):
            return self._redirect_error(response, action)
        if status in _TRANSIENT:
            return self._lost(action, f"HTTP {status} {reason}", reads, transient=True)
        if message == _DAEMON_DOWN:
            return self._lost(action, "its Docker engine does not answer", reads)
        if status == 404 and not is_json:
            return errors.NoSuchRoute(self.server, action, "it does not know this call")
        if status >= 500 and _DEPLOY_FAILED.match(message):
            output = _DEPLOY_FAILED.sub("", message, count=1)
            return errors.DeployFailed(self.server, action, self._clean(output, keep=20000))
        if status >= 500 and message == "Unable to start stack":
            return errors.DeployFailed(self.server, action, self._clean(details, keep=20000))
        kind = _ERROR_OF_STATUS.get(status)
        if kind is None:
            kind = errors.ServerFailed if status >= 500 else errors.InvalidRequest
        return kind(self.server, action, reason)

    def _redirect_error(self, response, action: str) -> errors.PortainerError:
        if response.headers.get("Redirect-Reason") == "AdminInitTimeout":
            return errors.Locked(self.server, action, "it locked itself")
        target = response.headers.get("Location", "").split("?")[0]
        reason = f"it redirects to {target}" if target else f"HTTP {response.status_code}"
        return errors.InvalidRequest(
            self.server, action, self._clean(reason), "Enter the address that Portainer has itself."
        )

    def read_json(
        self,
        answer: Answer,
        action: str,
        reads: bool = True,
        parse: Callable[[object], object] = lambda data: data,
    ):
        """The answer's content; Portainer's success is always JSON or empty.

        :param parse: makes of it what the caller wants, and fails when it has another shape
        """
        try:
            return parse(json.loads(answer.content))
        except _MALFORMED as error:
            reason = "it does not answer as Portainer does"
            if not reads:
                raise self._lost(action, reason, reads) from error
            raise errors.Unavailable(
                self.server, action, reason, "Check that a Portainer is at this address and port."
            ) from error


class _Body:
    """An answer that is read by pieces, none of them after its time."""

    def __init__(self, raw, check: Callable[[], None]):
        self._raw, self._check = raw, check

    def read(self, size: int) -> bytes:  # pylint: disable=method-required-super
        self._check()
        return self._raw.read(size, decode_content=True)


def _check_address(url: str) -> str:
    """``https://host:port[/prefix]`` without ``/api`` at its end."""
    url = url.strip().rstrip("/").removesuffix("/api")
    try:
        parts = urlsplit(url)
        valid = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        valid = False
    # Not shown, and not accepted with a password: the address is part of every complaint.
    if not valid or "@" in parts.netloc or parts.query or parts.fragment:
        raise ValueError("This is not the address of an HTTP server.")
    return url


def _check_token(token: str) -> str:
    token = token.strip()
    if not re.fullmatch(r"[!-~]*", token):
        raise ValueError("This is no access token: it holds blanks or unusual characters.")
    return token


def _cause(error: Exception) -> Exception:
    """The innermost reason that requests and urllib3 wrapped."""
    for _depth in range(4):
        inner = getattr(error, "reason", None) or (error.args[0] if error.args else None)
        if not isinstance(inner, Exception):
            break
        error = inner
    return error


def _complaint(content: bytes) -> tuple[str, str, bool]:
    """Message and details of an error body, and whether it was JSON at all."""
    text = content.decode("utf-8", "replace").strip()
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        is_html = text[:1] == "<"
        return "" if is_html else text[:500], "", False
    if not isinstance(data, dict):
        return "", "", True
    message = data.get("message") or data.get("err") or data.get("error") or ""
    return str(message), str(data.get("details") or ""), True


def _shown_instead(text: str) -> str:
    """Which certificate a server shows instead of the pinned one, from urllib3's words."""
    found = re.search(r'got "([0-9a-f]+)"', text)
    shown = f" but {format_fingerprint(found[1])} (SHA-256)" if found else ""
    return f"its certificate is not the pinned one{shown}"
