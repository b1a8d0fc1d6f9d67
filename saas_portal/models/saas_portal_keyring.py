import json
import os
from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import config

from ..lib.saas_secrets import SecretBox, SecretError
from ..lib.saas_wire import SigningKey
from ..transactions import locked

_SIGNING_KEY = "saas_portal.signing_key"
_FORMER_KEY = "saas_portal.signing_key_former"
_CHANGED_AT = "saas_portal.signing_key_changed_at"
#: A former key is dropped by itself after this many hours, when no client needs it any more.
_KEEP_HOURS = 24


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
        cipher = self._read_parameter(_SIGNING_KEY) or self._create_signing_key()
        return SigningKey.from_pem(self._decrypt(cipher))

    @api.model
    def _get_former_key(self) -> SigningKey | None:
        """The key before the present one, as long as there are clients that know no other."""
        cipher = self._read_parameter(_FORMER_KEY)
        return SigningKey.from_pem(self._decrypt(cipher)) if cipher else None

    @api.model
    def _get_keys(self) -> list[SigningKey]:
        """The present key, and the former one while keys change."""
        former = self._get_former_key()
        return [self._get_signing_key(), *([former] if former else [])]

    @api.model
    def _get_public_keys(self) -> str:
        """All keys with which this portal signs, as PEM."""
        return "".join(key.public_pem() for key in self._get_keys())

    @api.model
    def _change_key(self):
        """Sign with a new key from now on, as each client comes to know it.

        :raises UserError: the change before this one is not over
        """
        self._get_signing_key()
        with locked(self.env, self._name, 0, wait=30) as env:
            keyring, parameters = env[self._name], env["ir.config_parameter"].sudo()
            if keyring._read_parameter(_FORMER_KEY):
                raise UserError(
                    self.env._(
                        "The key was changed before, and the former one is still kept; drop that"
                        " first."
                    )
                )
            parameters.set_param(_FORMER_KEY, keyring._read_parameter(_SIGNING_KEY))
            parameters.set_param(_SIGNING_KEY, self._encrypt(SigningKey.generate().private_pem()))
            parameters.set_param(_CHANGED_AT, fields.Datetime.to_string(fields.Datetime.now()))
            keyring._publish_anchor()
            env["saas_portal.client"]._give_keys_later()

    @api.model
    def _drop_former_key(self):
        """Have every client refuse the former key.

        :raises UserError: there are clients that know no other
        """
        key_id = self._get_signing_key().key_id
        with locked(self.env, self._name, 0, wait=30) as env:
            behind = env["saas_portal.client"]._find_behind(key_id)
            if behind:
                raise UserError(
                    self.env._(
                        "These clients do not know the new key yet: %(names)s",
                        names=", ".join(behind.mapped("name")),
                    )
                )
            parameters = env["ir.config_parameter"].sudo()
            parameters.search([("key", "in", (_FORMER_KEY, _CHANGED_AT))]).unlink()
            env[self._name]._publish_anchor()
            env["saas_portal.client"]._give_keys_later()

    @api.model
    def _cron_drop_former_key(self):
        """Complete a change of keys that every client has followed."""
        changed_at = self._read_parameter(_CHANGED_AT)
        earliest = fields.Datetime.now() - timedelta(hours=_KEEP_HOURS)
        if not changed_at or fields.Datetime.from_string(changed_at) > earliest:
            return
        if not self.env["saas_portal.client"]._find_behind(self._get_signing_key().key_id):
            self._drop_former_key()

    @api.model
    def _create_signing_key(self) -> str:
        """Store a new key in a transaction of its own, so that it survives whatever comes next."""
        with locked(self.env, self._name, 0, wait=30) as env:
            cipher = env[self._name]._read_parameter(_SIGNING_KEY)
            if not cipher:
                cipher = self._encrypt(SigningKey.generate().private_pem())
                env["ir.config_parameter"].sudo().set_param(_SIGNING_KEY, cipher)
            return cipher

    @api.model
    def _read_parameter(self, key) -> str | None:
        """A parameter as the database has it.

        What this process remembers may be older: Odoo tells it of changes when a request or job
        begins, and a job that runs operations goes on for long.
        """
        parameters = self.env["ir.config_parameter"]
        return parameters._get_param.__wrapped__(parameters, key)

    @api.model
    def _encrypt_json(self, value) -> str:
        return self._encrypt(json.dumps(value))

    @api.model
    def _decrypt_json(self, cipher: str):
        return json.loads(self._decrypt(cipher))
