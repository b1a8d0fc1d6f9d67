from odoo import fields, models
from odoo.exceptions import AccessError, UserError
from odoo.fields import Domain

from odoo.addons.saas_portal.lib.saas_driver import DriverError
from odoo.addons.sadeem_portainer.errors import told_to_user
from odoo.addons.sadeem_portainer.lib.portainer_api import InvalidCompose, read_compose
from odoo.addons.sadeem_portainer.transactions import in_own_transaction

from ..comparison import DOWN, DRIFTED, ORPHANED, OUTDATED, RUNNING, VANISHED
from ..lib.saas_stack import (
    DATABASE_SERVICE,
    LABEL_KEY,
    LABEL_PORTAL,
    ODOO_SERVICE,
    client_key,
)
from ..portainer_driver import deploying
from ..portainer_driver.external import ExternalRoles


class SadeemSaasDockerDeviation(models.Model):
    """Where a Docker environment is not as the portal's records say, as it was last seen.

    Nothing is done about it by itself: one button brings a client's stack back to what the records
    say, or removes what they do not know.
    """

    _name = "sadeem.saas.docker.deviation"
    _description = "Deviation of a Docker Environment"
    _order = "id desc"
    _rec_name = "stack"

    kind = fields.Selection(
        [
            (VANISHED, "Vanished"),
            (DOWN, "Not Running"),
            (RUNNING, "Should Not Run"),
            (DRIFTED, "Changed on the Server"),
            (OUTDATED, "Newer Image"),
            (ORPHANED, "Unknown to the Portal"),
        ],
        required=True,
        readonly=True,
    )
    environment_id = fields.Many2one(
        "sadeem.portainer.environment",
        required=True,
        readonly=True,
        index=True,
        ondelete="cascade",
    )
    client_id = fields.Many2one(
        "saas_portal.client", readonly=True, index="btree_not_null", ondelete="cascade"
    )
    company_id = fields.Many2one(related="client_id.company_id", store=True, index=True)
    stack = fields.Char(required=True, readonly=True)
    detail = fields.Char(
        readonly=True,
        help="Services that do not run, or should not; the image; or name and running of all"
        " containers.",
    )
    explanation = fields.Text(compute="_compute_explanation")
    create_date = fields.Datetime(string="First Seen", readonly=True)
    last_seen = fields.Datetime(readonly=True)

    _stack_unique = models.Constraint(
        "UNIQUE (environment_id, stack)", "There is a deviation of this stack already."
    )

    def _compute_explanation(self):
        texts = {
            VANISHED: self.env._(
                "The server has neither the stack nor a container of it. Rebuilding makes them"
                " anew; volumes that are still there are used again, without them restore a"
                " backup afterwards."
            ),
            DOWN: self.env._("Services of an open client do not run. Rebuilding starts them."),
            RUNNING: self.env._(
                "The client is stopped or deleted in the portal, and somebody has started its"
                " containers. Stopping them leaves its data as it is."
            ),
            DRIFTED: self.env._(
                "Somebody deployed another text than the portal's. Rebuilding brings the portal's"
                " back."
            ),
            OUTDATED: self.env._(
                "The image under this tag is newer than what runs. Rebuilding takes it, and updates"
                " the modules of the settings with it."
            ),
            ORPHANED: self.env._(
                "This portal made it, and has no client for it any more. Removing deletes its"
                " containers and all of its data."
            ),
        }
        for deviation in self:
            deviation.explanation = texts[deviation.kind]

    # === ACTION METHODS === #

    def action_rebuild(self):
        """Bring the client's stack back to what its records say, in the background."""
        self.ensure_one()
        self.check_access("read")
        if self.kind == ORPHANED or not self.client_id:
            raise UserError(self.env._("%(stack)s has no client.", stack=self.stack))
        self.client_id.check_access("write")
        self.client_id._start_rebuild(self.env._("Deviation on the server"))
        return {"type": "ir.actions.client", "tag": "soft_reload"}

    def action_stop(self):
        """Stop what runs of a client that is stopped or deleted, in the background."""
        self.ensure_one()
        self.check_access("read")
        if self.kind != RUNNING:
            raise UserError(self.env._("%(stack)s is not to be stopped.", stack=self.stack))
        self.client_id.check_access("write")
        self.client_id._start_operation("stop")
        return {"type": "ir.actions.client", "tag": "soft_reload"}

    def action_remove(self):
        """Delete what the portal does not know, with its data, if that is still so."""
        self.ensure_one()
        self.check_access("read")
        if not self.env.su and not self.env.user.has_group("saas_portal.group_manager"):
            raise AccessError(self.env._("Only managers of the SaaS Portal remove stacks."))
        if self.kind != ORPHANED:
            raise UserError(
                self.env._(
                    "%(stack)s belongs to %(client)s; delete the client instead.",
                    stack=self.stack,
                    client=self.client_id.name,
                )
            )
        deviation, environment = self.sudo(), self.sudo().environment_id
        number = environment.portainer_environment_id
        is_swarm = environment.environment_type == "swarm"
        try:
            with told_to_user(), environment.portainer_id._get_client() as client:
                deviation._check_unknown(client, number)
                # First: what is left of the stack is found again, a role is not.
                deviation._drop_role(client, number)
                deploying.remove(client, number, self.stack, is_swarm)
        except DriverError as error:
            raise UserError(str(error)) from error
        in_own_transaction(self, lambda deviation: deviation.exists().unlink())
        return {"type": "ir.actions.client", "tag": "soft_reload"}

    def _check_unknown(self, client, number: int):
        """Look once more whether all of it was made by this portal, for nobody that it knows.

        :raises UserError: no
        """
        key = client_key(self.stack)
        known = in_own_transaction(
            self, lambda deviation: deviation.environment_id._get_known_keys()
        )
        portal = self.env["saas_portal.keyring"]._get_portal_uuid()
        strangers = [
            container
            for container in client.list_containers(number)
            if (container.labels.get(LABEL_KEY) == key or container.project == self.stack)
            and container.labels.get(LABEL_PORTAL) != portal
        ]
        stack = client.find_stack(number, self.stack)
        strange_text = stack and portal not in client.get_stack_file(stack.id)
        if not key or key in known or strangers or strange_text:
            raise UserError(
                self.env._(
                    "%(stack)s is not unknown any more, or not this portal's. Compare again.",
                    stack=self.stack,
                )
            )

    def _drop_role(self, client, number: int):
        """Remove role and databases from the PostgreSQL servers where the stack may have them.

        That is the one that its text names; all that are in use when it has no text any more.
        """
        if any(
            container.service == DATABASE_SERVICE
            for container in client.list_containers(number, self.stack)
        ):
            return
        stack = client.find_stack(number, self.stack)
        named = _find_database_host(client.get_stack_file(stack.id)) if stack else None
        servers = self.env["sadeem.postgresql.server"].with_context(active_test=named is None)
        role = self.env["saas_portal.client"]._get_role_of(client_key(self.stack))
        for server in servers.search(Domain.TRUE):
            if named is None or server.host == named:
                ExternalRoles(server._get_external_server(role)).drop()


def _find_database_host(text: str) -> str | None:
    """The PostgreSQL server that a stack's text names; None when nobody can read that in it."""
    try:
        return str(read_compose(text)["services"][ODOO_SERVICE]["environment"]["HOST"])
    except (InvalidCompose, LookupError, TypeError):
        return None
