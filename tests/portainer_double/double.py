"""The application: from a request to a handler and back, in Portainer's order of checks."""

import os
import secrets
import threading

from werkzeug.exceptions import HTTPException, MethodNotAllowed, NotFound
from werkzeug.routing import Map, Rule
from werkzeug.wrappers import Request

from . import bootstrap, docker_proxy, endpoints, objects, stack_actions, stacks, users
from .faults import Faults
from .security import Guard
from .state import Clock, Store
from .web import ADMIN, PUBLIC, ROUTES, ApiError, Call, nothing, text

VERSIONS = {"2.23": "2.23.0", "2.45": "2.45.0"}
LOCK_AFTER = 300  # seconds without an administrator
HANDLERS = (bootstrap, docker_proxy, endpoints, objects, stack_actions, stacks, users)


class Double:
    """One Portainer server; `engine` is the URL of the Docker engine that it calls local."""

    def __init__(self, state, engine, mode="2.23", setup_token=None, log=print, environment=None):
        self.mode, self.version = mode, VERSIONS[mode]
        self.engine = engine
        self.log = log
        self.environment = environment or os.environ  # of compose: what is in it wins over Env
        self.store = Store(state)
        self.clock = Clock()
        self.faults = Faults(self)
        self.guard = Guard(self)
        self.deploy_lock = threading.Lock()
        self.server = None  # set by the server, which some faults act on
        self.wanted_setup_token = setup_token
        self.urls = Map(
            [
                Rule(route.rule, methods=[route.method], endpoint=route)
                for route in ROUTES
                if mode in route.modes
            ],
            merge_slashes=False,
            strict_slashes=True,
            redirect_defaults=False,
        )
        self.start()

    def start(self):
        """What happens at the start of the process: JWTs and counters are new."""
        self.started = self.clock.now()
        self.lock_decided = self.locked = False
        self.guard.restart()
        self.setup_token = None
        if self.mode == "2.45" and not self.store.has_admin() and self.wanted_setup_token != "":
            self.setup_token = self.wanted_setup_token or secrets.token_hex(32)
            self.log(f"setup_token={self.setup_token}")

    def is_locked(self):
        """Line 7: one look, five minutes after the start, decides."""
        if not self.lock_decided and self.clock.now() - self.started >= LOCK_AFTER:
            self.lock_decided = True
            self.locked = not self.store.has_admin()
        return self.locked

    # --- one request ------------------------------------------------------------

    def __call__(self, environ, start_response):
        request = Request(environ)
        response = self.faults.around(request, lambda: self.respond(request))
        return response(environ, start_response)

    def respond(self, request):
        try:
            response = self._dispatch(request)
        except ApiError as error:
            return error.response()
        if 200 <= response.status_code < 300:
            response.headers["X-Csrf-Token"] = self.guard.csrf_token(request, response)
            response.headers["X-Content-Type-Options"] = "nosniff"
        return response

    def _dispatch(self, request):
        if self.is_locked() and request.path.startswith("/api"):
            refusal = bootstrap.refuse_locked(request)
            if refusal:
                return refusal
        try:
            route, parts = self.urls.bind_to_environ(request.environ).match(return_rule=False)
        except MethodNotAllowed:
            return nothing(405)  # line 65
        except (NotFound, HTTPException):
            return text("404 page not found", 404)  # line 65
        refusal = self.guard.refuse(request)
        if refusal:
            return refusal
        if route.limited:
            self.guard.count(request.remote_addr)
        call = Call(self, request)
        if route.access != PUBLIC:
            self.guard.authenticate(call)
            if route.access == ADMIN and not call.is_admin:
                raise ApiError(403, "Access denied", "Access denied to resource")
        return route.handler(call, **parts)
