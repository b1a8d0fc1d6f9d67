from odoo import api, fields, models


class SaasPortalPlan(models.Model):
    """What new clients of the plan get when they are stacks."""

    _name = "saas_portal.plan"
    _inherit = ["saas_portal.plan", "sadeem.saas.docker.settings"]
    _check_company_auto = True

    is_docker = fields.Boolean(compute="_compute_is_docker")
    docker_postgresql_server_id = fields.Many2one(
        "sadeem.postgresql.server",
        string="PostgreSQL Server",
        ondelete="restrict",
        check_company=True,
        help="Where the databases of new clients are; empty: each in its own stack.",
    )

    @api.depends("server_id.driver", "template_id.server_id.driver")
    def _compute_is_docker(self):
        for plan in self:
            server = plan.sudo().template_id.server_id or plan.sudo().server_id
            plan.is_docker = server._is_docker()

    def _get_quota_domain(self):
        # Stages are the operators' to make: they take nothing from what the customer has bought.
        return [*super()._get_quota_domain(), ("stage_of_id", "=", False)]

    def _check_quota(self, vals):
        return None if vals.get("stage_of_id") else super()._check_quota(vals)
