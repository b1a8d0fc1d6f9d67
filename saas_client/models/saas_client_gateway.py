import logging
from contextlib import contextmanager

from odoo import api, models
from odoo.exceptions import UserError

from ..lib.client_rules import (
    PORTAL_KEY,
    TokenRefused,
    is_http_url,
    is_settable,
    load_public_keys,
    normalise_parameter,
    parse_limit,
)
from ..policy import MIRRORS, get_policy, keep_policy, operator_at_work, read_newer_policy
from ..seats import count_seats
from ..storage import MEGABYTE, get_database_size, measure_files
from .ir_config_parameter import MAX_USERS_KEY, STORAGE_KEY

_logger = logging.getLogger(__name__)

# Any number will do, as long as nothing else in the database locks it.
APPLY_LOCK = 0x5AA5C11E
_TRY_LOCK = "SELECT pg_try_advisory_xact_lock(%s)"
#: Steps that end the transaction in which they begin.
_COMMITTING = frozenset({"update_addons", "install_addons", "uninstall_addons"})


class SaasClientGateway(models.AbstractModel):
    """The door through which the portal governs this database.

    Each public method takes one argument, a request signed by the portal, and does nothing
    before it has verified it: being logged in, even as administrator, gives no right here.
    Results hold no None, so that they travel over XML-RPC.
    """

    _name = "saas_client.gateway"
    _description = "Gateway of the SaaS Portal"

    # === BUSINESS METHODS === #

    @api.model
    def apply(self, request):
        """Carry out what the portal asks for, in the order of `_get_steps`.

        :return: a report per step, for the steps that have something to report
        """
        payload = self.env["res.users"]._saas_read_token(request, action="apply").payload
        gateway = self.sudo()
        gateway._check_payload(payload)
        commits = not _COMMITTING.isdisjoint(payload)
        with gateway._one_at_a_time(commits), operator_at_work():
            return gateway._apply(payload)

    @api.model
    def status(self, request):
        """What the portal shows about this database."""
        self.env["res.users"]._saas_read_token(request, action="status")
        return self.sudo()._get_status()

    @api.model
    def _get_steps(self):
        """The keys of a request in their order: what each holds, a list of what, its method."""
        return [
            ("policy", str, None, "_apply_policy"),
            ("update_addons_list", bool, None, "_apply_update_addons_list"),
            ("update_addons", list, str, "_apply_update_addons"),
            ("install_addons", list, str, "_apply_install_addons"),
            ("uninstall_addons", list, str, "_apply_uninstall_addons"),
            ("fixes", list, list, "_apply_fixes"),
            ("portal_keys", str, None, "_apply_portal_keys"),
            ("portal_url", str, None, "_apply_portal_url"),
            ("owner", dict, None, "_apply_owner"),
            ("owner_subject", str, None, "_apply_owner_subject"),
            ("params", list, dict, "_apply_params"),
            ("access_owner_add", list, str, "_apply_access_owner_add"),
            ("access_remove", list, str, "_apply_access_remove"),
            ("configure_outgoing_mail", list, dict, "_apply_configure_outgoing_mail"),
            ("limit_number_of_records", list, dict, "_apply_limit_number_of_records"),
        ]

    @api.model
    def _apply(self, payload):
        result = {}
        for key, _kind, _item_kind, method in self._get_steps():
            if key not in payload:
                continue
            # a step that installs an app replaces the registry: begin each one in the new one
            report = getattr(self.env[self._name], method)(payload[key])
            if report or key in ("access_owner_add", "access_remove"):
                result[key] = report
            _logger.info("The portal's request has been carried out: %s", key)
        return result

    # === CHECKS === #

    @api.model
    def _check_payload(self, payload):
        """Refuse a request that cannot be carried out before any of it is."""
        steps = {key: kinds for key, *kinds, _method in self._get_steps()}
        if unknown := sorted(set(payload) - set(steps)):
            raise UserError(self.env._("Unknown keys: %(keys)s", keys=", ".join(unknown)))
        for key, value in payload.items():
            kind, item_kind = steps[key]
            fits = isinstance(value, kind)
            if fits and item_kind:
                fits = all(isinstance(item, item_kind) for item in value)
            if not fits:
                raise UserError(self.env._("The value of %(key)s is of the wrong kind.", key=key))
        if "policy" in payload:
            self._read_policy(payload["policy"])
        if "owner" in payload and not payload["owner"].get("login"):
            raise UserError(self.env._("The owner needs a login."))
        if "portal_url" in payload and not is_http_url(payload["portal_url"]):
            raise UserError(self.env._("portal_url is not the address of a web site."))
        if "portal_keys" in payload:
            self._check_portal_keys(payload["portal_keys"])
        for item in payload.get("params", []):
            self._normalise(item)
        for item in payload.get("limit_number_of_records", []):
            self._parse_max_records(item)

    @api.model
    def _check_portal_keys(self, pem):
        """Without a key that can be read nobody could give this database another one."""
        try:
            load_public_keys(pem)
        except TokenRefused as reason:
            raise UserError(
                self.env._("portal_keys is refused: %(reason)s.", reason=reason)
            ) from reason

    @api.model
    def _normalise(self, item):
        """The parameter's key and the text to store, None to remove it."""
        key = item.get("key")
        if not isinstance(key, str) or not key.strip():
            raise UserError(self.env._("A parameter needs a key."))
        try:
            return key.strip(), normalise_parameter(key.strip(), item.get("value"))
        except ValueError as error:
            raise UserError(
                self.env._("%(key)s cannot be set: the value is %(reason)s.", key=key, reason=error)
            ) from error

    @api.model
    def _parse_max_records(self, item):
        try:
            return parse_limit(item.get("max_records"))
        except ValueError as error:
            raise UserError(
                self.env._("max_records is refused: the value is %(reason)s.", reason=error)
            ) from error

    @contextmanager
    def _one_at_a_time(self, commits):
        """Let one request of the portal act at a time in this database.

        :param commits: whether the request ends our transaction, so that another has to hold the
            lock; another has to wait for it too
        """
        if not commits:
            self.env.cr.execute(_TRY_LOCK, [APPLY_LOCK])
            if self.env.cr.fetchone()[0]:
                yield
                return
        with self.env.registry.cursor() as cr:
            cr.execute(_TRY_LOCK, [APPLY_LOCK])
            if not cr.fetchone()[0]:
                # ours has written nothing yet; while it waits it must not hold back the changes
                # of tables that the other one makes, and after that it must see them
                self.env.cr.rollback()
                cr.execute("SELECT pg_advisory_xact_lock(%s)", [APPLY_LOCK])
            yield

    @api.model
    def _read_policy(self, token):
        try:
            return read_newer_policy(self.env, token)
        except TokenRefused as reason:
            raise UserError(
                self.env._("The policy is refused: %(reason)s.", reason=reason)
            ) from reason

    # === STEPS === #

    @api.model
    def _apply_policy(self, token):
        """Obey this policy from now on, until the next one."""
        parameters = self.env["ir.config_parameter"]
        policy, former_limit = self._read_policy(token), parameters._saas_get_limit(MAX_USERS_KEY)
        was_suspended = parameters._saas_is_suspended()
        count_seats(self.env, policy)
        keep_policy(self.env, token)
        parameters._saas_follow_policy(token, policy, was_suspended)
        if policy.max_users != former_limit:
            self.env["res.users"]._saas_tell_owner_about_limit()

    @api.model
    def _apply_update_addons_list(self, wanted):
        if wanted:
            self.env["ir.module.module"].update_list()

    @api.model
    def _apply_update_addons(self, names):
        return self.env["ir.module.module"]._saas_upgrade(names)

    @api.model
    def _apply_install_addons(self, names):
        return self.env["ir.module.module"]._saas_install(names)

    @api.model
    def _apply_uninstall_addons(self, names):
        return self.env["ir.module.module"]._saas_uninstall(names)

    @api.model
    def _get_allowed_fixes(self):
        """The methods that the portal may call by name; serves as a hook for other addons."""
        return {("ir.module.module", "button_reset_state"), ("ir.module.module", "update_list")}

    @api.model
    def _apply_fixes(self, fixes):
        report = []
        for fix in fixes:
            if tuple(fix) in self._get_allowed_fixes():
                model, method = fix
                getattr(self.env[model], method)()
            else:
                report.append(f"fix not allowed: {'.'.join(map(str, fix))}")
        return report

    @api.model
    def _apply_portal_keys(self, pem):
        """Accept these keys of the portal, and from now on no others."""
        self.env["ir.config_parameter"]._saas_set(PORTAL_KEY, pem, hidden=False)

    @api.model
    def _apply_portal_url(self, portal_url):
        """Let people log in via the portal at this address."""
        self.env["auth.oauth.provider"]._saas_set_up(portal_url)

    @api.model
    def _apply_owner(self, owner):
        user = self.env["res.users"]._saas_ensure_owner(
            login=owner.get("login"),
            name=owner.get("name") or owner.get("login"),
            email=owner.get("email") or False,
            password_hash=owner.get("password_hash"),
            lang=owner.get("lang"),
            tz=owner.get("tz"),
        )
        return {"id": user.id}

    @api.model
    def _apply_owner_subject(self, subject):
        """Let the person whom the portal knows by this name for ever log in as the owner."""
        owner = self.env["res.users"]._saas_get_owner()
        if not (owner and subject):
            return ["the owner of this database is not known"]
        owner.sudo()._saas_link_to_portal(subject)
        return None

    @api.model
    def _get_allowed_parameters(self):
        """Parameters besides `saas_client.*` that the portal may set; a hook for other addons."""
        return set()

    @api.model
    def _apply_params(self, params):
        report = []
        for item in params:
            key, value = self._normalise(item)
            if not is_settable(key) and key not in self._get_allowed_parameters():
                report.append(f"parameter not allowed: {key}")
                continue
            if key in MIRRORS and get_policy(self.env):
                continue
            hidden = bool(item.get("hidden", True))
            self.env["ir.config_parameter"]._saas_set(key, value, hidden)
            if key == MAX_USERS_KEY:
                self.env["res.users"]._saas_tell_owner_about_limit()
        return report

    @api.model
    def _apply_access_owner_add(self, xmlids):
        owner = self.env["res.users"]._saas_get_owner()
        if not owner:
            return ["the owner of this database is not known"]
        return self.env["res.groups"]._saas_grant(owner, xmlids)

    @api.model
    def _apply_access_remove(self, xmlids):
        return self.env["res.groups"]._saas_withdraw(xmlids)

    @api.model
    def _apply_configure_outgoing_mail(self, servers):
        report = []
        for server in servers:
            if not (server.get("smtp_login") and server.get("smtp_password")):
                report.append("mail server without smtp_login or smtp_password")
                continue
            try:
                with self.env.cr.savepoint():
                    self._ensure_mail_server(server)
            except ValueError:
                report.append(f"mail server not valid: {server['smtp_login']}")
        return report

    @api.model
    def _ensure_mail_server(self, server):
        vals = {
            "name": server["smtp_login"],
            "smtp_user": server["smtp_login"],
            "smtp_pass": server["smtp_password"],
            "smtp_authentication": "login",
            "smtp_host": server.get("smtp_host") or "smtp.mailgun.org",
            "smtp_port": int(server.get("smtp_port") or 587),
            "smtp_encryption": server.get("smtp_encryption") or "starttls",
        }
        known = self.env["ir.mail_server"].search([("smtp_user", "=", vals["smtp_user"])], limit=1)
        if known:
            known.write(vals)
        else:
            known.create(vals)

    @api.model
    def _apply_limit_number_of_records(self, limits):
        report = []
        for item in limits:
            problem = self.env["saas_client.record_limit"]._set_limit(
                item.get("model"), self._parse_max_records(item), item.get("domain") or "[]"
            )
            if problem:
                report.append(problem)
        return report

    # === GETTERS === #

    @api.model
    def _get_status(self):
        parameters = self.env["ir.config_parameter"]
        installed = self.env["ir.module.module"].search([("state", "=", "installed")])
        return {
            "database_uuid": parameters.get_param("database.uuid") or "",
            "users_len": self.env["res.users"]._saas_count_users(),
            "max_users": parameters._saas_get_limit(MAX_USERS_KEY),
            "db_storage": round(get_database_size(self.env) / MEGABYTE, 2),
            "file_storage": round(measure_files(self.env) / MEGABYTE, 2),
            "total_storage_limit": parameters._saas_get_limit(STORAGE_KEY),
            "suspended": parameters._saas_is_suspended(),
            "installed_addons": sorted(installed.mapped("name")),
        }
