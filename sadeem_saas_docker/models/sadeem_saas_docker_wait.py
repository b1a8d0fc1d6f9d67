import time
from collections.abc import Callable

from odoo import fields, models

from odoo.addons.sadeem_portainer.transactions import in_own_transaction

#: Seconds of waiting that are nothing to talk about.
_SHORT = 3


class SadeemSaasDockerWait(models.Model):
    """What an operation waits for at this moment.

    Written at once and for all to see: the operation's own rows are its own transaction's.
    """

    _name = "sadeem.saas.docker.wait"
    _description = "What an Operation Waits for"
    _rec_name = "text"

    operation_id = fields.Many2one(
        "saas_portal.operation", required=True, readonly=True, ondelete="cascade"
    )
    company_id = fields.Many2one(related="operation_id.company_id", store=True)
    text = fields.Char(required=True, readonly=True)

    _operation_unique = models.Constraint(
        "UNIQUE (operation_id)", "An operation waits for one thing at a time."
    )

    def _make_teller(self, operation, clock=time.monotonic) -> Callable[[str], None]:
        """What a driver calls with the thing that it waits for, '' when that has come."""
        since, told = clock(), ""

        def note(operation, text):
            present = self.with_env(operation.env).search([("operation_id", "=", operation.id)])
            if not text:
                present.unlink()
            elif present:
                present.text = text
            else:
                present.create({"operation_id": operation.id, "text": text})

        def tell(text):
            nonlocal since, told
            if not text:
                since = clock()
            if text == told or (text and clock() - since < _SHORT):
                return
            told = text
            in_own_transaction(operation, lambda operation: note(operation, text))

        return tell
