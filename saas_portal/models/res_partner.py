from odoo import api, fields, models


class ResPartner(models.Model):
    _inherit = "res.partner"

    saas_client_ids = fields.One2many(
        "saas_portal.client", "partner_id", groups="saas_portal.group_user"
    )
    saas_client_count = fields.Integer(
        compute="_compute_saas_client_count", groups="saas_portal.group_user"
    )

    @api.depends("saas_client_ids")
    def _compute_saas_client_count(self):
        counts = dict(
            self.env["saas_portal.client"]._read_group(
                [("partner_id", "in", self.ids)], ["partner_id"], ["__count"]
            )
        )
        for partner in self:
            partner.saas_client_count = counts.get(partner, 0)

    def action_open_saas_clients(self):
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id(
            "saas_portal.saas_portal_client_action"
        )
        return {**action, "domain": [("partner_id", "=", self.id)], "context": {}}
