import time
from datetime import UTC, datetime

from odoo import api, models
from odoo.exceptions import AccessError

from ..lib.client_rules import PAYMENT_REASONS, is_http_url
from ..policy import get_policy
from ..storage import MEGABYTE, get_used
from .ir_config_parameter import MAX_USERS_KEY, STORAGE_KEY

EXPIRY_KEY = "saas_client.expiration_datetime"
#: From this part of a limit on the customer is warned.
NEARLY_FULL = 0.8
#: From so many days before the end on he is warned of that.
NEARLY_OVER_DAYS = 7


class SaasClientStatus(models.AbstractModel):
    """How this database stands, in words and figures for the people who work in it."""

    _name = "saas_client.status"
    _description = "Plan and Usage"

    # === WHY IT IS SHUT === #

    @api.model
    def _get_reason(self):
        policy = get_policy(self.env)
        return policy.get_reason(time.time()) if policy else ""

    @api.model
    def _get_http_status(self):
        """402 when paying opens the database again, else 503."""
        return 402 if self._get_reason() in PAYMENT_REASONS else 503

    @api.model
    def _explain(self):
        """Why the database is closed: (heading, sentence)."""
        texts = {
            "payment": (
                self.env._("This database is suspended: an invoice is open"),
                self.env._("It opens again as soon as the invoice has been paid."),
            ),
            "expired": (
                self.env._("This database is suspended: the subscription has ended"),
                self.env._("It opens again as soon as the subscription has been renewed."),
            ),
            "trial": (
                self.env._("The trial has ended, and this database is suspended"),
                self.env._("Choose a plan to go on where you stopped."),
            ),
            "storage": (
                self.env._("This database is suspended: it needs more storage than its plan has"),
                self.env._(
                    "It opens again with a larger plan, or when your provider has made room."
                ),
            ),
            "maintenance": (
                self.env._("This database is suspended for maintenance"),
                self.env._("Your provider is working on it. Please come back a little later."),
            ),
            "abuse": (
                self.env._("This database is suspended: the terms of use"),
                self.env._(
                    "Your provider believes that it was used against the terms that you agreed to."
                ),
            ),
            "unknown": (
                self.env._("This database is suspended: your provider does not know it"),
                self.env._(
                    "It seems to be a copy, or to have been moved. Only your provider can open it,"
                    " as a database of its own."
                ),
            ),
        }
        default = (
            self.env._("This database is suspended"),
            self.env._(
                "Your provider has paused access to it, so nobody can log in for the moment."
            ),
        )
        return texts.get(self._get_reason(), default)

    @api.model
    def _explain_closed(self):
        """The same in one text, for programs that call."""
        return self.env._(
            "%(what)s. %(why)s Please contact your provider.",
            what=self._explain()[0],
            why=self._explain()[1],
        )

    @api.model
    def _explain_read_only(self):
        return self.env._(
            "This database is read-only for the moment: you can look at everything and change"
            " nothing. Please contact your provider."
        )

    # === WHAT IS USED === #

    @api.model
    @api.readonly
    def get_usage(self):
        """Figures and warnings for the top bar and the page behind it.

        Limits that the operator hides are left out, and with them their figures.
        """
        if not self.env.user._is_internal():
            raise AccessError(self.env._("Only employees see what this database uses."))
        return self.sudo()._get_usage(self._is_in_charge())

    @api.model
    def _is_in_charge(self):
        """Whether the user is one who deals with the provider."""
        user = self.env.user
        return user.has_group("base.group_erp_manager") or user == user._saas_get_owner()

    @api.model
    def _get_usage(self, in_charge):
        policy = get_policy(self.env)
        meters = [meter for meter in (self._measure_users(), self._measure_storage()) if meter]
        rung = self.env["ir.config_parameter"]._saas_get_rung()
        return {
            "rung": rung,
            "notice": policy.notice if policy else "",
            "plan": policy.plan if policy else "",
            "trial": bool(policy and policy.trial),
            "expiry": self._get_expiry(),
            "meters": meters,
            "records": self._measure_records() if in_charge else [],
            "in_charge": in_charge,
            "manage_url": self._get_manage_url() if in_charge else "",
            "support": policy.support if policy and in_charge else "",
        }

    @api.model
    def _get_hidden(self):
        policy = get_policy(self.env)
        return policy.hidden if policy else self.env["ir.config_parameter"]._saas_hidden_keys()

    @api.model
    def _measure_users(self):
        limit = self.env["ir.config_parameter"]._saas_get_limit(MAX_USERS_KEY)
        if not limit or MAX_USERS_KEY in self._get_hidden():
            return None
        used = self.env["res.users"]._saas_count_users()
        return self._prepare_meter("users", self.env._("Users"), used, limit)

    @api.model
    def _measure_storage(self):
        limit = self.env["ir.config_parameter"]._saas_get_limit(STORAGE_KEY)
        if not limit or STORAGE_KEY in self._get_hidden():
            return None
        used = round(get_used(self.env) / MEGABYTE)
        return self._prepare_meter("storage", self.env._("Storage"), used, limit, "MB")

    @api.model
    def _measure_records(self):
        """Meters of the records that the plan limits, for models that people know by name."""
        limiter = self.env["saas_client.record_limit"]
        meters = []
        for name, limits in limiter._get_limits().items():
            label = self.env["ir.model"]._get(name).name
            for _key, maximum, domain in limits:
                used = limiter._get_model(name).search_count(domain)
                meters.append(self._prepare_meter(name, label, used, maximum))
        return meters

    @api.model
    def _prepare_meter(self, name, label, used, limit, unit=""):
        level = "full" if used >= limit else "warning" if used >= NEARLY_FULL * limit else "fine"
        return {
            "name": name,
            "label": label,
            "used": used,
            "limit": limit,
            "unit": unit,
            "percent": min(100, round(100 * used / limit)),
            "level": level,
        }

    @api.model
    def _get_expiry(self):
        """When the plan ends, in days from now; False when it does not, or is not to be known."""
        policy = get_policy(self.env)
        if not policy or not policy.expires_at or EXPIRY_KEY in policy.hidden:
            return False
        left = policy.expires_at.replace(tzinfo=UTC) - datetime.now(UTC)
        days = max(0, -(-left.total_seconds() // 86400))
        level = "full" if days <= 1 else "warning" if days <= NEARLY_OVER_DAYS else "fine"
        return {"date": str(policy.expires_at), "days": int(days), "level": level}

    @api.model
    def _get_manage_url(self):
        """Where the owner pays and asks; a link that can run no script, or ''."""
        policy = get_policy(self.env)
        url = policy and (policy.manage_url or policy.portal_url)
        return url if url and is_http_url(url) else ""

    @api.model
    def _get_support_url(self):
        """Where people ask for help; a link that can run no script, or ''."""
        url = self.env["ir.config_parameter"].get_param("saas_client.support_url")
        return url if url and is_http_url(url) else ""
