from odoo import api, fields, models

from ..models.sadeem_root_server_install import HTTPS_PORT, TUNNEL_PORT


class SadeemRootServerInstallWizard(models.TransientModel):
    """Asks what an installation on a root server needs to know, and says what it will do."""

    _name = "sadeem.root.server.install.wizard"
    _description = "Install Portainer on a Root Server"

    root_server_id = fields.Many2one("sadeem.root.server", required=True, readonly=True)
    kind = fields.Selection(
        [("agent", "Agent"), ("master", "Master")], required=True, readonly=True
    )
    portainer_id = fields.Many2one(
        "sadeem.portainer",
        string="Driven By",
        domain="[('state', '=', 'confirmed')]",
        help="The Portainer server that the machine becomes an environment of.",
    )
    environment_name = fields.Char(
        compute="_compute_environment", store=True, readonly=False, string="Environment"
    )
    address = fields.Char(
        compute="_compute_environment",
        store=True,
        readonly=False,
        help="By which that Portainer server reaches the machine, such as its address in a"
        " private network.",
    )
    https_port = fields.Integer(string="HTTPS Port", default=HTTPS_PORT, required=True)
    tunnel_port = fields.Integer(default=TUNNEL_PORT, required=True)

    @api.depends("root_server_id")
    def _compute_environment(self):
        for wizard in self:
            wizard.environment_name = wizard.root_server_id.name
            wizard.address = wizard.root_server_id.host

    def action_install(self):
        self.ensure_one()
        if self.kind == "master":
            self.root_server_id.install_portainer_master(self.https_port, self.tunnel_port)
        else:
            self.root_server_id.install_portainer(
                self.portainer_id.id or 0, self.environment_name or "", self.address or ""
            )
        return {"type": "ir.actions.act_window_close"}
