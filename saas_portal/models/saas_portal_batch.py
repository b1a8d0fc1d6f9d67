from odoo import api, fields, models
from odoo.exceptions import UserError

from ..const import OP_DONE, OPEN_OPERATION_STATES


class SaasPortalBatch(models.Model):
    """One order given to many clients, with what came of it for each.

    Each client gets an operation of its own, in the background: so many are worked on at a time as
    the parameter ``saas_portal.clients_at_once`` says, and one that fails keeps nobody from the
    rest. What a portal that was killed had begun, it goes on with.
    """

    _name = "saas_portal.batch"
    _description = "Order to Many SaaS Clients"
    _order = "id desc"

    kind = fields.Selection(
        [
            ("configure", "Configure"),
            ("suspend", "Suspend"),
            ("resume", "Resume"),
            ("sync", "Sync"),
            ("backup", "Back Up"),
            ("delete", "Delete"),
        ],
        required=True,
        readonly=True,
    )
    user_id = fields.Many2one(
        "res.users", string="Asked by", readonly=True, default=lambda self: self.env.user
    )
    line_ids = fields.One2many("saas_portal.batch.line", "batch_id", readonly=True)
    client_count = fields.Integer(string="Clients", compute="_compute_progress")
    done_count = fields.Integer(string="Done", compute="_compute_progress")
    failed_count = fields.Integer(string="Failed", compute="_compute_progress")
    state = fields.Selection(
        [("running", "Running"), ("done", "Done")], compute="_compute_progress"
    )
    progress = fields.Float(compute="_compute_progress", help="Per cent of the clients.")
    current_step = fields.Char(compute="_compute_progress")

    @api.depends("line_ids.state")
    def _compute_progress(self):
        for batch in self:
            states = batch.line_ids.mapped("state")
            batch.client_count = len(states)
            batch.done_count = states.count(OP_DONE)
            waiting = sum(state in OPEN_OPERATION_STATES for state in states)
            batch.failed_count = len(states) - batch.done_count - waiting
            batch.state = "running" if waiting else "done"
            ended = len(states) - waiting
            batch.progress = 100 * ended / len(states) if states else 100
            batch.current_step = self.env._(
                "%(ended)s of %(count)s clients", ended=ended, count=len(states)
            )

    @api.depends("kind", "line_ids")
    def _compute_display_name(self):
        kinds = dict(self._fields["kind"]._description_selection(self.env))
        for batch in self:
            batch.display_name = self.env._(
                "%(kind)s %(count)s clients",
                kind=kinds.get(batch.kind),
                count=len(batch.line_ids),
            )

    @api.model
    def _start(self, kind, clients, begin):
        """Give the order, and return the action that shows what comes of it.

        :param begin: called with each client; writes and returns its operation, or raises
            UserError with why there is none
        """
        batch = self.sudo().create({"kind": kind, "user_id": self.env.uid})
        lines = []
        # The cron is told once, of all of them.
        for client in clients.with_context(saas_in_batch=True):
            values = {"batch_id": batch.id, "client_id": client.id, "client_name": client.name}
            try:
                with self.env.cr.savepoint():
                    values["operation_id"] = begin(client).id
            except UserError as error:
                values["refusal"] = str(error)
            lines.append(values)
        self.env["saas_portal.batch.line"].sudo().create(lines)
        self.env["saas_portal.operation"]._trigger()
        return {
            "type": "ir.actions.act_window",
            "res_model": self._name,
            "res_id": batch.id,
            "view_mode": "form",
            "views": [(False, "form")],
        }
