from odoo import fields, models


class SaasPortalSupportTeam(models.Model):
    """The people who look after a client."""

    _name = "saas_portal.support_team"
    _description = "SaaS Support Team"
    _inherit = ["mail.thread"]
    _order = "name"

    name = fields.Char(required=True, tracking=True)
    active = fields.Boolean(default=True)
    client_ids = fields.One2many("saas_portal.client", "support_team_id")
