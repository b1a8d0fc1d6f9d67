"""A request as our endpoints see it."""

import re
import time
import uuid

from werkzeug.datastructures import MultiDict

from odoo import fields
from odoo.tools import config

from .header_shim import DASHED, UNDERSCORE
from .lib.saas_rest import forms, prefer, strict_json
from .lib.saas_rest.access import Access
from .lib.saas_rest.limits import Limits
from .lib.saas_rest.problems import Problem
from .lib.saas_rest.settings import Settings
from .lib.saas_rest.text import _lt
from .messages import translated
from .routing import READING, Route

#: Languages that problems are translated into, for requests without a database.
TRANSLATED = ("en_US", "fr_FR")
_TOKEN = re.compile(r"(access_token_[0-9a-f]{8})[0-9a-f]+")


class RestCall:
    """What was sent, who sent it, and what was found out about it.

    :ivar request_id: the client's own id for it, or a new one
    :ivar route: the settings of the endpoint
    :ivar registry: of the database that answers; ``None`` while there is none
    :ivar settings: that database's :class:`Settings`
    :ivar token: :class:`TokenFacts`; ``None`` on public endpoints
    :ivar language: code of the language of the answer, such as ``fr_FR``
    :ivar tz: the time zone that the client asks for, ``None``: UTC
    :ivar rate: the state of the rate limit, when it was asked
    :ivar reason: why a token was refused, for the audit log
    """

    def __init__(self, httprequest):
        self.httprequest = httprequest
        self.started = time.monotonic()
        sent_id = httprequest.headers.get("X-Request-ID", "")
        self.request_id = sent_id if prefer.is_request_id(sent_id) else uuid.uuid4().hex
        self.route = Route(public=True)
        self.rule = None
        self.begin()

    def begin(self):
        """Forgets what an earlier try of the same request has found out."""
        self.registry = None
        self.settings = Settings()
        self.token = None
        self.uid = None
        self.prefix = None
        # Errors may come before a database was asked for its languages.
        wanted = self.headers.get("Accept-Language", "")
        self.language = prefer.pick_language(wanted, TRANSLATED) or "en_US"
        self.tz = None
        self.rate = None
        self.origin = None
        self.problem = None
        self.reason = None
        self._body = None
        self._preferences = None

    # --- what was sent ----------------------------------------------------------

    @property
    def headers(self):
        return self.httprequest.headers

    @property
    def limits(self) -> Limits:
        return self.settings.limits

    @property
    def is_preflight(self) -> bool:
        return self.httprequest.method == "OPTIONS"

    @property
    def reads(self) -> bool:
        """Whether the request is of a kind that changes nothing."""
        if self.route.readonly is None:
            return self.httprequest.method in READING
        return self.route.readonly

    @property
    def query(self) -> MultiDict:
        """The parameters in the address."""
        return self.httprequest.args

    @property
    def body(self) -> bytes:
        """The raw body, read once."""
        if self._body is None:
            self._body = self.httprequest.get_data(cache=True)
            # A body without a length is read up to one byte beyond the limit.
            limit = getattr(self.limits, self.route.max_body)
            if len(self._body) > limit:
                raise body_too_large(limit)
        return self._body

    @property
    def stream(self):
        """The raw body, to be read piece by piece; it may be longer than the limit by a byte."""
        return self.httprequest._HTTPRequest__wrapped.stream

    def json(self, default=None):
        """The JSON value of the body, read strictly; ``default`` when there is no body.

        :raises Problem: for anything that is no unambiguous JSON
        """
        if not self.body.strip():
            if default is not None:
                return default
            raise Problem("bad-json", _lt("The body is empty."))
        return strict_json.loads(self.body, self.limits.json_depth, self.limits.string_max)

    def form(self) -> dict[str, str]:
        """The fields of the body, whichever way it is written, JSON objects included."""
        return forms.parse(self.body, self.headers.get("Content-Type", ""))

    @property
    def preferences(self) -> dict[str, str]:
        """What ``Prefer`` asks for: return, count, timezone."""
        if self._preferences is None:
            self._preferences = prefer.parse_preferences(self.headers.get("Prefer", ""))
        return self._preferences

    def check_query(self, *allowed: str) -> None:
        """Refuses parameters that the endpoint does not know."""
        for name in self.query:
            if name not in allowed:
                raise Problem(
                    "unknown-parameter", _lt("'%(name)s' is not known here.", name=name[:100])
                )

    def token_value(self) -> str | None:
        """The token that came with the request, in whichever header.

        :raises Problem: ``conflicting-tokens`` when there are different ones
        """
        environ = self.httprequest.environ
        kind, _blank, bearer = self.headers.get("Authorization", "").partition(" ")
        candidates = (
            environ.get(DASHED),
            environ.get(UNDERSCORE),
            bearer if kind.lower() == "bearer" else None,
        )
        sent = {value.strip() for value in candidates if value and value.strip()}
        if len(sent) > 1:
            raise Problem("conflicting-tokens", _lt("Send one token, in one header."))
        return sent.pop() if sent else None

    # --- who asks ---------------------------------------------------------------

    def choose_origin(self) -> None:
        """Whether a page from elsewhere may read the answer."""
        sent = self.headers.get("Origin")
        listed = self.settings.cors_origins or _split(config.get("saas_rest_cors_origins"))
        if sent and sent in listed:
            self.origin = sent
        elif sent and "*" in listed:
            self.origin = "*"

    @property
    def access(self) -> Access:
        """What the token lets its owner do; the first argument of the engine's methods."""
        if self.token is None:
            return Access(tz=self.tz)
        token = self.token
        return Access(
            scopes=token.scopes, read_only=token.read_only, admin=token.scopes.admin, tz=self.tz
        )

    # --- what is said -----------------------------------------------------------

    def translated(self, message: str) -> str:
        """A text of ours in the language of the answer."""
        return translated(message, self.language)

    def audit_row(self, status: int) -> dict[str, object] | None:
        """What is kept of the call; nothing of those who flood us without a token."""
        code = self.problem.code if self.problem else None
        if code == "rate-limited" and not self.token:
            return None
        return {
            "at": fields.Datetime.now(),
            "user_id": self.token.uid if self.token else self.uid,
            "used_token_id": self.token.id if self.token and self.token.note_use else None,
            "token_prefix": self.token.prefix if self.token else self.prefix,
            "method": self.httprequest.method,
            "route": self.rule,
            "path": _TOKEN.sub(r"\1…", self.httprequest.path).replace("\0", "")[:255],
            "status": status,
            "code": code,
            "reason": self.reason,
            "duration": round((time.monotonic() - self.started) * 1000),
            "request_id": self.request_id,
            "ip": self.httprequest.remote_addr,
        }


def body_too_large(limit: int) -> Problem:
    """The problem of a body of more than ``limit`` bytes."""
    return Problem("body-too-large", _lt("At most %(limit)s bytes are read.", limit=limit))


def _split(value: str | None) -> tuple[str, ...]:
    return tuple(part for part in re.split(r"[\s,]+", value or "") if part)
