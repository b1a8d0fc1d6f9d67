from odoo import fields, models
from odoo.exceptions import AccessError, UserError

from ..const import LIVE_STATES


class SaasPortalClient(models.Model):
    """What an operator needs to connect to a client."""

    _inherit = "saas_portal.client"

    connection_ids = fields.One2many(
        "saas_portal.connection", "client_id", string="Connections", readonly=True
    )

    def action_connect(self, reason):
        """Open the client as its administrator; the customer can read who did, and why.

        :param str reason: for the log, which the customer reads too
        :return: an action with a link that works once, for 60 seconds, for the present user
        :raises UserError: without a reason, or when there is nothing to connect to
        """
        self.ensure_one()
        self._check_connectable()
        connection = self.env["saas_portal.connection"]._ask(self, reason)
        return {"type": "ir.actions.act_url", "url": connection._get_link(), "target": "new"}

    def _check_connectable(self):
        """
        :raises AccessError: who is no operator, or none of this client's company
        :raises UserError: there is no database that could be entered
        """
        if not self.env.user.has_group("saas_portal.group_user"):
            raise AccessError(self.env._("Only users of the SaaS Portal connect to clients."))
        self.check_access("write")
        client = self.sudo()
        if client.state not in LIVE_STATES or client.rung == "stopped":
            raise UserError(
                self.env._("%(name)s is not running; there is nothing to enter.", name=client.name)
            )
        client.server_id._check_in_use()
