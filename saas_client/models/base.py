from odoo import api, models


class Base(models.AbstractModel):
    """Holds the number of records that the operator allows, on every model and path."""

    _inherit = "base"

    @api.model_create_multi
    def create(self, vals_list):
        records = super().create(vals_list)
        limiter = self.env["saas_client.record_limit"]
        if limits := limiter._get_limits().get(self._name):
            limiter._check_added(limits, self.browse(), records)
        return records

    def write(self, vals):
        limiter = self.env["saas_client.record_limit"]
        limits = limiter._get_limits().get(self._name)
        if not limits:
            return super().write(vals)
        before = limiter._get_counted(limits, self)
        result = super().write(vals)
        for limit in limits:
            limiter._check_added([limit], before[limit[0]], self)
        return result
