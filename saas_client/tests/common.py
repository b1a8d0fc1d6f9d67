import tempfile
import time
import uuid
from pathlib import Path

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from odoo.tests import TransactionCase, new_test_user

from .. import trust


class Portal:
    """A portal with its key pair, as far as a client database can see one."""

    def __init__(self):
        self.uuid = str(uuid.uuid4())
        self.private_key = Ed25519PrivateKey.generate()

    @property
    def public_pem(self):
        return (
            self.private_key.public_key()
            .public_bytes(
                serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
            )
            .decode()
        )

    def make_claims(self, audience, action, payload=None, **changes):
        now = int(time.time())
        return {
            "iss": self.uuid,
            "aud": audience,
            "iat": now,
            "exp": now + 60,
            "jti": uuid.uuid4().hex,
            "action": action,
            "payload": payload or {},
            **changes,
        }

    def sign(self, *args, **kwargs):
        claims = self.make_claims(*args, **kwargs)
        return jwt.encode(claims, self.private_key, algorithm="EdDSA")


class SaasClientCommon:
    """Makes the database of the test the client of a portal whose key the test holds."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        # A folder of its own: what lies in that of the server must not matter.
        cls.folder = Path(cls.enterClassContext(tempfile.TemporaryDirectory()))
        cls.classPatch(trust, "get_folder", lambda: cls.folder)
        cls.portal = Portal()
        cls.parameters = cls.env["ir.config_parameter"].sudo()
        cls.parameters.set_param("saas_client.portal_uuid", cls.portal.uuid)
        cls.parameters.set_param("saas_client.portal_key", cls.portal.public_pem)
        cls.database_uuid = cls.parameters.get_param("database.uuid")
        cls.admin = cls.env.ref("base.user_admin")
        cls.gateway = cls.env["saas_client.gateway"].with_user(cls.admin)

    @classmethod
    def sign(cls, action="apply", payload=None, **changes):
        return cls.portal.sign(cls.database_uuid, action, payload, **changes)

    @classmethod
    def apply(cls, **payload):
        return cls.gateway.apply(cls.sign(payload=payload))

    @classmethod
    def suspend(cls, value="1"):
        return cls.apply(params=[{"key": "saas_client.suspended", "value": value, "hidden": True}])

    @classmethod
    def make_user(cls, login, groups="base.group_user", **vals):
        return new_test_user(cls.env, login=login, groups=groups, **vals)


class SaasClientCase(SaasClientCommon, TransactionCase):
    pass
