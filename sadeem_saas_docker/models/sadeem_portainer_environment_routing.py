from odoo import fields, models

_READERS = "saas_portal.group_manager,sadeem_portainer.group_manager"


class SadeemPortainerEnvironment(models.Model):
    """How a reverse proxy on a Docker host leads to the clients there, of whatever server."""

    _name = "sadeem.portainer.environment"
    _inherit = ["sadeem.portainer.environment", "sadeem.saas.docker.nginx"]

    docker_nginx = fields.Text(groups=_READERS)
    docker_nginx_file = fields.Binary(groups=_READERS)
    docker_nginx_taken = fields.Char(groups=_READERS)
    docker_nginx_is_old = fields.Boolean(groups=_READERS)

    def _get_routed_domain(self):
        return [("docker_environment_id", "=", self.id)]
