"""How requests come to our endpoints, and answers and errors back out."""

import json
import logging
import time
import uuid

from werkzeug.datastructures import MultiDict

from odoo import http
from odoo.http import Response, request
from odoo.tools.json import json_default
from odoo.tools.translate import code_translations

from .errors import to_problem
from .lib.saas_rest import forms, prefer, strict_json
from .lib.saas_rest.access import Access
from .lib.saas_rest.limits import Limits
from .lib.saas_rest.problems import Problem
from .lib.saas_rest.reply import Reply
from .lib.saas_rest.text import _
from .routing import JSON, Route

_logger = logging.getLogger(__name__)

PROBLEM = "application/problem+json"
ADDON = "saas_rest_api"
VARY = "Authorization, access-token, Accept-Language, X-Company-Id, Prefer"


def current_call() -> "RestCall":
    """The call that this thread is answering."""
    return request.rest


class RestCall:
    """A request as our endpoints see it.

    :ivar request_id: the client's own id for it, or a new one
    :ivar route: the settings of the endpoint
    :ivar token: whose token came with it, :class:`TokenFacts`; ``None`` on public endpoints
    :ivar limits: the limits of this database
    :ivar language: code of the language of the answer, such as ``fr_FR``
    :ivar rate: the state of the rate limit, when it was asked
    """

    def __init__(self, httprequest):
        self.httprequest = httprequest
        self.started = time.monotonic()
        sent_id = httprequest.headers.get("X-Request-ID", "")
        self.request_id = sent_id if prefer.is_request_id(sent_id) else uuid.uuid4().hex
        self.route = Route(public=True)
        self.rule = ""
        self.limits = Limits()
        self.begin()

    def begin(self):
        """Forgets what an earlier try of the same request has found out."""
        self.token = None
        self.language = "en_US"
        self.rate = None
        self.origin = None
        self.problem = None
        self.tz = None
        self._body = None
        self._preferences = None

    # --- what was sent ----------------------------------------------------------

    @property
    def headers(self):
        return self.httprequest.headers

    @property
    def query(self) -> MultiDict:
        """The parameters in the address."""
        return self.httprequest.args

    @property
    def body(self) -> bytes:
        """The raw body, read once."""
        if self._body is None:
            self._body = self.httprequest.get_data(cache=True)
        return self._body

    def json(self, default=None):
        """The JSON value of the body, read strictly; ``default`` when there is no body.

        :raises Problem: for anything that is no unambiguous JSON
        """
        if not self.body.strip():
            if default is not None:
                return default
            raise Problem("bad-json", _("The body is empty."))
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
                    "unknown-parameter", _("'%(name)s' is not known here.", name=name[:100])
                )

    # --- who asks ---------------------------------------------------------------

    @property
    def access(self) -> Access:
        """What the token lets its owner do; the first argument of the engine's methods."""
        if self.token is None:
            return Access(tz=self.tz)
        token = self.token
        return Access(
            scopes=token.scopes, read_only=token.read_only, admin=token.scopes.admin, tz=self.tz
        )

    def translator(self, text: str) -> str:
        """Our English text in the language of the answer."""
        return code_translations.get_python_translations(ADDON, self.language).get(text, text)


class Answer:
    """A response on its way out: without cookies, and with a last look when it leaves.

    It leaves after the request's transaction has ended, so a look may use the database.
    """

    def __init__(self, response, leave=None):
        self._response = response
        self._leave = leave

    def __getattr__(self, name):
        return getattr(self._response, name)

    def __call__(self, environ, start_response):
        self._response.headers.remove("Set-Cookie")
        if self._leave:
            self._leave(self._response)
        return self._response(environ, start_response)


class SaasRestDispatcher(http.Dispatcher):
    """Token instead of session, JSON in, JSON or problem+json out."""

    routing_type = "saas_rest"

    def __init__(self, request):
        super().__init__(request)
        self.call = request.rest = RestCall(request.httprequest)

    @classmethod
    def is_compatible_with(cls, request):
        return True

    # --- before -----------------------------------------------------------------

    def pre_dispatch(self, rule, args):
        """Also called again when a transaction is tried again."""
        call = self.call
        call.begin()
        call.route, call.rule = rule.endpoint.routing["rest"], rule.rule
        self.request.session.can_save = False
        self._choose_language_without_database()
        if self.request.db and "saas_rest.gate" in self.request.registry:
            self.request.env["saas_rest.gate"]._open(call)
        elif not call.route.without_database:
            raise Problem(
                "database-required", _("Name the database in the header X-Odoo-Database.")
            )

    def _choose_language_without_database(self):
        """For errors that come before the database has been asked for its languages."""
        header = self.call.headers.get("Accept-Language", "")
        self.call.language = prefer.pick_language(header, ("en_US", "fr_FR")) or "en_US"

    # --- the endpoint -----------------------------------------------------------

    def dispatch(self, endpoint, args):
        self.request.params = dict(args)
        if self.request.db:
            result = self.request.registry["ir.http"]._dispatch(endpoint)
        else:
            result = endpoint(**args)
        if isinstance(result, Reply):
            result = self._render(result)
        return self._answer(result)

    def _render(self, reply: Reply):
        if reply.status in (204, 304):
            return Response(status=reply.status, headers=reply.headers)
        # The older surface keeps its bytes, new clients get no blanks.
        separators = (", ", ": ") if self.call.route.legacy else (",", ":")
        return _json_response(reply.as_body(), reply.status, reply.headers, JSON, separators)

    # --- after ------------------------------------------------------------------

    def post_dispatch(self, response):
        """Nothing of Odoo's: no session is saved, no cookie set."""

    def handle_error(self, exc: Exception):
        call = self.call
        problem = call.problem = to_problem(exc, bool(call.token and call.token.read_only))
        if problem.status == 500:
            _logger.error("Request %s failed: %s", call.request_id, type(exc).__name__)
        headers = dict(problem.headers)
        if problem.status == 401:
            headers.setdefault("WWW-Authenticate", "Bearer")
        if call.route.legacy:
            body = {"type": problem.code, "message": call.translator(str(problem))}
            return self._answer(_json_response(body, problem.status, headers, JSON))
        body = problem.as_dict(call.request_id, call.translator)
        return self._answer(_json_response(body, problem.status, headers, PROBLEM))

    def _answer(self, response) -> Answer:
        call, headers = self.call, response.headers
        headers["X-Request-ID"] = call.request_id
        headers["X-Content-Type-Options"] = "nosniff"
        headers.setdefault("Content-Language", prefer.language_tag(call.language))
        headers.setdefault("Cache-Control", "no-store")
        headers.setdefault("Vary", VARY)
        return Answer(response)


def _json_response(body, status, headers, media_type, separators=(",", ":")):
    text = json.dumps(body, ensure_ascii=False, default=json_default, separators=separators)
    return Response(
        text.encode("utf-8", "replace"),
        status=status,
        headers={**headers, "Content-Type": f"{media_type}; charset=utf-8"},
    )
