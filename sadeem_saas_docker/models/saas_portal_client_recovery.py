import logging

from odoo import models

from odoo.addons.saas_portal.const import DELETED, STOPPED
from odoo.addons.saas_portal.lib.saas_driver import DriverError
from odoo.addons.saas_portal.lib.saas_wire import ClientFailed, ClientUnavailable

_logger = logging.getLogger(__name__)


class SaasPortalClient(models.Model):
    """What somebody or something has killed is started again by the operation that needs it."""

    _inherit = "saas_portal.client"

    def _bring_up(self) -> bool:
        """Start what does not run of a client that should; whether that was so.

        :raises DriverError: it cannot be started, or its server does not answer
        """
        if not self.is_docker or self.rung == STOPPED:
            return False
        driver = self.server_id._get_driver()
        if driver.status(self.name).running:
            return False
        driver.start(self._get_ref())
        return True

    def _apply_steps(self, steps, timeout):
        try:
            return super()._apply_steps(steps, timeout)
        except (ClientUnavailable, ClientFailed):
            if not self._bring_up():
                raise
        # Applying the same twice does no harm.
        return super()._apply_steps(steps, timeout)

    # === STEPS === #

    def _step_backup(self, operation):
        self._bring_up()
        return super()._step_backup(operation)

    def _step_create_database(self, operation):
        if source_id := operation.arguments.get("copy_of"):
            self.browse(source_id).exists()._bring_up()
        return super()._step_create_database(operation)

    def _on_operation_failed(self, operation):
        result = super()._on_operation_failed(operation)
        if self.is_docker and operation.kind == "restore" and self.state == DELETED:
            # What is deleted runs for nobody, although it was half on its way back.
            try:
                self.server_id._get_driver().halt(self._get_ref())
            except DriverError as error:
                _logger.warning("%s is deleted and may run for now: %s", self.name, error)
        return result
