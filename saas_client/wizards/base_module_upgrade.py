from odoo import models


class BaseModuleUpgrade(models.TransientModel):
    _inherit = "base.module.upgrade"

    def upgrade_module(self):
        self.env["ir.module.module"]._saas_check_may_manage_apps()
        return super().upgrade_module()
