from odoo import api, fields, models
from odoo.exceptions import UserError

from ..const import LIVE_STATES, PENDING
from ..lib.saas_driver import ClientRef, Identity, check_archive
from ..lib.saas_rules.payload import SUSPENDED, TRIAL, parse_payload
from ..transactions import in_own_transaction

_MB = 1024 * 1024
#: Backups of one client that can exist at a time; the disk is the portal's.
_MAX_BACKUPS = 5
_DEFAULT_DAYS = 7
_TIMEOUT = 120
#: Clients whose removal is asked for in one transaction.
_PURGED_TOGETHER = 50


class SaasPortalClient(models.Model):
    """Backups of a client, going back to one, and copies."""

    _inherit = "saas_portal.client"

    backup_ids = fields.One2many("saas_portal.client.backup", "client_id", readonly=True)
    backup_count = fields.Integer(compute="_compute_backup_count")

    @api.depends("backup_ids")
    def _compute_backup_count(self):
        for client in self:
            client.backup_count = len(client.backup_ids)

    # === ACTION METHODS === #

    def action_backup(self):
        """Write a backup of each of these clients, in the background."""
        self.check_access("write")
        self._check_configurable(self)
        for client in self:
            client._start_backup()
        return True

    def action_open_backups(self):
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id(
            "saas_portal.saas_portal_client_backup_action"
        )
        return {**action, "domain": [("client_id", "=", self.id)]}

    # === REQUESTS === #

    def _get_backup_days(self):
        return self.plan_id.backup_days if self.plan_id else _DEFAULT_DAYS

    def _start_backup(self):
        """An operation that writes a backup; returns the backup's record."""
        self.ensure_one()
        self._check_can_be_copied()
        if len(self.sudo().backup_ids.filtered(lambda backup: backup.state == "ready")) >= (
            _MAX_BACKUPS
        ):
            raise UserError(
                self.env._(
                    "There are %(count)s backups of %(name)s; remove one first.",
                    count=_MAX_BACKUPS,
                    name=self.name,
                )
            )
        backup = self.env["saas_portal.client.backup"]._create_for(self)
        self._start_operation("backup", {"backup_id": backup.id})
        return backup

    def _check_can_be_copied(self):
        if self.state not in LIVE_STATES:
            raise UserError(self.env._("%(name)s has no database that is in use.", name=self.name))
        if self.rung == "stopped":
            raise UserError(
                self.env._("%(name)s is stopped; open it as far as a page first.", name=self.name)
            )

    def _restore_backup(self, backup):
        """Make the client what the backup holds; what it holds now is backed up before."""
        self.ensure_one()
        self.check_access("unlink")
        self._check_can_be_copied()
        backup = backup.sudo()
        if backup.client_id != self or backup.state != "ready":
            raise UserError(
                self.env._("%(name)s is no backup of this client.", name=backup.file_name)
            )
        before = self.env["saas_portal.client.backup"]._create_for(self)
        return self._start_operation(
            "restore_backup", {"backup_id": before.id, "source_id": backup.id}
        )

    def _get_copied_fields(self):
        """What a copy has in common with its original, whatever the plan says by now."""
        return ["max_users", "total_storage_limit", "visible_addons", "server_id"]

    def _duplicate(self, name, partner, owner, notify_user=False, **more):
        """A client of the same plan that holds what this one holds; returns its record.

        :param more: values of the record besides those that it has in common with this one
        """
        self.ensure_one()
        self.plan_id._check_one()
        self._check_can_be_copied()
        request = {
            "dbname": name,
            "partner_id": partner.id,
            "user_id": owner.id,
            "trial": self.trial,
        }
        vals, secrets = self._prepare_request(self.plan_id, **request)
        for field in self._get_copied_fields():
            value = self[field]
            vals[field] = value.id if isinstance(value, models.BaseModel) else value
        vals.update(more)
        client_id, _operation_id, _answer = self.plan_id._request_client(
            vals, {"notify_user": notify_user, "copy_of": self.id}, secrets, background=True
        )
        return self.browse(client_id)

    # === STEPS === #

    def _get_operation_steps(self, kind):
        steps = {
            "backup": [
                ("_step_backup", self.env._("Write database and files")),
                ("_step_check_backup", self.env._("Read the file again")),
            ],
            "restore_backup": [
                ("_step_backup", self.env._("Back up what is there now")),
                ("_step_check_backup", self.env._("Read the file again")),
                ("_step_restore_backup", self.env._("Load the backup")),
                ("_step_tell_again", self.env._("Tell the database its limits")),
                ("_step_resync", self.env._("Read its state")),
            ],
        }
        return steps[kind] if kind in steps else super()._get_operation_steps(kind)

    def _get_backup(self, operation, argument="backup_id"):
        backup = self.env["saas_portal.client.backup"].browse(operation.arguments[argument])
        if not backup.exists():
            raise UserError(self.env._("The backup has been removed."))
        return backup

    def _step_backup(self, operation):
        backup = self._get_backup(operation)
        self.server_id._get_driver().backup(self._get_ref(), backup._get_path())
        return backup.file_name

    def _step_check_backup(self, operation):
        backup = self._get_backup(operation)
        path = backup._get_path()
        files = check_archive(path)
        backup.write(
            {
                "state": "ready",
                "made_at": fields.Datetime.now(),
                "size": path.stat().st_size / _MB,
                "file_count": files,
            }
        )
        return self.env._("%(size)s MB, %(count)s files", size=round(backup.size, 1), count=files)

    def _step_restore_backup(self, operation):
        source = self._get_backup(operation, "source_id")
        self.server_id._get_driver().restore(
            self._get_ref(), self._prepare_identity(), source._get_path()
        )
        return source.file_name

    def _step_tell_again(self, operation):
        """A database from a backup says what it was told then."""
        payload = self._prepare_push(
            ["max_users", "total_storage_limit", "expiration_datetime", "visible_addons"]
        )
        for key, flag in ((SUSPENDED, self.state == PENDING), (TRIAL, self.trial)):
            payload["params"].append({"key": key, "value": "1" if flag else "0", "hidden": False})
        steps = parse_payload(payload).steps
        self._apply_steps({**steps, **self._prepare_login_steps()}, _TIMEOUT)

    def _step_create_database(self, operation):
        if not (source_id := operation.arguments.get("copy_of")):
            return super()._step_create_database(operation)
        source = self.browse(source_id).exists()
        if not source:
            raise UserError(self.env._("The client to copy has been removed."))
        self.server_id._get_driver().copy(
            ClientRef(source.name, source.client_id), self._get_ref(), self._prepare_identity()
        )
        self.key_id = self.env["saas_portal.keyring"]._get_signing_key().key_id
        return self.env._("Copied %(name)s", name=source.name)

    def _prepare_identity(self):
        keyring = self.env["saas_portal.keyring"]
        return Identity(
            database_uuid=self.client_id,
            base_url=self.public_url.rstrip("/"),
            portal_uuid=keyring._get_portal_uuid(),
            portal_key=keyring._get_public_keys(),
        )

    def _on_operation_failed(self, operation):
        if operation.kind in ("backup", "restore_backup"):
            backup = self.env["saas_portal.client.backup"].browse(operation.arguments["backup_id"])
            if backup.exists() and backup.state == "pending":
                backup.state = "failed"
                backup._get_path().unlink(missing_ok=True)
        return super()._on_operation_failed(operation)

    def _on_operation_retried(self, operation):
        if operation.kind in ("backup", "restore_backup"):
            backup = self._get_backup(operation)
            if backup.state == "failed":
                backup.state = "pending"
        return super()._on_operation_retried(operation)

    # === RETENTION === #

    @api.model
    def _cron_purge(self):
        """Drop deleted clients whose retention days are over: some at a time, in the background."""
        due = self.with_context(active_test=False).search(
            [("trash_name", "!=", False), ("purge_at", "<=", fields.Datetime.now())], order="id"
        )
        cron, remaining = self.env["ir.cron"], len(due)
        cron._commit_progress(remaining=remaining)
        for at in range(0, len(due), _PURGED_TOGETHER):
            some = due[at : at + _PURGED_TOGETHER]
            remaining -= len(some)
            in_own_transaction(some, lambda clients: clients._start_purge())
            if not cron._commit_progress(len(some), remaining=remaining):
                break

    def _start_purge(self):
        for client in self.exists().filtered("trash_name").with_context(saas_in_batch=True):
            if not client.current_operation_id:
                client._start_operation("purge")
        self.env["saas_portal.operation"]._trigger()

    # === CUSTOMERS === #

    def _backup_for_customer(self):
        self.ensure_one()
        self._check_can("backup")
        return self._start_backup()

    def _get_customer_backups(self):
        """What the customer can download, and what is being written for him."""
        self.ensure_one()
        return self.backup_ids.filtered(
            lambda backup: (
                backup.state == "pending"
                or (backup.state == "ready" and backup.expires_at > fields.Datetime.now())
            )
        )
