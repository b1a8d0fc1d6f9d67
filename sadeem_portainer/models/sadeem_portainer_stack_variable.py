from odoo import api, fields, models
from odoo.exceptions import ValidationError

from ..lib.portainer_api import RESERVED_VARIABLES


class SadeemPortainerStackVariable(models.Model):
    """A variable of a stack: its name can be read, its value only written."""

    _name = "sadeem.portainer.stack.variable"
    _description = "Stack Variable"
    _inherit = ["sadeem.secret.mixin"]
    _order = "name, id"

    _secrets = ("value",)

    stack_id = fields.Many2one(
        "sadeem.portainer.stack", required=True, index=True, ondelete="cascade"
    )
    name = fields.Char(required=True)
    value = fields.Char(
        compute="_compute_secrets",
        inverse="_inverse_secrets",
        exportable=False,
        help="Kept encrypted and never shown again; empty keeps the present one.",
    )
    value_cipher = fields.Char(groups=fields.NO_ACCESS)
    has_value = fields.Boolean(string="Set", compute="_compute_has_value")

    _name_unique = models.Constraint(
        "UNIQUE (stack_id, name)", "The stack has this variable already."
    )

    @api.depends("value_cipher")
    def _compute_has_value(self):
        for variable in self:
            variable.has_value = variable._has_secret("value")

    @api.constrains("name")
    def _check_name(self):
        for variable in self:
            name = variable.name
            if not (name.isascii() and name.isidentifier()) or name in RESERVED_VARIABLES:
                raise ValidationError(
                    self.env._(
                        "%(name)s cannot be the name of a variable: use letters, digits and"
                        " underscores, and none of Portainer's own (%(reserved)s).",
                        name=name,
                        reserved=", ".join(sorted(RESERVED_VARIABLES)),
                    )
                )
