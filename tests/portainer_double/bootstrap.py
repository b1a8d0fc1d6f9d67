"""A fresh server: status, first administrator, settings, the lock after five minutes."""

import hmac

from werkzeug.wrappers import Response

from . import users
from .web import ADMIN, PUBLIC, ApiError, nothing, reply, route

OPEN_WHEN_LOCKED = {"/api/status", "/api/settings/public"}
SETTINGS = {
    "LogoURL": "",
    "BlackListedLabels": [],
    "AuthenticationMethod": 1,
    "InternalAuthSettings": {"RequiredPasswordLength": 12},
    "SnapshotInterval": "5m",
    "UserSessionTimeout": "8h",
    "EnableTelemetry": False,
}


def refuse_locked(request):
    """Line 7: the comparison is with the whole request URI, so a query closes these two also."""
    if request.environ["REQUEST_URI"] in OPEN_WHEN_LOCKED:
        return None
    message = "Administrator initialization timeout"
    response = reply({"message": message, "details": message}, 303)
    response.headers["Redirect-Reason"] = "AdminInitTimeout"
    return response


@route("GET", "/api/status", PUBLIC)
@route("GET", "/api/system/status", PUBLIC)
def status(call):
    """Line 1."""
    return reply({"Version": call.double.version, "InstanceID": call.store.instance})


@route("GET", "/api/system/version")
def version(call):
    build = dict.fromkeys(("BuildNumber", "ImageTag", "NodejsVersion", "YarnVersion"), "")
    build |= dict.fromkeys(("WebpackVersion", "GoVersion", "GitCommit"), "")
    return reply(
        {
            "UpdateAvailable": False,
            "LatestVersion": "",
            "ServerVersion": call.double.version,
            "ServerEdition": "CE",
            "DatabaseVersion": call.double.version,
            "Build": build,
        }
    )


def settings_of(store):
    return {key: store.setting(key) or default for key, default in SETTINGS.items()}


def password_length(store):
    return settings_of(store)["InternalAuthSettings"]["RequiredPasswordLength"]


@route("GET", "/api/settings/public", PUBLIC)
def public_settings(call):
    return reply(
        {
            "LogoURL": "",
            "AuthenticationMethod": 1,
            "RequiredPasswordLength": password_length(call.store),
            "EnableTelemetry": False,
            "TeamSync": False,
        }
    )


@route("GET", "/api/settings", ADMIN)
def settings(call):
    return reply(settings_of(call.store))


@route("PUT", "/api/settings", ADMIN)
def change_settings(call):
    payload = call.payload()
    values = {key: payload.get(key, type(SETTINGS[key])) for key in SETTINGS if key in payload}
    call.store.set_settings(values)
    return reply(settings_of(call.store))


@route("GET", "/api/users/admin/check", PUBLIC)
def admin_check(call):
    """Line 2."""
    if call.store.has_admin():
        return nothing()
    raise ApiError(
        404,
        "No administrator account found inside the database",
        "Object not found inside the database",
    )


@route("POST", "/api/users/admin/init", PUBLIC)
def admin_init(call):
    """Lines 3 to 6 and 66."""
    refuse_setup_token(call)
    payload = call.payload()
    name = payload.get("Username")
    if not name or " " in name:
        details = "Invalid username. Must not contain any whitespace"
        raise ApiError(400, "Invalid request payload", details)
    password = payload.get("Password")
    if not password:
        raise ApiError(400, "Invalid request payload", "Invalid password")
    with call.store.lock:
        if call.store.has_admin():
            raise ApiError(
                409,
                "Unable to create administrator user",
                "An administrator user already exists",
            )
        users.check_password_policy(call.store, password)
        user = users.create(call.store, name, password, 1)
    # The hash leaks here, and only here.
    return reply({**users.public(user), "Password": user["Password"]})


def refuse_setup_token(call):
    """Line 66, newer servers only."""
    token = call.double.setup_token
    sent = call.request.headers.get("X-Setup-Token", "")
    if token and not hmac.compare_digest(sent.encode(), token.encode()):
        raise ApiError(
            403,
            "Invalid or missing setup token. Provide the X-Setup-Token header with the token"
            " printed in the server logs at startup.",
        )


@route("GET", "/", PUBLIC)
def panel(call):
    """Where Portainer has its web interface."""
    page = "<!doctype html><title>Portainer</title><p>This stand-in for Portainer has no screens."
    return Response(page, content_type="text/html; charset=utf-8")
