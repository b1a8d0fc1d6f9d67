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
