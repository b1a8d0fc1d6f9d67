from odoo import models
from odoo.exceptions import UserError

from ..const import DELETED, DRAFT, OP_PENDING
from ..lib.saas_driver import DriverError
from ..transactions import in_own_transaction


class SaasPortalClient(models.Model):
    """The end of a client whose database is gone for good, or nobody can reach any more."""

    _inherit = "saas_portal.client"

    def _give_up(self):
        """Delete by record only: the name and the place in the plan are free again."""
        self.ensure_one()
        self.check_access("unlink")
        if self.state == DRAFT or (self.state == DELETED and not self.trash_name):
            raise UserError(self.env._("%(name)s has no database.", name=self.name))
        # What waits for a server that will not come back would be begun first.
        waiting = self.operation_ids.filtered(lambda operation: operation.state == OP_PENDING)
        in_own_transaction(waiting.sudo(), lambda operations: operations.action_cancel())
        self._perform_operation("give_up")

    def _get_operation_steps(self, kind):
        if kind == "give_up":
            return [("_step_give_up", self.env._("Forget what is out of reach"))]
        return super()._get_operation_steps(kind)

    def _step_give_up(self, operation):
        if reason := self._find_life():
            raise UserError(reason)
        left = self._describe_what_is_left()
        self._forget_place()
        self.env["saas_portal.keyring"]._forget_policy(self.client_id)
        self._set_deleted(trash_name=False, purge_at=False, unreachable_since=False)
        self.message_post(
            body=self.env._("Given up by %(user)s. %(left)s", user=self.env.user.name, left=left)
        )
        return left

    def _find_life(self) -> str:
        """Why it can be deleted like any other, '' when it is out of reach."""
        name = self.trash_name or self.name
        try:
            status = self.server_id._get_driver().status(name)
        except DriverError:
            return ""
        if not status.exists or status.key != self.client_id:
            return ""
        return self.env._(
            "%(server)s has the database %(name)s. Delete the client instead.",
            server=self.server_id.name,
            name=name,
        )

    def _describe_what_is_left(self) -> str:
        """What may still be somewhere, and how it would be noticed."""
        return self.env._(
            "Its database may still be on %(server)s; if it is seen there again, it is listed"
            " among the unknown databases.",
            server=self.server_id.name,
        )

    def _forget_place(self):
        """Give back what the portal holds for it; serves as a hook."""
