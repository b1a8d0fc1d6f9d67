from odoo import fields, models

from odoo.addons.saas_portal.const import OP_RUNNING


class SaasPortalOperation(models.Model):
    """What is done to stacks only."""

    _inherit = "saas_portal.operation"

    kind = fields.Selection(
        selection_add=[("rebuild", "Rebuild"), ("restart", "Restart"), ("stop", "Stop")],
        ondelete={"rebuild": "cascade", "restart": "cascade", "stop": "cascade"},
    )

    def _compute_progress(self):
        """A step that waits says what for."""
        result = super()._compute_progress()
        waits = self.env["sadeem.saas.docker.wait"].sudo()
        for wait in waits.search([("operation_id", "in", self.ids)]):
            operation = self.browse(wait.operation_id.id)
            if operation.state == OP_RUNNING and operation.current_step:
                operation.current_step = self.env._(
                    "%(step)s; waiting: %(what)s", step=operation.current_step, what=wait.text
                )
        return result
