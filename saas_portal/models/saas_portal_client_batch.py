from odoo import api, models
from odoo.exceptions import AccessError, UserError

from ..const import DELETED, LIVE_STATES
from ..lib.saas_rules.payload import SUSPENDED


class SaasPortalClient(models.Model):
    """Orders to a selection of clients."""

    _inherit = "saas_portal.client"

    # === ACTION METHODS === #

    def action_batch_resume(self):
        """Let people into these clients again, in the background."""
        payload = {"params": [{"key": SUSPENDED, "value": "0", "hidden": False}]}
        return self._start_batch("resume", lambda client: client._begin_configuration(payload))

    def action_batch_sync(self):
        """Read users, storage and state of these clients, in the background."""
        return self._start_batch("sync", lambda client: client._begin_sync())

    def action_batch_backup(self):
        """Write a backup of each of these clients, in the background."""
        return self._start_batch("backup", lambda client: client._begin_backup())

    # === BUSINESS METHODS === #

    def _start_batch(self, kind, begin):
        if not self:
            raise UserError(self.env._("Choose at least one client."))
        self.check_access("write")
        return self.env["saas_portal.batch"]._start(kind, self, begin)

    def _start_batch_delete(self):
        """Delete these clients in the background; who may is checked here."""
        if not self.env.su and not self.env.user.has_group("saas_portal.group_manager"):
            raise AccessError(self.env._("Only managers of the SaaS Portal delete clients."))
        return self._start_batch("delete", lambda client: client._begin_delete())

    def _begin_configuration(self, payload):
        arguments, secrets = self._prepare_configuration(payload)
        return self._start_operation("configure", arguments, secrets)

    def _begin_sync(self):
        if self.state not in LIVE_STATES:
            raise UserError(self.env._("%(name)s has no database that is in use.", name=self.name))
        return self._start_operation("sync")

    def _begin_backup(self):
        self._start_backup()
        return self.operation_ids[:1]

    def _begin_delete(self):
        if self.state == DELETED:
            raise UserError(self.env._("%(name)s is deleted already.", name=self.name))
        return self._start_operation("delete")

    # === STEPS === #

    @api.model
    def _get_operation_steps(self, kind):
        if kind == "sync":
            return [("_step_sync", self.env._("Read users and storage"))]
        return super()._get_operation_steps(kind)

    def _step_sync(self, operation):
        # In a transaction of its own: that a client cannot be reached is noted, and is a failure.
        if reason := self._sync():
            raise UserError(reason)
        self.invalidate_recordset()
        return self.env._(
            "%(users)s users, %(size)s MB", users=self.users_len, size=round(self.total_storage)
        )
