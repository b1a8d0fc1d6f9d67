import json
from datetime import UTC

from odoo import Command, api, models

from ..lib.saas_rest.access import Access
from ..lib.saas_rest.limits import Limits
from ..lib.saas_rest.problems import Detail, Problem
from ..lib.saas_rest.query import Query
from ..lib.saas_rest.text import _lt
from ..lib.saas_rest.webhook_delivery import Refused, check_url
from .saas_rest_webhook import EVENTS
from .saas_rest_webhook_secrets import ROTATION_SECONDS

KEYS = ("name", "url", "models", "events", "active", "state")
MAX_NAME = 200
MAX_WEBHOOKS = 1000
PAGING = ("limit", "offset")


def _invalid(key: str, detail: str, code: str = "invalid-value") -> Problem:
    """What is wrong with a value; ``code`` says it more exactly."""
    general = "invalid-value" if code == "not-found" else code
    return Problem(general, detail, [Detail(f"/{key}", code, detail)])


def _utc(value) -> str | None:
    return value.replace(tzinfo=UTC).isoformat().replace("+00:00", "Z") if value else None


class SaasRestWebhook(models.Model):
    """Webhooks as the REST calls see them: plain values in, plain values out."""

    _inherit = "saas_rest.webhook"

    # === READING === #

    def _as_value(self) -> dict:
        self.ensure_one()
        return {
            "id": self.id,
            "name": self.name,
            "url": self.url,
            "models": sorted(self.sudo().model_ids.mapped("model")),
            "events": [event for event in EVENTS if self[f"on_{event}"]],
            "active": self.active,
            "state": self.state,
            "failure_count": self.failure_count,
            "user_id": self.user_id.id,
            "created_at": _utc(self.create_date),
        }

    @api.model
    def _find_all(self, access: Access):
        """The webhooks that the token may manage: those whose models its scopes let it read."""
        webhooks = self.with_context(active_test=False).search([], limit=MAX_WEBHOOKS)
        return webhooks.filtered(
            lambda webhook: all(
                access.allows(model.model, "read") for model in webhook.sudo().model_ids
            )
        )

    @api.model
    def _find(self, access: Access, webhook_id: int):
        webhook = self._find_all(access).filtered(lambda found: found.id == webhook_id)
        if not webhook:
            raise Problem("not-found", _lt("There is no such webhook."))
        return webhook

    # === WRITING === #

    @api.model
    def _create_from(self, access: Access, values: dict) -> tuple["SaasRestWebhook", str]:
        """A new webhook and its secret, which is not told again."""
        self._check_change(access)
        vals = self._prepare_rest_vals(access, values)
        for key in ("url", "models"):
            if key not in values:
                raise _invalid(key, _lt("%(key)s is required.", key=key), "required-missing")
        vals.setdefault("name", check_url(values["url"]).hostname)
        webhook = self.create([vals])
        return webhook, webhook._get_secrets()[0]

    def _update_from(self, access: Access, values: dict) -> None:
        self._check_change(access)
        vals = self._prepare_rest_vals(access, values)
        if vals.get("state") == "active":
            vals["failure_count"] = 0
        self.write(vals)
        if "active" in vals or "state" in vals:
            self.env["saas_rest.delivery"]._wake_cron()

    def _delete_by(self, access: Access) -> None:
        self._check_change(access)
        self.unlink()

    def _rotate_by(self, access: Access, values: dict) -> str:
        """A new secret; the old one signs along for ``overlap`` seconds."""
        self._check_change(access)
        self.check_access("write")
        self._refuse_unknown(values, ("overlap",))
        overlap = values.get("overlap", ROTATION_SECONDS)
        if type(overlap) is not int or not 0 <= overlap <= ROTATION_SECONDS:
            raise _invalid(
                "overlap",
                _lt("overlap is a number of seconds from 0 to %(max)s.", max=ROTATION_SECONDS),
            )
        return self._make_secret(overlap)

    def _test_by(self, access: Access) -> dict:
        self._check_change(access)
        self.check_access("write")
        return self._enqueue_test()._as_value()

    # === CHECKS === #

    @api.model
    def _check_change(self, access: Access) -> None:
        if access.read_only:
            raise Problem("read-only-token")

    @api.model
    def _refuse_unknown(self, values, known) -> None:
        if not isinstance(values, dict):
            raise Problem("bad-json", _lt("The body must be a JSON object."))
        for key in values:
            if key not in known:
                raise _invalid(key, _lt("'%(name)s' is not known here.", name=key[:100]))

    @api.model
    def _prepare_rest_vals(self, access: Access, values: dict) -> dict:
        self._refuse_unknown(values, KEYS)
        vals = {}
        for key, value in values.items():
            vals |= getattr(self, f"_prepare_{key}_vals")(access, value)
        return vals

    @api.model
    def _prepare_name_vals(self, access, value) -> dict:
        if not isinstance(value, str) or not 0 < len(value.strip()) <= MAX_NAME:
            raise _invalid(
                "name", _lt("name is a text of at most %(max)s characters.", max=MAX_NAME)
            )
        return {"name": value.strip()}

    @api.model
    def _prepare_url_vals(self, access, value) -> dict:
        if not isinstance(value, str):
            raise _invalid("url", _lt("url is a text."))
        try:
            check_url(value)
        except Refused as refusal:
            raise _invalid("url", self._explain_refusal(refusal)) from refusal
        return {"url": value}

    @api.model
    def _prepare_models_vals(self, access, value) -> dict:
        if not isinstance(value, list) or not value or not all(isinstance(n, str) for n in value):
            raise _invalid("models", _lt("models is a list of the models' names."))
        ids = []
        for index, name in enumerate(value):
            try:
                self.env["saas_rest.policy"]._get_model(access, name, "read")
            except Problem as problem:
                raise _invalid(f"models/{index}", problem.detail, "not-found") from problem
            ids.append(self.env["ir.model"]._get_id(name))
        return {"model_ids": [Command.set(ids)]}

    @api.model
    def _prepare_events_vals(self, access, value) -> dict:
        if not isinstance(value, list) or not value or any(name not in EVENTS for name in value):
            names = ", ".join(EVENTS)
            raise _invalid("events", _lt("events is a list of some of: %(names)s.", names=names))
        return {f"on_{event}": event in value for event in EVENTS}

    @api.model
    def _prepare_active_vals(self, access, value) -> dict:
        if not isinstance(value, bool):
            raise _invalid("active", _lt("active is true or false."))
        return {"active": value}

    @api.model
    def _prepare_state_vals(self, access, value) -> dict:
        if value not in ("active", "paused"):
            raise _invalid("state", _lt("state is active or paused."))
        return {"state": value}


