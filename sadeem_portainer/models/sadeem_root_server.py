import re

from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError

from ..errors import told_to_user
from ..lib.root_ssh import HostFacts, SshSession, read_private_key

_SETTLED_FIELDS = {"host", "port", "username", "host_key"}


class SadeemRootServer(models.Model):
    """A machine that we reach by SSH, known by the host key that it showed first."""

    _name = "sadeem.root.server"
    _description = "Root Server"
    _inherit = ["mail.thread", "sadeem.secret.mixin"]
    _order = "name, id"

    _secrets = ("password", "private_key", "passphrase")

    name = fields.Char(required=True, tracking=True)
    host = fields.Char(required=True, tracking=True, help="Name or address of the machine.")
    port = fields.Integer(required=True, default=22, tracking=True)
    username = fields.Char(
        required=True, default="root", tracking=True, help="root, or a user who may use sudo."
    )
    auth = fields.Selection(
        [("password", "Password"), ("key", "Private Key")],
        string="Log In With",
        required=True,
        default="password",
        tracking=True,
    )
    password = fields.Char(
        compute="_compute_secrets",
        inverse="_inverse_secrets",
        exportable=False,
        help="For the login, and for sudo. It is kept encrypted and never shown again.",
    )
    password_cipher = fields.Char(groups=fields.NO_ACCESS, copy=False)
    private_key = fields.Text(
        compute="_compute_secrets",
        inverse="_inverse_secrets",
        exportable=False,
        help="The text of the key file. It is kept encrypted and never shown again.",
    )
    private_key_cipher = fields.Text(groups=fields.NO_ACCESS, copy=False)
    passphrase = fields.Char(
        compute="_compute_secrets", inverse="_inverse_secrets", exportable=False
    )
    passphrase_cipher = fields.Char(groups=fields.NO_ACCESS, copy=False)
    has_secret = fields.Boolean(compute="_compute_has_secret")
    state = fields.Selection(
        [("draft", "Draft"), ("confirmed", "Confirmed"), ("cancelled", "Cancelled")],
        required=True,
        readonly=True,
        default="draft",
        copy=False,
        tracking=True,
    )
    host_key = fields.Char(
        readonly=True,
        copy=False,
        tracking=True,
        help="Fingerprint of the only host key that is accepted. Compare it with what"
        " “ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub” shows on the machine.",
    )
    active = fields.Boolean(default=True, tracking=True)
    country_id = fields.Many2one("res.country", tracking=True)
    portainer_ids = fields.One2many("sadeem.portainer", "root_server_id")
    environment_ids = fields.One2many("sadeem.portainer.environment", "root_server_id")
    os_name = fields.Char(string="Operating System", readonly=True, copy=False)
    is_supported = fields.Boolean(readonly=True, copy=False)
    architecture = fields.Char(readonly=True, copy=False)
    cpu_cores = fields.Integer(string="CPU Cores", readonly=True, copy=False)
    total_ram_mb = fields.Integer(string="Total RAM (MB)", readonly=True, copy=False)
    disk_total_mb = fields.Integer(string="Disk (MB)", readonly=True, copy=False)
    disk_free_mb = fields.Integer(string="Free Disk (MB)", readonly=True, copy=False)
    docker_version = fields.Char(readonly=True, copy=False)
    last_seen = fields.Datetime(readonly=True, copy=False)

    _port_range = models.Constraint(
        "CHECK (port BETWEEN 1 AND 65535)", "A port is a number from 1 to 65535."
    )

    # === COMPUTE METHODS === #

    @api.depends("auth", "password_cipher", "private_key_cipher")
    def _compute_has_secret(self):
        for server in self:
            name = "private_key" if server.auth == "key" else "password"
            server.has_secret = server._has_secret(name)

    # === CONSTRAINT METHODS === #

    @api.constrains("host", "username")
    def _check_host(self):
        for server in self:
            self._check_address(server.host)
            if not re.fullmatch(r"[a-z_][a-z0-9_.-]*", server.username):
                raise ValidationError(
                    self.env._("%(name)s is no name of a user.", name=server.username)
                )

    @api.model
    def _check_address(self, address: str):
        if not re.fullmatch(r"[A-Za-z0-9:][A-Za-z0-9.:-]*", address):
            raise ValidationError(
                self.env._("%(host)s is no name or address of a machine.", host=address)
            )

    @api.constrains("private_key", "private_key_cipher", "passphrase", "passphrase_cipher")
    def _check_private_key(self):
        for server in self:
            if key := server._get_secret("private_key"):
                with told_to_user():
                    read_private_key(key, server._get_secret("passphrase") or None)

    # === CRUD METHODS === #

    def write(self, vals):
        fixed = self.filtered(lambda server: server.state == "confirmed")
        if _SETTLED_FIELDS & set(vals) and fixed:
            raise UserError(
                self.env._(
                    "%(server)s is confirmed: reset it to draft before you change how it is"
                    " reached.",
                    server=", ".join(fixed.mapped("name")),
                )
            )
        if vals.get("active") is False or {"host", "port", "username"} & set(vals):
            self._check_idle()
        if "host" in vals:
            moved = self.filtered(lambda server: server.host != vals["host"])
            # Credentials are for the machine they were entered for.
            super(SadeemRootServer, moved.sudo()).write(moved._prepare_forgotten_vals())
        return super().write(vals)

    @api.ondelete(at_uninstall=False)
    def _unlink_except_busy(self):
        self._check_idle()

    def _prepare_forgotten_vals(self) -> dict:
        """What is forgotten when the record becomes another machine's."""
        return {f"{name}_cipher": False for name in self._secrets} | {"host_key": False}

    # === ACTION METHODS === #

    def action_reset_to_draft(self):
        self.check_access("write")
        self._check_idle()
        self.write({"state": "draft"})
        # Whatever host key it shows at the next confirmation is pinned anew.
        self.write({"host_key": False})
        return True

    def action_cancel(self):
        self.check_access("write")
        self._check_idle()
        self.write({"state": "cancelled"})
        return True

    # === BUSINESS METHODS === #

    def _get_session(self) -> SshSession:
        """A session with this machine, to be used in ``with``; its host key must be pinned."""
        self.ensure_one()
        if not self.has_secret:
            raise UserError(
                self.env._(
                    "%(server)s needs a password or a private key to log in.", server=self.name
                )
            )
        if not self.host_key:
            raise UserError(
                self.env._("%(server)s is not confirmed. Confirm it first.", server=self.name)
            )
        with_key = self.auth == "key"
        return SshSession(
            self.host,
            self.port,
            self.username,
            host_key=self.host_key,
            password=self._get_secret("password") or None,
            key=self._get_secret("private_key") if with_key else None,
            passphrase=(self._get_secret("passphrase") or None) if with_key else None,
        )

    def _note_facts(self, facts: HostFacts):
        self.write(
            {
                "os_name": facts.os_name,
                "is_supported": facts.is_supported,
                "architecture": facts.architecture,
                "cpu_cores": facts.cores,
                "total_ram_mb": facts.ram_bytes // 2**20,
                "disk_total_mb": facts.disk_bytes // 2**20,
                "disk_free_mb": facts.disk_free_bytes // 2**20,
                "docker_version": facts.docker_version,
                "last_seen": fields.Datetime.now(),
            }
        )
