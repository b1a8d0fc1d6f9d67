import logging
from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Domain

from ..const import LIVE_STATES, OP_FAILED, OPEN, OPEN_OPERATION_STATES, PENDING
from ..lib.saas_rules.payload import EXPIRATION, SUSPENDED, TRIAL, parse_payload
from ..transactions import in_own_transaction

_logger = logging.getLogger(__name__)

#: A suspension that failed is not asked for again before this many minutes.
_REPEAT_MINUTES = 60
#: What decides when a client is suspended for its expiry.
_EXPIRY_FIELDS = frozenset({"expiration_datetime", "block_on_expiration", "trial"})


class SaasPortalClient(models.Model):
    """Time: the notice before a client expires, what happens then, and how it comes back.

    notice → expired → (grace days) → suspended; a date in the future undoes all three. Each stage
    is one flag, written in the transaction that queues its mail: whatever is interrupted or runs
    twice, a customer gets each mail once for each expiry.
    """

    _inherit = "saas_portal.client"

    suspended_for = fields.Selection(selection_add=[("expiration", "its expiry")])
    notice_due_at = fields.Datetime(
        compute="_compute_expiry_dates", store=True, help="When the customer is warned."
    )
    suspension_due_at = fields.Datetime(
        compute="_compute_expiry_dates",
        store=True,
        help="When the client is suspended for its expiry; empty: never.",
    )
    expiry_suspended = fields.Boolean(
        readonly=True,
        copy=False,
        help="Was suspended for the present expiry; who resumes it by hand is not overruled.",
    )

    # One for each reason why the scheduled action looks at a client; few clients are in any.
    _notice_index = models.Index(
        "(notice_due_at) WHERE expired IS NOT TRUE AND notification_sent IS NOT TRUE"
    )
    _expiry_index = models.Index("(expiration_datetime) WHERE expired IS NOT TRUE")
    _suspension_index = models.Index(
        "(suspension_due_at) WHERE state = 'open' AND expiry_suspended IS NOT TRUE"
    )
    _resumption_index = models.Index(
        "(suspension_due_at) WHERE state = 'pending' AND suspended_for = 'expiration'"
    )

    @api.depends(
        "expiration_datetime",
        "trial",
        "block_on_expiration",
        "plan_id.notice_days",
        "plan_id.grace_period",
    )
    def _compute_expiry_dates(self):
        for client in self:
            notice, expires = client.plan_id.notice_days, client.expiration_datetime
            client.notice_due_at = expires and notice and expires - timedelta(days=notice)
            client.suspension_due_at = client._get_suspension_date(expires, client.trial)

    def _get_suspension_date(self, expires, trial):
        """When a client with this expiry is suspended; grace days are for those who pay."""
        if not expires or not (trial or self.block_on_expiration):
            return False
        return expires + timedelta(days=0 if trial else self.plan_id.grace_period)

    # === CRUD METHODS === #

    def write(self, vals):
        before = {client: client.expiration_datetime for client in self}
        result = super().write(vals)
        if "expiration_datetime" in vals:
            for client, date in before.items():
                if client.expiration_datetime != date:
                    client._rearm_notices()
        if _EXPIRY_FIELDS & vals.keys():
            self.env.ref("saas_portal.ir_cron_expire").sudo()._trigger()
        return result

    def _rearm_notices(self):
        """Another date is another expiry, unless both are over."""
        over = self.expiration_datetime and self.expiration_datetime <= fields.Datetime.now()
        if not (over and self.expired):
            self.sudo().write(
                {"expired": False, "notification_sent": False, "expiry_suspended": False}
            )

    # === BUSINESS METHODS === #

    @api.model
    def _get_expiry_domain(self, now):
        """Clients for which a stage is due, or that are suspended for an expiry that has moved."""
        notice = Domain("notification_sent", "=", False) & Domain("notice_due_at", "<=", now)
        stages = Domain("expired", "=", False) & (notice | Domain("expiration_datetime", "<=", now))
        suspend = Domain("state", "=", OPEN) & Domain("expiry_suspended", "=", False)
        suspend &= Domain("suspension_due_at", "<=", now)
        resume = Domain("state", "=", PENDING) & Domain("suspended_for", "=", "expiration")
        resume &= Domain("suspension_due_at", "=", False) | Domain("suspension_due_at", ">", now)
        return Domain("state", "in", LIVE_STATES) & (stages | suspend | resume)

    @api.model
    def _cron_expire(self):
        """Warn, expire, suspend and resume, each client in a transaction of its own."""
        clients = self.search(self._get_expiry_domain(fields.Datetime.now()), order="id")
        remaining = len(clients)
        self.env["ir.cron"]._commit_progress(remaining=remaining)
        for client in clients.with_context(saas_in_batch=True):
            try:
                in_own_transaction(client, lambda record: record._follow_expiry())
            except Exception:
                _logger.exception("The expiry of client %d could not be followed", client.id)
            remaining -= 1
            if not self.env["ir.cron"]._commit_progress(1, remaining=remaining):
                break
        if clients:
            # To be told of each operation would cost more than to write it.
            self.env["saas_portal.operation"]._trigger()

    def _follow_expiry(self):
        """Do what is due, after a look at the record as it is now: others may have done it."""
        if not self.try_lock_for_update() or self.state not in LIVE_STATES:
            return
        now = fields.Datetime.now()
        if not self.expired and self.expiration_datetime and self.expiration_datetime <= now:
            self.write({"expired": True, "notification_sent": True})
            self._send_notice("email_template_expired")
        elif not self.notification_sent and self.notice_due_at and self.notice_due_at <= now:
            self.notification_sent = True
            self._send_notice("email_template_expiring")
        due = bool(self.suspension_due_at and self.suspension_due_at <= now)
        if due and self.state == OPEN and not self.expiry_suspended:
            self._ask_for_suspension(True, "expiration")
        elif not due and self.state == PENDING and self.suspended_for == "expiration":
            self._ask_for_suspension(False, "expiration")

    def _ask_for_suspension(self, suspend, reason):
        """An operation that suspends or resumes; none when one for this reason is under way."""
        recent = fields.Datetime.now() - timedelta(minutes=_REPEAT_MINUTES)
        failed = Domain("state", "=", OP_FAILED) & Domain("finished_at", ">", recent)
        matters = Domain("state", "in", OPEN_OPERATION_STATES) | failed
        for operation in self.operation_ids.search(Domain("client_id", "=", self.id) & matters):
            arguments = operation.arguments or {}
            if arguments.get("suspend_for") != reason:
                continue
            same = bool(arguments.get("suspend")) == suspend
            if operation.state in OPEN_OPERATION_STATES or same:
                return
        params = [{"key": SUSPENDED, "value": "1" if suspend else "0", "hidden": True}]
        self._start_operation(
            "configure",
            {"payload": {"params": params}, "suspend_for": reason, "suspend": suspend},
        )

    def _complete_payload(self, payload, reason):
        """What the client is told, seen at the moment when it is told.

        A new expiry resumes what the former one has suspended; a suspension for an expiry that
        has moved meanwhile, or of what somebody else has suspended, is dropped.
        """
        typed = parse_payload(payload).typed
        expires = typed.get(EXPIRATION, self.expiration_datetime)
        due_at = self._get_suspension_date(expires, typed.get(TRIAL, self.trial))
        due = bool(due_at and due_at <= fields.Datetime.now())
        if reason == "expiration" and typed.get(SUSPENDED) and not (due and self.state == OPEN):
            return {}
        told = EXPIRATION in typed or TRIAL in typed
        suspended = self.state == PENDING and self.suspended_for == "expiration"
        if told and suspended and not due and SUSPENDED not in typed:
            resume = {"key": SUSPENDED, "value": "0", "hidden": True}
            return {**payload, "params": [*payload["params"], resume]}
        return payload

    def _set_suspended(self, reason):
        result = super()._set_suspended(reason)
        if reason == "expiration" and not self.expiry_suspended:
            self.expiry_suspended = True
            if self.suspension_due_at and self.suspension_due_at > self.expiration_datetime:
                # Without days of grace the mail about the expiry has said it already.
                self._send_notice("email_template_suspended")
        return result

    def _set_open(self):
        resumed = self.state == PENDING and self.suspended_for == "expiration"
        result = super()._set_open()
        if resumed:
            self._send_notice("email_template_resumed")
        return result

    # === MAILS === #

    def _send_notice(self, template):
        self._send_mail(self.env.ref(f"saas_portal.{template}", raise_if_not_found=False))

    def _send_mail(self, template):
        """Queue a mail to the customer; one that cannot be written stops nothing else."""
        if not template or not self.partner_id.email:
            return
        try:
            with self.env.cr.savepoint():
                template.with_context(**self.env.context).send_mail(
                    self.id, email_layout_xmlid="saas_portal.mail_layout"
                )
        except UserError as error:
            self.message_post(
                body=self.env._(
                    "The mail “%(name)s” could not be sent: %(reason)s",
                    name=template.name,
                    reason=error,
                )
            )

    def _get_page_url(self):
        """Where the customer sees this client on the portal."""
        return f"{self.get_base_url()}/my/databases/{self.id}"
