from unittest.mock import patch

from odoo.tools import config

from .common import SaasPortalCase


class TestCronThreads(SaasPortalCase):
    """Works that take long must leave threads for all others."""

    def warning(self, threads):
        self.server.invalidate_recordset()
        with patch.dict(config.options, {"max_cron_threads": threads}):
            return self.server.with_user(self.manager).cron_warning

    def test_too_few_threads_for_the_lanes_and_the_rest_are_warned_of(self):
        lanes = self.env["ir.cron"].search([("cron_name", "like", "SaaS: run operations (lane")])
        enough = len(lanes) + 2
        self.assertIn("max_cron_threads", self.warning(enough - 1))
        self.assertIn(f"fewer than {enough}", self.warning(enough - 1))
        self.assertFalse(self.warning(enough))
