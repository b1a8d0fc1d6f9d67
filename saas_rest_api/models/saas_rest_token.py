"""Access tokens."""

import logging
from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import AccessError
from odoo.tools import SQL

from odoo.addons.base.models.res_users import check_identity

from ..lib.saas_rest import addresses, formats, token_values
from ..lib.saas_rest.problems import Detail, Problem
from ..lib.saas_rest.scopes import Scopes
from ..lib.saas_rest.text import _lt

_logger = logging.getLogger(__name__)

MAX_PASSWORD_TOKENS = 10
KEPT_DAYS = 30
GROUP = "saas_rest_api.group_rest_user"
MANAGER = "saas_rest_api.group_rest_manager"

_LOOK_UP = """
    SELECT t.id, t.hash, t.user_id, t.prefix, t.scopes, t.read_only, t.allowed_ips,
           t.rate_per_minute, t.expiration_date, u.active,
           t.expiration_date <= (now() AT TIME ZONE 'utc') AS expired,
           COALESCE(t.last_used_at < (now() AT TIME ZONE 'utc') - interval '1 minute', true)
               AS note_use,
           ARRAY(SELECT company_id FROM saas_rest_token_company_rel r
                  WHERE r.token_id = t.id ORDER BY company_id) AS companies,
           u.company_id AS main_company,
           (SELECT json_object_agg(c.id, c.parent_path) FROM res_company c
              JOIN res_company_users_rel r ON r.cid = c.id
             WHERE r.user_id = u.id) AS paths_of_companies
      FROM saas_rest_token t JOIN res_users u ON u.id = t.user_id
     WHERE t.prefix = %s AND t.hash IS NOT NULL AND t.active
"""


def _invalid(name, detail):
    return Problem("validation", detail, [Detail(f"/{name}", "invalid-value", detail)])


def _rfc3339(value):
    return formats.format_datetime(value) if value else None


