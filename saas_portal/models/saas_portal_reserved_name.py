from odoo import api, fields, models
from odoo.exceptions import ValidationError

from ..lib.saas_rules import InvalidName, check_label


class SaasPortalReservedName(models.Model):
    """A name that customers cannot choose for themselves; operators can give it."""

    _name = "saas_portal.reserved_name"
    _description = "Reserved SaaS Name"
    _order = "name"

    name = fields.Char(required=True, help="The first part of a host name: support, billing.")
    active = fields.Boolean(default=True)
    note = fields.Char()

    _name_unique = models.Constraint("UNIQUE (name)", "This name is reserved already.")

    @api.constrains("name")
    def _check_name(self):
        for record in self:
            try:
                check_label(record.name)
            except InvalidName as error:
                raise ValidationError(str(error)) from error

    @api.model
    def _is_reserved(self, label):
        return bool(self.sudo().search_count([("name", "=", label)], limit=1))
