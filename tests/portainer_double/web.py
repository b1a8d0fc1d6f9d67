"""Requests, replies and the table of routes."""

import json
from dataclasses import dataclass

from werkzeug.wrappers import Response


class ApiError(Exception):
    """An error reply: JSON with `message` and `details`."""

    def __init__(self, status, message, details=None):
        super().__init__(message)
        self.status, self.message = status, message
        self.details = capital(message if details is None else details)

    def response(self):
        body = {"message": self.message, "details": self.details}
        return reply({key: value for key, value in body.items() if value}, self.status)


class ConnectionDropped(ConnectionAbortedError):
    """Ends the connection without an answer; the server knows this kind of error."""


def capital(text):
    return text[:1].upper() + text[1:]


def reply(value, status=200):
    return Response(json.dumps(value), status, content_type="application/json")


def nothing(status=204):
    return Response(b"", status)


def text(message, status):
    return Response(f"{message}\n", status, content_type="text/plain; charset=utf-8")


# --- routes -----------------------------------------------------------------------

PUBLIC, USER, ADMIN = "public", "user", "admin"
ROUTES = []


@dataclass(frozen=True)
class Route:
    method: str
    rule: str
    handler: object
    access: str
    limited: bool = False  # shares the limit on calls that take a password
    modes: tuple = ("2.23", "2.45")


def route(method, rule, access=USER, **options):
    """Registers a handler: `handler(call, **parts of the path)` returns a Response."""

    def register(handler):
        ROUTES.append(Route(method, rule, handler, access, **options))
        return handler

    return register


# --- requests ---------------------------------------------------------------------


@dataclass
class Call:
    """One request on its way through a handler."""

    double: object
    request: object
    user: dict = None
    credential: str = None  # key, jwt or cookie

    @property
    def store(self):
        return self.double.store

    @property
    def is_admin(self):
        return bool(self.user) and self.user["Role"] == 1

    def payload(self):
        body = self.request.get_data()
        if not body.strip():
            raise ApiError(400, "Invalid request payload", "EOF")
        try:
            value = json.loads(body)
        except ValueError as error:
            raise ApiError(400, "Invalid request payload", str(error)) from None
        if not isinstance(value, dict):
            raise ApiError(400, "Invalid request payload", "json: cannot unmarshal into an object")
        return Payload(value)

    def query_number(self, name, required=False):
        value = self.request.args.get(name, "")
        if not value:
            if required:
                raise ApiError(400, f"Invalid query parameter: {name}", "Missing query parameter")
            return 0
        return number(value, f"Invalid query parameter: {name}")

    def query_flag(self, name):
        return self.request.args.get(name) == "true"


def number(value, message):
    try:
        return int(value)
    except ValueError:
        details = f'strconv.Atoi: parsing "{value}": invalid syntax'
        raise ApiError(400, message, details) from None


class Payload:
    """A JSON object whose keys are matched without regard to case."""

    def __init__(self, value):
        self.values = {key.lower(): item for key, item in value.items()}

    def __contains__(self, key):
        return self.values.get(key.lower()) is not None

    def get(self, key, kind=str, default=None):
        value = self.values.get(key.lower())
        if value is None:
            return kind() if default is None else default
        # A Go bool is no number, in Python it is one.
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            raise ApiError(400, "Invalid request payload", f"json: wrong type for field {key}")
        return value

    def required(self, key, message):
        value = self.get(key)
        if not value.strip():
            raise ApiError(400, "Invalid request payload", message)
        return value
