from odoo import api, fields, models
from odoo.exceptions import UserError

#: What of a client's stack nobody writes but the client's own operations.
_GUARDED_FIELDS = frozenset(
    {"name", "environment_id", "compose", "variable_ids", "operation", "remote_id", "sent_names"}
    | {"state", "pending_action", "attempted_at", "remove_volumes", "containers"}
)


class SadeemPortainerStack(models.Model):
    """A stack that belongs to a client is looked at here, and changed from the client only."""

    _inherit = "sadeem.portainer.stack"

    saas_client_name = fields.Char(
        string="Client", compute="_compute_saas_client_name", compute_sudo=True
    )

    def _compute_saas_client_name(self):
        clients = self._get_saas_clients()
        names = {client.docker_stack_id.id: client.name for client in clients}
        for stack in self:
            stack.saas_client_name = names.get(stack.id, False)

    # === CRUD METHODS === #

    def write(self, vals):
        if _GUARDED_FIELDS & vals.keys():
            self._check_no_clients()
        return super().write(vals)

    @api.ondelete(at_uninstall=False)
    def _unlink_except_of_client(self):
        self._check_unowned()

    # === ACTION METHODS === #

    def action_open_saas_client(self):
        self.ensure_one()
        self.check_access("read")
        return self._get_saas_clients()._get_form_action()

    def act_on_container(self, container, action):
        self._check_no_clients()
        return super().act_on_container(container, action)

    # === BUSINESS METHODS === #

    def _act(self, verb, **options):
        self._check_no_clients()
        return super()._act(verb, **options)

    def _get_saas_clients(self):
        """The clients, also deleted ones, whose stacks these are."""
        clients = self.env["saas_portal.client"].sudo().with_context(active_test=False)
        return clients.search([("docker_stack_id", "in", (self | self._get_twins()).ids)])

    def _get_twins(self):
        """Other records of the same stacks: anybody may write a number into a new one."""
        stacks = self.sudo()
        return stacks.search(
            [
                ("environment_id", "in", stacks.environment_id.ids),
                ("remote_id", "in", [number for number in stacks.mapped("remote_id") if number]),
            ]
        )

    def _check_no_clients(self):
        """Refuse what would be done behind a client's back; its own operations are superusers.

        :raises UserError: names the client
        """
        if not self.env.su:
            self._check_unowned()

    def _check_unowned(self):
        if client := self._get_saas_clients()[:1]:
            raise UserError(
                self.env._(
                    "%(stack)s is the stack of the client %(client)s. Use the buttons of the"
                    " client: it would not know what is done here.",
                    stack=client.docker_stack_id.name,
                    client=client.name,
                )
            )
