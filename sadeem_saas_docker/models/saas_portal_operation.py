from odoo import fields, models


class SaasPortalOperation(models.Model):
    """What is done to stacks only."""

    _inherit = "saas_portal.operation"

    kind = fields.Selection(
        selection_add=[("rebuild", "Rebuild"), ("restart", "Restart")],
        ondelete={"rebuild": "cascade", "restart": "cascade"},
    )
