from odoo import api, fields, models
from odoo.exceptions import AccessError

from ..lib.saas_stack import ODOO_SERVICE

_OPERATORS = "sadeem_portainer.group_manager"


class SaasPortalClient(models.Model):
    """What the form of a client shows of its containers, live; nothing of it is kept."""

    _inherit = "saas_portal.client"

    docker_containers = fields.Json(
        compute="_compute_docker_containers", groups="saas_portal.group_user"
    )

    @api.depends("docker_stack_id.containers")
    def _compute_docker_containers(self):
        for client in self:
            rows = client.sudo().docker_stack_id.containers or []
            client.docker_containers = sorted(rows, key=_importance)

    # === WIDGETS === #

    def get_live_containers(self):
        """The containers as they are at this moment."""
        report = self._get_looked_at_stack().get_live_containers()
        return {**report, "containers": sorted(report["containers"], key=_importance)}

    def get_container_stats(self, container):
        """CPU and memory of one container of this client."""
        return self._get_looked_at_stack().get_container_stats(container)

    def get_container_log(self, container, tail=100):
        """The last lines of one container of this client, at most 1000."""
        return self._get_looked_at_stack().get_container_log(container, tail)

    def run_command(self, container, command):
        """Run a command in one container of this client; for operators of Docker."""
        if not self.env.su and not self.env.user.has_group(_OPERATORS):
            raise AccessError(
                self.env._("Commands in containers are run by managers of Portainer only.")
            )
        return self._get_looked_at_stack().run_command(container, command)

    def _has_docker_workers(self) -> bool:
        """Whether what was deployed listens for websockets on a port of its own."""
        self.ensure_one()
        return bool((self.docker_revision_id.settings or {}).get("docker_workers"))

    def _get_looked_at_stack(self):
        """The stack, for somebody who works with this client and perhaps not with Portainer."""
        self.ensure_one()
        self.check_access("write")
        self._check_docker()
        return self.sudo().docker_stack_id


def _importance(row: dict) -> tuple:
    """Odoo comes first: it is what people look at."""
    return row["service"] != ODOO_SERVICE, row["name"]
