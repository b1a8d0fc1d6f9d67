import logging
import time
import uuid
from functools import partial

from odoo import api, fields, models, tools
from odoo.exceptions import AccessError

from ..lib.client_rules import CLOSED, is_protected, parse_limit, parse_switch
from ..policy import MIRRORS, POLICY_KEY, SECRET_MIRRORS, get_policy

_logger = logging.getLogger(__name__)

SUSPENDED_KEY = "saas_client.suspended"
MAX_USERS_KEY = "saas_client.max_users"
STORAGE_KEY = "saas_client.total_storage_limit"
SESSION_EPOCH_KEY = "saas_client.session_epoch"


class IrConfigParameter(models.Model):
    """Some parameters belong to the operator: they are written in superuser mode only.

    No group and no context key opens them, since an administrator of the database can give
    himself any group and a remote caller sets his own context.
    """

    _inherit = "ir.config_parameter"

    saas_hidden = fields.Boolean(
        string="Hidden by the Operator",
        groups=fields.NO_ACCESS,
        copy=False,
        help="Nobody in this database can read or change the parameter.",
    )

    # === CRUD METHODS === #

    @api.model_create_multi
    def create(self, vals_list):
        self._saas_refuse_fields(*vals_list)
        self._saas_refuse_keys(vals.get("key") for vals in vals_list)
        was_suspended = self._saas_is_suspended()
        parameters = super().create(vals_list)
        self._saas_forget_values()
        parameters._saas_follow_suspension(was_suspended)
        return parameters

    def write(self, vals):
        self._saas_refuse_fields(vals)
        self._saas_refuse_keys([*self.sudo().mapped("key"), vals.get("key")])
        was_suspended = self._saas_is_suspended()
        result = super().write(vals)
        self._saas_forget_values()
        self._saas_follow_suspension(was_suspended)
        return result

    def unlink(self):
        self._saas_refuse_keys(self.sudo().mapped("key"))
        result = super().unlink()
        self._saas_forget_values()
        return result

    def _saas_forget_values(self):
        """Have values read anew, which Odoo forgets only before it writes.

        The policy is asked for between that and here, and other threads go on to read the former
        values until the commit.
        """
        forget = partial(self.env.registry.clear_cache, "stable")
        forget()
        self.env.cr.postcommit.add(forget)

    @api.model
    def get_param(self, key, default=False):
        value = super().get_param(key, default)
        if not self.env.su and key in self._saas_hidden_keys():
            return default
        return value

    # === PROTECTION === #

    def _saas_refuse_fields(self, *vals_list):
        if not self.env.su and any("saas_hidden" in vals for vals in vals_list):
            raise AccessError(self.env._("Only your provider can hide system parameters."))

    def _saas_refuse_keys(self, keys):
        """Raise when someone inside the database touches a parameter of the operator."""
        if self.env.su:
            return
        hidden = self._saas_hidden_keys()
        refused = sorted({key for key in keys if key and (key in hidden or is_protected(key))})
        if refused:
            raise AccessError(
                self.env._(
                    "These parameters are managed by your provider: %(keys)s",
                    keys=", ".join(refused),
                )
            )

    @api.model
    @tools.ormcache(cache="stable")
    def _saas_hidden_keys(self):
        self.flush_model(["key", "saas_hidden"])
        self.env.cr.execute("SELECT key FROM ir_config_parameter WHERE saas_hidden")
        return frozenset(key for (key,) in self.env.cr.fetchall())

    # === VALUES OF THE OPERATOR === #

    @api.model
    def _saas_set(self, key, value, hidden):
        """Store a parameter, or remove it when the value is None; write nothing in vain."""
        self._saas_set_many({key: (value, hidden)})

    @api.model
    def _saas_set_many(self, values):
        """The same for several: key → (value, whether it is hidden)."""
        columns = ["key", "value", "saas_hidden"]
        known = self.sudo().search_fetch([("key", "in", list(values))], columns)
        by_key = {parameter.key: parameter for parameter in known}
        for key, (value, hidden) in values.items():
            parameter = by_key.get(key, known.browse())
            if value is None:
                parameter.unlink()
            elif not parameter:
                parameter.create({"key": key, "value": value, "saas_hidden": hidden})
            elif (parameter.value, parameter.saas_hidden) != (value, hidden):
                parameter.write({"value": value, "saas_hidden": hidden})

    @api.model
    def _saas_get_rung(self, fresh=False):
        """How far this database is shut: open, notice, read_only or closed.

        :param fresh: ask the table, for callers that Odoo has not brought up to date with what
            other workers have changed, such as a login over XML-RPC; a policy is always fresh
        """
        if policy := get_policy(self.env):
            return policy.get_rung(time.time())
        return CLOSED if self._saas_read_switch(fresh) else "open"

    @api.model
    def _saas_is_suspended(self, fresh=False):
        """Whether the operator has closed this database."""
        return self._saas_get_rung(fresh) == CLOSED

    @api.model
    def _saas_read_switch(self, fresh):
        if fresh:
            value = self._get_param.__wrapped__(self, SUSPENDED_KEY)
        else:
            value = self.sudo().get_param(SUSPENDED_KEY)
        try:
            return parse_switch(value)
        except ValueError:
            # only SQL can have written this, and it was not to say that all is well
            return True

    @api.model
    def _saas_get_limit(self, key):
        """The limit that counts for a key, 0 meaning unlimited."""
        if policy := get_policy(self.env):
            return {MAX_USERS_KEY: policy.max_users, STORAGE_KEY: policy.storage_mb}[key]
        try:
            return parse_limit(self.sudo().get_param(key))
        except ValueError:
            _logger.error("The system parameter %s is not a limit, it is ignored", key)
            return 0

    @api.model
    def _saas_follow_policy(self, token, policy, was_suspended):
        """Keep the policy inside, and repeat it in the parameters that people and addons read.

        What is hidden in it is not here, because SQL would read it.
        """
        secrets = policy.hidden & SECRET_MIRRORS
        values = {
            key: (None if key in secrets else read(policy), key in policy.hidden)
            for key, read in MIRRORS.items()
        }
        self._saas_set_many({POLICY_KEY: (None if secrets else token, True), **values})
        self._saas_follow_suspension(was_suspended)

    @api.model
    def _saas_queue_up(self):
        """Have transactions that take the last place of something wait for each other.

        The second one is started again by Odoo, and then sees what the first one did.
        """
        self.env.cr.execute(
            "UPDATE ir_config_parameter SET value = value WHERE key = 'database.uuid'",
            log_exceptions=False,
        )

    def _saas_follow_suspension(self, was_suspended):
        """End every session when the database becomes suspended, also those not in use now."""
        if not was_suspended and self._saas_is_suspended():
            self._saas_set(SESSION_EPOCH_KEY, uuid.uuid4().hex, hidden=True)
            _logger.info("This database has been suspended, every session has ended")
