from odoo import fields, models

#: Of what the commands of an operation wrote, this many pieces are kept (the last ones).
KEPT = 300


class SadeemRootServerOperationOutput(models.Model):
    """Some lines that a command wrote while it ran; secrets are taken out before they get here."""

    _name = "sadeem.root.server.operation.output"
    _description = "Output of a Root Server Operation"
    _order = "id"

    operation_id = fields.Many2one(
        "sadeem.root.server.operation", required=True, readonly=True, index=True, ondelete="cascade"
    )
    text = fields.Text(required=True, readonly=True)

    def _add(self, operation, text: str):
        """Keep some lines, and forget the oldest when there are too many."""
        self.create({"operation_id": operation.id, "text": text})
        self.search([("operation_id", "=", operation.id)], order="id desc", offset=KEPT).unlink()
