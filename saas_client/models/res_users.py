import logging
import time
from contextlib import contextmanager

from odoo import Command, api, models
from odoo.exceptions import AccessDenied, UserError, ValidationError

from ..lib.client_rules import (
    OWNER_KEY,
    TokenRefused,
    looks_like_token,
    read_token,
)
from ..policy import OPERATOR_IDS, get_policy, get_portal
from ..reading import hold_to_reading, must_only_read
from ..seats import check_seat
from .ir_config_parameter import MAX_USERS_KEY, SESSION_EPOCH_KEY

_logger = logging.getLogger(__name__)

# With these somebody could lock the operator out, or enter in his place.
OPERATOR_FIELDS = frozenset(
    {"active", "email", "group_ids", "login", "new_password", "partner_id", "password"}
    | {"oauth_provider_id", "oauth_uid"}
)
#: Of the owner whom a template holds ready for its copies; there is none in a client.
PREPARED_LOGIN = "saas-prepared-owner"


class ResUsers(models.Model):
    _inherit = "res.users"

    # === CRUD METHODS === #

    @api.model_create_multi
    def create(self, vals_list):
        with self._saas_within_limit():
            return super().create(vals_list)

    def write(self, vals):
        self._saas_check_keeps_operator(vals)
        if "active" not in vals and "group_ids" not in vals:
            return super().write(vals)
        with self._saas_within_limit():
            return super().write(vals)

    # === AUTHENTICATION === #

    def authenticate(self, credential, user_agent_env):
        # addons add credentials of their own below this, and some ignore a refusal there
        self._saas_check_not_suspended()
        return super().authenticate(credential, user_agent_env)

    def _check_credentials(self, credential, env):
        self._saas_check_not_suspended()
        self._saas_check_may_log_in()
        return super()._check_credentials(credential, env)

    @api.model
    def _check_uid_passwd(self, uid, passwd):
        """Odoo remembers accepted passwords; a token and a suspension are judged every time."""
        if looks_like_token(passwd):
            self._saas_check_token_login(uid, passwd)
            return None
        self._saas_check_not_suspended()
        self.browse(uid)._saas_check_may_log_in()
        result = super()._check_uid_passwd(uid, passwd)
        if must_only_read(self.env):
            # the call that follows runs in this transaction
            hold_to_reading(self.env)
        return result

    def _saas_check_may_log_in(self):
        """Refuse the operator's account to passwords, and whom the plan has no seat for.

        An administrator could have given that account a password, or made users, by SQL.
        """
        if not get_policy(self.env):
            return
        if self.id in OPERATOR_IDS:
            raise AccessDenied(self.env._("This account is entered from the portal only."))
        check_seat(self.env, self.id)

    def _session_token_get_values(self):
        """Tie sessions to the last suspension; before the first one nothing changes."""
        values = super()._session_token_get_values()
        epoch = self.env["ir.config_parameter"].sudo().get_param(SESSION_EPOCH_KEY)
        return (*values, ("saas_session_epoch", epoch)) if values and epoch else values

    def _action_reset_password(self, signup_type="reset"):
        """The operator's account has no password that a mail could reset."""
        operators = self._saas_get_operators()
        if self and self <= operators:
            raise UserError(self.env._("The password of this account cannot be reset."))
        return super(ResUsers, self - operators)._action_reset_password(signup_type=signup_type)

    @api.model
    def _saas_check_not_suspended(self):
        if self.env["ir.config_parameter"]._saas_is_suspended(fresh=True):
            raise AccessDenied(self.env["saas_client.status"].sudo()._explain_closed())

    @api.model
    def _saas_check_token_login(self, uid, token):
        """Accept a token in the place of the password, for the operator's account only."""
        admin = self._saas_get_operators().sudo().filtered("active")
        if not uid or uid not in admin.ids:
            raise AccessDenied()
        self._saas_read_token(token)

    @api.model
    def _saas_read_token(self, token, action=None):
        """What the portal asks for with this token.

        :raise AccessDenied: when the token is not a request of our portal to this database
        """
        try:
            return read_token(token, action=action, **self._saas_get_trust())
        except TokenRefused as reason:
            _logger.info("A request in the name of the portal is refused: %s", reason)
            raise AccessDenied() from None

    @api.model
    def _saas_get_trust(self):
        """Whose tokens are accepted here and now."""
        issuer, public_key = get_portal(self.env)
        return {
            "public_key": public_key,
            "issuer": issuer,
            "audience": self.env["ir.config_parameter"].sudo().get_param("database.uuid"),
            "now": self._saas_now(),
        }

    @api.model
    def _saas_now(self):
        """The clock that judges tokens."""
        return time.time()

    # === THE OPERATOR'S ACCOUNT === #

    @api.model
    def _saas_get_operators(self):
        """The accounts with which the operator acts: they are not the customer's users."""
        return self.browse(OPERATOR_IDS).exists()

    def _saas_check_keeps_operator(self, vals):
        """Raise when an administrator of the database lays hands on the operator's account."""
        if self.env.su or OPERATOR_FIELDS.isdisjoint(vals):
            return
        if (self & self._saas_get_operators()) - self.env.user:
            raise UserError(
                self.env._("This account belongs to your provider, who looks after it.")
            )

    # === NUMBER OF USERS === #

    @api.model
    def _saas_count_users(self):
        """How many active internal users there are, not counting the operator.

        Judged by their groups: `share` is only a stored copy of that, open to be written.
        """
        return self.sudo().search_count(self._saas_get_counted_domain())

    @api.model
    def _saas_get_counted_domain(self):
        return [
            ("active", "=", True),
            ("all_group_ids", "in", self.env.ref("base.group_user").ids),
            ("id", "not in", OPERATOR_IDS),
        ]

    @api.model
    @contextmanager
    def _saas_within_limit(self):
        """Refuse what raises the number of users above the limit; anything else passes."""
        before = self._saas_count_for_limit()
        yield
        self._saas_refuse_growth(before)

    @api.model
    def _saas_count_for_limit(self):
        """The number of users when it is limited, else None."""
        limited = self.env["ir.config_parameter"]._saas_get_limit(MAX_USERS_KEY)
        return self._saas_count_users() if limited else None

    @api.model
    def _saas_refuse_growth(self, before):
        """Raise when there are more users than before, and more than the plan allows."""
        limit = self.env["ir.config_parameter"]._saas_get_limit(MAX_USERS_KEY)
        if not limit or before is None:
            return
        after = self._saas_count_users()
        if after <= before:
            return
        # two transactions must not both take the last place: the second one is retried
        self.env["ir.config_parameter"]._saas_queue_up()
        if after > limit:
            raise ValidationError(
                self.env._(
                    "Your plan allows %(limit)s users, and %(count)s are active already."
                    " Archive a user, or ask your provider for a larger plan.",
                    limit=limit,
                    count=before,
                )
            )

    @api.model
    def _saas_tell_owner_about_limit(self):
        """Leave the owner a note when the plan has become too small for the present users."""
        owner = self._saas_get_owner().sudo()
        limit = self.env["ir.config_parameter"]._saas_get_limit(MAX_USERS_KEY)
        count = self._saas_count_users()
        if not owner:
            return
        summary = self.with_context(lang=owner.lang).env._("More users than your plan allows")
        notes = owner.partner_id.activity_ids.filtered(lambda note: note.summary == summary)
        notes.unlink()
        if limit and count > limit:
            # in the list of activities only: the operator sends the mails
            owner.partner_id.with_context(mail_activity_quick_update=True).activity_schedule(
                "mail.mail_activity_data_todo",
                user_id=owner.id,
                summary=summary,
                note=self.with_context(lang=owner.lang).env._(
                    "Your plan now allows %(limit)s users, and %(count)s are active. They all"
                    " keep their access, but nobody can be added.",
                    limit=limit,
                    count=count,
                ),
            )

    # === THE OWNER === #

    @api.model
    def _saas_get_owner(self):
        """The customer's own user, empty when there is none yet."""
        owner_id = self.env["ir.config_parameter"].sudo().get_param(OWNER_KEY)
        if not (owner_id and owner_id.isdigit()):
            return self.browse()
        return self.browse(int(owner_id)).exists() - self._saas_get_operators()

    @api.model
    def _saas_ensure_owner(self, login, name, email, password_hash, lang, tz):
        """Make the owner be as the portal says, creating him when needed; return him."""
        users = self._saas_browse_quietly()
        vals = users._saas_prepare_owner_vals(login, name, email, lang, tz)
        users._saas_free_login(login)
        same_login = users.search([("login", "=", login)], limit=1)
        owner = users._saas_get_owner()
        if not owner or (same_login and owner.login == PREPARED_LOGIN):
            owner = same_login
        if same_login and same_login != owner:
            raise UserError(
                self.env._("Another user of this database has the login %(login)s.", login=login)
            )
        if owner.login == PREPARED_LOGIN:
            owner._saas_set_login(login)
        if owner:
            owner.write({key: value for key, value in vals.items() if owner[key] != value})
        else:
            owner = users._saas_create_owner(vals)
        owner._saas_set_password_hash(password_hash)
        self.env["ir.config_parameter"]._saas_set(OWNER_KEY, str(owner.id), hidden=False)
        return self.browse(owner.id)

    @api.model
    def _saas_prepare_owner(self):
        """Hold an owner ready in a template: all that a person is here, but for who it is.

        Nobody gets in as him, who has neither password nor address. Whoever makes a client of a
        copy gives him the rest, by `_saas_ensure_owner` or by SQL; until then he is archived.
        """
        users = self._saas_browse_quietly()
        owner = users._saas_get_owner()
        if not owner:
            # the signature is made of the name when there is one
            vals = {"login": PREPARED_LOGIN, "name": "Owner", "email": False, "signature": False}
            owner = users._saas_create_owner(vals)
            # Odoo draws the initial of a name; where there is no picture, it does so when asked
            owner.image_1920 = False
            self.env["ir.config_parameter"]._saas_set(OWNER_KEY, str(owner.id), hidden=False)
        self.env["auth.oauth.provider"]._saas_close_publishers_login()
        return self.browse(owner.id)

    @api.model
    def _saas_browse_quietly(self):
        """The users, archived ones too, in a context in which nobody is told of changes."""
        return self.with_context(active_test=False, no_reset_password=True, tracking_disable=True)

    @api.model
    def _saas_create_owner(self, vals):
        groups = self.env.ref("base.group_user") | self.env.ref("base.group_partner_manager")
        return self.create({**vals, "group_ids": [Command.set(groups.ids)]})

    @api.model
    def _saas_prepare_owner_vals(self, login, name, email, lang, tz):
        vals = {"login": login, "name": name, "email": email, "active": True}
        if lang in dict(self.env["res.lang"].get_installed()):
            vals["lang"] = lang
        if tz in self._fields["tz"].get_values(self.env):
            vals["tz"] = tz
        return vals

    @api.model
    def _saas_free_login(self, login):
        """Move the operator's own account out of the way of an owner who wants its login."""
        admin = self.env.ref("base.user_admin")
        if admin.login != login:
            return
        new_login, number = "saas-admin", 1
        while login == new_login or self.search_count([("login", "=", new_login)], limit=1):
            number += 1
            new_login = f"saas-admin-{number}"
        admin._saas_set_login(new_login)

    def _saas_set_login(self, login):
        """Not through write, which would send a security alert about an account of no person."""
        self.ensure_one()
        self.env.flush_all()
        self.env.cr.execute("UPDATE res_users SET login = %s WHERE id = %s", [login, self.id])
        self.invalidate_recordset(["login"])
        self.env.registry.clear_cache()

    def _saas_set_password_hash(self, password_hash):
        """Store a password that only its owner knows in clear; without one, leave it."""
        if not password_hash:
            return
        self.ensure_one()
        if self._crypt_context().identify(password_hash) in (None, "plaintext"):
            raise UserError(self.env._("The owner's password must be sent as a hash."))
        self._set_encrypted_password(self.id, password_hash)
        # sessions and remembered credentials of the old password end here
        self.env.registry.clear_cache()
