from odoo import api, fields, models
from odoo.exceptions import UserError

from ..const import BUILDING, LIVE_STATES
from ..lib.saas_wire import ClientDenied

_TIMEOUT = 120


class SaasPortalClient(models.Model):
    """With which of the portal's keys a client is spoken to, while they change."""

    _inherit = "saas_portal.client"

    key_id = fields.Char(
        readonly=True,
        copy=False,
        help="The newest of the portal's keys that the client is known to accept.",
    )

    def _get_signing_key(self):
        """The portal's key that this client accepts: the former one until it has the new one."""
        self.ensure_one()
        keyring = self.env["saas_portal.keyring"]
        current, former = keyring._get_signing_key(), keyring._get_former_key()
        return former if former and self.key_id != current.key_id else current

    def _publish_keys(self):
        """Put the portal's keys where this client finds them, whatever its database says."""
        self.env["saas_portal.keyring"]._publish_anchor()

    @api.model
    def _find_behind(self, key_id):
        """Clients that would be lost if the portal had no other key than this one.

        Of those that can be restored, what finds the portal's keys on its server when it comes
        back is not lost.
        """
        clients = self.sudo().with_context(active_test=False)
        found = clients.search(
            [
                "|",
                ("key_id", "!=", key_id),
                ("key_id", "=", False),
                "|",
                ("state", "in", (BUILDING, *LIVE_STATES)),
                ("trash_name", "!=", False),
            ],
            order="name",
        )
        return found.filtered(
            lambda client: not client.trash_name or not client.server_id._has_anchor()
        )

    @api.model
    def _give_keys_later(self):
        """Tell every client which keys the portal signs with, in the background.

        Who is being made may have got the keys of a moment ago: he is told when he is there.
        """
        clients = self.sudo().with_context(saas_in_batch=True)
        for client in clients.search([("state", "in", (BUILDING, *LIVE_STATES))]):
            client._start_operation("keys")
        self.env["saas_portal.operation"]._trigger()

    def _get_operation_steps(self, kind):
        if kind == "keys":
            return [("_step_give_keys", self.env._("Give it the portal's keys"))]
        steps = super()._get_operation_steps(kind)
        if kind == "restore":
            # It may have missed a change of keys while nobody could reach it.
            steps.append(("_step_give_keys", self.env._("Give it the portal's keys")))
        return steps

    def _step_give_keys(self, operation):
        """Give the keys, signed with one that the client knows; then speak with the new one."""
        if self.state not in LIVE_STATES:
            return self.env._("It was not made.")
        keyring = self.env["saas_portal.keyring"]
        current = keyring._get_signing_key()
        stopped = self.rung == "stopped"
        if stopped:
            self.server_id._get_driver().start(self._get_ref())
        self._publish_keys()
        self._apply_steps({"portal_keys": keyring._get_public_keys()}, _TIMEOUT)
        if self.key_id != current.key_id:
            self.key_id = current.key_id
            try:
                self._apply_steps({}, _TIMEOUT)
            except ClientDenied as error:
                raise UserError(
                    self.env._(
                        "%(name)s does not accept the portal's new key. If its server has a file"
                        " or folder of the portal's keys (saas_client_portal_keys), add the new"
                        " key there, then retry.",
                        name=self.name,
                    )
                ) from error
        if stopped:
            self.server_id._get_driver().stop(self._get_ref())
        return None
