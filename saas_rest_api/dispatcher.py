"""How requests come to our endpoints, and answers and errors back out."""

import logging
from http import HTTPStatus

from odoo import http, sql_db
from odoo.http import Response, request

from .answers import PROBLEM, Answer, json_response
from .call import RestCall, body_too_large
from .errors import to_problem
from .lib.saas_rest import limiter, prefer
from .lib.saas_rest.exposure import is_hidden
from .lib.saas_rest.problems import Problem
from .lib.saas_rest.reply import Reply
from .lib.saas_rest.text import _lt
from .routing import JSON

_logger = logging.getLogger(__name__)

VARY = "Authorization, access-token, Accept-Language, X-Company-Id, Prefer"
#: Parameters that would end up in every log between here and there.
SECRETS = frozenset({"password", "access_token", "access-token"})
#: Below these everything is answered in JSON, also what never reaches an endpoint.
PREFIXES = ("/api/v1", "/api/auth/token", "/rest/sky/token")
ALLOWED_HEADERS = (
    "Authorization, access-token, Content-Type, Accept, Accept-Language, If-Match, If-None-Match,"
    " Idempotency-Key, Prefer, Range, X-Company-Id, X-Odoo-Database, X-Request-ID"
)
EXPOSED_HEADERS = (
    "Content-Disposition, Content-Language, Content-Range, ETag, Idempotency-Replayed, Link,"
    " Location, RateLimit, RateLimit-Policy, Retry-After, X-RateLimit-Limit,"
    " X-RateLimit-Remaining, X-RateLimit-Reset, X-Request-ID"
)
#: When the older addresses were replaced, as RFC 9745 writes it.
DEPRECATED_SINCE = "@1767225600"


def current_call() -> RestCall:
    """The call that this thread is answering."""
    return request.rest


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
        gate = self._get_gate()
        if gate is not None:
            call.registry, call.settings = gate.env.registry, gate._get_settings()
        call.choose_origin()
        if call.is_preflight:
            return
        self._check_verb(args)
        self._check_shape()
        if gate is not None:
            gate._open(call)
        elif not call.route.without_database:
            self._refuse_without_database()

    def _get_gate(self):
        if self.request.db and "saas_rest.gate" in self.request.registry:
            return self.request.env["saas_rest.gate"]
        return None

    def _refuse_without_database(self):
        # When PostgreSQL is away, Odoo acts as if no database had been chosen.
        sql_db.db_connect("postgres").cursor().close()
        raise Problem("database-required", _lt("Name the database in the header X-Odoo-Database."))

    def _check_shape(self):
        """Refuses what needs not be read to be refused."""
        call, route, sent = self.call, self.call.route, self.request.httprequest
        if len(sent.environ.get("REQUEST_URI") or sent.full_path) > call.limits.uri_max:
            raise Problem("uri-too-long")
        limit = getattr(call.limits, route.max_body)
        if (sent.content_length or 0) > limit:
            raise body_too_large(limit)
        sent.max_content_length = limit + 1
        if SECRETS & set(call.query) and not (route.legacy and call.settings.query_credentials):
            raise Problem(
                "password-in-url",
                _lt("Send secrets in the body or in headers: addresses are logged."),
            )
        if not route.legacy and not route.catch_all:
            self._check_media_types(route, sent)

    def _check_media_types(self, route, sent):
        accepted = sent.accept_mimetypes
        anything = "*/*" in route.produces
        if accepted and not anything and not accepted.best_match([*route.produces, PROBLEM]):
            raise Problem(
                "not-acceptable", _lt("This is sent as %(types)s.", types=", ".join(route.produces))
            )
        has_body = sent.content_length or sent.headers.get("Transfer-Encoding")
        if route.body == "json" and has_body and not _is_json(sent.mimetype):
            raise Problem("media-type", _lt("Send the body as %(type)s.", type=JSON))

    # --- the endpoint -----------------------------------------------------------

    def dispatch(self, endpoint, args):
        self.request.params = dict(args)
        if self.call.is_preflight:
            return self._answer(self._answer_options())
        self._check_model(args)
        self._check_right(args)
        if self.request.db:
            result = self.request.registry["ir.http"]._dispatch(endpoint)
        else:
            result = endpoint(**args)
        if isinstance(result, Reply):
            result = self._render(result)
        answer = self._answer(result)
        if self.request.db:
            answer.note_after(self.request.env.cr)
        return answer

    def _check_verb(self, args):
        """``DELETE /api/v1/me`` is a wrong verb, although "me" could be a model's name."""
        if self._is_no_model(args):
            problem = wrong_address(self.request)
            if problem.code == "method-not-allowed":
                raise problem

    def _check_model(self, args):
        """Refuses models that are not there, or not for REST, whatever the endpoint would say.

        Only now: strangers are not told which models there are.
        """
        if self._is_no_model(args):
            raise wrong_address(self.request)

    def _check_right(self, args):
        """Refuses what the client may not do with a model, whatever else is wrong with it."""
        doc = self.call.route.doc
        if doc and "model" in args and doc.needs != "read":
            policy = self.request.env["saas_rest.policy"]
            policy._check_operation(self.call.access, args["model"], doc)

    def _is_no_model(self, args):
        model = args.get("model")
        legacy = self.call.route.legacy
        return model is not None and not legacy and not _is_model(self.request, model)

    def _answer_options(self):
        rules = rules_here(self.request)
        if not rules:
            raise wrong_address(self.request)
        allowed = ", ".join(self._known_client_may(rules))
        headers = {"Allow": allowed}
        if self.call.origin:
            headers |= {
                "Access-Control-Allow-Methods": allowed,
                "Access-Control-Allow-Headers": ALLOWED_HEADERS,
                "Access-Control-Max-Age": "86400",
            }
        return Response(status=HTTPStatus.NO_CONTENT, headers=headers)

    def _known_client_may(self, rules):
        """The verbs that a token's owner may use here; all of them for anybody else."""
        call, gate = self.call, self._get_gate()
        try:
            if gate is not None and call.token_value():
                gate._open(call)
        except Problem:
            call.token = None
        if call.token is None:
            return list(rules)
        policy = self.request.env["saas_rest.policy"]
        return [
            verb
            for verb, (rule, args) in rules.items()
            if verb == "OPTIONS"
            or policy._may(call.access, args.get("model"), rule.endpoint.routing["rest"].doc)
        ]

    def _render(self, reply: Reply):
        if reply.status in (HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED):
            return Response(status=reply.status, headers=reply.headers)
        if reply.encoded is not None:
            content_type = {"Content-Type": f"{JSON}; charset=utf-8"}
            return Response(reply.encoded, reply.status, {**reply.headers, **content_type})
        # The older surface keeps its bytes, new clients get no blanks.
        separators = (", ", ": ") if self.call.route.legacy else (",", ":")
        return json_response(reply.as_body(), reply.status, reply.headers, JSON, separators)

    # --- after ------------------------------------------------------------------

    def post_dispatch(self, response):
        """Nothing of Odoo's: no session is saved, no cookie set."""

    def handle_error(self, exc: Exception):
        call = self.call
        problem = call.problem = to_problem(exc, bool(call.token and call.token.read_only))
        if problem.status == HTTPStatus.INTERNAL_SERVER_ERROR:
            _logger.error("Request %s failed: %s", call.request_id, type(exc).__name__)
        elif not hasattr(exc, "loglevel"):
            # What the client is told needs no traceback in the log.
            refused = problem.status < HTTPStatus.INTERNAL_SERVER_ERROR
            exc.loglevel = logging.INFO if refused else logging.WARNING
        headers = dict(problem.headers)
        if problem.status == HTTPStatus.UNAUTHORIZED:
            headers.setdefault("WWW-Authenticate", "Bearer")
        if self._is_legacy():
            text = problem.detail or problem.title
            body = {"type": problem.code, "message": call.translated(text)}
            return self._answer(json_response(body, problem.status, headers, JSON))
        body = problem.as_dict(call.request_id, call.translated)
        return self._answer(json_response(body, problem.status, headers, PROBLEM))

    def _is_legacy(self) -> bool:
        """Whether errors have the older envelope; the address tells before the route is known."""
        if self.call.rule is not None:
            return self.call.route.legacy
        return not _is_below(self.request.httprequest.path, "/api/v1")

    def _answer(self, response) -> Answer:
        call, headers = self.call, response.headers
        headers["X-Request-ID"] = call.request_id
        headers["X-Content-Type-Options"] = "nosniff"
        headers.setdefault("Content-Language", prefer.language_tag(call.language))
        headers.setdefault("Cache-Control", "no-store")
        headers.setdefault("Vary", VARY + (", Origin" if call.settings.cors_origins else ""))
        if call.rate:
            headers.update(limiter.headers(call.rate, "token" if call.token else "address"))
        if call.origin:
            headers["Access-Control-Allow-Origin"] = call.origin
            headers["Access-Control-Expose-Headers"] = EXPOSED_HEADERS
        if call.route.successor:
            headers["Deprecation"] = DEPRECATED_SINCE
            successor = call.route.successor
            if callable(successor):
                successor = successor(call.httprequest.path)
            headers.add("Link", f'<{successor}>; rel="successor-version"')
        return Answer(response, call)


