import time

from odoo import fields, models

from ..const import CLOSED_RUNGS, OPEN_RUNGS, RUNGS, STOPPED, SUSPENDED_RUNGS
from ..lib.saas_wire import POLICY_TYPE

#: Fields of a client that its policy is made of, besides those that operations push anyway.
_POLICY_FIELDS = frozenset({"block_on_expiration"})


class SaasPortalClient(models.Model):
    """The policy: what a client has to obey, signed, dated, and kept by it outside its database.

    Every order to a client carries the whole policy anew, so that a lost one does no harm.
    """

    _inherit = "saas_portal.client"

    rung = fields.Selection(
        RUNGS,
        string="Access",
        required=True,
        default="open",
        readonly=True,
        copy=False,
        tracking=True,
        help="How far the client is shut: a notice to its users, reading only, a page instead of"
        " the database, or nothing that could be reached at all.",
    )
    suspension_reason = fields.Selection(
        [
            ("payment", "Unpaid invoice"),
            ("maintenance", "Maintenance"),
            ("abuse", "Terms of use"),
            ("other", "Other"),
        ],
        string="Reason",
        readonly=True,
        copy=False,
        tracking=True,
        help="Told to the people in the client.",
    )
    suspension_notice = fields.Text(
        string="Message to the Customer",
        readonly=True,
        copy=False,
        help="Shown in the client, as it is.",
    )
    hidden_parameters = fields.Json(
        readonly=True, copy=False, help="Keys of parameters that nobody in the client may read."
    )
    record_limits = fields.Json(
        readonly=True, copy=False, help="Limits of the number of records: model, domain, maximum."
    )
    policy_serial = fields.Char(
        readonly=True, copy=False, help="Number of the policy that the client obeys; they rise."
    )

    # === CRUD METHODS === #

    def write(self, vals):
        changes = {name for name in _POLICY_FIELDS if name in vals}
        told = self.filtered(lambda client: client._is_governed()) if changes else self.browse()
        before = {client: [client[name] for name in changes] for client in told}
        result = super().write(vals)
        for client, values in before.items():
            if values != [client[name] for name in changes]:
                client._push_policy_later()
        return result

    # === BUSINESS METHODS - POLICY === #

    def _is_governed(self):
        """Whether there is a database that has been given a policy."""
        return bool(self.policy_serial) and self.state in ("open", "pending")

    def _prepare_policy_vals(self):
        """What the client is to obey, as plain JSON values; addons extend this.

        `expiry_rung` holds from `enforce_at` on even if the portal should be away by then.
        """
        self.ensure_one()
        return {
            "rung": "closed" if self.rung == STOPPED else self.rung,
            "reason": self._get_policy_reason(),
            "notice": self.suspension_notice or "",
            "max_users": self.max_users,
            "storage_mb": self.total_storage_limit,
            "expires_at": _to_text(self.expiration_datetime),
            "enforce_at": _to_text(self._get_enforcement_date()),
            "expiry_rung": "closed",
            "trial": self.trial,
            "hidden": sorted(self.hidden_parameters or []),
            "record_limits": self.record_limits or [],
            "plan": self.plan_id.name or "",
            "portal_url": self.get_base_url(),
            "manage_url": self._get_manage_url(),
            "support": self.support_team_id.name or "",
        }

    def _get_policy_reason(self):
        """One word for why: the client has a sentence for each."""
        if self.suspended_for == "expiration":
            return "trial" if self.trial else "expired"
        if self.suspended_for == "storage":
            return "storage"
        return self.suspension_reason or ""

    def _get_enforcement_date(self):
        """When the expiry shuts the client; False: never."""
        return self.suspension_due_at

    def _get_manage_url(self):
        """Where the owner sees the client on the portal, pays for it and asks for help."""
        return self._get_page_url()

    def _sign_policy(self):
        """A new policy, newer than each one before, also than those whose answer was lost."""
        self.ensure_one()
        keyring = self.env["saas_portal.keyring"]
        keyring._publish_anchor()
        now = time.time()
        self.policy_serial = str(max(int(now * 1000), int(self.policy_serial or 0) + 1))
        return self._get_signing_key().sign(
            POLICY_TYPE,
            {
                "iss": keyring._get_portal_uuid(),
                "aud": self.client_id,
                "sub": self.name,
                "iat": int(now),
                "serial": int(self.policy_serial),
                "policy": self._prepare_policy_vals(),
            },
        )

    def _apply_steps(self, steps, timeout):
        """Have the client carry out steps, under the policy as it is now."""
        return self._get_connection().apply({"policy": self._sign_policy(), **steps}, timeout)

    def _push_policy_later(self):
        """Tell the client its policy again, in the background."""
        self._start_operation("configure", {"payload": {}, "policy": True})

    # === BUSINESS METHODS - LADDER === #

    def _change_rung(self, rung, reason=False, notice=False):
        """Shut or open a client as far as this, and wait until it is so."""
        self.ensure_one()
        self._check_configurable(self)
        return self._perform_operation("configure", self._prepare_rung(rung, reason, notice))

    def _begin_rung(self, rung, reason=False, notice=False):
        """The same in the background; returns the operation."""
        self.ensure_one()
        self._check_configurable(self)
        return self._start_operation("configure", self._prepare_rung(rung, reason, notice))

    def _prepare_rung(self, rung, reason, notice):
        self.check_access("write")
        return {"payload": {}, "policy": True, "rung": rung, "reason": reason, "notice": notice}

    def _take_rung(self, arguments):
        """Show in the record what rung an operation asks for."""
        if rung := arguments.get("rung"):
            if rung in SUSPENDED_RUNGS:
                self._set_suspended("operator")
            else:
                self._set_open()
            self.write(
                {
                    "rung": rung,
                    "suspension_reason": arguments.get("reason") or False,
                    "suspension_notice": arguments.get("notice") or False,
                }
            )

    def _set_suspended(self, reason):
        if self.rung in OPEN_RUNGS:
            self.write({"rung": "closed", "suspension_reason": False, "suspension_notice": False})
        return super()._set_suspended(reason)

    def _set_open(self):
        if self.rung != "open":
            self.write({"rung": "open", "suspension_reason": False, "suspension_notice": False})
        return super()._set_open()

    # === BUSINESS METHODS - WHAT THE POLICY HOLDS === #

    def _take_policy_values(self, payload, result=None):
        """Keep from a configuration what only the policy carries: what is hidden, record limits.

        :param result: what the client answered, naming limits that it could not understand
        """
        hidden = set(self.hidden_parameters or [])
        for param in payload.steps.get("params", []):
            hidden.discard(param["key"])
            hidden |= {param["key"]} if param["hidden"] else set()
        limits = {(entry["model"], entry["domain"]): entry for entry in self.record_limits or []}
        refused = "\n".join(map(str, (result or {}).get("limit_number_of_records", [])))
        for entry in payload.steps.get("limit_number_of_records", []):
            key = entry["model"], entry["domain"]
            limits.pop(key, None)
            if entry["max_records"] and entry["model"] not in refused:
                limits[key] = entry
        vals = {"hidden_parameters": sorted(hidden), "record_limits": list(limits.values())}
        changed = {name: value for name, value in vals.items() if (self[name] or []) != value}
        if changed:
            self.write(changed)

    def _needs_policy(self, usage):
        """Whether the client was never given a policy, or shows itself otherwise than told."""
        if self.state not in ("open", "pending"):
            return False
        return not self.policy_serial or usage.suspended != (self.rung in CLOSED_RUNGS)


def _to_text(moment):
    return fields.Datetime.to_string(moment) if moment else None
