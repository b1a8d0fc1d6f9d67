from odoo import Command, api, fields, models
from odoo.exceptions import UserError

from ..const import RUNGS


class SaasPortalSuspendClient(models.TransientModel):
    """Asks how far clients are to be shut, why, and what their people are told."""

    _name = "saas_portal.suspend_client"
    _description = "Suspend SaaS Clients"

    client_ids = fields.Many2many(
        "saas_portal.client",
        readonly=True,
        default=lambda self: [Command.set(self.env.context.get("active_ids", []))],
    )
    rung = fields.Selection(
        [rung for rung in RUNGS if rung[0] != "open"],
        string="How Far",
        required=True,
        default="closed",
    )
    explanation = fields.Char(compute="_compute_explanation")
    reason = fields.Selection(
        lambda self: self.env["saas_portal.client"]._fields["suspension_reason"].selection,
        default="payment",
    )
    notice = fields.Text(
        string="Message to the Customer", help="Shown in the database, in addition to the reason."
    )

    @api.depends("rung")
    def _compute_explanation(self):
        texts = {
            "notice": self.env._("Everything works; your message stands above every page."),
            "read_only": self.env._(
                "People log in and read; nothing can be changed, and scheduled actions and mails"
                " wait."
            ),
            "closed": self.env._(
                "Everybody is logged out and sees a page with your message; you get in by Connect."
            ),
            "stopped": self.env._(
                "Closed, and the database accepts no connections at all, not even yours."
            ),
        }
        for wizard in self:
            wizard.explanation = texts.get(wizard.rung, "")

    def action_apply(self):
        """Shut the client; several are shut in the background, with a result for each."""
        self.ensure_one()
        clients = self.client_ids
        if not clients:
            raise UserError(self.env._("Choose at least one client."))
        clients.check_access("write")
        arguments = self.rung, self.reason, self.notice
        if len(clients) > 1:
            return clients._start_batch("suspend", lambda client: client._begin_rung(*arguments))
        clients._change_rung(*arguments)
        return clients._notify_outcome(self.env._("Done"), {})
