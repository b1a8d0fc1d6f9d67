import os

from odoo import api, models
from odoo.exceptions import UserError
from odoo.tools import SQL, config

from ..lib.saas_rest.vault import Vault, VaultError
from ..lib.saas_rest.webhook_signature import new_secret

ROTATION_SECONDS = 86400


class SaasRestWebhook(models.Model):
    """What webhooks are signed with.

    The secrets stand in columns that the ORM does not know, so nothing that reads or exports
    records shows them, and sealed under the server's key, so that no dump tells them either.
    """

    _inherit = "saas_rest.webhook"

    def init(self):
        self.env.cr.execute(
            """
            ALTER TABLE saas_rest_webhook
                ADD COLUMN IF NOT EXISTS sealed_secret text,
                ADD COLUMN IF NOT EXISTS sealed_old_secret text,
                ADD COLUMN IF NOT EXISTS old_secret_until timestamp
            """
        )

    # === ACTION METHODS === #

    def action_rotate_secret(self):
        """Give a new secret and show it; the old one signs along for a day."""
        self.ensure_one()
        self.check_access("write")
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Signing secret"),
            "res_model": "saas_rest.webhook.secret",
            "view_mode": "form",
            "target": "new",
            "context": {"default_secret": self._make_secret(ROTATION_SECONDS)},
        }

    # === SECRETS === #

    @api.model
    def _get_vault(self) -> Vault:
        """Seals with the server's key: option ``saas_secret_key``, or SAAS_SECRET_KEY."""
        return Vault(config.get("saas_secret_key") or os.environ.get("SAAS_SECRET_KEY"))

    def _explain_vault(self, error: VaultError) -> str:
        """What an administrator has to do."""
        reasons = {
            "no-key": self.env._(
                "This Odoo server has no key to keep the secrets of webhooks with. Put a line"
                " “saas_secret_key = …” with a Fernet key into its configuration file and"
                " restart it."
            ),
            "bad-key": self.env._(
                "saas_secret_key in the server's configuration is not a Fernet key (32 bytes,"
                " URL-safe base64)."
            ),
            "other-key": self.env._(
                "The webhook's secret was kept under another saas_secret_key: put that one back,"
                " or give the webhook a new secret."
            ),
            "no-secret": self.env._("The webhook has no secret: give it a new one."),
        }
        return reasons[error.code]

    def _make_secret(self, keep_old_for: int = 0) -> str:
        """A new secret, told now and never again.

        :param keep_old_for: seconds for which the present secret signs along
        :raises UserError: when the server has no key to keep it with
        """
        self.ensure_one()
        secret = new_secret()
        try:
            sealed = self._get_vault().seal(secret)
        except VaultError as error:
            raise UserError(self._explain_vault(error)) from error
        self.env.cr.execute(
            SQL(
                """
                UPDATE saas_rest_webhook
                   SET sealed_old_secret = CASE WHEN %(keep)s > 0 THEN sealed_secret END,
                       old_secret_until = now() AT TIME ZONE 'UTC' + %(keep)s * interval '1 s',
                       sealed_secret = %(sealed)s
                 WHERE id = %(id)s
                """,
                keep=keep_old_for,
                sealed=sealed,
                id=self.id,
            )
        )
        return secret

    def _get_secrets(self) -> list[str]:
        """The secrets that sign now, the newest first.

        :raises VaultError: when the newest cannot be read; an older one that cannot is left out
        """
        self.ensure_one()
        self.env.cr.execute(
            SQL(
                """
                SELECT sealed_secret, CASE WHEN old_secret_until > now() AT TIME ZONE 'UTC'
                                           THEN sealed_old_secret END
                  FROM saas_rest_webhook WHERE id = %s
                """,
                self.id,
            )
        )
        sealed, old = self.env.cr.fetchone()
        if not sealed:
            raise VaultError("no-secret")
        vault = self._get_vault()
        secrets = [vault.open(sealed)]
        try:
            return [*secrets, vault.open(old)] if old else secrets
        except VaultError:
            return secrets
