"""Who may come in, and as whom."""

from dataclasses import fields as dataclass_fields

from odoo import api, models
from odoo.http import request

from ..header_shim import DASHED, UNDERSCORE
from ..lib.saas_rest import addresses, prefer, token_values
from ..lib.saas_rest.limits import Limits
from ..lib.saas_rest.problems import Problem
from ..lib.saas_rest.scopes import Scopes
from ..lib.saas_rest.text import _ as _text
from ..lib.saas_rest.token_facts import TokenFacts

PARAMETER = "saas_rest_api."


class SaasRestGate(models.AbstractModel):
    """Opens a request of our dispatcher: token, address, language, companies."""

    _name = "saas_rest.gate"
    _description = "REST Gate"

    @api.model
    def _get_limits(self):
        """The limits of this database, as :class:`Limits`."""
        get = self.env["ir.config_parameter"].sudo().get_param
        changed = {}
        for field in dataclass_fields(Limits):
            value = get(PARAMETER + field.name)
            if value and str(value).strip().isdecimal():
                changed[field.name] = int(value)
        return Limits(**changed)

    @api.model
    def _open(self, call):
        """Makes the environment of the request that of the token's owner.

        :raises Problem: when the request may not come in
        """
        call.limits = self._get_limits()
        call.tz = prefer.parse_timezone(call.preferences.get("timezone"))
        value = self._get_token_value(call)
        if not call.route.public:
            call.token = self._identify(call, value)
        self._enter(call)

    @api.model
    def _get_token_value(self, call):
        """The token that came with the request, however it is written; ``None``: there is none."""
        environ = call.httprequest.environ
        kind, _blank, bearer = call.headers.get("Authorization", "").partition(" ")
        sent = {
            value.strip()
            for value in (
                environ.get(DASHED),
                environ.get(UNDERSCORE),
                bearer if kind.lower() == "bearer" else None,
            )
            if value and value.strip()
        }
        if len(sent) > 1:
            raise Problem("conflicting-tokens", _text("Send one token, in one header."))
        return sent.pop() if sent else None

    @api.model
    def _identify(self, call, value):
        if not value:
            raise Problem("token-missing", _text("Send 'Authorization: Bearer access_token_…'."))
        if token_values.API_KEY.fullmatch(value):
            return self._identify_by_api_key(call, value)
        row = self.env["saas_rest.token"]._authenticate(value)
        if not addresses.is_within(call.httprequest.remote_addr, row["allowed_ips"]):
            raise Problem("ip-denied")
        return TokenFacts(
            id=row["id"],
            uid=row["user_id"],
            prefix=row["prefix"],
            scopes=Scopes.parse((row["scopes"] or "").split()),
            read_only=row["read_only"],
            company_ids=tuple(row["companies"]),
            rate=row["rate_per_minute"] or call.limits.rate_per_token,
            expires=row["expiration_date"],
        )

    @api.model
    def _identify_by_api_key(self, call, value):
        """Odoo's own API keys are accepted too; they are checked anew each time."""
        uid = self.env["res.users.apikeys"].sudo()._check_credentials(scope="rpc", key=value)
        if not uid:
            raise Problem("token-invalid")
        return TokenFacts(id=None, uid=uid, prefix=value[:8], rate=call.limits.rate_per_token)

    # --- the environment --------------------------------------------------------

    @api.model
    def _enter(self, call):
        user = self.env["res.users"].sudo().browse(call.token.uid if call.token else self.env.uid)
        context = self._get_context(call, user)
        call.language = context["lang"]
        request.update_env(user=call.token and call.token.uid, context=context, su=False)
        if call.token and call.route.scope == "admin":
            self._check_admin(call, request.env.user)

    @api.model
    def _check_admin(self, call, user):
        if not call.token.admin or not user.has_group("base.group_system"):
            raise Problem("scope-denied", _text("This needs the scope 'admin'."))

    @api.model
    def _get_context(self, call, user):
        installed = [code for code, _name in self.env["res.lang"].get_installed()]
        wanted = prefer.pick_language(call.headers.get("Accept-Language", ""), installed)
        own = user.lang if user.lang in installed else None
        default = "en_US" if "en_US" in installed else installed[0]
        context = {"lang": wanted or own or default}
        if call.tz or user.tz:
            context["tz"] = str(call.tz or user.tz)
        companies = self._get_companies(call, user)
        if companies:
            context["allowed_company_ids"] = list(companies)
        return context

    @api.model
    def _get_companies(self, call, user):
        """The companies of the request, the current one first; none: all of the user's."""
        if not call.token:
            return ()
        allowed = user._get_company_ids()
        if call.token.company_ids:
            allowed = [company for company in allowed if company in call.token.company_ids]
        header = call.headers.get("X-Company-Id")
        if header is None:
            return tuple(allowed) if call.token.company_ids else ()
        wanted = prefer.parse_companies(header)
        if not set(wanted) <= set(allowed):
            raise Problem("company-denied")
        return wanted
