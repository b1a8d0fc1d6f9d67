from odoo import fields, models


class SaasConfigLimit(models.TransientModel):
    """A limit of records that the wizard sets in clients."""

    _name = "saas.config.limit"
    _description = "Record Limit of SaaS Clients"

    config_id = fields.Many2one("saas.config", required=True, ondelete="cascade")
    model = fields.Char(required=True, help="Technical name: res.partner.")
    max_records = fields.Integer(required=True)
    domain = fields.Char(required=True, default="[]", help="Only records that match are counted.")

    def _prepare_entry(self):
        self.ensure_one()
        return {"model": self.model, "max_records": self.max_records, "domain": self.domain}
