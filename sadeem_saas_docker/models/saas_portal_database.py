import secrets

from odoo import api, fields, models

from odoo.addons.sadeem_portainer.stack_calls import Target

from ..lib.saas_stack import InStackDatabase, Routing, StackSpec, render, stack_name
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

    def _prepare_builder(self):
        """(environment, target) of the stack in which the template is built.

        Both stay the same until it is built: what an interrupted build left is found again.
        """
        self.ensure_one()
        server, keyring = self.server_id, self.env["saas_portal.keyring"]
        environment = self.docker_environment_id
        if not environment or environment._find_obstacle():
            environment = server.docker_image_id._get_best_environment()
            self.docker_environment_id = environment
        if not self.docker_password_cipher:
            self.docker_password_cipher = keyring._encrypt(secrets.token_urlsafe(24))
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
        return environment, Target(
            environment_id=environment.portainer_environment_id,
            name=stack_name(self.uuid),
            remote_id=0,
            operation=f"template-{self.uuid}",
            compose=render(spec),
            swarm=environment.environment_type == "swarm",
            env={PASSWORD_VARIABLE: keyring._decrypt(self.docker_password_cipher)},
        )
