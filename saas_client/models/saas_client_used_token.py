from datetime import UTC, datetime

from odoo import api, fields, models


class SaasClientUsedToken(models.Model):
    """Numbers of tokens that have let somebody in, until they expire: none does so twice."""

    _name = "saas_client.used_token"
    _description = "Used Token"
    _log_access = False

    jti = fields.Char(required=True)
    expires_at = fields.Datetime(required=True, index=True)

    _jti_uniq = models.Constraint("UNIQUE (jti)", "This token has been used already.")

    @api.model
    def _use(self, jti, expires_at):
        """Note that a token is used now; False when it was before, by whatever process.

        :param expires_at: seconds since 1970
        """
        self.env.cr.execute(
            "INSERT INTO saas_client_used_token (jti, expires_at) VALUES (%s, %s)"
            " ON CONFLICT (jti) DO NOTHING",
            [jti, datetime.fromtimestamp(expires_at, UTC).replace(tzinfo=None)],
        )
        return bool(self.env.cr.rowcount)

    @api.autovacuum
    def _gc_expired(self):
        self.sudo().search([("expires_at", "<", fields.Datetime.now())]).unlink()
