from odoo import models


class ResUsersApikeys(models.Model):
    _inherit = "res.users.apikeys"

    def _check_credentials(self, *, scope, key):
        """No key opens a suspended database."""
        if self.env["ir.config_parameter"]._saas_is_suspended():
            return None
        return super()._check_credentials(scope=scope, key=key)
