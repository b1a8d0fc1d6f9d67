import json
import os

from odoo import api, models
from odoo.exceptions import UserError
from odoo.tools import config

from ..lib.saas_secrets import SecretBox, SecretError
from ..lib.saas_wire import SigningKey
from ..transactions import locked

_SIGNING_KEY = "saas_portal.signing_key"


class SaasPortalKeyring(models.AbstractModel):
    """The portal's own key pair and the encryption of everything it has to keep secret."""

    _name = "saas_portal.keyring"
    _description = "SaaS Keyring"

    @api.model
    def _get_secret_box(self) -> SecretBox:
        """The box under the server's key: option ``saas_secret_key``, or SAAS_SECRET_KEY."""
        key = config.get("saas_secret_key") or os.environ.get("SAAS_SECRET_KEY")
        if not key:
            raise UserError(
                self.env._(
                    "This Odoo server has no key to keep secrets with. Put a line"
                    " “saas_secret_key = …” with a Fernet key into its configuration file and"
                    " restart it; docs/operator.md tells how to make one."
                )
            )
        try:
            return SecretBox(key)
        except SecretError as error:
            raise UserError(self.env._("saas_secret_key: %(reason)s", reason=error)) from error

    @api.model
    def _encrypt(self, text: str) -> str:
        return self._get_secret_box().encrypt(text)

    @api.model
    def _decrypt(self, cipher: str) -> str:
        try:
            return self._get_secret_box().decrypt(cipher)
        except SecretError as error:
            raise UserError(
                self.env._(
                    "A secret of the portal cannot be read: saas_secret_key is not the key that it"
                    " was written with."
                )
            ) from error

    @api.model
    def _get_portal_uuid(self) -> str:
        return self.env["ir.config_parameter"].sudo().get_param("database.uuid")

    @api.model
    def _get_signing_key(self) -> SigningKey:
        """The key that clients know; made when it is first needed."""
        parameters = self.env["ir.config_parameter"].sudo()
        cipher = parameters.get_param(_SIGNING_KEY)
        if not cipher:
            cipher = self._create_signing_key()
        return SigningKey.from_pem(self._decrypt(cipher))

    @api.model
    def _create_signing_key(self) -> str:
        """Store a new key in a transaction of its own, so that it survives whatever comes next."""
        with locked(self.env, self._name, 0, wait=30) as env:
            parameters = env["ir.config_parameter"].sudo()
            cipher = parameters.search([("key", "=", _SIGNING_KEY)]).value
            if not cipher:
                cipher = self._encrypt(SigningKey.generate().private_pem())
                parameters.set_param(_SIGNING_KEY, cipher)
            return cipher

    @api.model
    def _encrypt_json(self, value) -> str:
        return self._encrypt(json.dumps(value))

    @api.model
    def _decrypt_json(self, cipher: str):
        return json.loads(self._decrypt(cipher))
