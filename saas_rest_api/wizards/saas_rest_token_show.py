"""Shows a new token."""

from odoo import fields, models


class SaasRestTokenShow(models.AbstractModel):
    """No table: the value goes from its making to the screen and nowhere else."""

    _name = "saas_rest.token.show"
    _description = "Show Access Token"

    # The form asks for the id together with the value's default.
    id = fields.Id()
    value = fields.Char("Token", readonly=True)
