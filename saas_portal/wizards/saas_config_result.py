from odoo import api, fields, models


class SaasConfigResult(models.TransientModel):
    """What came of configuring one client."""

    _name = "saas.config.result"
    _description = "Result of Configuring a SaaS Client"

    config_id = fields.Many2one("saas.config", required=True, ondelete="cascade")
    name = fields.Char(string="Client", readonly=True)
    state = fields.Selection(
        [("done", "Done"), ("reported", "With Remarks"), ("failed", "Failed")], readonly=True
    )
    message = fields.Text(readonly=True)

    @api.model
    def _prepare_vals(self, name, result):
        if "error" in result:
            return {"name": name, "state": "failed", "message": result["error"]}
        remarks = [
            str(remark)
            for remarks in result.values()
            if isinstance(remarks, list)
            for remark in remarks
        ]
        state = "reported" if remarks else "done"
        return {"name": name, "state": state, "message": "\n".join(remarks)}
