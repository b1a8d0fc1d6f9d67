import uuid

from odoo import fields, models


class SaasPortalSpare(models.Model):
    """A copy of a plan's template that waits for a client.

    pending → ready → taken; leaving, when it is not wanted any more. The row is written before the
    database is made and goes after it: no copy is without one.
    """

    _name = "saas_portal.spare"
    _description = "SaaS Spare"
    _order = "id"
    _rec_name = "key"

    plan_id = fields.Many2one(
        "saas_portal.plan", required=True, readonly=True, ondelete="cascade", index=True
    )
    company_id = fields.Many2one(related="plan_id.company_id", store=True)
    template_id = fields.Many2one(
        "saas_portal.database", required=True, readonly=True, ondelete="cascade"
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
        "saas_portal.client", readonly=True, ondelete="cascade", index="btree_not_null"
    )

    _key_unique = models.Constraint("UNIQUE (key)", "There is a spare of this key.")

    def _is_current(self):
        """Whether it may still be handed out: of the plan's template as it is now."""
        self.ensure_one()
        template = self.plan_id.template_id
        return (
            self.template_id == template
            and template.state == "template"
            and self.built_at == template.built_at
        )

    def _is_in_use(self):
        """Whether the client that took it may not have made itself of it yet."""
        self.ensure_one()
        return self.state == "taken" and self.client_id.state == "building"
