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
        stage_id = self.client_id.create_stage(self.name.strip())
        return self.client_id.browse(stage_id)._get_form_action()
