from odoo import models


class IrHttp(models.AbstractModel):
    """Tells the web client whom to show the operator's visits."""

    _inherit = "ir.http"

    def session_info(self):
        info = super().session_info()
        info["saas_sees_visits"] = self._saas_sees_visits()
        return info

    def _saas_sees_visits(self):
        """The owner, and whoever administers the database, see what the operator did."""
        user = self.env.user
        return user.has_group("base.group_system") or user == user._saas_get_owner()
