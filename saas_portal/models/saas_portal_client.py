import uuid

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError, ValidationError

from ..const import (
    BROKEN,
    BUILDING,
    CLIENT_STATES,
    CLIENT_TRANSITIONS,
    DELETED,
    DRAFT,
    LIVE_STATES,
    OPEN,
    PENDING,
)
from ..lib.saas_driver import ClientRef, DriverError
from ..lib.saas_rules import InvalidName, check_name
from ..lib.saas_rules.payload import (
    EXPIRATION,
    MAX_USERS,
    STORAGE_LIMIT,
    SUSPENDED,
    VISIBLE_MODULES,
)
from ..lib.saas_wire import ClientConnection, Transport

#: Only operations write these; a person or script changes them through what starts an operation.
_GUARDED_FIELDS = frozenset(
    {"name", "client_id", "state", "server_id", "plan_id", "template_id", "owner_id"}
    | {"name_released", "suspended_for", "users_len", "file_storage", "db_storage", "trash_name"}
    | {"active", "company_id", "trial", "storage_exceed", "expired", "notification_sent"}
    | {"expiry_suspended"}
    | {"synced_at", "sync_tried_at", "unreachable_since", "deleted_at", "purge_at"}
    | {"rung", "suspension_reason", "suspension_notice", "policy_serial"}
    | {"hidden_parameters", "record_limits"}
    | {"key_id", "login_portal_url"}
)
#: Fields that a client has to be told of: field → parameter.
_PUSHED_FIELDS = {
    "max_users": MAX_USERS,
    "total_storage_limit": STORAGE_LIMIT,
    "expiration_datetime": EXPIRATION,
    "visible_addons": VISIBLE_MODULES,
}


