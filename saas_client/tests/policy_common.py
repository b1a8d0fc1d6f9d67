import itertools
import time

import jwt

from odoo.tests import TransactionCase

from .common import Portal, SaasClientCommon

SERIALS = itertools.count(int(time.time() * 1000))


class PolicyCommon(SaasClientCommon):
    """A server that trusts the portal of the test, and a database with a policy of its own."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        (cls.folder / f"{cls.portal.uuid}.pem").write_text(cls.portal.public_pem)
        cls.policy_file = cls.folder / f"{cls.database_uuid}.policy"
        cls.obey()

    def setUp(self):
        super().setUp()
        # What a test makes the database obey outlives its transaction.
        before = self.policy_file.read_text()
        self.addCleanup(self.policy_file.write_text, before)

    @classmethod
    def sign_policy(cls, portal=None, serial=None, typ="saas-policy+jwt", claims=None, **values):
        """A policy; `claims` replaces what it says about itself."""
        portal = portal or cls.portal
        policy = {
            "rung": "open", "reason": "", "notice": "", "max_users": 0, "storage_mb": 0,
            "expires_at": None, "enforce_at": None, "expiry_rung": "closed", "trial": False,
            "hidden": [], "record_limits": [], "plan": "Gold", "portal_url": "",
            "manage_url": "https://portal.example.com/my", "support": "", **values,
        }  # fmt: skip
        body = {
            "iss": portal.uuid,
            "aud": cls.database_uuid,
            "sub": cls.env.cr.dbname,
            "iat": int(time.time()),
            "serial": serial or next(SERIALS),
            "policy": policy,
            **(claims or {}),
        }
        return jwt.encode(body, portal.private_key, algorithm="EdDSA", headers={"typ": typ})

    @classmethod
    def obey(cls, **values):
        """Have the portal send this policy."""
        cls.apply(policy=cls.sign_policy(**values))

    @classmethod
    def rung(cls):
        return cls.parameters._saas_get_rung()

    @classmethod
    def sql(cls, query, *params):
        cls.env.flush_all()
        cls.env.cr.execute(query, params)
        cls.env.invalidate_all()
        cls.env.registry.clear_cache("stable")


class PolicyCase(PolicyCommon, TransactionCase):
    @classmethod
    def make_stranger(cls):
        return Portal()
