"""How people come in with what the portal signed: the owner's log-in, the operator's visit."""

from dataclasses import dataclass

from .tokens import MAX_LIFETIME, TokenRefused, verify_token

LOGIN_TYPE = "saas-login+jwt"
CONNECT_TYPE = "saas-connect+jwt"
#: Seconds; the portal makes them shorter.
MAX_LOGIN_LIFETIME = 3600
_MAX_TEXT = 500


@dataclass(frozen=True)
class LoginToken:
    """Says that somebody has logged in at the portal: `subject` is his name for ever."""

    subject: str
    jti: str
    expires_at: int


@dataclass(frozen=True)
class ConnectToken:
    """Lets one operator in once; `operator` and `reason` are for the customer to read."""

    operator: str
    reason: str
    jti: str
    expires_at: int


def read_login_token(token: str, **identity) -> LoginToken:
    """Verify a log-in token; `identity` is what :func:`verify_token` needs to know.

    :raise TokenRefused: whatever is wrong with it
    """
    claims = verify_token(
        token,
        token_type=LOGIN_TYPE,
        max_lifetime=MAX_LOGIN_LIFETIME,
        required=("sub",),
        **identity,
    )
    return LoginToken(_read_text(claims, "sub"), claims["jti"], claims["exp"])


def read_connect_token(token: str, **identity) -> ConnectToken:
    """Verify the token of an operator who comes in; `identity` as above.

    :raise TokenRefused: whatever is wrong with it
    """
    claims = verify_token(
        token,
        token_type=CONNECT_TYPE,
        max_lifetime=MAX_LIFETIME,
        required=("operator", "reason"),
        **identity,
    )
    return ConnectToken(
        _read_text(claims, "operator"), _read_text(claims, "reason"), claims["jti"], claims["exp"]
    )


def _read_text(claims: dict, name: str) -> str:
    value = claims[name]
    if not (isinstance(value, str) and value.strip() and len(value) <= _MAX_TEXT):
        raise TokenRefused(f"without a usable {name}")
    return value
