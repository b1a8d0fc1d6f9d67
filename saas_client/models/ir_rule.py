from odoo import api, models
from odoo.fields import Domain


class IrRule(models.Model):
    """Rules that are code, because an administrator can edit the rules that are records."""

    _inherit = "ir.rule"

    @api.model
    def _compute_domain(self, model_name, mode="read"):
        domain = super()._compute_domain(model_name, mode)
        if self.env.su:
            return domain
        if model_name == "ir.config_parameter":
            return domain & Domain("saas_hidden", "=", False)
        if model_name == "saas_client.record_limit":
            return Domain.FALSE
        if model_name == "saas_client.connection" and not self.env["ir.http"]._saas_sees_visits():
            return Domain.FALSE
        return domain
