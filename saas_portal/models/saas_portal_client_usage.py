import logging

from odoo import api, fields, models

from ..const import LIVE_STATES, OPEN, PENDING, STOPPED
from ..lib.saas_driver import DriverError
from ..transactions import in_own_transaction

_logger = logging.getLogger(__name__)


class SaasPortalClient(models.Model):
    """What the portal sees of a client, and what it does about it."""

    _inherit = "saas_portal.client"

    def _sync(self):
        """Read one client's statistics in a transaction of its own; returns why not, or None."""
        return in_own_transaction(self, lambda client: client._read_usage())

    def _read_usage(self):
        if self.rung == STOPPED:
            return None
        try:
            usage = self.server_id._get_driver().usage(self._get_ref())
        except DriverError as error:
            # Not seen is not gone: the state stays as it was.
            if not self.unreachable_since:
                self.unreachable_since = fields.Datetime.now()
                self.message_post(
                    body=self.env._("The client could not be reached: %(reason)s", reason=error)
                )
            return str(error)
        self.write(
            {
                "users_len": usage.users,
                "db_storage": usage.database_mb,
                "file_storage": usage.files_mb,
                "synced_at": fields.Datetime.now(),
                "unreachable_since": False,
            }
        )
        self.env["saas_portal.client.usage"]._record(self)
        if self._needs_policy(usage) and not self.current_operation_id:
            # What it shows could be its people's doing: it is told again, and not believed.
            self._push_policy_later()
        self._apply_storage_policy()
        return None

    def _set_unreadable(self):
        """Show since when it answers nothing that makes sense."""
        self.unreachable_since = self.unreachable_since or fields.Datetime.now()

    def _apply_storage_policy(self):
        """Flag what exceeds its storage; suspend it when the plan says so, resume it after."""
        limit = self.total_storage_limit
        exceeds = bool(limit) and self.total_storage > limit
        if exceeds != self.storage_exceed:
            self.storage_exceed = exceeds
            if exceeds:
                self._send_notice("email_template_storage_exceed")
        suspend = exceeds and self.block_on_storage_exceed and self.state == OPEN
        resume = not exceeds and self.state == PENDING and self.suspended_for == "storage"
        if suspend or resume:
            self._ask_for_suspension(suspend, "storage")

    @api.model
    def _cron_sync(self):
        """Read the statistics of all clients, each in its own transaction."""
        clients = self.search([("state", "in", LIVE_STATES)], order="synced_at NULLS FIRST, id")
        remaining = len(clients)
        for client in clients:
            try:
                client._sync()
            except Exception:
                # Whatever one client answers, the others are read too.
                _logger.exception("The statistics of client %d could not be read", client.id)
                in_own_transaction(client, lambda record: record._set_unreadable())
            remaining -= 1
            if not self.env["ir.cron"]._commit_progress(1, remaining=remaining):
                break
