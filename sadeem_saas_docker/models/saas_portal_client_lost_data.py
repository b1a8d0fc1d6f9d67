import contextlib

from odoo import models
from odoo.exceptions import UserError

from odoo.addons.saas_portal.const import LIVE_STATES, STOPPED
from odoo.addons.saas_portal.lib.saas_driver import DriverNotFound


class SaasPortalClient(models.Model):
    """Ways forward for a client whose stack is gone from its host, or its data with it."""

    _inherit = "saas_portal.client"

    # === REQUESTS === #

    def action_restore_from_backup(self):
        """Bring a deleted client back whose data is gone, with what its newest backup holds."""
        self.ensure_one()
        self.check_access("unlink")
        self._check_docker()
        if self.state != "deleted" or not self.trash_name:
            raise UserError(self.env._("%(name)s cannot be restored.", name=self.name))
        if not (backup := self._get_newest_backup()):
            raise UserError(self.env._("There is no backup of %(name)s.", name=self.name))
        self._start_operation("restore", {"backup_id": backup.id})
        return True

    def _check_can_be_rebuilt(self):
        """A stopped one is started for that, and stopped again."""
        self._check_docker()
        if self.state not in LIVE_STATES or self.rung != STOPPED:
            self._check_can_be_copied()

    def _get_newest_backup(self):
        return self.sudo().backup_ids.filtered(lambda backup: backup.state == "ready")[:1]

    # === STEPS === #

    def _step_stop_again(self, operation):
        if self.rung == STOPPED:
            self.server_id._get_driver().stop(self._get_ref())

    def _take_back(self, operation, trash):
        if not self.is_docker:
            return super()._take_back(operation, trash)
        driver = self.server_id._get_driver()
        if (operation.arguments or {}).get("backup_id"):
            # The driver refuses when there is data.
            archive = self._get_backup(operation)._get_path()
            stage = bool(self.stage_of_id)
            return driver.restore(self._get_ref(), self._prepare_identity(), archive, stage)
        with contextlib.suppress(DriverNotFound):
            return super()._take_back(operation, trash)
        # Without containers it may have volumes still, or a database on a shared server.
        driver.bring_back(trash)
        try:
            return super()._take_back(operation, trash)
        except DriverNotFound as error:
            driver.halt(trash)
            raise UserError(self._describe_lost_data()) from error

    def _describe_lost_data(self) -> str:
        """That there is nothing to run any more, and what can be done about it."""
        lost = self.env._(
            "The data of %(name)s is gone from %(environment)s: its volumes were removed.",
            name=self.name,
            environment=self.docker_environment_id.display_name,
        )
        if backup := self._get_newest_backup():
            way = self.env._(
                "Restore a backup of it; the newest is %(file)s.", file=backup.file_name
            )
        else:
            way = self.env._("There is no backup of it on the portal.")
        return f"{lost} {way}"

    def _step_backup(self, operation):
        try:
            return super()._step_backup(operation)
        except DriverNotFound:
            if not self.is_docker or operation.kind != "restore_backup":
                raise
            self._get_backup(operation).state = "failed"
            return self.env._("Nothing is there any more")

    def _step_check_backup(self, operation):
        if operation.kind == "restore_backup" and self._get_backup(operation).state == "failed":
            return self.env._("There is no file")
        return super()._step_check_backup(operation)
