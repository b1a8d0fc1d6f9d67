import re
from urllib.parse import urlsplit

from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError
from odoo.tools import config

from ..errors import told_to_user
from ..lib.portainer_api import (
    PortainerClient,
    PortainerError,
    TlsPolicy,
    UntrustedCertificate,
    fetch_fingerprint,
)
from ..transactions import Busy, in_own_transaction, locked

OLDEST_VERSION = (2, 19)
#: What says where the server is and how it is trusted: settled while it is confirmed.
_SETTLED_FIELDS = {"portainer_link", "access_token", "skip_ssl_verify", "tls_fingerprint"}


class SadeemPortainer(models.Model):
    """A Portainer server: where it is, how it is trusted, and the token that drives it."""

    _name = "sadeem.portainer"
    _description = "Portainer Server"
    _inherit = ["mail.thread", "sadeem.secret.mixin"]
    _order = "name, id"

    _secrets = ("access_token",)

    name = fields.Char(required=True, tracking=True)
    ip = fields.Char(string="IP", required=True, tracking=True)
    portainer_link = fields.Char(
        required=True, tracking=True, help="Full address, such as https://10.0.0.5:9443"
    )
    public_link = fields.Char(
        string="Address for Browsers",
        tracking=True,
        help="Where people reach Portainer when the link above is this machine's only; empty: the"
        " same. Nothing is sent there.",
    )
    panel_link = fields.Char(string="Portainer", compute="_compute_panel_link")
    access_token = fields.Char(
        compute="_compute_secrets",
        inverse="_inverse_secrets",
        copy=False,
        exportable=False,
        help="Of an administrator of Portainer. It is kept encrypted and never shown again.",
    )
    access_token_cipher = fields.Char(groups=fields.NO_ACCESS, copy=False)
    has_access_token = fields.Boolean(compute="_compute_has_access_token")
    state = fields.Selection(
        [("draft", "Draft"), ("confirmed", "Confirmed"), ("cancelled", "Cancelled")],
        required=True,
        readonly=True,
        default="draft",
        copy=False,
        tracking=True,
    )
    root_server_id = fields.Many2one("sadeem.root.server", index=True, tracking=True)
    is_master = fields.Boolean(string="Master Portainer", tracking=True)
    skip_ssl_verify = fields.Boolean(
        string="Skip SSL Verify",
        tracking=True,
        help="Unsafe: whoever is between can read the token and command every container. A"
        " certificate that the server signed itself is pinned on confirmation without this.",
    )
    tls_fingerprint = fields.Char(
        string="Pinned Certificate",
        readonly=True,
        copy=False,
        help="SHA-256 fingerprint of the only certificate that is accepted; empty: any that the"
        " authorities of this machine vouch for.",
    )
    is_unsafe = fields.Boolean(compute="_compute_is_unsafe")
    trust = fields.Selection(
        [("verified", "Verified"), ("pinned", "Pinned"), ("unsafe", "Unsafe")],
        string="TLS",
        compute="_compute_trust",
        help="Whether the server shows a certificate that the authorities of this machine vouch"
        " for, the one that was pinned, or is not checked at all.",
    )
    country_id = fields.Many2one("res.country", tracking=True)
    country_state_id = fields.Many2one(
        "res.country.state",
        string="State/Province",
        tracking=True,
        domain="[('country_id', '=?', country_id)]",
    )
    active = fields.Boolean(default=True, tracking=True)
    version = fields.Char(readonly=True, copy=False)
    last_seen = fields.Datetime(readonly=True, copy=False)
    last_error = fields.Text(readonly=True, copy=False)
    environment_ids = fields.One2many("sadeem.portainer.environment", "portainer_id")
    environment_count = fields.Integer(compute="_compute_counts")
    stack_count = fields.Integer(compute="_compute_counts")

    # === COMPUTE METHODS === #

    @api.depends("access_token_cipher")
    def _compute_has_access_token(self):
        for server in self:
            server.has_access_token = server._has_secret("access_token")

    @api.depends("portainer_link", "public_link")
    def _compute_panel_link(self):
        for server in self:
            server.panel_link = (server.public_link or server.portainer_link or "").rstrip("/")

    @api.depends("portainer_link", "skip_ssl_verify")
    def _compute_is_unsafe(self):
        for server in self:
            link = server.portainer_link or "https:"
            server.is_unsafe = server.skip_ssl_verify or not link.startswith("https:")

    @api.depends("is_unsafe", "tls_fingerprint", "state")
    def _compute_trust(self):
        for server in self:
            trust = "pinned" if server.tls_fingerprint else "verified"
            # Of a draft that is not decided yet.
            settled = server.tls_fingerprint or server.state == "confirmed"
            server.trust = "unsafe" if server.is_unsafe else trust if settled else False

    @api.depends("environment_ids")
    def _compute_counts(self):
        stacks = dict(
            self.env["sadeem.portainer.stack"]._read_group(
                [("portainer_id", "in", self.ids)], ["portainer_id"], ["__count"]
            )
        )
        for server in self:
            server.environment_count = len(server.environment_ids)
            server.stack_count = stacks.get(server, 0)

    # === CONSTRAINT METHODS === #

    @api.constrains("portainer_link", "public_link")
    def _check_portainer_link(self):
        for server in self:
            for link in filter(None, [server.portainer_link, server.public_link]):
                if not _is_address(link):
                    raise ValidationError(
                        self.env._(
                            "%(link)s is not an address like https://10.0.0.5:9443.", link=link
                        )
                    )

    @api.constrains("access_token_cipher", "access_token")
    def _check_access_token(self):
        for server in self:
            token = server._get_secret("access_token")
            if token and not re.fullmatch(r"[!-~]+", token.strip()):
                raise ValidationError(
                    self.env._("This is no access token: it holds blanks or unusual characters.")
                )

    # === CRUD METHODS === #

    def write(self, vals):
        settled = _SETTLED_FIELDS & set(vals)
        if settled and (fixed := self.filtered(lambda server: server.state == "confirmed")):
            raise UserError(
                self.env._(
                    "%(server)s is confirmed: reset it to draft before you change how it is"
                    " reached.",
                    server=", ".join(fixed.mapped("name")),
                )
            )
        if "portainer_link" in vals:
            moved = self.filtered(lambda server: server.portainer_link != vals["portainer_link"])
            # A token is for the server it was entered for, and is not sent to another one.
            super(SadeemPortainer, moved.sudo()).write(
                {"access_token_cipher": False, "tls_fingerprint": False}
            )
        if vals.get("active") is False:
            self.environment_ids._check_not_in_use()
        return super().write(vals)

    # === ACTION METHODS === #

    def action_confirm(self):
        """Talk to the server, decide how it is trusted, and read its environments in."""
        for server in self:
            server.check_access("write")
            if server.state == "cancelled":
                raise UserError(
                    self.env._(
                        "%(server)s is cancelled. Reset it to draft first.", server=server.name
                    )
                )
            if server.state != "confirmed":
                server._confirm()
        return True

    def action_reset_to_draft(self):
        self.check_access("write")
        # Whatever certificate it shows at the next confirmation is pinned anew.
        self.write({"state": "draft"})
        self.filtered("tls_fingerprint").write({"tls_fingerprint": False})
        return True

    def action_cancel(self):
        """Leave the server alone: nothing on it is read or changed any more."""
        self.check_access("write")
        self.write({"state": "cancelled"})
        return True

    def action_open_panel(self):
        self.ensure_one()
        self.check_access("read")
        return {"type": "ir.actions.act_url", "url": self.panel_link, "target": "new"}

    def action_refresh(self):
        """Read environments and their capacity; what does not answer is noted and shown."""
        self.check_access("write")
        failed = {}
        for server in self:
            if error := server._refresh():
                failed[server.name] = error
        return self._get_notification(self.env._("The environments are up to date."), failed)

    def action_open_environments(self):
        return self._get_related_action("sadeem_portainer_environment_action")

    def action_open_stacks(self):
        return self._get_related_action("sadeem_portainer_stack_action")

    # === BUSINESS METHODS === #

    def _get_client(self, tls: TlsPolicy | None = None) -> PortainerClient:
        """A client of this server, which must be confirmed.

        :param tls: for the confirmation itself, which decides how the server is trusted
        """
        self.ensure_one()
        if tls is None:
            self._check_confirmed()
            tls = self._get_tls_policy()
        token = self._get_secret("access_token")
        try:
            return PortainerClient(
                self.portainer_link, token, tls=tls, deploy_timeout=self._get_deploy_timeout()
            )
        except ValueError as error:
            raise UserError(
                self.env._("%(server)s: %(reason)s", server=self.name, reason=error)
            ) from error

    def _check_confirmed(self):
        if self.state != "confirmed":
            raise UserError(
                self.env._("%(server)s is not confirmed. Confirm it first.", server=self.name)
            )
        if not self.active:
            raise UserError(
                self.env._("%(server)s is archived. Bring it back first.", server=self.name)
            )

    def _get_tls_policy(self) -> TlsPolicy:
        if self.skip_ssl_verify:
            return TlsPolicy.insecure()
        if self.tls_fingerprint:
            return TlsPolicy.pinned(self.tls_fingerprint)
        return TlsPolicy.verify()

    @api.model
    def _get_deploy_timeout(self) -> int:
        """Seconds; shorter than what the workers of this Odoo live."""
        limit = config["limit_time_real"] or 0
        return max(min(900, limit - 30), 30) if limit > 0 else 900

    def _confirm(self):
        self.ensure_one()
        if not self.try_lock_for_update(allow_referencing=True):
            raise UserError(
                self.env._(
                    "Somebody else is confirming %(server)s. Wait until that is done.",
                    server=self.name,
                )
            )
        if not self.portainer_link or not self._has_secret("access_token"):
            raise UserError(
                self.env._("%(server)s needs a link and an access token.", server=self.name)
            )
        with told_to_user():
            tls = self._choose_tls_policy()
            with self._get_client(tls) as client:
                status = client.status()
                if status.version_info < OLDEST_VERSION:
                    raise UserError(
                        self.env._(
                            "%(server)s runs Portainer %(version)s; 2.19 or later is needed.",
                            server=self.name,
                            version=status.version,
                        )
                    )
                if not (user := client.me()).is_admin:
                    raise UserError(
                        self.env._(
                            "The access token belongs to %(user)s, who is no administrator of"
                            " Portainer. Enter the token of one.",
                            user=user.username,
                        )
                    )
                environments = client.list_environments(snapshots=True)
        self.write({"tls_fingerprint": tls.fingerprint or False})
        self.write({"state": "confirmed"})
        self._note_seen(status.version)
        known = self._sync_environments(environments)
        self.message_post(
            body=self.env._(
                "Portainer %(version)s answers as %(user)s; it knows %(count)s Docker"
                " environments.",
                version=status.version,
                user=user.username,
                count=len(known),
            )
        )
        if tls.fingerprint:
            self.message_post(
                body=self.env._(
                    "Its certificate is pinned: SHA-256 %(start)s…%(end)s.",
                    start=tls.fingerprint[:23],
                    end=tls.fingerprint[-23:],
                )
            )

    def _choose_tls_policy(self) -> TlsPolicy:
        """Verification if the certificate passes it, else a pin of the one that is shown now."""
        if self.skip_ssl_verify:
            return TlsPolicy.insecure()
        if self.tls_fingerprint:
            # An installation read it on the machine itself.
            return TlsPolicy.pinned(self.tls_fingerprint)
        policy = TlsPolicy.verify()
        try:
            with self._get_client(policy) as client:
                client.status()
        except UntrustedCertificate:
            policy = TlsPolicy.pinned(self._fetch_fingerprint())
        return policy

    def _fetch_fingerprint(self) -> str:
        return fetch_fingerprint(self.portainer_link)

    def _note_seen(self, version: str):
        self.write({"version": version, "last_seen": fields.Datetime.now(), "last_error": False})

    def _refresh(self) -> str:
        """Read the server anew; what went wrong is noted on the records and returned."""
        self.ensure_one()
        try:
            with locked(self):
                known = self._read_environments()
        except Busy:
            return self.env._("Somebody else is reading it at this moment.")
        if isinstance(known, str):
            return known
        return "\n".join(filter(None, [environment._refresh() for environment in known]))

    def _read_environments(self):
        """The environments that the server has now, or what went wrong."""
        try:
            with self._get_client() as client:
                status = client.status()
                environments = client.list_environments(snapshots=True)
        except (PortainerError, UserError) as error:
            text = str(error)
            in_own_transaction(self, lambda server: server.write({"last_error": text}))
            return text

        def note(server):
            server._note_seen(status.version)
            return server._sync_environments(environments).ids

        return self.env["sadeem.portainer.environment"].browse(in_own_transaction(self, note))

    def _sync_environments(self, environments):
        """Add the Docker environments that are new, mark those that are gone; returns the known."""
        self.ensure_one()
        Environment = self.env["sadeem.portainer.environment"].with_context(active_test=False)
        present = {
            record.portainer_environment_id: record
            for record in Environment.search([("portainer_id", "=", self.id)])
        }
        docker = {seen.id: seen for seen in environments if seen.is_docker}
        new = [
            self._prepare_environment_vals(seen)
            for number, seen in docker.items()
            if number not in present
        ]
        created = Environment.create(new)
        for number, record in present.items():
            if number not in docker and record.connection != "missing":
                record.connection = "missing"
            elif number in docker and record.connection == "missing":
                record.connection = "unknown"
            if number in docker and (snapshot := docker[number].snapshot):
                record._note_type(snapshot.is_swarm)
        kept = [record.id for number, record in present.items() if number in docker]
        return (created | Environment.browse(kept)).filtered("active")

    def _prepare_environment_vals(self, seen) -> dict:
        host = urlsplit(seen.url).hostname if "://" in seen.url else ""
        vals = {
            "name": seen.name,
            "ip": host or self.ip,
            "portainer_id": self.id,
            "portainer_environment_id": seen.id,
            "connection": "up" if seen.is_up else "down",
            "root_server_id": self.root_server_id.id if not host else False,
            "country_id": self.country_id.id,
            "country_state_id": self.country_state_id.id,
        }
        if snapshot := seen.snapshot:
            vals |= {
                "environment_type": "swarm" if snapshot.is_swarm else "standalone",
                "container_run": snapshot.running,
                "container_stop": snapshot.stopped,
                "container_total": snapshot.total,
                "cpu_cores": snapshot.cores,
                "total_ram_mb": snapshot.ram_bytes // 2**20,
            }
        return vals

    @api.model
    def _cron_refresh(self):
        """Read every confirmed server; one that does not answer keeps nothing from the others."""
        for server in self.search([("state", "=", "confirmed")]):
            server._refresh()
            unsettled = self.env["sadeem.portainer.stack"].search(
                [("portainer_id", "=", server.id), ("pending_action", "!=", False)]
            )
            for stack in unsettled:
                stack._check()

    @api.model
    def _get_notification(self, success: str, failed: dict[str, str]) -> dict:
        """Tell what came of it, then show the records as they are now."""
        lines = [f"{name}: {error}" if name else error for name, error in failed.items()]
        return {
            "type": "ir.actions.client",
            "tag": "display_notification",
            "params": {
                "type": "danger" if failed else "success",
                "sticky": bool(failed),
                "message": "\n".join(lines) or success,
                "next": {"type": "ir.actions.client", "tag": "soft_reload"},
            },
        }

    def _get_related_action(self, name: str) -> dict:
        self.ensure_one()
        self.check_access("read")
        action = self.env["ir.actions.act_window"]._for_xml_id(f"sadeem_portainer.{name}")
        context = {"default_portainer_id": self.id, "active_test": False}
        return {**action, "domain": [("portainer_id", "=", self.id)], "context": context}


def _is_address(link: str) -> bool:
    """Whether it is the address of a server, without credentials."""
    try:
        parts = urlsplit(link)
        whole = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        return False
    return bool(whole) and not (parts.username or parts.password)
