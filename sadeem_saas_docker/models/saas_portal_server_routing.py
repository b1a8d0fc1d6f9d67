from odoo import models


class SaasPortalServer(models.Model):
    """How a reverse proxy leads to the clients of a server, wherever they are."""

    _name = "saas_portal.server"
    _inherit = ["saas_portal.server", "sadeem.saas.docker.nginx"]

    def _is_routed(self):
        return self._is_docker()

    def _get_routed_domain(self):
        return [("server_id", "=", self.id)]
