import logging
import re
import time
import uuid
from datetime import timedelta
from pathlib import Path

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError
from odoo.fields import Domain
from odoo.tools import config

_logger = logging.getLogger(__name__)

_FOLDER = "saas_backups"
#: A file of the folder that no record knows is an interrupted backup after so many seconds.
_ORPHAN_SECONDS = 24 * 3600


class SaasPortalClientBackup(models.Model):
    """A file on the portal's machine with all that a client held at one moment.

    pending → ready, or failed; removed when its days are over.
    """

    _name = "saas_portal.client.backup"
    _description = "Backup of a SaaS Client"
    _order = "id desc"
    _rec_name = "file_name"

    client_id = fields.Many2one(
        "saas_portal.client", required=True, readonly=True, ondelete="cascade", index=True
    )
    company_id = fields.Many2one(related="client_id.company_id", store=True)
    key = fields.Char(
        required=True,
        readonly=True,
        copy=False,
        default=lambda self: str(uuid.uuid4()),
        groups=fields.NO_ACCESS,
    )
    file_name = fields.Char(required=True, readonly=True)
    state = fields.Selection(
        [("pending", "Being Written"), ("ready", "Ready"), ("failed", "Failed")],
        required=True,
        readonly=True,
        default="pending",
    )
    user_id = fields.Many2one("res.users", string="Asked by", readonly=True)
    made_at = fields.Datetime(readonly=True)
    expires_at = fields.Datetime(string="Kept until", required=True, readonly=True)
    size = fields.Float(string="Size (MB)", readonly=True, digits=(12, 1))
    file_count = fields.Integer(string="Files", readonly=True, help="Besides the database.")

    _key_unique = models.Constraint("UNIQUE (key)", "There is a backup of this key.")

    # === CRUD METHODS === #

    def unlink(self):
        """The file goes with the record; a file that stays for a crash goes by itself later."""
        paths = [backup._get_path() for backup in self.sudo()]
        result = super().unlink()
        for path in paths:
            path.unlink(missing_ok=True)
        return result

    @api.ondelete(at_uninstall=False)
    def _unlink_except_being_written(self):
        if self.filtered(lambda backup: backup.state == "pending"):
            raise UserError(self.env._("A backup that is being written cannot be removed yet."))

    # === ACTION METHODS === #

    def action_download(self):
        """Download the file in the browser."""
        self.ensure_one()
        self._check_manager()
        return {"type": "ir.actions.act_url", "url": self._get_url(), "target": "download"}

    # === BUSINESS METHODS === #

    @api.model
    def _get_folder(self):
        # One for each portal: a copy of this one must not tidy up among its files.
        return Path(config["data_dir"]) / _FOLDER / self.env.cr.dbname

    def _get_path(self):
        self.ensure_one()
        return self._get_folder() / f"{self.sudo().key}.zip"

    def _get_url(self):
        return f"/my/databases/{self.client_id.id}/backups/{self.id}"

    def _check_manager(self):
        """A backup holds everything that the customer keeps in his database."""
        if not self.env.su and not self.env.user.has_group("saas_portal.group_manager"):
            raise AccessError(self.env._("Only managers of the SaaS Portal read backups."))
        self.check_access("read")

    @api.model
    def _find_for_download(self, client_id, backup_id):
        """The backup, when it is ready and the user owns the client or manages the portal."""
        backup = self.sudo().search(
            [
                ("id", "=", backup_id),
                ("client_id", "=", client_id),
                ("state", "=", "ready"),
                ("expires_at", ">", fields.Datetime.now()),
            ]
        )
        own = backup and self.env["saas_portal.client"]._get_own(client_id)
        manager = self.env.user.has_group("saas_portal.group_manager") and backup.with_user(
            self.env.user
        ).has_access("read")
        if not (backup and (own or manager) and backup._get_path().exists()):
            return self.sudo().browse()
        return backup

    def _note_download(self):
        """Leave a trace on the client: a backup is a copy of all its data."""
        self.ensure_one()
        self.client_id.message_post(
            body=self.env._(
                "%(user)s downloaded the backup %(name)s.",
                user=self.env.user.name,
                name=self.file_name,
            )
        )

    @api.model
    def _create_for(self, client):
        """The record of a backup that is about to be written."""
        now = fields.Datetime.now()
        slug = re.sub(r"[^a-z0-9.-]+", "-", client.name)
        return self.sudo().create(
            {
                "client_id": client.id,
                "user_id": self.env.uid,
                "file_name": f"{slug}_{now:%Y-%m-%d_%H-%M-%S}.zip",
                "expires_at": now + timedelta(days=client._get_backup_days()),
            }
        )

    @api.autovacuum
    def _gc_backups(self):
        """Remove what is over its time, and files that nobody knows."""
        over = Domain("expires_at", "<", fields.Datetime.now()) & Domain("state", "!=", "pending")
        self.search(over).unlink()
        if not self._get_folder().is_dir():
            return
        known = {backup._get_path() for backup in self.search([])}
        for path in self._get_folder().iterdir():
            if path not in known and path.stat().st_mtime < time.time() - _ORPHAN_SECONDS:
                _logger.info("Removing %s, which belongs to no backup", path.name)
                path.unlink(missing_ok=True)
