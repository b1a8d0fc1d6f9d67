"""Groups and the tokens of their members."""

from odoo import models


class ResGroups(models.Model):
    """Who loses the right to have tokens loses his tokens."""

    _inherit = "res.groups"

    def write(self, vals):
        result = super().write(vals)
        if {"user_ids", "implied_ids", "implied_by_ids"} & set(vals):
            self.env["saas_rest.token"].sudo()._revoke_of_the_unentitled()
        return result
