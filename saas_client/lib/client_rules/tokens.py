"""Verification of the short-lived tokens with which the portal signs its requests."""

import re
from dataclasses import dataclass

import jwt
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

MAX_LIFETIME = 60
# The portal's clock may run ahead of ours; an expiry is never stretched.
CLOCK_SKEW = 10

_TOKEN_SHAPE = re.compile(r"eyJ[\w-]+\.[\w-]+\.[\w-]*", re.ASCII)
_REQUIRED_CLAIMS = ("iss", "aud", "iat", "exp", "jti", "action")


class TokenRefused(Exception):
    """The token proves nothing; the text says why, and never quotes the token."""


@dataclass(frozen=True)
class RequestToken:
    """What a verified token asks for."""

    action: str
    payload: dict
    jti: str
    expires_at: int


def looks_like_token(text: object) -> bool:
    """Whether a password has the shape of a token, and therefore must be verified as one."""
    return isinstance(text, str) and _TOKEN_SHAPE.fullmatch(text) is not None


def read_token(
    token: str,
    *,
    public_key: str,
    issuer: str,
    audience: str,
    now: float,
    action: str | None = None,
) -> RequestToken:
    """Verify a token completely and return what it asks for.

    :param action: the only action to accept, or None to accept any
    :raise TokenRefused: whatever is wrong with the token or with our own identity
    """
    if not (public_key and issuer and audience):
        raise TokenRefused("this database has not been told which portal it belongs to")
    claims = _read_claims(token, _load_public_key(public_key))
    if claims["iss"] != issuer:
        raise TokenRefused("issued by another portal")
    if claims["aud"] != audience:
        raise TokenRefused("made for another database")
    _check_dates(claims["iat"], claims["exp"], now)
    if not isinstance(claims["action"], str) or action not in (None, claims["action"]):
        raise TokenRefused("signed for another action")
    payload = claims.get("payload", {})
    if not isinstance(payload, dict):
        raise TokenRefused("the payload is not an object")
    return RequestToken(claims["action"], payload, str(claims["jti"]), claims["exp"])


def _load_public_key(pem: str) -> Ed25519PublicKey:
    try:
        key = load_pem_public_key(pem.encode())
    except (ValueError, UnsupportedAlgorithm) as error:
        raise TokenRefused("the portal's public key cannot be read") from error
    if not isinstance(key, Ed25519PublicKey):
        raise TokenRefused("the portal's public key is not an Ed25519 key")
    return key


def _read_claims(token: str, key: Ed25519PublicKey) -> dict:
    """Check the signature only: the claims are judged by the caller, at the caller's time."""
    try:
        return jwt.decode(
            token,
            key,
            algorithms=["EdDSA"],
            options={
                "require": list(_REQUIRED_CLAIMS),
                "verify_signature": True,
                "verify_aud": False,
                "verify_exp": False,
                "verify_iat": False,
                "verify_iss": False,
                "verify_jti": False,
                "verify_nbf": False,
                "verify_sub": False,
            },
        )
    except jwt.PyJWTError as error:
        raise TokenRefused(f"not a valid token ({type(error).__name__})") from error


def _check_dates(issued_at: object, expires_at: object, now: float) -> None:
    if type(issued_at) is not int or type(expires_at) is not int:
        raise TokenRefused("the dates are not whole seconds")
    if not 0 < expires_at - issued_at <= MAX_LIFETIME:
        raise TokenRefused(f"valid for longer than {MAX_LIFETIME} seconds, or not at all")
    if issued_at > now + CLOCK_SKEW:
        raise TokenRefused("issued in the future")
    if expires_at <= now:
        raise TokenRefused("expired")
