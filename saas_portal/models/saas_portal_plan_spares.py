import logging
from collections import Counter
from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError

from ..lib.saas_driver import DriverError, SpareKeeper
from ..transactions import Busy, in_own_transaction, leave_to_later_commits, locked

_logger = logging.getLogger(__name__)

#: Seconds that a creation waits for others that take a spare; it copies the template after that.
_PATIENCE = 10
#: More would only hide that the server is too slow for the demand.
_MOST_SPARES = 100
#: When what was taken is replaced at the earliest, as long as enough is left.
_LATER = timedelta(seconds=5)


class SaasPortalPlan(models.Model):
    """Copies of the template that are made ahead of time, so that a client is ready in a second."""

    _inherit = "saas_portal.plan"

    spare_target = fields.Integer(
        string="Spares",
        tracking=True,
        help="How many copies of the template are kept ready for new clients. Each takes the room"
        " of the template's database; without one a new client takes some seconds longer.",
    )
    spare_ids = fields.One2many("saas_portal.spare", "plan_id")
    spare_count = fields.Integer(string="Spares Ready", compute="_compute_spare_count")
    spare_error = fields.Char(
        string="Why Spares Are Missing",
        readonly=True,
        copy=False,
        help="What went wrong the last time when spares were made or removed.",
    )

    _spare_target_range = models.Constraint(
        f"CHECK (spare_target BETWEEN 0 AND {_MOST_SPARES})",
        f"Keep from 0 to {_MOST_SPARES} spares.",
    )

    # === COMPUTE METHODS === #

    @api.depends("spare_ids.state", "spare_ids.built_at", "template_id.built_at")
    def _compute_spare_count(self):
        for plan in self:
            plan.spare_count = len(plan._get_ready_spares())

    # === CONSTRAINT METHODS === #

    @api.constrains("spare_target", "server_id", "template_id")
    def _check_spares_possible(self):
        for plan in self.filtered("spare_target"):
            server = plan.template_id.server_id or plan.server_id
            if server and not isinstance(server._get_driver(), SpareKeeper):
                raise ValidationError(
                    self.env._(
                        "The server %(server)s keeps no spares; set 0 on the plan %(plan)s.",
                        server=server.name,
                        plan=plan.name,
                    )
                )

    # === CRUD METHODS === #

    @api.model_create_multi
    def create(self, vals_list):
        plans = super().create(vals_list)
        if any(plan.spare_target for plan in plans):
            self._trigger_spares()
        return plans

    def write(self, vals):
        result = super().write(vals)
        if {"spare_target", "active", "template_id"} & vals.keys():
            self._trigger_spares()
        return result

    # === ACTION METHODS === #

    def action_open_spares(self):
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id(
            "saas_portal.saas_portal_spare_action"
        )
        return {**action, "domain": [("plan_id", "=", self.id)], "context": {}}

    # === TAKING === #

    def _get_ready_spares(self):
        return self.spare_ids.filtered(lambda spare: spare.state == "ready" and spare._is_current())

    def _claim_spare(self, client):
        """The key of a spare that is this client's and nobody else's; '' when there is none."""
        try:
            # One at a time, each with a view of what the one before has taken.
            with locked(self.env, "saas_portal.spare", self.id, wait=_PATIENCE) as env:
                return self.with_env(env)._take_spare(client.id)
        except Busy:
            _logger.info("%s copies its template: the spares are busy", client.name)
            return ""

    def _take_spare(self, client_id):
        # A step that is repeated finds what it took before, unless that may not be had any more.
        taken = self.spare_ids.filtered(
            lambda spare: spare.state == "taken" and spare.client_id.id == client_id
        )
        own = taken.filtered(lambda spare: spare._is_current())[:1]
        (taken - own).state = "leaving"
        spare = own or self._get_ready_spares()[:1]
        if spare and not own:
            spare.write({"state": "taken", "client_id": client_id})
            # Its database is renamed next.
            leave_to_later_commits(self.env)
        return spare.key or ""

    # === REFILLING === #

    def _refill_spares(self):
        """Replace what was taken, when who took it is done: a copy would only hold him up.

        While half of the spares are left it has time until the scheduled actions look around, which
        they do every minute: who comes next is not held up either.
        """
        if not self.spare_target:
            return
        enough = 2 * len(self._get_ready_spares()) >= self.spare_target
        self._trigger_spares(fields.Datetime.now() + _LATER if enough else None)

    @api.model
    def _trigger_spares(self, at=None):
        self.env.ref("saas_portal.ir_cron_refill_spares").sudo()._trigger(at)

    @api.model
    def _cron_refill_spares(self):
        """Remove what nobody wants, complete what was cut off, make what is missing; one by one."""
        cron = self.env["ir.cron"]
        todo = [*self._list_unwanted(), *self._list_missing()]
        cron._commit_progress(remaining=len(todo))
        for number, (plan, work, argument) in enumerate(todo, 1):
            plan._try_for_spares(work, argument)
            if not cron._commit_progress(1, remaining=len(todo) - number):
                break
        self._drop_leftovers()

    def _try_for_spares(self, work, *arguments):
        """One piece of work, and what became of it on the plan; the others go on whatever happens.

        :param work: called with the plan and the arguments
        """
        error = False
        try:
            work(self, *arguments)
        except (Busy, DriverError, UserError) as reason:
            error = str(reason) or self.env._("Others are at the spares.")
            _logger.warning("A spare of %s: %s", self.display_name, error)
        except Exception as reason:
            error = type(reason).__name__
            _logger.exception("A spare of %s", self.display_name)
        if self and (self.spare_error or "") != (error or ""):
            in_own_transaction(self, lambda plan: plan.write({"spare_error": error}))

    @api.model
    def _list_unwanted(self):
        """(plan, method, spare) for each spare that goes, the oldest first."""
        found, kept = [], Counter()
        for spare in self.env["saas_portal.spare"].search([("server_id.active", "=", True)]):
            plan = spare.plan_id
            if spare._is_in_use():
                continue
            waits = spare.state in ("pending", "ready") and spare._is_current()
            kept[plan] += waits
            wanted = plan.spare_target if plan.active else 0
            if not waits or kept[plan] > wanted:
                found.append((plan, SaasPortalPlan._drop_spare, spare))
        return found

    @api.model
    def _list_missing(self):
        """(plan, method, spare or None) for each spare that was cut off or is not there."""
        found = []
        plans = self.search(
            [
                ("spare_target", ">", 0),
                ("state", "=", "confirmed"),
                ("template_id.server_id.active", "=", True),
            ]
        )
        for plan in plans:
            current = plan.spare_ids.filtered(lambda spare: spare._is_current())
            cut_off = current.filtered(lambda spare: spare.state == "pending")
            count = len(cut_off) + len(current.filtered(lambda spare: spare.state == "ready"))
            found += [(plan, SaasPortalPlan._make_spare, spare) for spare in cut_off]
            missing = max(plan.spare_target - count, 0)
            found += [(plan, SaasPortalPlan._make_spare, None)] * missing
        return found

    def _make_spare(self, spare=None):
        """Write the row, copy the template, and say that it is ready; each by itself."""
        spare_id = (spare and spare.id) or in_own_transaction(self, lambda plan: plan._add_spare())
        spare = self.env["saas_portal.spare"].browse(spare_id)

        def copy(row):
            row.server_id._get_driver().make_spare(row.key, row.template_id.name)

        in_own_transaction(spare, copy)
        in_own_transaction(spare, lambda row: row.write({"state": "ready"}))

    def _add_spare(self):
        template = self.template_id
        template.server_id._check_in_use()
        vals = {"plan_id": self.id, "template_id": template.id, "built_at": template.built_at}
        return self.env["saas_portal.spare"].create(vals).id

    def _drop_spare(self, spare):
        # Whoever looks for a spare from now on passes it by, before its database goes.
        with locked(self.env, "saas_portal.spare", self.id or 0, wait=_PATIENCE) as env:
            row = spare.with_env(env)
            if not row.exists() or row._is_in_use():
                return
            row.state = "leaving"

        def drop(row):
            row.server_id._get_driver().drop_spare(row.key)
            row.unlink()

        in_own_transaction(spare, drop)

    @api.model
    def _drop_leftovers(self):
        """Remove databases of ours that no row tells of: the portal was restored, or killed."""
        for server in self.env["saas_portal.server"].search([("active", "=", True)]):
            try:
                driver = server._get_driver()
                if isinstance(driver, SpareKeeper):
                    self._drop_orphans(server, driver)
                    self._drop_unfinished(driver)
            except DriverError as error:
                _logger.warning("The spares of %s: %s", server.name, error)
            except Exception:
                _logger.exception("The spares of %s", server.name)

    @api.model
    def _drop_orphans(self, server, driver):
        """Copies of templates that are nobody's spares."""
        templates = self.env["saas_portal.database"].with_context(active_test=False)
        ours = set(templates.search([("server_id", "=", server.id)]).mapped("uuid"))
        portal = self.env["saas_portal.keyring"]._get_portal_uuid()
        found = [
            spare.key
            for spare in driver.list_spares()
            if spare.portal == portal or (not spare.portal and spare.template_key in ours)
        ]
        for key in self._find_unknown(found, "saas_portal.spare", "key"):
            driver.drop_spare(key)
            _logger.info("Removed the spare %s, which belonged to no plan", key)

    @api.model
    def _drop_unfinished(self, driver):
        """What was begun of clients and templates whose records are gone."""
        portal = self.env["saas_portal.keyring"]._get_portal_uuid()
        found = [made.key for made in driver.list_unfinished() if made.portal == portal]
        clients = self._find_unknown(found, "saas_portal.client", "client_id")
        for key in self._find_unknown(clients, "saas_portal.database", "uuid"):
            driver.drop_unfinished(key)
            _logger.info("Removed what was begun of %s, which has no record", key)

    @api.model
    def _find_unknown(self, keys, model, field):
        """Those of the keys that no record has; records are older than their databases."""
        records = self.env[model].with_context(active_test=False)
        known = in_own_transaction(
            records, lambda records: records.search([(field, "in", keys)]).mapped(field)
        )
        return sorted(set(keys) - set(known))
