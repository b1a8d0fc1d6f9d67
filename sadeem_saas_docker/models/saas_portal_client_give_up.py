from odoo import models
from odoo.exceptions import UserError

from odoo.addons.sadeem_portainer.lib.portainer_api import PortainerError


class SaasPortalClient(models.Model):
    """The end of a client whose Docker host is gone for good."""

    _inherit = "saas_portal.client"

    def _find_life(self):
        if not self.is_docker:
            return super()._find_life()
        if not (environment := self.docker_environment_id):
            return ""
        try:
            with environment.portainer_id._get_client() as client:
                client.list_containers(environment.portainer_environment_id)
        except (PortainerError, UserError):
            return ""
        return self.env._(
            "%(environment)s answers. Delete the client instead.",
            environment=environment.display_name,
        )

    def _describe_what_is_left(self):
        if not self.is_docker:
            return super()._describe_what_is_left()
        left = self.env._(
            "Its stack %(stack)s may still run on %(environment)s; if that host comes back, it is"
            " listed among the deviations.",
            stack=self.docker_stack_id.name or "",
            environment=self.docker_environment_id.display_name or "",
        )
        if server := self.docker_postgresql_server_id:
            database = self.env._(
                "Its database and the role %(role)s are still on the PostgreSQL server %(server)s.",
                role=self._get_database_role(),
                server=server.display_name,
            )
            return f"{left} {database}"
        return left

    def _forget_place(self):
        self._free_place()
        return super()._forget_place()
