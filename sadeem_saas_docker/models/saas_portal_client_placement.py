from odoo import api, fields, models


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

    @api.model
    def _cron_sync(self):
        """Before clients are asked for figures, their servers are compared with the records."""
        self.env["saas_portal.server"]._compare_all()
        return super()._cron_sync()
