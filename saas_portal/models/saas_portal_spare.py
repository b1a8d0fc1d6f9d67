import uuid

from odoo import api, fields, models


class SaasPortalSpare(models.Model):
    """A copy of a plan's template that waits for a client.

    pending → ready → taken; leaving, when it is not wanted any more. The row is written before the
    database is made and goes after it, also when its plan or template goes: no copy is without one.
    """

    _name = "saas_portal.spare"
    _description = "SaaS Spare"
    _order = "id"
    _rec_name = "key"

    plan_id = fields.Many2one(
        "saas_portal.plan", readonly=True, ondelete="set null", index="btree_not_null"
    )
    company_id = fields.Many2one(related="plan_id.company_id", store=True)
    template_id = fields.Many2one("saas_portal.database", readonly=True, ondelete="set null")
    server_id = fields.Many2one(
        "saas_portal.server",
        compute="_compute_server_id",
        store=True,
        precompute=True,
        ondelete="cascade",
    )
    key = fields.Char(
        required=True, readonly=True, copy=False, default=lambda self: str(uuid.uuid4())
    )
    built_at = fields.Datetime(
        string="Template of",
        required=True,
        readonly=True,
        help="When the template that it was copied from had been built.",
    )
    state = fields.Selection(
        [
            ("pending", "Being Made"),
            ("ready", "Ready"),
            ("taken", "Taken"),
            ("leaving", "Being Removed"),
        ],
        required=True,
        readonly=True,
        default="pending",
    )
    client_id = fields.Many2one(
        "saas_portal.client", readonly=True, ondelete="set null", index="btree_not_null"
    )

    _key_unique = models.Constraint("UNIQUE (key)", "There is a spare of this key.")

    @api.depends("template_id")
    def _compute_server_id(self):
        for spare in self:
            # It stays where it is when there is no template any more.
            spare.server_id = spare.template_id.server_id or spare.server_id

    def _is_current(self):
        """Whether it may still be handed out: of the plan's template as it is now."""
        self.ensure_one()
        template = self.plan_id.template_id
        return bool(
            template
            and self.template_id == template
            and template.state == "template"
            and self.built_at == template.built_at
        )

    def _is_in_use(self):
        """Whether the client that took it may not have made itself of it yet."""
        self.ensure_one()
        return self.state == "taken" and self.client_id.state == "building"