class PlainDispatcher(http.HttpDispatcher):
    """Odoo's own, except for failures below our addresses before an endpoint was found."""

    routing_type = "http"

    def handle_error(self, exc):
        path = self.request.httprequest.path
        if any(_is_below(path, prefix) for prefix in PREFIXES):
            return SaasRestDispatcher(self.request).handle_error(exc)
        return super().handle_error(exc)


def install() -> None:
    """Registers our dispatchers, as their definition has already done once."""
    for dispatcher in (SaasRestDispatcher, PlainDispatcher):
        http._dispatchers[dispatcher.routing_type] = dispatcher


def remove() -> None:
    """Gives Odoo back its own dispatcher."""
    http._dispatchers["http"] = http.HttpDispatcher
    http._dispatchers.pop(SaasRestDispatcher.routing_type, None)


def wrong_address(request) -> Problem:
    """``method-not-allowed`` with the verbs that an endpoint takes there, else ``not-found``."""
    allowed = rules_here(request)
    if not allowed:
        return Problem("not-found", _lt("There is nothing at this address."))
    return Problem("method-not-allowed", headers={"Allow": ", ".join(allowed)})


def rules_here(request) -> dict:
    """The endpoints of ours at the request's address: by verb, rule and arguments."""
    adapter = http.root.get_db_router(request.db).bind_to_environ(request.httprequest.environ)
    found = {}
    for verb in ("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"):
        try:
            rule, args = adapter.match(method=verb, return_rule=True)
        except http.HTTPException:
            continue
        settings = rule.endpoint.routing.get("rest")
        fits = "model" not in args or _is_model(request, args["model"])
        if settings and fits and not settings.catch_all:
            found[verb] = rule, args
    return found


def _is_model(request, name: str) -> bool:
    return request.db is not None and name in request.registry and not is_hidden(name)


def _is_below(path: str, prefix: str) -> bool:
    return path == prefix or path.startswith(prefix + "/")


def _is_json(media_type: str) -> bool:
    return media_type in ("", JSON) or media_type.endswith("+json")
