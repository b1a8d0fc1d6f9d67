import base64
import json
import logging
import time
from unittest.mock import patch

import jwt

from odoo import SUPERUSER_ID
from odoo.exceptions import AccessDenied
from odoo.tests import tagged

from .common import Portal, SaasClientCase


@tagged("post_install", "-at_install")
class TestToken(SaasClientCase):
    """What is accepted in the place of the operator's password, and at the gateway."""

    def setUp(self):
        super().setUp()
        self.users = self.env(user=SUPERUSER_ID)["res.users"]

    def assertRefused(self, token, uid=None):
        with self.assertRaises(AccessDenied):
            self.users._check_uid_passwd(uid or self.admin.id, token)
        with self.assertRaises(AccessDenied):
            self.gateway.status(token)

    def test_a_signed_token_stands_for_the_password_of_the_operator(self):
        self.users._check_uid_passwd(self.admin.id, self.sign("status"))
        self.assertEqual(
            self.gateway.status(self.sign("status"))["database_uuid"], self.database_uuid
        )

    def test_a_token_accepted_a_moment_ago_is_refused_once_expired(self):
        token = self.sign("status")
        self.users._check_uid_passwd(self.admin.id, token)
        self.users._check_uid_passwd(self.admin.id, token)
        later = time.time() + 61
        with patch.object(type(self.users), "_saas_now", lambda self: later):
            self.assertRefused(token)

    def test_a_token_for_another_database_is_refused(self):
        self.assertRefused(self.portal.sign("another-database", "status"))

    def test_a_token_of_another_portal_is_refused(self):
        self.assertRefused(self.sign("status", iss="another-portal"))

    def test_a_token_signed_by_another_key_is_refused(self):
        stranger = Portal()
        stranger.uuid = self.portal.uuid
        self.assertRefused(stranger.sign(self.database_uuid, "status"))

    def test_a_tampered_token_is_refused(self):
        header, _claims, signature = self.sign("status").split(".")
        claims = self.portal.make_claims(self.database_uuid, "status", {"more": True})
        body = base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=").decode()
        self.assertRefused(f"{header}.{body}.{signature}")

    def test_an_unsigned_token_is_refused(self):
        claims = self.portal.make_claims(self.database_uuid, "status")
        self.assertRefused(jwt.encode(claims, None, algorithm="none"))

    def test_a_token_signed_with_the_public_key_as_a_password_is_refused(self):
        claims = self.portal.make_claims(self.database_uuid, "status")
        header = base64.urlsafe_b64encode(b'{"alg":"HS256","typ":"JWT"}').rstrip(b"=")
        body = base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=")
        algorithm = jwt.algorithms.HMACAlgorithm(jwt.algorithms.HMACAlgorithm.SHA256)
        # PyJWT refuses to make such a token, an attacker does not
        signature = algorithm.sign(header + b"." + body, self.portal.public_pem.encode())
        parts = (header, body, base64.urlsafe_b64encode(signature).rstrip(b"="))
        self.assertRefused(b".".join(parts).decode())

    def test_a_token_valid_for_longer_than_a_minute_is_refused(self):
        now = int(time.time())
        self.assertRefused(self.sign("status", iat=now, exp=now + 61))

    def test_a_token_is_refused_for_any_user_but_the_operator(self):
        manager = self.make_user("manager", "base.group_system")
        for uid in (manager.id, SUPERUSER_ID, 2**30):
            with self.assertRaises(AccessDenied):
                self.users._check_uid_passwd(uid, self.sign("status"))

    def test_a_token_is_refused_when_the_operators_account_is_archived(self):
        self.admin.active = False
        with self.assertRaises(AccessDenied):
            self.users._check_uid_passwd(self.admin.id, self.sign("status"))

    def test_a_token_is_refused_when_the_database_knows_no_portal(self):
        self.parameters.set_param("saas_client.portal_key", False)
        self.assertRefused(self.sign("status"))

    def test_a_token_for_one_action_does_not_serve_for_another(self):
        with self.assertRaises(AccessDenied):
            self.gateway.apply(self.sign("status"))
        with self.assertRaises(AccessDenied):
            self.gateway.status(self.sign("apply"))

    def test_an_administrator_cannot_use_the_gateway_without_a_signed_request(self):
        for request in ("", "request", {}, self.sign("status") + "x"):
            with self.assertRaises(AccessDenied):
                self.gateway.apply(request)

    def test_the_token_is_never_logged(self):
        token = self.sign("status", exp=1)
        with self.assertLogs(level=logging.DEBUG) as logs:
            self.assertRefused(token)
        self.assertNotIn(token.rsplit(".", 1)[1], "".join(logs.output))
