import hashlib
import hmac
import ipaddress

from odoo import api, fields, models
from odoo.service.model import PG_CONCURRENCY_EXCEPTIONS_TO_RETRY

from ..transactions import in_own_transaction

#: action → (how often, within how many seconds)
_LIMITS = {
    "name": (40, 60),
    "signup": (20, 3600),
    "confirmation": (4, 3600),
    "database": (10, 3600),
    "change": (30, 3600),
    "backup": (10, 24 * 3600),
}

_COUNT = """
INSERT INTO saas_portal_rate_limit AS present (key, started_at, count)
VALUES (%(key)s, now() AT TIME ZONE 'UTC', 1)
ON CONFLICT (key) DO UPDATE SET
    count = CASE WHEN present.started_at < %(begin)s THEN 1
                 ELSE LEAST(present.count + 1, %(top)s) END,
    started_at = CASE WHEN present.started_at < %(begin)s
                      THEN EXCLUDED.started_at ELSE present.started_at END
RETURNING count
"""


class SaasPortalRateLimit(models.Model):
    """Counts what strangers and customers ask for, for all worker processes together."""

    _name = "saas_portal.rate_limit"
    _description = "SaaS Rate Limit"
    _log_access = False

    key = fields.Char(required=True)
    started_at = fields.Datetime(required=True)
    count = fields.Integer(required=True)

    _key_unique = models.Constraint("UNIQUE (key)", "There is a counter of this key.")

    @api.model
    def _allow(self, action, who):
        """Whether this address or user may do this once more."""
        return self._take(action, who, *_LIMITS[action])

    @api.model
    def _get_refusal(self):
        return self.env._("That was too often. Please wait a while, then try again.")

    @api.model
    def _take(self, action, who, limit, seconds):
        """Count one more; False when there were more than ``limit`` within ``seconds``.

        Counted in a transaction of its own: what is refused afterwards counts too, and two workers
        at once never count as one.

        :param who: an address or the id of a user; only a keyed hash of it is stored
        """
        values = {
            "key": self._get_key(action, who),
            "begin": fields.Datetime.subtract(fields.Datetime.now(), seconds=seconds),
            "top": limit + 1,
        }
        try:
            return in_own_transaction(self, lambda counter: counter._count(values)) <= limit
        except PG_CONCURRENCY_EXCEPTIONS_TO_RETRY:
            # So many at once are too many.
            return False

    def _count(self, values):
        self.env.cr.execute(_COUNT, values)
        return self.env.cr.fetchone()[0]

    @api.model
    def _get_key(self, action, who):
        secret = self.env["ir.config_parameter"].sudo().get_param("database.secret")
        digest = hmac.new(secret.encode(), self._get_subject(who).encode(), hashlib.sha256)
        return f"{action}:{digest.hexdigest()[:32]}"

    @api.model
    def _get_subject(self, who):
        """Whoever has one IPv6 address has the whole network of it."""
        try:
            address = ipaddress.ip_address(str(who))
        except ValueError:
            return str(who)
        if address.version == 6 and not address.ipv4_mapped:
            return str(ipaddress.ip_network((address, 64), strict=False))
        return str(address)

    @api.autovacuum
    def _gc_counters(self):
        day_ago = fields.Datetime.subtract(fields.Datetime.now(), days=1)
        self.search([("started_at", "<", day_ago)], limit=10000).unlink()
