import logging

from odoo import SUPERUSER_ID, api, models

from ..lib.client_rules import CLOSED, READ_ONLY
from ..policy import get_rung

_logger = logging.getLogger(__name__)


class IrCron(models.Model):
    _inherit = "ir.cron"

    @classmethod
    def _process_job(cls, cron_cr, job):
        """Leave what is due for the time when the database is open again."""
        if get_rung(api.Environment(cron_cr, SUPERUSER_ID, {})) in (READ_ONLY, CLOSED):
            _logger.debug("Scheduled action %s waits: the database is shut", job["id"])
            return None
        return super()._process_job(cron_cr, job)
