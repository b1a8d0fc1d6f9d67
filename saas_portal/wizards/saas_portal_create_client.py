from odoo import api, fields, models
from odoo.exceptions import UserError


class SaasPortalCreateClient(models.TransientModel):
    """Asks for what a new client needs."""

    _name = "saas_portal.create_client"
    _description = "Create SaaS Client"

    plan_id = fields.Many2one(
        "saas_portal.plan",
        required=True,
        domain=[("state", "=", "confirmed")],
        default=lambda self: self._default_plan_id(),
    )
    name = fields.Char(
        string="Database", help="The host name; empty: from the plan's pattern for names."
    )
    user_id = fields.Many2one(
        "res.users",
        string="Owner",
        required=True,
        help="The customer's user; the owner has the same login in the database.",
        domain=[("active", "=", True)],
    )
    partner_id = fields.Many2one(
        "res.partner", string="Customer", compute="_compute_partner_id", store=True, readonly=False
    )
    owner_password = fields.Char(
        compute="_compute_owner_password",
        inverse="_inverse_owner_password",
        help="With which the owner logs in to the database.",
    )
    owner_password_hash = fields.Char(groups=fields.NO_ACCESS)
    trial = fields.Boolean()
    notify_user = fields.Boolean(string="Send the Welcome Mail", default=True)
    support_team_id = fields.Many2one("saas_portal.support_team")

    @api.model
    def _default_plan_id(self):
        if self.env.context.get("active_model") == "saas_portal.plan":
            return self.env.context.get("active_id")
        return self.env["saas_portal.plan"].search([("state", "=", "confirmed")], limit=1)

    @api.depends("user_id")
    def _compute_partner_id(self):
        for wizard in self:
            wizard.partner_id = wizard.user_id.partner_id

    def _compute_owner_password(self):
        self.owner_password = False

    def _inverse_owner_password(self):
        """Only the hash is stored, for the minute between the form and the button."""
        for wizard in self.filtered("owner_password"):
            wizard.sudo().owner_password_hash = wizard.plan_id._hash_password(wizard.owner_password)

    def action_apply(self):
        """Start the creation and show the client, whose form tells how far it is."""
        self.ensure_one()
        self.plan_id._check_one()
        if not self.user_id.active:
            raise UserError(self.env._("The owner %(name)s is archived.", name=self.user_id.name))
        answer = self.plan_id._create_new_database(
            {
                "dbname": (self.name or "").strip(),
                "partner_id": self.partner_id.id,
                "user_id": self.user_id.id,
                "trial": self.trial,
                "support_team_id": self.support_team_id.id,
                "owner_password_hash": self.sudo().owner_password_hash,
            },
            notify_user=self.notify_user,
            background=True,
        )
        self.sudo().owner_password_hash = False
        return self.env["saas_portal.client"].browse(answer["id"])._get_form_action()
