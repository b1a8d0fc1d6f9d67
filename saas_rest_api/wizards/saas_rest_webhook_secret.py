from odoo import fields, models


class SaasRestWebhookSecret(models.TransientModel):
    """Shows a signing secret once; the value is in no table."""

    _name = "saas_rest.webhook.secret"
    _description = "Signing secret"

    secret = fields.Char(store=False, readonly=True)
