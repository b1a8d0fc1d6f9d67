import logging

from odoo import api, models
from odoo.exceptions import UserError

_logger = logging.getLogger(__name__)


class SaasPortalServer(models.Model):
    """Compares servers with the records of their clients."""

    _inherit = "saas_portal.server"

    def action_compare(self):
        self.ensure_one()
        if not self._is_docker():
            return super().action_compare()
        self.check_access("write")
        environments = self.sudo()._get_environments()
        failed = {
            environment.display_name: error
            for environment in environments
            if (error := environment._compare_with_records())
        }
        if failed:
            message = "\n".join(f"{name}: {error}" for name, error in failed.items())
            raise UserError(message)
        action = self.env["ir.actions.act_window"]._for_xml_id(
            "sadeem_saas_docker.sadeem_saas_docker_deviation_action"
        )
        return {**action, "domain": [("environment_id", "in", environments.ids)]}

    @api.model
    def _compare_all(self):
        result = super()._compare_all()
        servers = self.sudo().search([("driver", "=", "portainer")])
        environments = self.env["sadeem.portainer.environment"].sudo()
        for server in servers:
            environments |= server._get_environments()
        for environment in environments:
            try:
                if error := environment._compare_with_records():
                    _logger.info("%s could not be compared: %s", environment, error)
            except Exception:
                _logger.exception("%s could not be compared", environment)
        return result
