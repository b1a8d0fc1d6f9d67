from odoo import fields, models


class SaasPortalPlan(models.Model):
    """What new clients of the plan get when they are stacks."""

    _name = "saas_portal.plan"
    _inherit = ["saas_portal.plan", "sadeem.saas.docker.settings"]

    docker_postgresql_server_id = fields.Many2one(
        "sadeem.postgresql.server",
        string="PostgreSQL Server",
        ondelete="restrict",
        help="Where the databases of new clients are; empty: each in its own stack.",
    )
