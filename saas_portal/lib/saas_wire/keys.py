"""The portal's key pair, and the requests signed with it."""

import uuid
from datetime import UTC, datetime, timedelta

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

#: Clients accept no request that lives longer.
LIFETIME = timedelta(seconds=60)


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

    def sign_request(
        self,
        issuer: str,
        audience: str,
        action: str,
        payload: dict | None = None,
        now: datetime | None = None,
    ) -> str:
        """A request token: who asks (portal uuid), whom (client uuid), for what, for 60 seconds."""
        now = now or datetime.now(UTC)
        claims = {
            "iss": issuer,
            "aud": audience,
            "iat": now,
            "exp": now + LIFETIME,
            "jti": uuid.uuid4().hex,
            "action": action,
            "payload": payload or {},
        }
        return jwt.encode(claims, self._private_key, algorithm="EdDSA")
