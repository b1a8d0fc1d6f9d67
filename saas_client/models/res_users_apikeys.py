from odoo import models


class ResUsersApikeys(models.Model):
    _inherit = "res.users.apikeys"

    def _check_credentials(self, *, scope, key):
        """No key opens a suspended database."""
        if self.env["ir.config_parameter"]._saas_is_suspended():
            return None
        uid = super()._check_credentials(scope=scope, key=key)
        if uid:
            self.env["res.users"].browse(uid)._saas_check_may_log_in()
        return uid
