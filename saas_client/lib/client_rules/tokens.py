"""Verification of the short-lived tokens that the portal signs."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256

import jwt
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_public_key,
)

MAX_LIFETIME = 60
# The portal's clock may run ahead of ours; an expiry is never stretched.
CLOCK_SKEW = 10
#: What a header says that a token is for: one kind never serves as another.
REQUEST_TYPE = "JWT"

_TOKEN_SHAPE = re.compile(r"eyJ[\w-]+\.[\w-]+\.[\w-]*", re.ASCII)
_PEM = re.compile(r"-----BEGIN PUBLIC KEY-----.*?-----END PUBLIC KEY-----", re.DOTALL)
_COMMON_CLAIMS = ("iss", "aud", "iat", "exp", "jti")


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
    """Verify a request completely and return what it asks for.

    :param public_key: the portal's present key (PEM), and its former one while keys change
    :param action: the only action to accept, or None to accept any
    :raise TokenRefused: whatever is wrong with the token or with our own identity
    """
    claims = verify_token(
        token,
        token_type=REQUEST_TYPE,
        public_key=public_key,
        issuer=issuer,
        audience=audience,
        now=now,
        max_lifetime=MAX_LIFETIME,
        required=("action",),
    )
    if not isinstance(claims["action"], str) or action not in (None, claims["action"]):
        raise TokenRefused("signed for another action")
    payload = claims.get("payload", {})
    if not isinstance(payload, dict):
        raise TokenRefused("the payload is not an object")
    return RequestToken(claims["action"], payload, str(claims["jti"]), claims["exp"])


def verify_token(
    token: str,
    *,
    token_type: str,
    public_key: str,
    issuer: str,
    audience: str,
    now: float,
    max_lifetime: int,
    required: Iterable[str] = (),
) -> dict:
    """The claims of a token of one kind that our portal has signed for this database.

    :param max_lifetime: seconds from issue to expiry that are accepted
    :raise TokenRefused: whatever is wrong with the token or with our own identity
    """
    if not (public_key and issuer and audience):
        raise TokenRefused("this database has not been told which portal it belongs to")
    claims = read_signed(token, token_type, public_key, [*_COMMON_CLAIMS, *required])
    if claims["iss"] != issuer:
        raise TokenRefused("issued by another portal")
    if claims["aud"] != audience:
        raise TokenRefused("made for another database")
    if not (isinstance(claims["jti"], str) and claims["jti"]):
        raise TokenRefused("without a number of its own")
    _check_dates(claims["iat"], claims["exp"], now, max_lifetime)
    return claims


def load_public_keys(pem: str) -> dict[str, Ed25519PublicKey]:
    """Key id → key, of a text with one public key or several.

    :raise TokenRefused: when one of them cannot be read, or there is none
    """
    blocks = _PEM.findall(pem) or [pem]
    keys = [_load_public_key(block) for block in blocks]
    return {make_key_id(key): key for key in keys}


def make_key_id(key: Ed25519PublicKey) -> str:
    """The `kid` under which the portal's tokens name this key."""
    return sha256(key.public_bytes(Encoding.Raw, PublicFormat.Raw)).hexdigest()[:16]


def read_signed(token: str, token_type: str, public_key: str, required: list[str]) -> dict:
    """The claims of a token that one of the keys has signed; they are the caller's to judge.

    :raise TokenRefused: another kind of token, another key, or a claim is missing
    """
    keys = load_public_keys(public_key)
    try:
        header = jwt.get_unverified_header(token)
    except jwt.PyJWTError as error:
        raise TokenRefused(f"not a valid token ({type(error).__name__})") from error
    if header.get("typ") != token_type:
        raise TokenRefused("a token for something else")
    candidates = list(keys.values())
    if key_id := header.get("kid"):
        candidates = [keys[key_id]] if key_id in keys else []
    if not candidates:
        raise TokenRefused("signed with a key that this database does not know")
    for key in candidates[:-1]:
        try:
            return _read_claims(token, key, required)
        except TokenRefused:
            continue
    return _read_claims(token, candidates[-1], required)


def _load_public_key(pem: str) -> Ed25519PublicKey:
    try:
        key = load_pem_public_key(pem.encode())
    except (ValueError, UnsupportedAlgorithm) as error:
        raise TokenRefused("the portal's public key cannot be read") from error
    if not isinstance(key, Ed25519PublicKey):
        raise TokenRefused("the portal's public key is not an Ed25519 key")
    return key


def _read_claims(token: str, key: Ed25519PublicKey, required: list[str]) -> dict:
    """Check the signature only: the claims are judged by the caller, at the caller's time."""
    try:
        return jwt.decode(
            token,
            key,
            algorithms=["EdDSA"],
            options={
                "require": required,
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


def _check_dates(issued_at: object, expires_at: object, now: float, max_lifetime: int) -> None:
    if type(issued_at) is not int or type(expires_at) is not int:
        raise TokenRefused("the dates are not whole seconds")
    if not 0 < expires_at - issued_at <= max_lifetime:
        raise TokenRefused(f"valid for longer than {max_lifetime} seconds, or not at all")
    if issued_at > now + CLOCK_SKEW:
        raise TokenRefused("issued in the future")
    if expires_at <= now:
        raise TokenRefused("expired")
