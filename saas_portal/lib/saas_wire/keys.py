"""The portal's key pair, and the requests signed with it."""

import uuid
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from hashlib import sha256

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

#: Clients accept no request and no visit of an operator that lives longer.
LIFETIME = timedelta(seconds=60)
#: For which a log-in may take on its way from the portal to the client.
LOGIN_LIFETIME = timedelta(seconds=300)
#: What a token is for stands in its header (`typ`): one kind never serves as another.
REQUEST_TYPE = "JWT"
LOGIN_TYPE = "saas-login+jwt"
CONNECT_TYPE = "saas-connect+jwt"
POLICY_TYPE = "saas-policy+jwt"


class SigningKey:
    """An Ed25519 key that signs requests to clients (JWT of RFC 7519, EdDSA of RFC 8037)."""

    def __init__(self, private_key: Ed25519PrivateKey):
        self._private_key = private_key

    @classmethod
    def generate(cls) -> "SigningKey":
        return cls(Ed25519PrivateKey.generate())

    @classmethod
    def from_pem(cls, pem: str) -> "SigningKey":
        return cls(serialization.load_pem_private_key(pem.encode(), password=None))

    def private_pem(self) -> str:
        return self._private_key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ).decode()

    def public_pem(self) -> str:
        return (
            self._private_key.public_key()
            .public_bytes(
                serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
            )
            .decode()
        )

    @property
    def key_id(self) -> str:
        """The `kid` in the header of all that this key signs."""
        raw = self._private_key.public_key().public_bytes(
            serialization.Encoding.Raw, serialization.PublicFormat.Raw
        )
        return sha256(raw).hexdigest()[:16]

    def sign(self, token_type: str, claims: dict) -> str:
        """A JWT of one kind."""
        headers = {"typ": token_type, "kid": self.key_id}
        return jwt.encode(claims, self._private_key, algorithm="EdDSA", headers=headers)

    def sign_request(
        self,
        issuer: str,
        audience: str,
        action: str,
        payload: dict | None = None,
        now: datetime | None = None,
    ) -> str:
        """A request token: who asks (portal uuid), whom (client uuid), for what, for 60 seconds."""
        claims = {"action": action, "payload": payload or {}}
        return self._sign_dated(REQUEST_TYPE, issuer, audience, claims, LIFETIME, now)

    def sign_login(
        self, issuer: str, audience: str, subject: str, now: datetime | None = None
    ) -> str:
        """Says to one client that this person has just logged in at the portal."""
        return self._sign_dated(LOGIN_TYPE, issuer, audience, {"sub": subject}, LOGIN_LIFETIME, now)

    def sign_connect(
        self,
        issuer: str,
        audience: str,
        operator: str,
        reason: str,
        now: datetime | None = None,
    ) -> str:
        """Lets an operator into one client, once; the client keeps who it was and why."""
        claims = {"operator": operator, "reason": reason}
        return self._sign_dated(CONNECT_TYPE, issuer, audience, claims, LIFETIME, now)

    def _sign_dated(self, token_type, issuer, audience, claims, lifetime, now):
        now = now or datetime.now(UTC)
        return self.sign(
            token_type,
            {
                "iss": issuer,
                "aud": audience,
                "iat": now,
                "exp": now + lifetime,
                "jti": uuid.uuid4().hex,
                **claims,
            },
        )


def read_login(token: str, keys: Iterable[SigningKey], issuer: str) -> dict:
    """The claims of a log-in token that this portal has signed and that is still valid.

    :raises ValueError: it is anything else
    """
    try:
        header = jwt.get_unverified_header(token)
        key = next(key for key in keys if key.key_id == header.get("kid"))
        if header.get("typ") != LOGIN_TYPE:
            raise ValueError("This is a token for something else.")
        return jwt.decode(
            token,
            key.public_pem(),
            algorithms=["EdDSA"],
            issuer=issuer,
            options={"require": ["iss", "aud", "iat", "exp", "jti", "sub"], "verify_aud": False},
        )
    except (jwt.PyJWTError, StopIteration) as error:
        raise ValueError("This token is not valid, or not any more.") from error
