import logging
from collections.abc import Iterable

from odoo import api, fields, models, tools
from odoo.exceptions import AccessError, ValidationError

from .. import webhook_patches
from ..lib.saas_rest.access import Access
from ..lib.saas_rest.problems import Problem
from ..lib.saas_rest.webhook_delivery import Refused, check_url

_logger = logging.getLogger(__name__)

EVENTS = ("created", "updated", "deleted")
MAX_FAILURES = 50


class SaasRestWebhook(models.Model):
    """Somebody's wish to be called when records change.

    Its owner's rights decide which records he is told about.
    """

    _name = "saas_rest.webhook"
    _description = "Webhook"
    _order = "name, id"
    _allow_sudo_commands = False

    name = fields.Char(required=True)
    url = fields.Char(
        "Address",
        required=True,
        help="An https address that can be reached from the internet.",
    )
    active = fields.Boolean(default=True)
    user_id = fields.Many2one(
        "res.users",
        "On behalf of",
        required=True,
        ondelete="cascade",
        index=True,
        default=lambda self: self.env.user,
        help="Only changes to records that this user may read are sent.",
    )
    model_ids = fields.Many2many(
        "ir.model",
        "saas_rest_webhook_model_rel",
        "webhook_id",
        "model_id",
        string="Models",
        required=True,
        domain=[("transient", "=", False), ("abstract", "=", False)],
    )
    on_created = fields.Boolean("Creation", default=True)
    on_updated = fields.Boolean("Change", default=True)
    on_deleted = fields.Boolean("Deletion", default=True)
    state = fields.Selection(
        [("active", "Active"), ("paused", "Paused")],
        default="active",
        required=True,
        readonly=True,
        copy=False,
        help="An address that has failed 50 times in a row is paused; nothing is lost meanwhile.",
    )
    failure_count = fields.Integer("Failures in a row", readonly=True, copy=False)
    delivery_ids = fields.One2many("saas_rest.delivery", "webhook_id", "Deliveries")
    waiting_count = fields.Integer("Waiting", compute="_compute_delivery_counts")
    dead_count = fields.Integer("Given up", compute="_compute_delivery_counts")

    # === COMPUTE METHODS === #

    def _compute_delivery_counts(self):
        counted = self.env["saas_rest.delivery"]._read_group(
            [("webhook_id", "in", self.ids)], ["webhook_id", "state"], ["__count"]
        )
        counts = {(webhook.id, state): count for webhook, state, count in counted}
        for webhook in self:
            webhook.waiting_count = sum(
                counts.get((webhook.id, state), 0) for state in ("new", "pending")
            )
            webhook.dead_count = counts.get((webhook.id, "dead"), 0)

    # === CONSTRAINT METHODS === #

    @api.constrains("url")
    def _check_url(self):
        for webhook in self:
            try:
                check_url(webhook.url)
            except Refused as refusal:
                raise ValidationError(self._explain_refusal(refusal)) from refusal

    def _explain_refusal(self, refusal: Refused) -> str:
        reasons = {
            "https": self.env._("Webhooks are sent to https addresses only."),
            "login": self.env._("The address must not hold a user name or password."),
            "ascii": self.env._("The address must be written in ASCII (xn--… for other names)."),
        }
        return reasons.get(refusal.code, self.env._("This is not the address of a web server."))

    @api.constrains("model_ids", "user_id")
    def _check_models(self):
        for webhook in self:
            if not webhook.model_ids:
                raise ValidationError(self.env._("Choose at least one model."))
            for model in webhook.model_ids:
                if not self._may_be_watched(model.model, webhook.user_id):
                    raise ValidationError(
                        self.env._(
                            "%(user)s cannot subscribe to “%(model)s”.",
                            user=webhook.user_id.name,
                            model=model.model,
                        )
                    )

    def _check_lending(self, vals: dict) -> None:
        """One's own rights may be lent to a webhook, not those of somebody else.

        No constraint: these are checked as superuser.
        """
        owner = vals.get("user_id", self.env.uid)
        if owner == self.env.uid or self.env.su or self.env.user.has_group("base.group_system"):
            return
        raise AccessError(self.env._("A webhook sees what you may see: it is on your behalf."))

    def _may_be_watched(self, model_name: str, user) -> bool:
        try:
            self.env["saas_rest.policy"].with_user(user)._get_model(Access(), model_name, "read")
        except Problem:
            return False
        return True

    @api.model
    def _as_owner(self, user) -> api.Environment:
        """What ``user`` sees, archived records and all his companies included."""
        context = {"active_test": False, "allowed_company_ids": user.company_ids.ids}
        return self.env(user=user.id, context=context, su=False)

    # === CRUD METHODS === #

    @api.model_create_multi
    def create(self, vals_list):
        for vals in vals_list:
            self._check_lending(vals)
        webhooks = super().create(vals_list)
        for webhook in webhooks:
            webhook._make_secret()
        webhooks._update_hooks()
        return webhooks

    def write(self, vals):
        self._check_lending(vals)
        result = super().write(vals)
        if vals.keys() & {"active", "model_ids", "on_created", "on_updated", "on_deleted"}:
            self._update_hooks()
        return result

    def unlink(self):
        result = super().unlink()
        self._update_hooks()
        return result

    # === ACTION METHODS === #

    def action_test(self):
        """Send a call that tells of no record."""
        self.check_access("write")
        self._enqueue_test()
        return self.action_open_deliveries()

    def action_resume(self):
        """Try again to reach an address that was paused."""
        self.write({"state": "active", "failure_count": 0})
        self.env["saas_rest.delivery"]._wake_cron()

    def action_open_deliveries(self):
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Deliveries"),
            "res_model": "saas_rest.delivery",
            "view_mode": "list,form",
            "domain": [("webhook_id", "=", self.id)],
        }

    # === HOOKS === #

    def _register_hook(self):
        super()._register_hook()
        webhook_patches.install(self.env.registry, self._get_watched_models())

    def _update_hooks(self) -> None:
        """Watch what is subscribed to now; the other processes follow after the commit."""
        self.env.registry.clear_cache()
        registry = self.env.registry
        wanted = {name for name in self._get_watched_models() if name in registry}
        if registry.ready and wanted != webhook_patches.patched(registry):
            webhook_patches.install(registry, wanted)
            registry.registry_invalidated = True

    @api.model
    def _get_watched_models(self) -> set[str]:
        self.flush_model()
        self.env.cr.execute(
            """
            SELECT DISTINCT model.model
              FROM saas_rest_webhook webhook
              JOIN saas_rest_webhook_model_rel rel ON rel.webhook_id = webhook.id
              JOIN ir_model model ON model.id = rel.model_id
             WHERE webhook.active
            """
        )
        return {name for (name,) in self.env.cr.fetchall()}

    @api.model
    @tools.ormcache("model_name", "event")
    def _get_subscribers(self, model_name: str, event: str) -> tuple[tuple[int, int], ...]:
        """(webhook, owner) of each who wants to know of ``event``."""
        webhooks = self.sudo().search(
            [("model_ids.model", "=", model_name), (f"on_{event}", "=", True)]
        )
        return tuple((webhook.id, webhook.user_id.id) for webhook in webhooks)

    @api.model
    def _note_event(self, records: models.BaseModel, event: str, names: Iterable[str] = ()) -> None:
        """Remember for the subscribers, within this transaction, what happened to ``records``.

        :param names: the fields that were written
        """
        ids = [id_ for id_ in records._ids if id_]
        if not ids:
            return
        for webhook_id, _user_id in self._get_subscribers(records._name, event):
            self.env["saas_rest.delivery"]._note(webhook_id, event, records._name, ids, names)

    @api.model
    def _foresee_deletion(self, records: models.BaseModel) -> dict[int, list[int]]:
        """The ids of which each webhook is to be told, as long as rules can still be asked."""
        users = self.env["res.users"].sudo()
        return {
            webhook_id: records.with_env(self._as_owner(users.browse(user_id)))
            ._filtered_access("read")
            .ids
            for webhook_id, user_id in self._get_subscribers(records._name, "deleted")
        }

    @api.model
    def _note_deletion(self, records: models.BaseModel, noted: dict[int, list[int]]) -> None:
        for webhook_id, ids in noted.items():
            if ids:
                self.env["saas_rest.delivery"]._note(webhook_id, "deleted", records._name, ids)

    # === DELIVERIES === #

    def _enqueue_test(self) -> models.BaseModel:
        deliveries = (
            self.env["saas_rest.delivery"]
            .sudo()
            .create(
                [{"webhook_id": webhook.id, "event": "test", "res_ids": []} for webhook in self]
            )
        )
        deliveries._prepare()
        deliveries._wake_cron()
        return deliveries

    def _record_outcome(self, delivered: bool) -> None:
        """Count failures in a row; pause an address that keeps failing."""
        self.ensure_one()
        if delivered:
            if self.failure_count:
                self.failure_count = 0
            return
        self.failure_count += 1
        if self.failure_count >= MAX_FAILURES and self.state == "active":
            self.state = "paused"
            _logger.warning("Webhook %s is paused: it failed %s times", self.id, MAX_FAILURES)
