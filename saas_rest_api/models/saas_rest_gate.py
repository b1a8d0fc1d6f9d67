"""Who may come in, and as whom."""

import threading

from odoo import api, models, tools
from odoo.http import request
from odoo.service import security
from odoo.tools import config

from .. import process
from ..lib.saas_rest import addresses, prefer, token_values
from ..lib.saas_rest.problems import Problem
from ..lib.saas_rest.scopes import Scopes
from ..lib.saas_rest.settings import Settings
from ..lib.saas_rest.text import _lt
from ..lib.saas_rest.token_facts import TokenFacts

GROUP = "saas_rest_api.group_rest_user"


class SaasRestGate(models.AbstractModel):
    """Opens a request of our dispatcher: token, address, language, companies."""

    _name = "saas_rest.gate"
    _description = "REST Gate"

    def _register_hook(self):
        """Attaches the addon to a process that another database may have detached it from."""
        super()._register_hook()
        process.attach()

    @api.model
    @tools.ormcache()
    def _get_settings(self):
        """What is set for this database, as :class:`Settings`."""
        return Settings.from_parameters(self.env["ir.config_parameter"].sudo().get_param)

    @api.model
    def _open(self, call):
        """Makes the environment of the request that of the token's owner.

        :raises Problem: when the request may not come in
        """
        call.tz = prefer.parse_timezone(call.preferences.get("timezone"))
        value = call.token_value()
        if not call.route.public or (call.route.catch_all and value):
            call.token = self._identify(call, value)
        elif not call.route.without_database:
            self.env["saas_rest.limiter"]._charge_address(call)
        self._limit_transaction(call)
        self._enter(call)

    @api.model
    def _identify(self, call, value):
        """The facts of the request's token, if it may be used here and now.

        :raises Problem: else
        """
        limiter = self.env["saas_rest.limiter"]
        if not value and call.route.session and self._has_session():
            return TokenFacts(id=None, uid=request.session.uid, prefix="session")
        if not value:
            limiter._charge_address(call)
            raise Problem("token-missing", _lt("Send 'Authorization: Bearer access_token_…'."))
        facts, code = self._find(call, value)
        if code:
            limiter._charge_address(call)
            raise Problem(code)
        limiter._charge_token(call, facts)
        return facts

    @api.model
    def _has_session(self):
        """Whether somebody is logged in here who is no mere visitor of the portal."""
        session = request.session
        if not session.uid or session.db != self.env.cr.dbname:
            return False
        if not security.check_session(session, self.env(user=session.uid)):
            return False
        return self.env["res.users"].sudo().browse(session.uid)._is_internal()

    @api.model
    def _find(self, call, value):
        """The token's facts and ``None``, or ``None`` and the code of the problem with it."""
        if token_values.API_KEY.fullmatch(value):
            return self._find_api_key(call, value)
        row, call.reason = self._look_up(value)
        call.prefix = token_values.prefix_of(value) if token_values.is_token(value) else None
        if call.reason:
            return None, "token-expired" if row else "token-invalid"
        call.uid = row["user_id"]
        if not addresses.is_within(call.httprequest.remote_addr, row["allowed_ips"]):
            return None, "ip-denied"
        facts = TokenFacts(
            id=row["id"],
            uid=row["user_id"],
            prefix=row["prefix"],
            scopes=Scopes.parse((row["scopes"] or "").split()),
            read_only=row["read_only"],
            company_ids=tuple(row["companies"]),
            rate=row["rate_per_minute"] or call.limits.rate_per_token,
            note_use=row["note_use"],
            expires=row["expiration_date"],
        )
        return facts, None

    @api.model
    def _look_up(self, value):
        """Asks the primary server, never a replica: one that lags would let revoked tokens in."""
        tokens = self.env["saas_rest.token"]
        if not (self.env.cr.readonly and config["db_replica_host"]):
            return tokens._look_up(value)
        with self.env.registry.cursor() as cr:
            return tokens.with_env(self.env(cr=cr))._look_up(value)

    @api.model
    def _find_api_key(self, call, value):
        """Odoo's own API keys are accepted too; they are checked anew each time."""
        uid = self.env["res.users.apikeys"].sudo()._check_credentials(scope="rpc", key=value)
        if not uid or not self.env["res.users"].sudo().browse(uid).has_group(GROUP):
            call.reason = "API key unknown or of no use here"
            return None, "token-invalid"
        return TokenFacts(id=None, uid=uid, prefix=value[:8], rate=call.limits.rate_per_token), None

    @api.model
    def _check_health(self):
        """Fails when the database does not answer."""
        self.env.cr.execute("SELECT 1")

    @api.model
    def _limit_transaction(self, call):
        """Lets PostgreSQL itself end what takes too long, and refuse what must not write."""
        reads = call.reads
        limits = call.limits
        seconds = limits.read_timeout if reads else limits.write_timeout
        statements = "SET LOCAL statement_timeout = %s"
        # A second try of Odoo's, after a read-only replica has refused: it may write now.
        again = getattr(threading.current_thread(), "cursor_mode", None) == "ro->rw"
        read_only = call.token and call.token.read_only
        if not call.route.own_token and (read_only or (reads and not again)):
            statements += "; SET LOCAL transaction_read_only = on"
        self.env.cr.execute(statements, [seconds * 1000])

    # --- the environment --------------------------------------------------------

    @api.model
    def _enter(self, call):
        user = self.env["res.users"].browse(call.token.uid if call.token else self.env.uid)
        context = self._get_context(call, user)
        call.language = context["lang"]
        request.update_env(user=call.token and call.token.uid, context=context, su=False)
        if call.token and call.route.scope == "admin":
            self._check_admin(call, request.env.user)

    @api.model
    def _check_admin(self, call, user):
        if not call.token.admin or not user.has_group("base.group_system"):
            raise Problem("scope-denied", _lt("This needs the scope 'admin'."))

    @api.model
    def _get_context(self, call, user):
        installed = [code for code, _name in self.env["res.lang"].get_installed()]
        own = user.with_user(user).context_get() if user else {}
        wanted = prefer.pick_language(call.headers.get("Accept-Language", ""), installed)
        default = "en_US" if "en_US" in installed else installed[0]
        context = {"lang": wanted or own.get("lang") or default}
        if call.tz or own.get("tz"):
            context["tz"] = str(call.tz or own["tz"])
        companies = self._get_companies(call, user)
        if companies:
            context["allowed_company_ids"] = list(companies)
        return context

    @api.model
    def _get_companies(self, call, user):
        """The companies of the request, the current one first; none: all of the user's."""
        if not call.token:
            return ()
        allowed = user.with_user(user)._get_company_ids()
        if call.token.company_ids:
            allowed = [company for company in allowed if company in call.token.company_ids]
        header = call.headers.get("X-Company-Id")
        if header is None:
            return tuple(allowed) if call.token.company_ids else ()
        wanted = prefer.parse_companies(header)
        if not set(wanted) <= set(allowed):
            raise Problem("company-denied")
        return wanted
