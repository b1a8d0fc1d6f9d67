"""Who calls: API keys, JWTs, the session cookie, CSRF and the limit on password calls."""

import base64
import hashlib
import hmac
import re
import secrets
from collections import defaultdict, deque

import jwt
from werkzeug.http import dump_cookie

from .web import ApiError, reply, text

SESSION = "portainer_api_key"
CSRF = "_gorilla_csrf"
WRITES = {"POST", "PUT", "DELETE", "PATCH"}
LIMIT, BAN = 10, 3600
UNITS = {"h": 3600, "m": 60, "s": 1}


def digest(raw_key):
    return base64.b64encode(hashlib.sha256(raw_key.encode()).digest()).decode()


class Guard:
    def __init__(self, double):
        self.double = double
        self.restart()

    def restart(self):
        """Line 16: the secret of JWTs is new at every start."""
        self.secret = secrets.token_bytes(32)
        self.revoked = set()
        self.calls = defaultdict(deque)
        self.banned = {}

    # --- refusals before anything else --------------------------------------------

    def refuse(self, request):
        """Lines 13 and 14."""
        if SESSION in request.cookies:
            return self._refuse_forgery(request) if request.method in WRITES else None
        if "X-API-KEY" in request.headers and "Authorization" in request.headers:
            message = "api key and auth header are not allowed at the same time"
            return reply({"message": message, "details": message.capitalize()}, 403)
        return None

    def _refuse_forgery(self, request):
        if self.double.mode == "2.45" and not (
            {"Origin", "Sec-Fetch-Site"} & {name.title() for name, _ in request.headers}
        ):
            return text("Forbidden - origin invalid", 403)
        cookie, token = request.cookies.get(CSRF), request.headers.get("X-CSRF-Token")
        if not cookie or not token:
            return text("Forbidden - CSRF token not found in request", 403)
        if not hmac.compare_digest(token, self._csrf(cookie)):
            return text("Forbidden - CSRF token invalid", 403)
        return None

    def csrf_token(self, request, response):
        """The token for callers that keep cookies; empty for all others."""
        if SESSION not in request.cookies:
            return ""
        cookie = request.cookies.get(CSRF)
        if not cookie:
            cookie = secrets.token_urlsafe(32)
            response.headers.add(
                "Set-Cookie", dump_cookie(CSRF, cookie, path="/", httponly=True, samesite="Lax")
            )
        return self._csrf(cookie)

    def _csrf(self, cookie):
        return hmac.new(self.secret, cookie.encode(), "sha256").hexdigest()

    def count(self, address):
        """Line 21: more than ten calls within a second close these routes for an hour."""
        now = self.double.clock.now()
        calls = self.calls[address]
        calls.append(now)
        while calls and calls[0] <= now - 1:
            calls.popleft()
        if len(calls) > LIMIT:
            self.banned[address] = now + BAN
        if self.banned.get(address, 0) > now:
            raise ApiError(403, "Access denied", "Access denied to resource")

    # --- credentials ----------------------------------------------------------------

    def authenticate(self, call):
        """The first credential that is present decides; a bad one is not followed by another."""
        request = call.request
        key = request.headers.get("X-API-KEY") or request.args.get("X-API-KEY")
        header = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if key:
            call.credential, user_id = "key", self._user_of_key(key)
        elif SESSION in request.cookies:
            call.credential, user_id = "cookie", self._user_of_jwt(request.cookies[SESSION])
        elif request.args.get("token") or header:
            token = request.args.get("token") or header
            call.credential, user_id = "jwt", self._user_of_jwt(token)
        else:
            raise ApiError(401, "A valid authorization token is missing", "Unauthorized")
        call.user = self.double.store.get("users", user_id)
        if not call.user:
            raise ApiError(401, "An authorization token is invalid", "Unauthorized")

    def _user_of_key(self, raw):
        row = self.double.store.find("keys", digest=digest(raw))
        if not row:
            raise ApiError(401, "Invalid JWT token", "Unauthorized")  # line 11
        now = int(self.double.clock.now())
        if now - row["lastUsed"] >= 60:
            self.double.store.change("keys", row["Id"], lastUsed=now)
        return row["userId"]

    def _user_of_jwt(self, token):
        now = self.double.clock.now()
        try:
            options = {"verify_exp": False, "verify_iat": False}
            claims = jwt.decode(token, self.secret, algorithms=["HS256"], options=options)
        except jwt.InvalidTokenError:
            raise ApiError(401, "Invalid JWT token", "Unauthorized") from None
        user = self.double.store.get("users", claims["id"])
        if (
            claims["exp"] <= now
            or claims["jti"] in self.revoked
            or (user and claims["iat"] < user["TokenIssueAt"])
        ):
            raise ApiError(401, "Invalid JWT token", "Unauthorized")
        return claims["id"]

    def make_jwt(self, user):
        """(token, seconds it is good for)"""
        now = int(self.double.clock.now())
        lifetime = seconds(self.double.store.setting("UserSessionTimeout") or "8h")
        claims = {
            "id": user["Id"],
            "username": user["Username"],
            "role": user["Role"],
            "scope": "default",
            "forceChangePassword": False,
            "jti": secrets.token_hex(16),
            "iat": now,
            "exp": now + lifetime,
        }
        return jwt.encode(claims, self.secret, algorithm="HS256"), lifetime

    def revoke(self, token):
        claims = jwt.decode(token, options={"verify_signature": False})
        self.revoked.add(claims["jti"])


def seconds(duration):
    """`1h30m` → 5400"""
    return sum(int(count) * UNITS[unit] for count, unit in re.findall(r"(\d+)([hms])", duration))
