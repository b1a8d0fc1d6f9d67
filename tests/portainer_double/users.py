"""Users, logins and API keys."""

import base64
import secrets

import bcrypt

from . import security
from .web import ADMIN, PUBLIC, ApiError, nothing, reply, route


def create(store, name, password, role):
    if len(password.encode()) > 72:
        details = "bcrypt: password length exceeds 72 bytes"
        raise ApiError(500, "Unable to hash user password", details)
    return store.insert(
        "users",
        {
            "Username": name.lower(),
            "Password": bcrypt.hashpw(password.encode(), bcrypt.gensalt(8)).decode(),
            "Role": role,
            "TokenIssueAt": 0,
        },
    )


def public(user):
    """A user as replies show it."""
    return {
        "Id": user["Id"],
        "Username": user["Username"],
        "Role": user["Role"],
        "TokenIssueAt": user["TokenIssueAt"],
        "ThemeSettings": {"color": ""},
        "UseCache": False,
        "PortainerAuthorizations": None,
        "EndpointAuthorizations": None,
    }


def is_password(user, password):
    return bcrypt.checkpw(password.encode()[:72], user["Password"].encode())


def check_password_policy(store, password):
    """Line 3: the length counts, nothing else."""
    from .bootstrap import password_length

    if len(password.encode()) < password_length(store):
        raise ApiError(400, "Password does not meet the requirements")


# --- logins -----------------------------------------------------------------------


@route("POST", "/api/auth", PUBLIC, limited=True)
def login(call):
    """Lines 8 and 9."""
    payload = call.payload()
    name = payload.required("Username", "Invalid username")
    password = payload.required("Password", "Invalid password")
    user = call.store.find("users", Username=name.lower())
    if not user or not is_password(user, password):
        raise ApiError(422, "Invalid credentials", "Unauthorized")
    token, lifetime = call.double.guard.make_jwt(user)
    response = reply({"jwt": token})
    expires = call.double.clock.now() + lifetime
    response.set_cookie(
        security.SESSION, token, path="/", expires=expires, httponly=True, samesite="Strict"
    )
    return response


@route("POST", "/api/auth/logout", PUBLIC)
def logout(call):
    token = call.request.cookies.get(security.SESSION)
    if token:
        call.double.guard.revoke(token)
    response = nothing()
    response.delete_cookie(security.SESSION)
    return response


# --- users ------------------------------------------------------------------------


@route("GET", "/api/users/me")
def me(call):
    return reply({**public(call.user), "forceChangePassword": False})


@route("GET", "/api/users", ADMIN)
def users(call):
    return reply([public(user) for user in call.store.all("users")])


@route("POST", "/api/users", ADMIN)
def add_user(call):
    payload = call.payload()
    name = payload.required("Username", "Invalid username. Must not contain any whitespace")
    password = payload.required("Password", "Invalid password")
    role = payload.get("Role", int)
    if role not in (1, 2):
        raise ApiError(400, "Invalid request payload", "Invalid role value")
    if call.store.find("users", Username=name.lower()):
        raise ApiError(409, "Another user with the same username already exists")
    check_password_policy(call.store, password)
    return reply(public(create(call.store, name, password, role)))


@route("DELETE", "/api/users/<int:number>", ADMIN)
def delete_user(call, number):
    if number == 1:
        raise ApiError(403, "Cannot remove the initial admin account")
    if not call.store.delete("users", number):
        raise ApiError(
            404,
            "Unable to find a user with the specified identifier inside the database",
            "Object not found inside the database",
        )
    for key in call.store.all("keys"):
        if key["userId"] == number:
            call.store.delete("keys", key["Id"])
    return nothing()


@route("PUT", "/api/users/<int:number>/passwd", limited=True)
def change_password(call, number):
    payload = call.payload()
    if call.user["Id"] != number:
        raise ApiError(403, "Permission denied to update user", "Access denied to resource")
    if not is_password(call.user, payload.required("Password", "Invalid current password")):
        raise ApiError(403, "Current password doesn't match", "Unauthorized")
    new = payload.required("NewPassword", "Invalid new password")
    check_password_policy(call.store, new)
    hashed = bcrypt.hashpw(new.encode(), bcrypt.gensalt(8)).decode()
    # JWTs made before this second are refused from now on.
    now = int(call.double.clock.now())
    call.store.change("users", number, Password=hashed, TokenIssueAt=now)
    return nothing()


# --- API keys ---------------------------------------------------------------------


@route("POST", "/api/users/<int:number>/tokens", limited=True)
def add_key(call, number):
    """Lines 17 to 19."""
    if call.credential == "key":
        raise ApiError(401, "Auth not supported", "Authentication required")
    payload = call.payload()
    description = payload.required("description", "Invalid description: cannot be empty")
    if len(description) > 127:
        details = "Invalid description: cannot be longer than 128 characters"
        raise ApiError(400, "Invalid request payload", details)
    if number != call.user["Id"]:
        raise ApiError(403, "Permission denied to create user access token", "Unauthorized")
    password = payload.get("password")
    if not password:
        raise ApiError(400, "Invalid request payload", "Invalid password: cannot be empty")
    if not is_password(call.user, password):
        raise ApiError(403, "Current password doesn't match", "Current password doesn't match")
    raw = "ptr_" + base64.b64encode(secrets.token_bytes(32)).decode()
    row = call.store.insert(
        "keys",
        {
            "userId": number,
            "description": description,
            "prefix": raw[:7],
            "dateCreated": int(call.double.clock.now()),
            "lastUsed": 0,
            "digest": security.digest(raw),
        },
    )
    return reply({"rawAPIKey": raw, "apiKey": key_json(row)}, 201)


def key_json(row):
    return {"id": row["Id"], **{key: value for key, value in row.items() if key != "Id"}}


@route("GET", "/api/users/<int:number>/tokens")
def keys(call, number):
    """Line 20."""
    if number != call.user["Id"] and not call.is_admin:
        raise ApiError(403, "Permission denied to get user access tokens", "Unauthorized")
    rows = [key_json(row) for row in call.store.all("keys") if row["userId"] == number]
    return reply([{key: row[key] for key in row if key != "digest"} for row in rows])


@route("DELETE", "/api/users/<int:number>/tokens/<int:key>")
def delete_key(call, number, key):
    """Line 20."""
    if number != call.user["Id"] and not call.is_admin:
        raise ApiError(403, "Permission denied to delete user access token", "Unauthorized")
    row = call.store.get("keys", key)
    if not row or row["userId"] != number:
        raise ApiError(500, "API Key not found", "Object not found inside the database")
    call.store.delete("keys", key)
    return nothing()
