import logging

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError

from ..lib.saas_driver import ClientRef, DriverError
from ..lib.saas_rules import InvalidName, check_name
from ..transactions import in_own_transaction

_logger = logging.getLogger(__name__)

UNKNOWN, VANISHED = "unknown", "vanished"


class SaasPortalDeviation(models.Model):
    """Where a server beside the portal does not hold what the portal's records say.

    That is so after the portal was restored from a backup, or after somebody worked on databases
    by hand. Nothing is done about it by itself.
    """

    _name = "saas_portal.deviation"
    _description = "Deviation of a SaaS Server"
    _order = "id desc"

    kind = fields.Selection(
        [(UNKNOWN, "Unknown to the Portal"), (VANISHED, "Vanished")], required=True, readonly=True
    )
    server_id = fields.Many2one(
        "saas_portal.server", required=True, readonly=True, index=True, ondelete="cascade"
    )
    client_id = fields.Many2one(
        "saas_portal.client", readonly=True, index="btree_not_null", ondelete="cascade"
    )
    company_id = fields.Many2one(related="server_id.company_id", store=True, index=True)
    name = fields.Char(string="Database", required=True, readonly=True)
    key = fields.Char(string="Database UUID", required=True, readonly=True)
    running = fields.Boolean(readonly=True, help="It can be connected to.")
    explanation = fields.Text(compute="_compute_explanation")
    create_date = fields.Datetime(string="First Seen", readonly=True)

    _key_unique = models.Constraint(
        "UNIQUE (server_id, key)", "There is a deviation of this database already."
    )

    @api.depends("kind", "running")
    def _compute_explanation(self):
        for deviation in self:
            if deviation.kind == VANISHED:
                text = self.env._(
                    "The server has no database of this client under its name. If somebody renamed"
                    " it, give it its name back in PostgreSQL; if it is gone, give the client up on"
                    " its form."
                )
            elif deviation.running:
                text = self.env._(
                    "This portal made it, and has no client for it: customers may be working in"
                    " it. Adopting makes a client of it, with all that it holds."
                )
            else:
                text = self.env._(
                    "It is closed, so that nobody sees which portal it belongs to. Let it be"
                    " connected to in PostgreSQL, and compare again."
                )
            deviation.explanation = text

    # === BUSINESS METHODS === #

    def _check_manager(self):
        self.ensure_one()
        self.check_access("read")
        if not self.env.su and not self.env.user.has_group("saas_portal.group_manager"):
            raise AccessError(self.env._("Only managers of the SaaS Portal do this."))
        self.server_id._check_in_use()

    def _check_unknown(self):
        """Look once more whether it is this portal's, and nobody's by its records.

        :raises UserError: no
        """
        server, portal = self.server_id, self.env["saas_portal.keyring"]._get_portal_uuid()
        known = in_own_transaction(server, lambda server: server._get_known_keys())
        driver = server._get_driver()
        try:
            is_there = driver.status(self.name).key == self.key
            ours = is_there and driver.find_portal(self.name) == portal
        except DriverError as error:
            raise UserError(str(error)) from error
        if self.kind != UNKNOWN or self.key in known or not ours:
            raise UserError(
                self.env._(
                    "%(name)s is not unknown any more, or not seen to be this portal's. Compare"
                    " again.",
                    name=self.name,
                )
            )

    def _remove(self):
        """Drop the database, with all that it holds."""
        self._check_manager()
        deviation = self.sudo()
        deviation._check_unknown()
        try:
            deviation.server_id._get_driver().delete(ClientRef(deviation.name, deviation.key))
        except DriverError as error:
            raise UserError(str(error)) from error
        self.env["saas_portal.keyring"]._forget_policy(deviation.key)
        _logger.info("%s removed %s, which no client had", self.env.user.login, deviation.name)
        deviation.unlink()

    def _adopt(self, plan, partner, owner):
        """Make a client of the database as it is; returns it.

        No limit of the plan's and no expiry holds for it yet: a customer who works in it shall not
        be shut out by what the portal has forgotten.
        """
        self._check_manager()
        deviation = self.sudo()
        deviation._check_unknown()
        try:
            check_name(deviation.name)
        except InvalidName as error:
            raise UserError(
                self.env._(
                    "%(name)s is no client's name (%(reason)s), it was put away perhaps. Rename"
                    " the database and compare again.",
                    name=deviation.name,
                    reason=error,
                )
            ) from error
        clients = self.env["saas_portal.client"].sudo().with_context(active_test=False)
        if holder := clients._find_name_holder(deviation.name):
            raise UserError(
                self.env._("The name %(name)s is that of another client.", name=holder.name)
            )
        client = clients.search([("client_id", "=", deviation.key)])
        vals = deviation._prepare_client_vals(plan, partner, owner)
        if client:
            client.write({**vals, "name_released": False, "deleted_at": False})
        else:
            client = clients.create({**vals, "client_id": deviation.key})
            client._set_building()
        client._set_open()
        client.message_post(
            body=self.env._("Adopted by %(user)s as it was found.", user=self.env.user.name)
        )
        client._push_policy_later()
        deviation.unlink()
        return client.with_env(self.env)

    def _prepare_client_vals(self, plan, partner, owner):
        return {
            "name": self.name,
            "plan_id": plan.id,
            "server_id": self.server_id.id,
            "company_id": plan.company_id.id or self.server_id.company_id.id,
            "partner_id": partner.id,
            "owner_id": owner.id,
            "key_id": self.env["saas_portal.keyring"]._get_signing_key().key_id,
        }

    # === ACTION METHODS === #

    def action_open_client(self):
        self.ensure_one()
        return self.client_id._get_form_action()
