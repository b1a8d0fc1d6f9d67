from odoo import api, models

from ..secret_box import decrypt, encrypt


class SadeemSecretMixin(models.AbstractModel):
    """Secrets that can be written and never read: computed empty, kept encrypted in a column.

    A secret ``x`` is a computed field with the inverse ``_inverse_secrets``, a column ``x_cipher``
    without access, and an entry in ``_secrets``.
    """

    _name = "sadeem.secret.mixin"
    _description = "Write-only Secrets"

    _secrets = ()

    @api.model_create_multi
    def create(self, vals_list):
        records = super().create(vals_list)
        records._forget_entered()
        return records

    def write(self, vals):
        result = super().write(vals)
        self._forget_entered()
        return result

    def _forget_entered(self):
        """What was just entered is not handed back by a read that follows."""
        self.invalidate_recordset(self._secrets, flush=False)

    def _compute_secrets(self):
        for name in self._secrets:
            self[name] = False

    def _inverse_secrets(self):
        """Keep what was entered; nothing entered means that the present one stays."""
        for record in self:
            for name in self._secrets:
                if record[name]:
                    record.sudo()[f"{name}_cipher"] = encrypt(self.env, record[name])

    def _has_secret(self, name: str) -> bool:
        self.ensure_one()
        return bool(self.sudo()[f"{name}_cipher"])

    def _get_secret(self, name: str) -> str:
        """The secret in clear, '' where there is none."""
        self.ensure_one()
        return decrypt(self.env, self.sudo()[f"{name}_cipher"])