class SaasRestDelivery(models.Model):
    _inherit = "saas_rest.delivery"

    def _as_value(self) -> dict:
        self.ensure_one()
        return {
            "id": self.id,
            "webhook_id": self.webhook_id.id,
            "event": self.event,
            "model": self.model or None,
            "ids": self.res_ids or [],
            "changed": self.changed or [],
            "message_id": self.message_id or None,
            "state": self.state,
            "tries": self.tries,
            "created_at": _utc(self.create_date),
            "next_try_at": _utc(self.next_try),
            "last_try_at": _utc(self.last_try),
            "last_status": self.last_status or None,
            "last_error": self.last_error or None,
        }

    @api.model
    def _get_page(self, webhook, params, limits: Limits) -> tuple[list[dict], dict]:
        """Some of a webhook's calls, the latest first, and what is told beside them."""
        query = Query.from_params(params.items(multi=True), limits, json.loads, PAGING)
        domain = [("webhook_id", "=", webhook.id)]
        calls = self.search(domain, limit=query.limit, offset=query.offset) if query.limit else []
        total = self.search_count(domain)
        meta = {"limit": query.limit, "offset": query.offset, "total": total}
        return [call._as_value() for call in calls], meta

    @api.model
    def _retry_by(self, access: Access, delivery_id: int) -> dict:
        self.env["saas_rest.webhook"]._check_change(access)
        delivery_id = self.env["saas_rest.operations"]._checked_id("delivery", delivery_id)
        delivery = self.search([("id", "=", delivery_id)])
        if not delivery:
            raise Problem("not-found", _lt("There is no such call."))
        self.env["saas_rest.webhook"]._find(access, delivery.webhook_id.id)
        delivery.action_retry()
        return delivery._as_value()
