import json
import logging
import uuid
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, timedelta

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.http import request
from odoo.tools import SQL, split_every

from ..lib.saas_rest.vault import VaultError
from ..lib.saas_rest.webhook_delivery import MAX_TRIES, RETRY_DELAYS, Sender
from ..lib.saas_rest.webhook_signature import signed_headers

_logger = logging.getLogger(__name__)

PREPARE_AT_ONCE = 200
SEND_AT_ONCE = 8
MAX_IDS = 1000
KEEP_DAYS = 30
#: Seconds until it is seen whether a secret can be read again.
UNSIGNED_WAIT = 300


class SaasRestDelivery(models.Model):
    """One call to a webhook: first a note in the outbox, then its way to the receiver.

    Notes are written in the transaction of the change, one for each kind of change to a model,
    and turned into calls afterwards; a rolled-back change leaves none.
    """

    _name = "saas_rest.delivery"
    _description = "Webhook call"
    _order = "id desc"
    _rec_name = "message_id"
    _allow_sudo_commands = False

    webhook_id = fields.Many2one(
        "saas_rest.webhook", required=True, ondelete="cascade", index=True, readonly=True
    )
    event = fields.Selection(
        [
            ("created", "Creation"),
            ("updated", "Change"),
            ("deleted", "Deletion"),
            ("test", "Test"),
        ],
        required=True,
        readonly=True,
    )
    model = fields.Char(readonly=True)
    res_ids = fields.Json("Record ids", readonly=True)
    changed = fields.Json("Written fields", readonly=True)
    request_id = fields.Char(readonly=True)
    transaction_key = fields.Char(readonly=True)
    message_id = fields.Char(readonly=True)
    payload = fields.Text(readonly=True)
    state = fields.Selection(
        [
            ("new", "Noted"),
            ("pending", "Waiting"),
            ("delivered", "Delivered"),
            ("dead", "Given up"),
        ],
        default="new",
        required=True,
        readonly=True,
    )
    tries = fields.Integer(readonly=True)
    next_try = fields.Datetime(readonly=True)
    last_try = fields.Datetime(readonly=True)
    last_status = fields.Integer("HTTP status", readonly=True, help="0: there was no answer.")
    last_error = fields.Char(readonly=True)

    _one_note = models.UniqueIndex("(webhook_id, transaction_key, model, event)")
    _due = models.Index("(next_try) WHERE state = 'pending'")
    _noted = models.Index("(id) WHERE state = 'new'")

    # === OUTBOX === #

    @api.model
    def _note(
        self,
        webhook_id: int,
        event: str,
        model_name: str,
        ids: list[int],
        changed: Iterable[str] = (),
    ) -> None:
        """Remember a change for one webhook; changes of one transaction share a row."""
        call = getattr(request, "rest", None) if request else None
        self.env.cr.execute(
            SQL(
                """
                INSERT INTO saas_rest_delivery (
                    webhook_id, event, model, res_ids, changed, request_id, state, tries,
                    transaction_key, create_uid, write_uid, create_date, write_date
                ) VALUES (
                    %(webhook)s, %(event)s, %(model)s, %(ids)s, %(changed)s, %(request)s, 'new', 0,
                    pg_current_xact_id()::text || '-' || extract(epoch FROM now()),
                    %(uid)s, %(uid)s, now() AT TIME ZONE 'UTC', now() AT TIME ZONE 'UTC'
                )
                ON CONFLICT (webhook_id, transaction_key, model, event) DO UPDATE
                    SET res_ids = saas_rest_delivery.res_ids || excluded.res_ids,
                        changed = saas_rest_delivery.changed || excluded.changed
                RETURNING xmax = 0
                """,
                webhook=webhook_id,
                event=event,
                model=model_name,
                ids=json.dumps(ids),
                changed=json.dumps(list(changed)),
                request=call.request_id if call else None,
                uid=self.env.uid,
            )
        )
        if self.env.cr.fetchone()[0]:
            self._wake_cron()

    @api.model
    def _wake_cron(self, at=None) -> None:
        self.env.ref("saas_rest_api.ir_cron_deliver").sudo()._trigger(at)

    def _prepare(self) -> None:
        """Turn notes into calls: what the owner may see, once, in parts of at most 1000 ids."""
        for delivery in self:
            if delivery.event == "test":
                delivery._freeze([], [])
                continue
            ids, changed = delivery._get_visible()
            if not ids or (delivery.event == "updated" and not changed):
                delivery.unlink()
                continue
            parts = list(split_every(MAX_IDS, ids, list))
            for part in parts[1:]:
                delivery.copy({"transaction_key": False})._freeze(part, changed)
            delivery._freeze(parts[0], changed)

    def _freeze(self, ids: list[int], changed: list[str]) -> None:
        """Fix the body of the call; each try sends the same one."""
        self.ensure_one()
        data = {
            "model": self.model or None,
            "ids": ids,
            "event": self.event,
            "changed": changed,
            "request_id": self.request_id or None,
        }
        body = {
            "type": f"{self.model}.{self.event}" if self.model else "webhook.test",
            "timestamp": self.create_date.replace(tzinfo=UTC).isoformat().replace("+00:00", "Z"),
            "data": data,
        }
        self.write(
            {
                "payload": json.dumps(body, separators=(",", ":")),
                "message_id": f"msg_{uuid.uuid4().hex}",
                "res_ids": ids,
                "changed": changed,
                "state": "pending",
                "next_try": fields.Datetime.now(),
            }
        )

    def _get_visible(self) -> tuple[list[int], list[str]]:
        """The ids and the written fields that the webhook's owner is to be told of."""
        self.ensure_one()
        webhook = self.webhook_id
        owner = webhook.user_id
        if not owner.active or not webhook._may_be_watched(self.model, owner):
            return [], []
        ids = dict.fromkeys(self.res_ids)
        if self.event == "deleted":
            return list(ids), []
        env = webhook._as_owner(owner)
        known = self._get_siblings_ids()
        model = env[self.model]
        visible = set(model.search([("id", "in", [id_ for id_ in ids if id_ not in known])])._ids)
        names: set[str] = set()
        if self.event == "updated":
            readable = env["saas_rest.policy"]._get_readable_fields(self.model)
            names = set(self.changed) & set(readable)
        return [id_ for id_ in ids if id_ in visible], sorted(names)

    def _get_siblings_ids(self) -> set[int]:
        """Of a change: the records that were created within the same transaction."""
        if self.event != "updated":
            return set()
        created = self.search(
            [
                ("webhook_id", "=", self.webhook_id.id),
                ("transaction_key", "=", self.transaction_key),
                ("model", "=", self.model),
                ("event", "=", "created"),
            ]
        )
        return {id_ for sibling in created for id_ in sibling.res_ids}

    # === SENDING === #

    @api.model
    def _cron_deliver(self) -> None:
        """Prepare what was noted, then send what is due, a call per address at a time."""
        sender = self._get_sender()
        while noted := self.search([("state", "=", "new")], order="id", limit=PREPARE_AT_ONCE):
            # Changes first: they leave out what was created in the same transaction.
            noted.sorted(lambda note: (note.event != "updated", note.id))._prepare()
            self.env["ir.cron"]._commit_progress()
        while due := self._take_due():
            due._send(sender)
            remaining = self._count_due()
            if not self.env["ir.cron"]._commit_progress(len(due), remaining=remaining):
                break
        upcoming = self.search([("state", "=", "pending")], order="next_try, id", limit=1)
        if upcoming.next_try and upcoming.next_try > fields.Datetime.now():
            self._wake_cron(upcoming.next_try)

    @api.model
    def _get_sender(self) -> Sender:
        """What makes the calls; the tests' seam."""
        return Sender()

    @api.model
    def _get_due_domain(self) -> list:
        return [
            ("state", "=", "pending"),
            ("next_try", "<=", fields.Datetime.now()),
            ("webhook_id.state", "=", "active"),
            ("webhook_id.active", "=", True),
        ]

    @api.model
    def _count_due(self) -> int:
        return self.search_count(self._get_due_domain())

    @api.model
    def _take_due(self):
        """At most one call for each of some webhooks, the longest due first, locked."""
        due = self._read_group(
            self._get_due_domain(),
            ["webhook_id"],
            ["id:min"],
            order="id:min",
            limit=SEND_AT_ONCE,
        )
        return self.browse([id_ for _webhook, id_ in due]).try_lock_for_update()

    def _send(self, sender: Sender) -> None:
        """Try to make these calls, side by side, and write down how each went."""
        now = fields.Datetime.now()
        timestamp = int(now.replace(tzinfo=UTC).timestamp())
        ready, calls = [], []
        for delivery in self:
            body = delivery.payload.encode()
            try:
                secrets = delivery.webhook_id._get_secrets()
            except VaultError as error:
                delivery._postpone(error)
                continue
            headers = signed_headers(secrets, delivery.message_id, timestamp, body)
            ready.append(delivery)
            calls.append((delivery.webhook_id.url, body, headers))
        with ThreadPoolExecutor(SEND_AT_ONCE) as pool:
            outcomes = list(pool.map(lambda call: sender.send(*call), calls))
        for delivery, outcome in zip(ready, outcomes, strict=True):
            delivery._record_outcome(outcome)

    def _postpone(self, error: VaultError) -> None:
        """Wait until the server can sign again, which is no failure of the receiver."""
        self.ensure_one()
        _logger.warning("Webhook %s cannot be signed: %s", self.webhook_id.id, error.code)
        self.write(
            {
                "last_error": self.webhook_id._explain_vault(error),
                "next_try": fields.Datetime.now() + timedelta(seconds=UNSIGNED_WAIT),
            }
        )

    def _record_outcome(self, outcome) -> None:
        self.ensure_one()
        now = fields.Datetime.now()
        tries = self.tries + 1
        values = {
            "tries": tries,
            "last_try": now,
            "last_status": outcome.status,
            "last_error": outcome.error or False,
        }
        if outcome.delivered:
            values |= {"state": "delivered", "next_try": False}
        elif tries >= MAX_TRIES or self.event == "test":
            values |= {"state": "dead", "next_try": False}
        else:
            values["next_try"] = now + timedelta(seconds=RETRY_DELAYS[tries - 1])
        self.write(values)
        self.webhook_id._record_outcome(outcome.delivered)

    # === ACTION METHODS === #

    def action_retry(self):
        """Send again what was given up or still waits."""
        self.webhook_id.check_access("write")
        if any(delivery.state in ("new", "delivered") for delivery in self):
            raise UserError(self.env._("Only calls that have failed can be sent again."))
        self.sudo().write({"state": "pending", "tries": 0, "next_try": fields.Datetime.now()})
        self._wake_cron()

    @api.autovacuum
    def _gc_deliveries(self):
        limit = fields.Datetime.now() - timedelta(days=KEEP_DAYS)
        self.search([("create_date", "<", limit)], limit=10_000).unlink()
