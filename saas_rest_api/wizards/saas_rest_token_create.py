"""Makes a token on the user form."""

from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import UserError

from odoo.addons.base.models.res_users import check_identity

from ..lib.saas_rest.problems import Problem
from ..messages import translated


class SaasRestTokenCreate(models.TransientModel):
    """What a new token shall be able to do. Its value is never kept here."""

    _name = "saas_rest.token.create"
    _description = "Create Access Token"

    def _default_expiration_date(self):
        lifetime = self.env["saas_rest.gate"]._get_settings().limits.token_ttl
        return fields.Datetime.now() + timedelta(seconds=lifetime)

    user_id = fields.Many2one("res.users", required=True, readonly=True)
    name = fields.Char("Description", required=True)
    is_for_system = fields.Boolean(compute="_compute_is_for_system")
    never_expires = fields.Boolean()
    expiration_date = fields.Datetime(
        "Expires", default=lambda self: self._default_expiration_date()
    )
    read_only = fields.Boolean(help="The token never changes anything.")
    scopes = fields.Char(
        help="What the token may be used for, such as sale.*:read res.partner:write. "
        "Operations: read, create, write, unlink, call, * for all. Empty: all that the user may do."
    )
    company_ids = fields.Many2many(
        "res.company", string="Companies", help="Empty: all companies of the user."
    )
    allowed_ips = fields.Char(
        "Addresses",
        help="The token works from these networks only, such as 10.0.0.0/8. Empty: from anywhere.",
    )

    @api.depends("user_id")
    def _compute_is_for_system(self):
        for wizard in self:
            wizard.is_for_system = wizard.user_id.has_group("base.group_system")

    @check_identity
    def action_create(self):
        """Makes the token and shows its value, this once."""
        self.ensure_one()
        user = self.user_id.sudo(False)
        user._check_manages_rest_tokens()
        try:
            _token, value = (
                self.env["saas_rest.token"].sudo()._mint(user.sudo(), self._prepare_token_vals())
            )
        except Problem as problem:
            text = problem.detail or problem.title
            raise UserError(translated(text, self.env.lang)) from None
        self.unlink()
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Token Ready"),
            "res_model": "saas_rest.token.show",
            "views": [(False, "form")],
            "target": "new",
            "context": {"default_value": value},
        }

    def _prepare_token_vals(self):
        values = {
            "name": self.name,
            "source": "backend",
            "scopes": (self.scopes or "").replace(",", " ").split(),
            "read_only": self.read_only,
            "company_ids": self.company_ids.ids,
            "allowed_ips": self.allowed_ips,
        }
        if self.never_expires:
            values["expires_in"] = None
        elif self.expiration_date:
            rest = self.expiration_date - fields.Datetime.now()
            values["expires_in"] = int(rest.total_seconds())
        return values
