import re
from datetime import timedelta

from psycopg2.errors import UniqueViolation

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError, ValidationError

from odoo.addons.base.models.res_partner import _lang_get, _tz_get

from ..const import COUNTED_STATES
from ..lib.saas_rules import InvalidName, check_name, expand_pattern
from ..lib.saas_rules.payload import PayloadError, parse_bool, parse_names
from ..transactions import Busy, in_own_transaction, leave_to_later_commits, locked

_ADDON_NAME = re.compile(r"[a-z][a-z0-9_]*")
_MAX_GENERATED_NAMES = 100


class SaasPortalPlan(models.Model):
    """What is sold: the template, the apps and the limits of new clients."""

    _name = "saas_portal.plan"
    _description = "SaaS Plan"
    _inherit = ["mail.thread"]
    _order = "sequence, id"

    name = fields.Char(required=True, translate=True, tracking=True)
    active = fields.Boolean(default=True)
    sequence = fields.Integer(default=10)
    company_id = fields.Many2one("res.company", index=True)
    summary = fields.Char(translate=True)
    website_description = fields.Html(translate=True)
    logo = fields.Image(max_width=512, max_height=512)
    template_id = fields.Many2one(
        "saas_portal.database", ondelete="restrict", index=True, copy=False, tracking=True
    )
    template_outdated = fields.Char(related="template_id.outdated_reason")
    server_id = fields.Many2one(
        "saas_portal.server",
        ondelete="restrict",
        index=True,
        tracking=True,
        help="Where new clients live; empty: on the first server.",
    )
    state = fields.Selection(
        [("draft", "Draft"), ("confirmed", "Confirmed")],
        compute="_compute_state",
        store=True,
        tracking=True,
    )
    demo = fields.Boolean(string="Demo Data")
    lang = fields.Selection(_lang_get, string="Language", default=lambda self: self.env.lang)
    tz = fields.Selection(
        _tz_get, string="Time Zone", default=lambda self: self.env.user.tz or "UTC"
    )
    app_names = fields.Char(
        string="Apps",
        tracking=True,
        help="Technical names of the apps in the template, with commas: sale, fleet.",
    )
    dbname_template = fields.Char(
        string="DB Names",
        tracking=True,
        help="Pattern for generated names; %i is a number: crm-%i.example.com.",
    )
    maximum_allowed_dbs_per_partner = fields.Integer(
        string="Databases per Customer", tracking=True, help="0 is unlimited; trials not counted."
    )
    maximum_allowed_trial_dbs_per_partner = fields.Integer(
        string="Trials per Customer", tracking=True, help="0 is unlimited."
    )
    max_users = fields.Integer(string="Users", tracking=True, help="0 is unlimited.")
    total_storage_limit = fields.Integer(
        string="Storage (MB)", tracking=True, help="Database and files; 0 is unlimited."
    )
    block_on_expiration = fields.Boolean(tracking=True)
    block_on_storage_exceed = fields.Boolean(tracking=True)
    expiration = fields.Integer(string="Trial (hours)", tracking=True)
    period_days = fields.Integer(
        string="Period (days)",
        tracking=True,
        help="A client that is no trial expires after so many days; 0: never by itself.",
    )
    notice_days = fields.Integer(
        string="Notice (days)",
        default=2,
        tracking=True,
        help="How long before the expiry the customer is warned by mail; 0: not at all.",
    )
    grace_period = fields.Integer(
        string="Grace Period (days)",
        tracking=True,
        help="How long after the expiry a client that is no trial stays open.",
    )
    retention_days = fields.Integer(
        default=7,
        tracking=True,
        help="Days for which a deleted database can be restored; 0 drops it at once.",
    )
    backup_days = fields.Integer(
        string="Backups (days)",
        default=7,
        tracking=True,
        help="For how long a backup that somebody asked for can be downloaded.",
    )
    on_create_email_template = fields.Many2one(
        "mail.template",
        string="Welcome Mail",
        domain=[("model", "=", "saas_portal.client")],
        default=lambda self: self.env.ref(
            "saas_portal.email_template_create_saas", raise_if_not_found=False
        ),
    )
    client_ids = fields.One2many("saas_portal.client", "plan_id")
    client_count = fields.Integer(compute="_compute_client_count")

    _limits_not_negative = models.Constraint(
        "CHECK (max_users >= 0 AND total_storage_limit >= 0 AND expiration >= 0"
        " AND grace_period >= 0 AND retention_days >= 0"
        " AND period_days >= 0 AND notice_days >= 0 AND backup_days > 0"
        " AND maximum_allowed_dbs_per_partner >= 0"
        " AND maximum_allowed_trial_dbs_per_partner >= 0)",
        "A limit is 0 (unlimited) or more; a backup is kept for a day at least.",
    )

    # === COMPUTE METHODS === #

    @api.depends("template_id.state")
    def _compute_state(self):
        for plan in self:
            ready = plan.template_id.state == "template"
            plan.state = "confirmed" if ready else "draft"

    @api.depends("client_ids.state")
    def _compute_client_count(self):
        counts = dict(
            self.env["saas_portal.client"]._read_group(
                [("plan_id", "in", self.ids), ("state", "!=", "deleted")], ["plan_id"], ["__count"]
            )
        )
        for plan in self:
            plan.client_count = counts.get(plan, 0)

    # === CONSTRAINT METHODS === #

    @api.constrains("dbname_template")
    def _check_dbname_template(self):
        for plan in self.filtered("dbname_template"):
            try:
                check_name(expand_pattern(plan.dbname_template, "001"))
            except InvalidName as error:
                raise ValidationError(str(error)) from error

    @api.constrains("app_names")
    def _check_app_names(self):
        for plan in self:
            bad = [name for name in plan._get_app_names() if not _ADDON_NAME.fullmatch(name)]
            if bad:
                raise ValidationError(
                    self.env._(
                        "These are not technical names of apps: %(names)s", names=", ".join(bad)
                    )
                )

    @api.constrains("template_id", "server_id")
    def _check_template_server(self):
        for plan in self.filtered(lambda plan: plan.template_id and plan.server_id):
            if plan.template_id.server_id != plan.server_id:
                raise ValidationError(
                    self.env._(
                        "The template %(template)s is on another server than the plan %(plan)s.",
                        template=plan.template_id.name,
                        plan=plan.name,
                    )
                )

    # === ACTION METHODS === #

    def action_create_template(self):
        """Build the template in the background; the form shows how far it is."""
        self.ensure_one()
        template = self._prepare_template()
        template._start_operation("build_template", self._prepare_build_arguments())
        return self._get_template_action(template)

    def action_open_clients(self):
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id(
            "saas_portal.saas_portal_client_action"
        )
        return {**action, "domain": [("plan_id", "=", self.id)], "context": {}}

    def _get_template_action(self, template):
        return {
            "type": "ir.actions.act_window",
            "res_model": "saas_portal.database",
            "res_id": template.id,
            "view_mode": "form",
            "views": [(False, "form")],
        }

    # === BUSINESS METHODS - TEMPLATES === #

    def create_template(self, addons=None):
        """Build the template and wait for it.

        :param addons: more apps, as a list or a text with commas
        :return: ``{"id", "name", "state"}`` of the template
        """
        self._check_one()
        self.check_access("write")
        template_id = in_own_transaction(self, lambda plan: plan._prepare_template().id)
        template = self.env["saas_portal.database"].browse(template_id)
        return template._perform_operation(
            "build_template", self._prepare_build_arguments(self._parse_addons(addons))
        )

    def _parse_addons(self, addons):
        try:
            return parse_names("addons", addons)
        except PayloadError as error:
            raise UserError(str(error)) from error

    def _prepare_template(self):
        """The template's record, made on first use."""
        self.check_access("write")
        if not self.template_id:
            server = self._get_server()
            slug = re.sub(r"[^a-z0-9]+", "-", self.name.lower()).strip("-")[:30]
            self.template_id = self.env["saas_portal.database"].create(
                {"name": f"template-{slug or 'plan'}-{self.id}", "server_id": server.id}
            )
        return self.template_id

    def _prepare_build_arguments(self, addons=()):
        return {
            "addons": list(dict.fromkeys([*self._get_app_names(), *addons])),
            "languages": list(dict.fromkeys(["en_US", self.lang or "en_US"])),
            "demo": self.demo,
        }

    def _get_app_names(self):
        return parse_names("app_names", self.app_names)

    def _get_server(self):
        server = self.server_id or self.template_id.server_id
        server = server or self.env["saas_portal.server"].search([], limit=1)
        if not server:
            raise UserError(self.env._("There is no server yet; make one first."))
        return server

    # === BUSINESS METHODS - CLIENTS === #

    def create_new_database(
        self,
        dbname=None,
        client_id=None,
        partner_id=None,
        user_id=None,
        notify_user=True,
        trial=False,
        support_team_id=None,
        owner_password=None,
        async_creation=False,
        **kwargs,
    ):
        """Create a client database from this plan.

        :param str dbname: name of the database and host; empty: from the plan's pattern
        :param str client_id: uuid of a new client record to use; empty: a new one
        :param int partner_id: the customer; empty: the partner of the owner
        :param int user_id: the portal user who becomes the owner; empty: the caller
        :param bool notify_user: send the plan's welcome mail
        :param bool trial: expires after the plan's trial hours, counts for the limit of trials
        :param int support_team_id: who looks after it
        :param str owner_password: with which the owner logs in to his own database
        :param bool async_creation: return at once (also under the name ``async``)
        :return: ``{"url", "id", "client_id", "auth_url"}``: address, id and uuid of the client
        :raises UserError: nothing was created then, or the client says why it is broken
        """
        self._check_one()
        if unknown := set(kwargs) - {"async"}:
            raise UserError(
                self.env._("Unknown arguments: %(names)s", names=", ".join(sorted(unknown)))
            )
        return self._create_new_database(
            {
                "dbname": dbname,
                "client_id": client_id,
                "partner_id": partner_id,
                "user_id": user_id,
                "trial": self._parse_flag("trial", trial),
                "support_team_id": support_team_id,
                "owner_password_hash": self._hash_password(owner_password),
            },
            notify_user=self._parse_flag("notify_user", notify_user),
            background=self._parse_flag("async", async_creation or kwargs.get("async")),
        )

    def _parse_flag(self, name, value):
        try:
            return parse_bool(name, value)
        except PayloadError as error:
            raise UserError(str(error)) from error

    def _create_new_database(self, request, notify_user, background):
        vals, secrets = self.env["saas_portal.client"]._prepare_request(self, **request)
        client_id, operation_id, answer = self._request_client(
            vals, {"notify_user": notify_user}, secrets, background
        )
        if not background:
            operation = self.env["saas_portal.operation"].browse(operation_id)
            operation._run_to_end(lock=("saas_portal.client", client_id))
        return {"id": client_id, **answer}

    def _hash_password(self, password):
        """What the client stores; the password itself is stored nowhere, not even encrypted."""
        if not password:
            return False
        if not isinstance(password, str):
            raise UserError(self.env._("The owner's password is a text."))
        return self.env["res.users"]._crypt_context().hash(password)

    def _check_one(self):
        """One plan that exists, and a caller who may sell it."""
        if not self.env.su and not self.env.user.has_group("saas_portal.group_user"):
            raise AccessError(self.env._("Only users of the SaaS Portal may do this."))
        if len(self) != 1 or not self.exists():
            raise UserError(
                self.env._(
                    "Give one plan that exists, not %(ids)s.",
                    ids=", ".join(map(str, self.ids)) or self.env._("none"),
                )
            )
        self.check_access("read")

    def _request_client(self, vals, arguments, secrets, background):
        """Reserve name and place within the limits, in one transaction that ends here.

        :return: (id of the client, id of the operation, the other values of the answer)
        """
        # Servers may take their time to answer: they are asked while nobody waits for the plan.
        vals = self._settle_name(vals)
        try:
            # One request of a plan at a time: two callers must not both be the last one allowed.
            with locked(self.env, self._name, self.id, wait=60) as env:
                plan = self.with_env(env)
                client = plan._create_client(vals)
                operation = client._start_operation("create", arguments, secrets, background)
                client._set_building()
                answer = {
                    "client_id": client.client_id,
                    "url": client._get_login_url(),
                    "auth_url": client._get_auth_url(),
                }
                env.flush_all()
                if not background and client.server_id._is_within():
                    # Whoever asks is not answered before the database has its name.
                    leave_to_later_commits(env)
                return client.id, operation.id, answer
        except Busy as error:
            raise UserError(
                self.env._("The plan %(plan)s is busy; try again.", plan=self.name)
            ) from error
        except UniqueViolation as error:
            raise UserError(
                self.env._("The name %(name)s is taken.", name=vals.get("name"))
            ) from error

    def _settle_name(self, vals):
        """The values of a client with a name that is free by records and server, as of now."""
        plan, server_id = self.sudo(), vals["server_id"]
        plan._check_quota(vals)
        if not vals["name"]:
            return {**vals, "name": plan._generate_dbname(server_id)}
        self.env["saas_portal.client"]._check_name_free(vals["name"], server_id, vals.get("id"))
        return vals

    def _create_client(self, vals):
        self._check_quota(vals)
        client_id = vals.get("id")
        vals = {name: value for name, value in vals.items() if name != "id"}
        clients = self.env["saas_portal.client"]
        if taken := clients._find_name_holder(vals["name"], client_id).name:
            raise UserError(self.env._("The name %(name)s is taken.", name=taken))
        clients._release_name(vals["name"])
        if client_id:
            client = clients.browse(client_id)
            client.write(vals)
            return client
        # Its history begins with the change of its state.
        return clients.with_context(mail_create_nolog=True).create(vals)

    def _get_quota_domain(self):
        """Which clients of the plan count to what a customer may have; serves as a hook."""
        return [("plan_id", "=", self.id), ("state", "in", COUNTED_STATES)]

    def _check_quota(self, vals):
        """Refuse a client with these values that a customer has no right to any more."""
        trial = vals["trial"]
        limit = (
            self.maximum_allowed_trial_dbs_per_partner
            if trial
            else self.maximum_allowed_dbs_per_partner
        )
        if not limit:
            return
        count = self.env["saas_portal.client"].search_count(
            [
                ("partner_id", "=", vals["partner_id"]),
                ("trial", "=", trial),
                *self._get_quota_domain(),
            ]
        )
        if count >= limit:
            raise UserError(
                self.env._(
                    "The plan %(plan)s allows %(limit)s databases for one customer; there are"
                    " %(count)s.",
                    plan=self.name,
                    limit=limit,
                    count=count,
                )
                if not trial
                else self.env._(
                    "The plan %(plan)s allows %(limit)s trials for one customer; there are"
                    " %(count)s.",
                    plan=self.name,
                    limit=limit,
                    count=count,
                )
            )

    def generate_dbname(self):
        """The next free name of the plan's pattern; uses up a number."""
        self._check_one()
        return self._generate_dbname(self._get_server().id)

    def _get_expiration(self, trial):
        """When a client that is made now expires; False: never."""
        if trial:
            life = timedelta(hours=self.expiration)
        else:
            life = timedelta(days=self.period_days)
        return bool(life) and fields.Datetime.now() + life

    def _generate_dbname(self, server_id):
        if not self.dbname_template:
            raise UserError(
                self.env._(
                    "Give a name for the database: the plan %(plan)s has no pattern for names.",
                    plan=self.name,
                )
            )
        clients = self.env["saas_portal.client"]
        for _attempt in range(_MAX_GENERATED_NAMES):
            number = self.env["ir.sequence"].sudo().next_by_code("saas_portal.plan")
            name = expand_pattern(self.dbname_template, number)
            if not clients._find_taken_name(name, server_id):
                return name
        raise UserError(
            self.env._(
                "No free name was found for the pattern %(pattern)s.", pattern=self.dbname_template
            )
        )
