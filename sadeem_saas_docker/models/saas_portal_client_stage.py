from odoo import api, fields, models
from odoo.exceptions import UserError

from odoo.addons.saas_portal.lib.saas_driver import ClientRef


class SaasPortalClient(models.Model):
    """Stages: neutralised copies of a client, which send and call nothing by themselves."""

    _inherit = "saas_portal.client"

    stage_of_id = fields.Many2one(
        "saas_portal.client",
        string="Stage of",
        readonly=True,
        copy=False,
        ondelete="set null",
        index="btree_not_null",
        help="It is a neutralised copy of this client, for trying things out.",
    )
    stage_ids = fields.One2many("saas_portal.client", "stage_of_id", string="Stages")
    stage_count = fields.Integer(compute="_compute_stage_count")

    @api.depends("stage_ids.state")
    def _compute_stage_count(self):
        for client in self:
            client.stage_count = len(client.stage_ids.filtered("active"))

    def create_stage(self, name):
        """Copy this client under another name, neutralised, in the background.

        :param str name: name of the new database and host
        :return: id of the new client
        """
        self.ensure_one()
        self.check_access("write")
        self._check_docker()
        if self.stage_of_id:
            raise UserError(
                self.env._("%(name)s is a stage itself; copy its original.", name=self.name)
            )
        if not name:
            raise UserError(self.env._("Give the stage a name."))
        return self._duplicate(name, self.partner_id, self.owner_id, stage_of_id=self.id).id

    def action_open_stages(self):
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id(
            "saas_portal.saas_portal_client_action"
        )
        return {**action, "domain": [("stage_of_id", "=", self.id)], "context": {}}

    def _step_restore_backup(self, operation):
        if not (self.is_docker and self.stage_of_id):
            return super()._step_restore_backup(operation)
        source = self._get_backup(operation, "source_id")
        self.server_id._get_driver().restore(
            self._get_ref(), self._prepare_identity(), source._get_path(), neutralize=True
        )
        return self.env._("%(file)s, neutralised", file=source.file_name)

    def _step_create_database(self, operation):
        source_id = operation.arguments.get("copy_of")
        source = self.browse(source_id).exists() if source_id else self.browse()
        if not (self.stage_of_id and source):
            return super()._step_create_database(operation)
        self.server_id._get_driver().copy(
            ClientRef(source.name, source.client_id),
            self._get_ref(),
            self._prepare_identity(),
            neutralize=True,
        )
        self.key_id = self.env["saas_portal.keyring"]._get_signing_key().key_id
        return self.env._("Neutralised copy of %(name)s", name=source.name)