class SaasRestToken(models.Model):
    """A token that stands for a user in REST calls.

    Its value is told once, when it is made. Kept are a prefix to recognise it and a hash, in
    columns that the ORM does not know, so that no reading, searching or exporting shows them.
    A token that is revoked loses its hash: nothing revives it.
    """

    _name = "saas_rest.token"
    _description = "REST Access Token"
    _order = "create_date desc, id desc"
    _auto = False
    _allow_sudo_commands = False

    name = fields.Char("Description", required=True, readonly=True)
    user_id = fields.Many2one(
        "res.users", required=True, readonly=True, index=True, ondelete="cascade"
    )
    scopes = fields.Char(
        readonly=True,
        help="Such as sale.*:read res.partner:write; empty: all that the user may do.",
    )
    read_only = fields.Boolean(readonly=True)
    company_ids = fields.Many2many(
        "res.company",
        "saas_rest_token_company_rel",
        "token_id",
        "company_id",
        string="Companies",
        readonly=True,
        help="The token reaches these companies only; empty: all companies of its user.",
    )
    allowed_ips = fields.Char("Addresses", readonly=True, help="Networks such as 10.0.0.0/8.")
    rate_per_minute = fields.Integer("Requests per Minute", readonly=True)
    source = fields.Selection(
        [("password", "Password"), ("backend", "User form"), ("api", "API")],
        required=True,
        readonly=True,
    )
    active = fields.Boolean("Valid", default=True, readonly=True)
    create_date = fields.Datetime("Created", readonly=True)
    expiration_date = fields.Datetime("Expires", readonly=True)
    last_used_at = fields.Datetime("Last Used", readonly=True)
    last_ip = fields.Char("Last Address", readonly=True)
    shown_prefix = fields.Char("Token", compute="_compute_shown_prefix")

    def init(self):
        self.env.cr.execute(
            """
            CREATE TABLE IF NOT EXISTS saas_rest_token (
                id serial PRIMARY KEY,
                name varchar NOT NULL,
                user_id integer NOT NULL REFERENCES res_users(id) ON DELETE CASCADE,
                prefix varchar(8) NOT NULL CHECK (char_length(prefix) = 8),
                hash varchar(64),
                scopes varchar,
                read_only boolean NOT NULL DEFAULT false,
                allowed_ips varchar,
                rate_per_minute integer,
                source varchar NOT NULL,
                active boolean NOT NULL DEFAULT true,
                create_date timestamp without time zone DEFAULT (now() AT TIME ZONE 'utc'),
                expiration_date timestamp without time zone,
                last_used_at timestamp without time zone,
                last_ip varchar
            );
            CREATE INDEX IF NOT EXISTS saas_rest_token_prefix_idx
                ON saas_rest_token (prefix) WHERE hash IS NOT NULL;
            CREATE INDEX IF NOT EXISTS saas_rest_token_user_id_idx ON saas_rest_token (user_id);
            CREATE TABLE IF NOT EXISTS saas_rest_token_company_rel (
                token_id integer NOT NULL REFERENCES saas_rest_token(id) ON DELETE CASCADE,
                company_id integer NOT NULL REFERENCES res_company(id) ON DELETE CASCADE,
                PRIMARY KEY (token_id, company_id)
            );
            """
        )

    # --- compute ----------------------------------------------------------------

    def _compute_shown_prefix(self):
        self.env.cr.execute(
            SQL("SELECT id, prefix FROM saas_rest_token WHERE id IN %s", tuple(self.ids or [0]))
        )
        prefixes = dict(self.env.cr.fetchall())
        for token in self:
            prefix = prefixes.get(token.id)
            token.shown_prefix = f"{token_values.LEAD}{prefix}…" if prefix else False

    # --- access -----------------------------------------------------------------

    @api.model
    def fields_get(self, allfields=None, attributes=None):
        """Odoo itself tells everybody what fields there are."""
        self.browse().check_access("read")
        return super().fields_get(allfields, attributes)

    def onchange(self, values, field_names, fields_spec):
        self.check_access("read")
        return super().onchange(values, field_names, fields_spec)

    # --- making -----------------------------------------------------------------

    @api.model
    def _mint(self, user, values):
        """Makes a token for a user.

        :param values: name, source, and if wanted expires_in (seconds; None: never; absent: as
            usual), scopes (texts), read_only, company_ids, allowed_ips, rate_per_minute
        :return: the token's record and its value, which nobody can see again
        :raises Problem: for values that this user cannot have
        """
        if not user.has_group(GROUP):
            raise Problem("access-denied", _lt("This user may not have access tokens."))
        self._check_values(values, user)
        value = token_values.generate()
        now = fields.Datetime.now()
        lifetime = self._get_lifetime(user, values)
        row = {
            "name": values.get("name") or self.env._("Access token"),
            "user_id": user.id,
            "prefix": token_values.prefix_of(value),
            "hash": token_values.hash_of(value, self._get_database_uuid()),
            "scopes": " ".join(values.get("scopes") or []) or None,
            "read_only": bool(values.get("read_only")),
            "allowed_ips": values.get("allowed_ips") or None,
            "rate_per_minute": values.get("rate_per_minute") or None,
            "source": values["source"],
            "create_date": now,
            "expiration_date": lifetime and now + timedelta(seconds=lifetime),
        }
        columns = SQL(", ").join(map(SQL.identifier, row))
        self.env.cr.execute(
            SQL(
                "INSERT INTO saas_rest_token (%s) VALUES %s RETURNING id",
                columns,
                tuple(row.values()),
            )
        )
        token = self.browse(self.env.cr.fetchone()[0])
        token._set_companies(values.get("company_ids") or [])
        if row["source"] == "password":
            self._revoke_surplus(user)
        _logger.info("REST token %s… made for user #%d (%s)", row["prefix"], user.id, row["source"])
        return token, value

    @api.model
    def _get_database_uuid(self):
        return self.env["ir.config_parameter"].sudo().get_param("database.uuid") or ""

    def _set_companies(self, company_ids):
        for company_id in company_ids:
            self.env.cr.execute(
                SQL("INSERT INTO saas_rest_token_company_rel VALUES (%s, %s)", self.id, company_id)
            )

    def _check_values(self, values, user):
        """Refuses what cannot be read later, and companies that are not the user's."""
        try:
            Scopes.parse(values.get("scopes") or [])
        except ValueError as error:
            raise _invalid(
                "scopes", _lt("'%(scope)s' is no scope.", scope=str(error)[:100])
            ) from None
        try:
            addresses.parse_networks(values.get("allowed_ips"))
        except ValueError as error:
            raise _invalid(
                "allowed_ips", _lt("'%(part)s' is no network.", part=str(error)[:100])
            ) from None
        if set(values.get("company_ids") or []) - set(user._get_company_ids()):
            raise Problem("company-denied", _lt("A company is not one of the user's."))

    def _get_lifetime(self, user, values):
        """Seconds that a new token lives; ``None``: for ever, which Settings users may ask for."""
        limits = self.env["saas_rest.gate"]._get_settings().limits
        is_system = user.has_group("base.group_system")
        longest = int((max(user.all_group_ids.mapped("api_key_duration"), default=0) or 1) * 86400)
        if "expires_in" not in values:
            return limits.token_ttl if is_system else min(limits.token_ttl, longest)
        wanted = values["expires_in"]
        if wanted is None and is_system:
            return None
        if not isinstance(wanted, int) or isinstance(wanted, bool) or wanted <= 0:
            raise _invalid("expires_in", _lt("A number of seconds above zero is wanted."))
        if wanted > longest and not is_system:
            raise _invalid(
                "expires_in", _lt("This user's tokens live %(limit)s s at most.", limit=longest)
            )
        return min(wanted, 100 * 365 * 86400)

    def _revoke_surplus(self, user):
        """Of the tokens that passwords have made, the newest ones stay."""
        self.search(
            [
                ("user_id", "=", user.id),
                ("source", "=", "password"),
                ("expiration_date", ">", fields.Datetime.now()),
            ],
            order="create_date desc, id desc",
            offset=MAX_PASSWORD_TOKENS,
        )._revoke()

    # --- ending -----------------------------------------------------------------

    def _revoke(self):
        """Makes tokens worthless for ever."""
        if self:
            self.env.cr.execute(
                SQL(
                    "UPDATE saas_rest_token SET active = false, hash = NULL WHERE id IN %s",
                    tuple(self.ids),
                )
            )
            self.invalidate_recordset(["active"])

    def _check_may_revoke(self):
        """:raises AccessError: for tokens of others, unless a manager asks"""
        own = self.user_id == self.env.user
        if self and not own and not self.env.user.has_group(MANAGER):
            raise AccessError(self.env._("You may manage your own access tokens only."))

    @check_identity
    def action_revoke(self):
        """Revokes the selected tokens."""
        self._check_may_revoke()
        self.sudo()._revoke()
        return {"type": "ir.actions.client", "tag": "soft_reload"}

    @api.model
    def _revoke_of_the_unentitled(self):
        """Revokes the tokens of users who may not have any (any more)."""
        tokens = self.search([("active", "=", True)])
        lost = tokens.user_id.filtered(lambda user: not user.has_group(GROUP))
        tokens.filtered(lambda token: token.user_id in lost)._revoke()

    @api.autovacuum
    def _gc_tokens(self):
        """Expired tokens lose their hash at once and disappear after a month."""
        now = fields.Datetime.now()
        self.env.cr.execute(
            SQL(
                "UPDATE saas_rest_token SET hash = NULL, active = false"
                " WHERE expiration_date < %s AND hash IS NOT NULL",
                now - timedelta(days=1),
            )
        )
        self.env.cr.execute(
            SQL(
                "DELETE FROM saas_rest_token WHERE NOT active AND"
                " COALESCE(expiration_date, last_used_at, create_date) < %s",
                now - timedelta(days=KEPT_DAYS),
            )
        )

    # --- using ------------------------------------------------------------------

    @api.model
    def _look_up(self, value):
        """Finds the token of that value.

        The answer depends on this very moment: nothing of it is ever cached.

        :return: its row and None; or None (an expired one: its row) and why it is not valid,
            which is for the audit log
        """
        if not token_values.is_token(value):
            return None, "malformed"
        # Before the look-up: what is not cached yet is read with the same cursor.
        wanted = token_values.hash_of(value, self._get_database_uuid())
        self.env.cr.execute(_LOOK_UP, [token_values.prefix_of(value)])
        found = None
        for row in self.env.cr.dictfetchall() or [{"hash": "0" * 64}]:
            if token_values.same_hash(row["hash"] or "", wanted):
                found = row
        if not found:
            return None, "unknown, revoked or of another database"
        if not found["active"]:
            return None, "archived user"
        user = self.env["res.users"].browse(found["user_id"]).sudo()
        if not user.has_group(GROUP):
            return None, "user may not have tokens"
        self._keep_companies(user, found)
        return found, "expired" if found["expired"] else None

    @api.model
    def _keep_companies(self, user, found):
        """Have Odoo know what nearly every record rule asks for next."""
        paths = found["paths_of_companies"] or {}
        companies = self.env["res.company"].browse(map(int, paths))
        user._fields["company_id"]._insert_cache(user, [found["main_company"]])
        companies._fields["parent_path"]._insert_cache(companies, paths.values())

    # --- by REST ----------------------------------------------------------------

    def _describe(self):
        """The token without its value, for REST."""
        self.ensure_one()
        left = None
        if self.expiration_date:
            left = round((self.expiration_date - fields.Datetime.now()).total_seconds())
        return {
            "id": self.id,
            "name": self.name,
            "prefix": self.shown_prefix,
            "user_id": self.user_id.id,
            "scopes": (self.scopes or "").split(),
            "read_only": self.read_only,
            "company_ids": self.company_ids.ids,
            "allowed_ips": self.allowed_ips or None,
            "rate_per_minute": self.rate_per_minute or None,
            "source": self.source,
            "active": self.active and (left is None or left > 0),
            "created_at": _rfc3339(self.create_date),
            "expires_at": _rfc3339(self.expiration_date),
            "expires_in": left and max(0, left),
            "last_used_at": _rfc3339(self.last_used_at),
            "last_ip": self.last_ip or None,
        }

    def _describe_new(self, value):
        """A new token with its value, told this once."""
        description = self._describe()
        first = {"id": description.pop("id"), "access_token": value, "token_type": "Bearer"}
        return first | description

    @api.model
    def _get_own(self, token_id, facts):
        """A valid token of the acting user; ``current`` is that of the request.

        :raises Problem: ``not-found``
        """
        if token_id == "current":
            token_id = str(facts.id or "")
        token = self.browse()
        if token_id.isascii() and token_id.isdecimal() and len(token_id) < 10:
            token = self.search([("id", "=", int(token_id)), ("user_id", "=", self.env.uid)])
        if not token:
            raise Problem("not-found", _lt("You have no such token."))
        return token

    @api.model
    def _rotate(self, facts, overlap):
        """Replaces the request's token by one that is equal but for its value.

        :param overlap: seconds that the old one lives on
        :return: the new token's record and value
        """
        old = self._get_own("current", facts).sudo()
        values = {
            "name": old.name,
            "source": old.source,
            "scopes": (old.scopes or "").split(),
            "read_only": old.read_only,
            "company_ids": old.company_ids.ids,
            "allowed_ips": old.allowed_ips,
            "rate_per_minute": old.rate_per_minute,
        }
        if old.expiration_date:
            lifetime = old.expiration_date - old.create_date
            values["expires_in"] = max(1, round(lifetime.total_seconds()))
        elif self.env.user.has_group("base.group_system"):
            values["expires_in"] = None
        if overlap:
            self.env.cr.execute(
                SQL(
                    "UPDATE saas_rest_token SET expiration_date = LEAST(expiration_date, %s)"
                    " WHERE id = %s",
                    fields.Datetime.now() + timedelta(seconds=overlap),
                    old.id,
                )
            )
            old.invalidate_recordset(["expiration_date"])
        else:
            old._revoke()
        return self.sudo()._mint(self.env.user, values)

    @api.model
    def _describe_owner(self, facts):
        """The user of a request, and what its token lets him do, for ``/me``."""
        user = self.env.user
        return {
            "uid": user.id,
            "login": user.login,
            "name": user.name,
            "lang": user.lang or None,
            "tz": user.tz or None,
            "company_id": self.env.company.id,
            "company_ids": self.env.companies.ids,
            "scopes": facts.scopes.as_texts(),
            "read_only": facts.read_only,
            "expires_at": formats.format_datetime(facts.expires) if facts.expires else None,
        }
