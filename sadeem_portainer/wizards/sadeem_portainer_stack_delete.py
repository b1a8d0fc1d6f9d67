from odoo import api, fields, models
from odoo.exceptions import UserError


class SadeemPortainerStackDelete(models.TransientModel):
    """Shows what a deletion destroys, and asks for the stack by its name."""

    _name = "sadeem.portainer.stack.delete"
    _description = "Delete a Stack"

    stack_id = fields.Many2one("sadeem.portainer.stack", required=True, readonly=True)
    name = fields.Char(related="stack_id.name")
    environment_name = fields.Char(
        related="stack_id.environment_id.name", string="From Environment"
    )
    contents = fields.Text(compute="_compute_contents", string="Containers")
    remove_volumes = fields.Boolean(string="Also Delete Its Data")
    volumes = fields.Text(compute="_compute_volumes")
    confirmation = fields.Char(string="Name of the Stack")

    @api.depends("stack_id")
    def _compute_contents(self):
        for wizard in self:
            rows = wizard.stack_id.containers or []
            wizard.contents = "\n".join(f"{row['name']} ({row['state']})" for row in rows)

    @api.depends("stack_id")
    def _compute_volumes(self):
        for wizard in self:
            wizard.volumes = "\n".join(wizard.stack_id._list_volumes())

    def action_apply(self):
        self.ensure_one()
        if (self.confirmation or "").strip() != self.name:
            raise UserError(self.env._("Type “%(name)s” to delete.", name=self.name))
        return self.stack_id._act("delete", remove_volumes=self.remove_volumes)
