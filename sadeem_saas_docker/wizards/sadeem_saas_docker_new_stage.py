from odoo import fields, models


class SadeemSaasDockerNewStage(models.TransientModel):
    """Asks for the name of a stage."""

    _name = "sadeem.saas.docker.new.stage"
    _description = "New Stage of a Client"

    client_id = fields.Many2one(
        "saas_portal.client",
        required=True,
        readonly=True,
        ondelete="cascade",
        default=lambda self: self.env.context.get("active_id"),
    )
    name = fields.Char(string="Database", required=True)

    def action_apply(self):
        """Start copying and show the stage, whose form tells how far it is."""
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "res_model": "saas_portal.client",
            "res_id": self.client_id.create_stage(self.name.strip()),
            "view_mode": "form",
            "views": [(False, "form")],
        }
