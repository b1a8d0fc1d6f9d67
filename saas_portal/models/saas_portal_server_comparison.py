import logging

from odoo import api, models
from odoo.exceptions import UserError
from odoo.fields import Domain

from ..const import DELETED, LIVE_STATES, OPEN_OPERATION_STATES
from ..lib.saas_driver import DriverError
from ..transactions import in_own_transaction
from .saas_portal_deviation import UNKNOWN, VANISHED

_logger = logging.getLogger(__name__)


class SaasPortalServer(models.Model):
    """Compares the databases beside the portal with the records of clients."""

    _inherit = "saas_portal.server"

    def action_compare(self):
        """Compare now, and show what differs."""
        self.ensure_one()
        self.check_access("write")
        try:
            self.sudo()._compare_with_records()
        except DriverError as error:
            raise UserError(
                self.env._("%(server)s does not answer: %(reason)s", server=self.name, reason=error)
            ) from error
        action = self.env["ir.actions.act_window"]._for_xml_id(
            "saas_portal.saas_portal_deviation_action"
        )
        return {**action, "domain": [("server_id", "=", self.id)]}

    @api.model
    def _compare_all(self):
        """Compare all servers; one that fails keeps nothing from the others."""
        for server in self.sudo().search([("driver", "=", "local")]):
            try:
                server._compare_with_records()
            except Exception as error:
                _logger.warning("%s could not be compared: %s", server.name, error)

    def _compare_with_records(self):
        driver = self._get_driver()
        shown = {status.key: status for status in driver.list()}
        # The records are read after the server: what was there then was written down before.
        known = in_own_transaction(self, lambda server: server._get_known_keys())
        portal = self.env["saas_portal.keyring"]._get_portal_uuid()
        unknown = [
            status
            for key, status in shown.items()
            # What is closed shows nobody whose it is.
            if key not in known
            and (not status.running or driver.find_portal(status.name) == portal)
        ]
        in_own_transaction(self, lambda server: server._note_deviations(shown, unknown))

    def _get_known_keys(self) -> set[str]:
        """Keys of the clients that have a database, or may have one."""
        clients = self.env["saas_portal.client"].sudo().with_context(active_test=False)
        operations = self.env["saas_portal.operation"].sudo()
        busy = operations.search(
            [("state", "in", OPEN_OPERATION_STATES), ("client_id", "!=", False)]
        ).client_id
        kept = Domain("state", "!=", DELETED) | Domain("trash_name", "!=", False)
        return set((clients.search(kept) | busy).mapped("client_id"))

    def _note_deviations(self, shown, unknown):
        wanted = {
            status.key: {"kind": UNKNOWN, "name": status.name, "running": status.running}
            for status in unknown
        }
        for client in self._find_vanished(shown):
            wanted[client.client_id] = {
                "kind": VANISHED,
                "name": client.name,
                "client_id": client.id,
            }
        deviations = self.env["saas_portal.deviation"].search([("server_id", "=", self.id)])
        for deviation in deviations:
            if vals := wanted.pop(deviation.key, None):
                deviation.write(vals)
            else:
                deviation.unlink()
        deviations.create(
            [{"server_id": self.id, "key": key, **vals} for key, vals in wanted.items()]
        )

    def _find_vanished(self, shown):
        """Clients that should have a database, and have none under their names."""
        clients = self.env["saas_portal.client"].search(
            [("server_id", "=", self.id), ("state", "in", LIVE_STATES)]
        )
        return clients.filtered(
            lambda client: (
                (client.client_id not in shown or shown[client.client_id].name != client.name)
                and not client.current_operation_id.filtered(
                    lambda operation: operation.state in OPEN_OPERATION_STATES
                )
            )
        )
