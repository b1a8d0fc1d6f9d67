from odoo import api, fields, models
from odoo.exceptions import UserError

from odoo.addons.sadeem_portainer.stack_calls import Target
from odoo.addons.sadeem_portainer.transactions import in_own_transaction

from ..lib.saas_stack import (
    InStackDatabase,
    Routing,
    StackSpec,
    make_password,
    render,
    stack_name,
)
from ..lib.saas_stack.names import PASSWORD_VARIABLE


class SaasPortalDatabase(models.Model):
    """A template that is built in a stack of its own, which goes when it is ready."""

    _inherit = "saas_portal.database"

    docker_environment_id = fields.Many2one(
        "sadeem.portainer.environment",
        string="Built in",
        readonly=True,
        copy=False,
        ondelete="set null",
        help="Where the template is built; what is built can be used in every environment.",
    )
    docker_password_cipher = fields.Char(readonly=True, copy=False, groups=fields.NO_ACCESS)

    @api.depends("server_id.docker_image_id.name", "server_id.docker_image_tag_id.name")
    def _compute_outdated(self):
        return super()._compute_outdated()

    def _choose_builder(self):
        """The environment where the template is built: the same one as before, if it has room."""
        self.ensure_one()
        kept = self.docker_environment_id
        kept._refresh_stale(failed_too=True)
        # What was just read was written down after this transaction began.
        if kept and not in_own_transaction(
            self, lambda template: template.docker_environment_id._find_obstacle_to_build(template)
        ):
            return kept
        return self.server_id.docker_image_id._choose_to_build(self)

    def _prepare_builder(self, environment):
        """The target of the stack in which the template is built; its room is taken from now on.

        The caller holds the environment's lock. What an interrupted build left is found again.

        :raises UserError: somebody else has taken the room meanwhile
        """
        self.ensure_one()
        server, keyring = self.server_id, self.env["saas_portal.keyring"]
        if obstacle := environment._find_obstacle_to_build(self):
            raise UserError(
                self.env._(
                    "%(environment)s cannot take %(template)s now: %(reason)s",
                    environment=environment.display_name,
                    template=self.name,
                    reason=obstacle,
                )
            )
        self.docker_environment_id = environment
        if not self.docker_password_cipher:
            self.docker_password_cipher = keyring._encrypt(make_password())
        spec = StackSpec(
            key=self.uuid,
            name=self.name,
            host=self.name,
            image=server._get_image_reference(),
            database=InStackDatabase(server.docker_postgresql_image),
            routing=Routing(traefik=False),
            portal_uuid=keyring._get_portal_uuid(),
            target=environment.environment_type,
            swarm=server._prepare_swarm(environment),
        )
        return Target(
            environment_id=environment.portainer_environment_id,
            name=stack_name(self.uuid),
            remote_id=0,
            operation=f"template-{self.uuid}",
            compose=render(spec),
            swarm=environment.environment_type == "swarm",
            env={PASSWORD_VARIABLE: keyring._decrypt(self.docker_password_cipher)},
        )
