from odoo import api, fields, models


class SaasPortalAdoptDatabase(models.TransientModel):
    """Asks whose client a database shall be that the portal does not know."""

    _name = "saas_portal.adopt_database"
    _description = "Adopt Unknown Database"

    deviation_id = fields.Many2one(
        "saas_portal.deviation",
        required=True,
        readonly=True,
        ondelete="cascade",
        default=lambda self: self.env.context.get("active_id"),
    )
    plan_id = fields.Many2one(
        "saas_portal.plan", required=True, domain="[('state', '=', 'confirmed')]"
    )
    owner_id = fields.Many2one("res.users", required=True)
    partner_id = fields.Many2one(
        "res.partner",
        string="Customer",
        required=True,
        compute="_compute_partner_id",
        store=True,
        readonly=False,
    )

    @api.depends("owner_id")
    def _compute_partner_id(self):
        for wizard in self:
            wizard.partner_id = wizard.partner_id or wizard.owner_id.partner_id

    def action_apply(self):
        """Make a client of it, and show that."""
        self.ensure_one()
        client = self.deviation_id._adopt(self.plan_id, self.partner_id, self.owner_id)
        return client._get_form_action()
