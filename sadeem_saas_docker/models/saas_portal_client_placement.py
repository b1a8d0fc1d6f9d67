from odoo import fields, models


class SaasPortalClient(models.Model):
    """The room that a client's containers have on a Docker host."""

    _inherit = "saas_portal.client"

    docker_placement_ids = fields.One2many(
        "sadeem.saas.docker.placement",
        "client_id",
        string="Place",
        readonly=True,
        groups="saas_portal.group_user",
    )

    def _count_containers(self) -> int:
        """How many run for this client: Odoo, and PostgreSQL unless that is elsewhere."""
        self.ensure_one()
        return 1 if self.docker_postgresql_server_id else 2

    def _get_sync_place(self):
        if not self.docker_environment_id:
            return super()._get_sync_place()
        return "docker_environment_id", "=", self.docker_environment_id.id
