import contextlib

from odoo import api, fields, models

from odoo.addons.sadeem_portainer.transactions import Busy, in_own_transaction, locked

#: Seconds that a request waits for those that were earlier at the same environment.
WAIT = 60


class SadeemSaasDockerPlacement(models.Model):
    """Room that a client has on a Docker host, from before its containers run until it is gone.

    A stopped client keeps its room. Rows are written at once and for all to see, under the lock of
    their environment, so that no two clients get the same room.
    """

    _name = "sadeem.saas.docker.placement"
    _description = "Place of a Client's Stack"
    _order = "environment_id, id"
    _rec_name = "client_id"

    client_id = fields.Many2one(
        "saas_portal.client", required=True, readonly=True, ondelete="cascade"
    )
    company_id = fields.Many2one(related="client_id.company_id", store=True, index=True)
    environment_id = fields.Many2one(
        "sadeem.portainer.environment",
        required=True,
        readonly=True,
        index=True,
        ondelete="restrict",
    )
    containers = fields.Integer(required=True, readonly=True, help="How many it has room for.")
    seen_containers = fields.Integer(
        readonly=True, help="How many of them ran when the environment was last read."
    )
    seen = fields.Boolean(
        string="Running",
        compute="_compute_outstanding",
        store=True,
        help="All of its containers ran when the environment was last read.",
    )
    outstanding = fields.Integer(
        string="Reserved",
        compute="_compute_outstanding",
        store=True,
        help="Containers that did not run then, and may at any time.",
    )
    reason = fields.Text(readonly=True, help="Why it is here, and why nowhere else.")
    holder = fields.Char(readonly=True, help="The request that took it.")

    _client_unique = models.Constraint("UNIQUE (client_id)", "The client has a place already.")
    _containers_positive = models.Constraint(
        "CHECK (containers > 0 AND seen_containers >= 0)", "A stack has one container or more."
    )

    @api.depends("containers", "seen_containers")
    def _compute_outstanding(self):
        for placement in self:
            placement.outstanding = max(placement.containers - placement.seen_containers, 0)
            placement.seen = not placement.outstanding

    def _give_back(self, holder: str | None = None):
        """Give the room to others, at once.

        :param holder: only if it is still this request's
        """

        def forget(placements):
            kept = placements.exists()
            if holder:
                kept = kept.filtered(lambda placement: placement.holder == holder)
            kept.unlink()

        for placement in self:
            environment = in_own_transaction(
                placement, lambda placement: placement.exists().environment_id.ids
            )
            with contextlib.ExitStack() as stack:
                # Who cannot have the lock goes on without, and repeats what meets somebody else.
                with contextlib.suppress(Busy):
                    for number in environment:
                        record = self.env["sadeem.portainer.environment"].browse(number)
                        stack.enter_context(locked(record, wait=WAIT))
                in_own_transaction(placement, forget)
