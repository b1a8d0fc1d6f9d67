from odoo import api, fields, models
from odoo.exceptions import UserError

from ..const import BROKEN, BUILDING, LIVE_STATES, OPEN, OPEN_OPERATION_STATES

#: What the owner of a client may read of its record; all else is for those who run the portal.
_CUSTOMER_FIELDS = frozenset(
    {"id", "display_name", "name", "active", "state", "plan_id", "partner_id", "owner_id", "host"}
    | {"public_url", "trial", "expiration_datetime", "expired", "suspension_due_at"}
    | {"users_len", "max_users", "db_storage", "file_storage", "total_storage"}
    | {"total_storage_limit", "storage_exceed", "synced_at", "create_date", "write_date"}
)
_WARN_PERCENT = 80
_FULL_PERCENT = 100


class SaasPortalClient(models.Model):
    """What customers see of their clients, and do with them by themselves."""

    _inherit = "saas_portal.client"

    @api.model
    def _has_field_access(self, field, operation):
        allowed = super()._has_field_access(field, operation)
        if allowed and not self.env.su and self.env.user.share:
            return operation == "read" and field.name in _CUSTOMER_FIELDS
        return allowed

    # === GETTERS === #

    @api.model
    def _get_customer_domain(self):
        """The present user's own clients; the record rule of portal users says the same."""
        user = self.env.user
        return ["|", ("owner_id", "=", user.id), ("partner_id", "=", user.partner_id.id)]

    @api.model
    def _get_own(self, client_id=None):
        """The user's clients that he still sees, or the one among them with this id."""
        domain = [
            *self._get_customer_domain(),
            "|",
            ("state", "!=", "deleted"),
            ("trash_name", "!=", False),
        ]
        if client_id is not None:
            domain.append(("id", "=", client_id))
        return self.sudo().with_context(active_test=False).search(domain)

    def _get_open_url(self):
        """Where the owner gets into the client; serves as a hook for single sign-on."""
        self.ensure_one()
        return self._get_login_url()

    def _get_label_and_domain(self):
        label, _dot, domain = self.name.partition(".")
        return label, domain

    def _get_customer_state(self):
        """(word, colour) of the state as the customer reads it."""
        self.ensure_one()
        if self.state == "pending" and self.rung == "read_only":
            return self.env._("Read-only"), "warning"
        return {
            "draft": (self.env._("Waiting"), "info"),
            "building": (self.env._("Being built"), "info"),
            "open": (self.env._("Open"), "success"),
            "pending": (self.env._("Suspended"), "warning"),
            "broken": (self.env._("Not built"), "danger"),
            "deleted": (self.env._("Deleted"), "secondary"),
        }[self.state]

    def _get_usage_bars(self):
        """What is used of what the plan has: title, amounts, per cent and colour of each bar."""
        self.ensure_one()
        return [
            self._prepare_bar(self.env._("Users"), self.users_len, self.max_users, ""),
            self._prepare_bar(
                self.env._("Storage"), round(self.total_storage), self.total_storage_limit, "MB"
            ),
        ]

    def _prepare_bar(self, title, used, limit, unit):
        percent = round(100 * used / limit) if limit else 0
        colour = "success"
        if percent >= _WARN_PERCENT:
            colour = "danger" if percent >= _FULL_PERCENT else "warning"
        if limit:
            text = self.env._("%(used)s of %(limit)s %(unit)s", used=used, limit=limit, unit=unit)
        else:
            text = self.env._("%(used)s %(unit)s, no limit", used=used, unit=unit)
        return {
            "title": title,
            "text": " ".join(text.split()).replace(" ,", ","),
            "percent": min(percent, 100),
            "colour": colour,
            "limited": bool(limit),
        }

    def _get_customer_notice(self):
        """What the customer should know about the state, in a sentence; False when well."""
        self.ensure_one()
        if self.state == BROKEN:
            return self.env._(
                "This database could not be made. Nothing was lost; please try again with another"
                " name, or write to us."
            )
        if self.state == "deleted":
            return self.env._(
                "This database is deleted. Write to us if you want it back before it is gone for"
                " good."
            )
        if self.state == "pending":
            return self._explain_suspension()
        if self.rung == "notice" and self.suspension_notice:
            return self.suspension_notice
        if self.expired:
            return self.env._("The time of this database is over. Please renew it.")
        if self.storage_exceed:
            return self.env._("This database needs more storage than its plan has.")
        return False

    def _explain_suspension(self):
        """How far it is shut, why, and what the operator wrote about it."""
        reason = {
            "expiration": self.env._("its time is over. A renewal opens it at once."),
            "storage": self.env._("it needs more storage than its plan has."),
            "payment": self.env._("an invoice is open. It opens when that is paid."),
            "maintenance": self.env._("we are working on it. Please come back a little later."),
            "abuse": self.env._("we believe it was used against the terms of use."),
        }.get(self._get_suspension_word(), self.env._("we have paused it. Please write to us."))
        if self.rung == "read_only":
            text = self.env._("You can read everything and change nothing: %(why)s", why=reason)
        else:
            text = self.env._("Nobody can log in: %(why)s", why=reason)
        return f"{text} {self.suspension_notice}" if self.suspension_notice else text

    def _get_suspension_word(self):
        if self.suspended_for in ("expiration", "storage"):
            return self.suspended_for
        return self.suspension_reason

    def _get_contact(self):
        """The e-mail address at which the customer finds somebody; False for none."""
        company = self.company_id or self.env.company
        return company.email or False

    def _get_progress(self):
        """What is being done for the customer right now, step by step, without technical causes."""
        self.ensure_one()
        busy = self.operation_state in OPEN_OPERATION_STATES
        operation = self.current_operation_id if busy else self.operation_ids.browse()
        return {
            "state": self.state,
            "busy": bool(operation),
            "kind": operation.kind or "",
            "title": operation.display_name if operation else "",
            "progress": round(operation.progress),
            "steps": [
                {"name": self._get_customer_title(step), "state": step.state}
                for step in operation.step_ids
            ],
        }

    def _get_customer_title(self, step):
        """What a step of an operation is called where the customer watches it (a hook)."""
        return step.name

    def _can(self, action):
        """Whether the customer may do this to the client in its present state."""
        self.ensure_one()
        if self.operation_state in OPEN_OPERATION_STATES:
            return False
        states = {
            "open": (OPEN,),
            "rename": (OPEN,),
            "backup": LIVE_STATES,
            "delete": (*LIVE_STATES, BROKEN),
        }[action]
        if action == "backup" and self.rung == "stopped":
            return False
        if action == "open" and self.rung == "read_only":
            return self.state in LIVE_STATES
        if action == "rename" and self._get_label_and_domain()[1] != (
            self.plan_id and self.plan_id._get_signup_domain()
        ):
            # A domain of the customer's own is the operator's work.
            return False
        return self.state in states

    def _check_can(self, action):
        if not self._can(action):
            raise UserError(
                self.env._("This cannot be done now. Reload the page and see how far it is.")
            )

    # === REQUESTS OF CUSTOMERS === #

    def _rename_for_customer(self, label):
        """Another name before the same domain; goes on in the background."""
        self.ensure_one()
        self._check_can("rename")
        label = self.plan_id._tidy_label(label)
        present, domain = self._get_label_and_domain()
        if label == present:
            raise UserError(self.env._("It has this name already."))
        if problem := self.plan_id._get_label_problem(label, self.id):
            raise UserError(problem)
        self._start_operation("rename", {"new_name": f"{label}.{domain}"})

    def _delete_for_customer(self, typed_name):
        """Delete when the name was typed; kept for the plan's retention days."""
        self.ensure_one()
        self._check_can("delete")
        if not isinstance(typed_name, str) or typed_name.strip().lower() != self.name:
            raise UserError(
                self.env._("Type the whole name, %(name)s, to delete it.", name=self.name)
            )
        self._start_operation("delete")

    def _is_being_built(self):
        self.ensure_one()
        return self.state in ("draft", BUILDING)

    def _format_date(self, date):
        """A date as the customer writes it, in his time zone; empty for none."""
        if not date:
            return ""
        local = fields.Datetime.context_timestamp(self, date)
        lang = self.env["res.lang"]._lang_get(self.env.lang or "en_US")
        return local.strftime(lang.date_format)
