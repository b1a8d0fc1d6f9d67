import json
import logging

from odoo import Command, api, fields, models
from odoo.exceptions import UserError

from ..parallel import get_limit, side_by_side

_logger = logging.getLogger(__name__)

#: More clients than this are configured in the background.
_AT_ONCE = 10


class SaasConfig(models.TransientModel):
    """Changes clients: the public call ``do_upgrade_database``, and a wizard over it."""

    _name = "saas.config"
    _description = "Configure SaaS Clients"

    client_ids = fields.Many2many(
        "saas_portal.client",
        string="Clients",
        default=lambda self: self._default_client_ids(),
    )
    state = fields.Selection([("edit", "Edit"), ("done", "Done")], default="edit", readonly=True)
    update_addons_list = fields.Boolean(string="Refresh the List of Apps")
    update_addons = fields.Char(string="Update Apps", help="Technical names, with commas.")
    install_addons = fields.Char(string="Install Apps", help="Technical names, with commas.")
    uninstall_addons = fields.Char(string="Uninstall Apps", help="Technical names, with commas.")
    access_owner_add = fields.Char(
        string="Give the Owner", help="Groups, with commas: sales_team.group_sale_manager."
    )
    access_remove = fields.Char(
        string="Take from Everybody", help="Groups, with commas: stock.group_stock_manager."
    )
    param_ids = fields.One2many("saas.config.param", "config_id", string="Parameters")
    limit_line_ids = fields.One2many("saas.config.limit", "config_id", string="Record Limits")
    result_ids = fields.One2many("saas.config.result", "config_id", readonly=True)

    @api.model
    def _default_client_ids(self):
        if self.env.context.get("active_model") != "saas_portal.client":
            return False
        return [Command.set(self.env.context.get("active_ids", []))]

    # === PUBLIC API === #

    @api.model
    def do_upgrade_database(self, payload, database):
        """Change the parameters, apps, access rights or limits of a client.

        :param dict payload: what to change; the keys are in docs/api.md
        :param database: id of the client, ``[id]``, or records
        :return: JSON text ``{"<database>": {…}}`` with what the client has to report
        :raises UserError: the payload is refused as a whole, or the client does not obey
        """
        clients = self._browse_clients(database)
        clients._parse_payload(payload)
        if len(clients) == 1:
            return json.dumps({clients.name: clients._configure(payload)})
        return json.dumps(self._configure_clients(payload, clients))

    @api.model
    def _browse_clients(self, database):
        model = self.env["saas_portal.client"]
        model.check_access("write")
        if isinstance(database, models.BaseModel):
            ids = database.ids
        else:
            ids = database if isinstance(database, list | tuple) else [database]
        if not ids or not all(isinstance(i, int) and not isinstance(i, bool) for i in ids):
            raise UserError(self.env._("Give the id of a client, not %(value)r.", value=database))
        clients = model.browse(ids)
        if missing := clients - clients.exists():
            raise UserError(
                self.env._("There is no client %(ids)s.", ids=", ".join(map(str, missing.ids)))
            )
        clients.check_access("write")
        return clients

    @api.model
    def _configure_clients(self, payload, clients):
        """One result for each client; a client that fails does not keep the others from theirs."""
        clients.check_access("write")
        at_once, results = get_limit(self.env), {}
        for client, result, error in side_by_side(
            clients, lambda one: one._configure(payload), at_once
        ):
            if error and not isinstance(error, UserError):
                _logger.error("The client %d could not be configured", client.id, exc_info=error)
            results[client] = {"error": str(error)} if error else result
        return {client.name: results[client] for client in clients}

    # === ACTION METHODS === #

    def action_apply(self):
        """Configure the chosen clients and show one line for each."""
        self.ensure_one()
        if not self.client_ids:
            raise UserError(self.env._("Choose at least one client."))
        payload = self._prepare_payload()
        if not payload:
            raise UserError(self.env._("Nothing to change: fill in at least one field."))
        self.client_ids._parse_payload(payload)
        if len(self.client_ids) > _AT_ONCE:
            return self._apply_later(payload)
        results = self._configure_clients(payload, self.client_ids)
        self.write(
            {
                "state": "done",
                "result_ids": [
                    Command.create(self.env["saas.config.result"]._prepare_vals(name, result))
                    for name, result in results.items()
                ],
            }
        )
        return self._reopen()

    def _apply_later(self, payload):
        return self.client_ids._start_batch(
            "configure", lambda client: client._begin_configuration(payload)
        )

    def _prepare_payload(self):
        payload = {
            name: self[name]
            for name in (
                "update_addons_list",
                "update_addons",
                "install_addons",
                "uninstall_addons",
                "access_owner_add",
                "access_remove",
            )
            if self[name]
        }
        if self.param_ids:
            payload["params"] = [line._prepare_entry() for line in self.param_ids]
        if self.limit_line_ids:
            payload["limit_number_of_records"] = [
                line._prepare_entry() for line in self.limit_line_ids
            ]
        return payload

    def _reopen(self):
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Configure Clients"),
            "res_model": self._name,
            "res_id": self.id,
            "view_mode": "form",
            "target": "new",
        }
