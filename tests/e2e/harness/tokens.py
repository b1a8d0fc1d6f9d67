"""Request tokens made by hand, as the portal makes them and as nobody should."""

import base64
import json
import time
import uuid

import jwt
from cryptography.fernet import Fernet
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

#: `base.user_admin`, in whose place the portal acts.
ADMIN_UID = 2


def portal_key(portal):
    """The portal's real private key, as only a thief of database and configuration gets it."""
    ((cipher,),) = portal.psql(
        portal.name,
        "SELECT value FROM ir_config_parameter WHERE key = 'saas_portal.signing_key'",
    )
    pem = Fernet(portal.secret_key.encode()).decrypt(cipher.encode())
    return load_pem_private_key(pem, None)


def other_key():
    return Ed25519PrivateKey.generate()


def claims(portal, client, action="status", lives=30, **changes):
    """What the portal would sign for this client; a claim changed to None is left out."""
    ((portal_uuid,),) = portal.psql(
        portal.name, "SELECT value FROM ir_config_parameter WHERE key = 'database.uuid'"
    )
    now = int(time.time())
    values = {
        "iss": portal_uuid,
        "aud": client.client_id,
        "iat": now,
        "exp": now + lives,
        "jti": uuid.uuid4().hex,
        "action": action,
        "payload": {},
        **changes,
    }
    return {name: value for name, value in values.items() if value is not None}


def sign(values, key, algorithm="EdDSA"):
    return jwt.encode(values, key, algorithm=algorithm)


def sign_by_hand(values, algorithm, make_signature):
    """For what PyJWT refuses to make, as a forger would."""

    def part(data):
        return base64.urlsafe_b64encode(data).rstrip(b"=")

    header = part(json.dumps({"alg": algorithm, "typ": "JWT"}).encode())
    text = header + b"." + part(json.dumps(values).encode())
    return (text + b"." + part(make_signature(text))).decode()


def ask(portal, client, token, action="status", uid=ADMIN_UID, request=None, password=None):
    """The gateway's answer to a token, standing in the password's place and as the argument."""
    session = portal.rpc(client.name, uid=uid)
    session.password = password or token
    return session.call("saas_client.gateway", action, request or token)
