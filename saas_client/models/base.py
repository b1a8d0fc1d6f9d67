import logging

from odoo import api, models
from odoo.exceptions import UserError

from ..lib.client_rules import READ_ONLY
from ..policy import get_rung, is_customer_request, is_page_request
from ..reading import is_held_to_reading

_logger = logging.getLogger(__name__)

# What is written when somebody logs in, looks at pages and reads his messages.
WRITTEN_BY_READING = frozenset(
    {
        "auth_totp.device",
        "auth_totp.rate.limit.log",
        "bus.bus",
        "bus.presence",
        "discuss.channel.member",
        "discuss.channel.rtc.session",
        "ir.cron.trigger",
        "ir.logging",
        "ir.profile",
        "mail.notification",
        "mail.presence",
        "mail.push.device",
        "res.device.log",
        "res.users.log",
        "res.users.settings",
        "res.users.settings.volumes",
        "saas_client.used_token",
        "website.track",
        "website.visitor",
    }
)
# What a login through a provider of identities stores in the user.
WRITTEN_BY_LOGIN = frozenset({"oauth_access_token"})


class Base(models.AbstractModel):
    """Holds the number of records that the operator allows, and a database that is read-only."""

    _inherit = "base"

    @api.model_create_multi
    def create(self, vals_list):
        self._saas_check_writable()
        records = super().create(vals_list)
        limiter = self.env["saas_client.record_limit"]
        if limits := limiter._get_limits().get(self._name):
            limiter._check_added(limits, self.browse(), records)
        return records

    def write(self, vals):
        self._saas_check_writable(vals)
        limiter = self.env["saas_client.record_limit"]
        limits = limiter._get_limits().get(self._name)
        if not limits:
            return super().write(vals)
        before = limiter._get_counted(limits, self)
        result = super().write(vals)
        for limit in limits:
            limiter._check_added([limit], before[limit[0]], self)
        return result

    def unlink(self):
        self._saas_check_writable()
        return super().unlink()

    @api.model
    def _saas_written_by_reading(self):
        """Models that are written when somebody only looks; a hook for other addons."""
        return WRITTEN_BY_READING

    @api.model
    def _saas_check_writable(self, vals=None):
        """Raise when the operator has made this database read-only.

        :param vals: what is about to be written, None for anything else than a write
        """
        if not is_customer_request() or get_rung(self.env) != READ_ONLY:
            return
        allowed = (
            self._transient
            or self._name in self._saas_written_by_reading()
            or is_page_request()
            or (
                self._name == "res.users"
                and vals
                and self.env.su
                and vals.keys() <= WRITTEN_BY_LOGIN
            )
        )
        if allowed and not is_held_to_reading(self.env):
            return
        _logger.info("A write of %s is refused: the database is read-only", self._name)
        raise UserError(self.env["saas_client.status"]._explain_read_only())