class SaasPortalClient(models.Model):
    """A customer's database.

    draft → building → open ⇄ pending (suspended) → deleted; broken with a cause, and a way back by
    retrying. The name is the database's name and its host name. Only operations change a client.
    """

    _name = "saas_portal.client"
    _description = "SaaS Client"
    _inherit = ["mail.thread", "mail.activity.mixin", "saas_portal.operation.mixin"]
    _order = "id desc"
    _operation_link = "client_id"

    name = fields.Char(
        string="Database",
        required=True,
        readonly=True,
        tracking=True,
        copy=False,
        index="trigram",
    )
    active = fields.Boolean(compute="_compute_active", store=True)
    client_id = fields.Char(
        string="Database UUID",
        required=True,
        readonly=True,
        copy=False,
        default=lambda self: str(uuid.uuid4()),
    )
    state = fields.Selection(
        CLIENT_STATES,
        required=True,
        default=DRAFT,
        readonly=True,
        copy=False,
        tracking=True,
        index=True,
        group_expand="_group_expand_state",
    )
    plan_id = fields.Many2one(
        "saas_portal.plan", readonly=True, ondelete="restrict", index=True, tracking=True
    )
    server_id = fields.Many2one(
        "saas_portal.server", readonly=True, required=True, ondelete="restrict", index=True
    )
    company_id = fields.Many2one("res.company", readonly=True, index=True)
    partner_id = fields.Many2one(
        "res.partner",
        string="Customer",
        required=True,
        ondelete="restrict",
        index=True,
        tracking=True,
    )
    owner_id = fields.Many2one(
        "res.users",
        readonly=True,
        ondelete="restrict",
        index=True,
        help="The portal user who owns the database and logs in to it under the same login.",
    )
    user_id = fields.Many2one(
        "res.users",
        string="Salesperson",
        default=lambda self: self.env.user._is_internal() and self.env.user,
        tracking=True,
        index="btree_not_null",
    )
    support_team_id = fields.Many2one(
        "saas_portal.support_team",
        default=lambda self: self.env.ref(
            "saas_portal.main_support_team", raise_if_not_found=False
        ),
        tracking=True,
    )
    host = fields.Char(related="name", string="Host")
    public_url = fields.Char(string="Address", compute="_compute_public_url")
    trial = fields.Boolean(readonly=True, tracking=True)
    max_users = fields.Integer(string="User Limit", tracking=True, help="0 is unlimited.")
    total_storage_limit = fields.Integer(
        string="Storage Limit (MB)", tracking=True, help="Database and files; 0 is unlimited."
    )
    users_len = fields.Integer(string="Users", readonly=True)
    file_storage = fields.Float(string="Files (MB)", readonly=True, digits=(12, 1))
    db_storage = fields.Float(string="Database (MB)", readonly=True, digits=(12, 1))
    total_storage = fields.Float(
        string="Storage (MB)", compute="_compute_total_storage", store=True, digits=(12, 1)
    )
    storage_exceed = fields.Boolean(string="Storage Exceeded", readonly=True, tracking=True)
    visible_addons = fields.Char(
        string="Visible Apps", help="Apps in the client's list, with commas; empty: all."
    )
    expiration_datetime = fields.Datetime(string="Expires", tracking=True)
    expired = fields.Boolean(readonly=True)
    notification_sent = fields.Boolean(readonly=True)
    block_on_expiration = fields.Boolean(tracking=True)
    block_on_storage_exceed = fields.Boolean(tracking=True)
    suspended_for = fields.Selection(
        [("operator", "the operator"), ("storage", "its storage")],
        string="Suspended by",
        readonly=True,
        help="What is suspended for its storage goes on by itself when the storage shrinks.",
    )
    synced_at = fields.Datetime(string="Last Seen", readonly=True)
    unreachable_since = fields.Datetime(readonly=True)
    deleted_at = fields.Datetime(readonly=True)
    purge_at = fields.Datetime(string="Dropped after", readonly=True)
    trash_name = fields.Char(readonly=True)
    name_released = fields.Boolean(readonly=True, help="Another client may take the name.")
    operation_ids = fields.One2many("saas_portal.operation", "client_id", string="Operations")
    operation_count = fields.Integer(compute="_compute_operation_count")

    _name_unique = models.UniqueIndex(
        "(lower(name)) WHERE NOT COALESCE(name_released, FALSE)", "Another client has this name."
    )
    _inactive_index = models.Index("(id) WHERE active IS NOT TRUE")
    _purge_index = models.Index("(purge_at) WHERE trash_name IS NOT NULL")
    _client_id_unique = models.Constraint("UNIQUE (client_id)", "This uuid belongs to a client.")
    _limits_not_negative = models.Constraint(
        "CHECK (max_users >= 0 AND total_storage_limit >= 0)",
        "A limit is 0 (unlimited) or more.",
    )

    # === COMPUTE METHODS === #

    @api.depends("state", "name_released")
    def _compute_active(self):
        for client in self:
            client.active = client.state != DELETED

    @api.depends("name", "server_id.request_scheme", "server_id.request_port")
    def _compute_public_url(self):
        for client in self:
            server = client.sudo().server_id
            client.public_url = server and client.name and server._get_public_url(client.name)

    @api.depends("file_storage", "db_storage")
    def _compute_total_storage(self):
        for client in self:
            client.total_storage = client.file_storage + client.db_storage

    @api.depends("operation_ids")
    def _compute_operation_count(self):
        counts = dict(
            self.env["saas_portal.operation"]._read_group(
                [("client_id", "in", self.ids)], ["client_id"], ["__count"]
            )
        )
        for client in self:
            client.operation_count = counts.get(client, 0)

    @api.model
    def _group_expand_state(self, states, domain):
        """The columns of the kanban: where clients pass through, and where they should not stay."""
        shown = [BUILDING, OPEN, PENDING, BROKEN]
        return shown + [state for state in states if state not in shown]

    # === CONSTRAINT METHODS === #

    @api.constrains("name")
    def _check_name(self):
        for client in self:
            try:
                check_name(client.name)
            except InvalidName as error:
                raise ValidationError(str(error)) from error

    # === CRUD METHODS === #

    def write(self, vals):
        """Guard what operations alone may write, and tell clients of what they have to know."""
        if not self.env.su and (guarded := _GUARDED_FIELDS & vals.keys()):
            raise AccessError(
                self.env._(
                    "%(fields)s of a client cannot be written; use the operations for it.",
                    fields=", ".join(sorted(guarded)),
                )
            )
        pushed = [] if self.env.su else [name for name in _PUSHED_FIELDS if name in vals]
        before = {client: [client[name] for name in pushed] for client in self} if pushed else {}
        result = super().write(vals)
        for client, values in before.items():
            told = client.state in (BUILDING, *LIVE_STATES)
            if told and values != [client[name] for name in pushed]:
                client._start_operation("configure", {"payload": client._prepare_push(pushed)})
        return result

    @api.ondelete(at_uninstall=False)
    def _unlink_except_database_exists(self):
        for client in self:
            gone = client.state in (DRAFT, DELETED) or client.name_released
            if client.trash_name or not gone:
                raise UserError(
                    self.env._(
                        "%(name)s has a database; delete that first, then the record.",
                        name=client.name,
                    )
                )

    # === ACTION METHODS === #

    def _get_form_action(self):
        """What shows the form of this client."""
        return {
            "type": "ir.actions.act_window",
            "res_model": self._name,
            "res_id": self.id,
            "view_mode": "form",
            "views": [(False, "form")],
        }

    def action_suspend(self):
        """Let nobody into these clients."""
        return self._configure_each({"params": [{"key": SUSPENDED, "value": "1", "hidden": True}]})

    def action_resume(self):
        """Let people in again."""
        return self._configure_each({"params": [{"key": SUSPENDED, "value": "0", "hidden": True}]})

    def action_sync(self):
        """Read users, storage and state from the servers."""
        self.check_access("write")
        failed = {}
        for client in self.filtered(lambda client: client.state in LIVE_STATES):
            if reason := client._sync():
                failed[client.name] = reason
        return self._notify_outcome(self.env._("Synchronised"), failed)

    def sync_client(self):
        """Read users, storage and state from the servers (the name that scripts know)."""
        self.action_sync()
        return True

    def action_open(self):
        """Open the client's login page in a new tab."""
        self.ensure_one()
        return {"type": "ir.actions.act_url", "url": self._get_login_url(), "target": "new"}

    def action_restore(self):
        """Bring deleted clients back under their names."""
        self.check_access("unlink")
        for client in self:
            if client.state != DELETED or not client.trash_name:
                raise UserError(
                    self.env._("%(name)s cannot be restored any more.", name=client.name)
                )
            client._perform_operation("restore")
        return True

    def action_purge(self):
        """Drop the databases of deleted clients now instead of after the retention days."""
        self.check_access("unlink")
        for client in self.filtered("trash_name"):
            client._perform_operation("purge")
        return True

    def action_retry(self):
        self.ensure_one()
        self.check_access("write")
        return self.current_operation_id.action_retry()

    def action_cancel(self):
        self.ensure_one()
        self.check_access("write")
        return self.current_operation_id.action_cancel()

    def action_open_operations(self):
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id(
            "saas_portal.saas_portal_operation_action"
        )
        return {**action, "domain": [("client_id", "=", self.id)], "context": {}}

    def _configure_each(self, payload):
        results = self.env["saas.config"]._configure_clients(payload, self)
        failed = {name: result["error"] for name, result in results.items() if "error" in result}
        if failed and len(self) == 1:
            raise UserError(next(iter(failed.values())))
        return self._notify_outcome(self.env._("Done"), failed)

    def _notify_outcome(self, title, failed):
        if failed:
            message = "\n".join(f"{name}: {reason}" for name, reason in failed.items())
        else:
            message = self.env._("%(count)s clients, no failure.", count=len(self))
        return {
            "type": "ir.actions.client",
            "tag": "display_notification",
            "params": {
                "type": "warning" if failed else "success",
                "title": title,
                "message": message,
                "sticky": bool(failed),
                "next": {"type": "ir.actions.client", "tag": "soft_reload"},
            },
        }

    # === BUSINESS METHODS - STATE === #

    def _update_state(self, target, **vals):
        """The only place where the state changes."""
        for client in self:
            if client.state == target:
                client.write(vals)
            elif client.state in CLIENT_TRANSITIONS[target]:
                client.write({"state": target, **vals})
            else:
                raise UserError(
                    self.env._(
                        "%(name)s is %(state)s and cannot become %(target)s.",
                        name=client.name,
                        state=client.state,
                        target=target,
                    )
                )

    def _set_building(self):
        self._update_state(BUILDING, name_released=False)

    def _set_open(self):
        self._update_state(OPEN, suspended_for=False)

    def _set_suspended(self, reason):
        self._update_state(PENDING, suspended_for=reason)

    def _set_broken(self, release_name):
        self._update_state(BROKEN, name_released=release_name)

    def _set_deleted(self, **vals):
        self._update_state(DELETED, name_released=True, deleted_at=fields.Datetime.now(), **vals)

    # === BUSINESS METHODS - NAMES === #

    @api.model
    def _find_name_holder(self, name, client_id=None):
        """The other client that has this name by the records, capitals not counting."""
        return self.sudo().search(
            [
                ("name", "=ilike", name.replace("_", r"\_")),
                ("name_released", "=", False),
                ("id", "!=", client_id),
            ],
            limit=1,
        )

    @api.model
    def _find_taken_name(self, name, server_id, client_id=None):
        """The client or database that has this name already, capitals not counting."""
        if other := self._find_name_holder(name, client_id):
            return other.name
        server = self.env["saas_portal.server"].sudo().browse(server_id)
        try:
            status = server._find_database(name)
        except DriverError as error:
            raise UserError(
                self.env._(
                    "The server %(server)s does not answer: %(reason)s",
                    server=server.name,
                    reason=error,
                )
            ) from error
        # What an interrupted creation or move of the client itself left does not count.
        own = client_id and status.key == self.sudo().browse(client_id).client_id
        return status.exists and not own and status.name

    @api.model
    def _check_name_free(self, name, server_id, client_id=None):
        if taken := self._find_taken_name(name, server_id, client_id):
            raise UserError(self.env._("The name %(name)s is taken.", name=taken))

    @api.model
    def _release_name(self, name):
        """Put away broken clients that gave this name up, so that a search finds one client."""
        self.sudo().search(
            [("name", "=", name), ("name_released", "=", True), ("state", "=", BROKEN)]
        )._set_deleted()

    # === BUSINESS METHODS - GETTERS === #

    def _get_login_url(self):
        self.ensure_one()
        return f"{self.public_url}web/login"

    def _get_ref(self) -> ClientRef:
        self.ensure_one()
        return ClientRef(self.name, self.client_id)

    def _get_transport(self) -> Transport:
        """How requests travel to this client; addons whose clients live apart extend this."""
        return self.server_id._get_transport()

    def _get_connection(self) -> ClientConnection:
        """The client's gateway, spoken to in the portal's name."""
        self.ensure_one()
        keyring = self.env["saas_portal.keyring"]
        return ClientConnection.open(
            self._get_transport(),
            self._get_signing_key(),
            keyring._get_portal_uuid(),
            self.name,
            self.client_id,
        )

    def _prepare_push(self, field_names):
        """The payload that tells the client of these fields."""
        self.ensure_one()
        params = []
        for name in field_names:
            key, value = _PUSHED_FIELDS[name], self[name]
            if name == "expiration_datetime":
                value = fields.Datetime.to_string(value) if value else False
            hidden = key in (self.hidden_parameters or [])
            params.append({"key": key, "value": value or False, "hidden": hidden})
        return {"params": params}
