from pathlib import Path

from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError
from odoo.tools import config

from odoo.addons.saas_portal.const import OP_CANCELLED
from odoo.addons.saas_portal.lib.saas_driver import ClientStatus, DriverUnavailable
from odoo.addons.sadeem_portainer.transactions import in_own_transaction

from ..lib.saas_stack import Routing, SwarmOptions
from ..orm_fleet import OrmFleet
from ..portainer_driver import LIMIT_PARAMETER, LIMITS, PortainerDriver

_TEMPLATES = "saas_templates"
#: Among a template's addons it stands for all of them.
_IMAGE = "image"


class SaasPortalServer(models.Model):
    """A server whose clients are stacks in Docker environments."""

    _inherit = "saas_portal.server"

    driver = fields.Selection(
        selection_add=[("portainer", "Docker stacks, by Portainer")],
        ondelete={"portainer": "cascade"},
    )
    docker_image_id = fields.Many2one(
        "sadeem.portainer.image",
        ondelete="restrict",
        tracking=True,
        help="What new clients run; its environments are where they may go.",
    )
    docker_image_tag_id = fields.Many2one(
        "sadeem.portainer.image.tag", string="Image Tag", ondelete="restrict", tracking=True
    )
    docker_postgresql_image = fields.Char(
        string="PostgreSQL Image",
        default="postgres:16",
        tracking=True,
        help="With its tag; what a stack runs that has a PostgreSQL of its own.",
    )
    docker_proxy_network = fields.Char(
        string="Proxy Network",
        tracking=True,
        help="An existing Docker network of the reverse proxy, which clients join; empty: none."
        " In it, clients reach each other's ports without the proxy.",
    )
    docker_traefik = fields.Boolean(
        string="Traefik Labels", tracking=True, help="Containers tell Traefik where to route."
    )
    docker_traefik_entrypoint = fields.Char(
        string="Traefik Entry Point", tracking=True, help="Empty: all of them."
    )
    docker_traefik_resolver = fields.Char(
        string="Certificate Resolver",
        tracking=True,
        help="Traefik's name for what gets the certificates; empty: no certificates.",
    )

    docker_constraints = fields.Char(
        string="Swarm Constraints",
        tracking=True,
        help="On which nodes of a swarm clients may run, with commas: node.labels.saas == yes."
        " Their data stays on its node, so this should name one.",
    )

    # === CONSTRAINT METHODS === #

    @api.constrains("driver", "docker_image_id", "docker_image_tag_id")
    def _check_docker_image(self):
        for server in self.filtered(lambda server: server.driver == "portainer"):
            image, tag = server.docker_image_id, server.docker_image_tag_id
            if not image or not tag:
                raise ValidationError(
                    self.env._("%(server)s needs a Docker image and a tag.", server=server.name)
                )
            server._check_tag(image, tag)

    @api.model
    def _check_tag(self, image, tag):
        if tag not in image.sudo().tag_ids:
            raise ValidationError(
                self.env._(
                    "The image %(image)s has no tag %(tag)s.", image=image.name, tag=tag.name
                )
            )

    # === BUSINESS METHODS === #

    def _is_docker(self) -> bool:
        return self.driver == "portainer"

    def _get_driver(self):
        if not self._is_docker():
            return super()._get_driver()
        self.ensure_one()
        operation_id = self.env.context.get("saas_operation_id")
        operation = self.env["saas_portal.operation"].browse(operation_id)

        waits = self.env["sadeem.saas.docker.wait"]

        def is_cancelled():
            return bool(operation) and in_own_transaction(
                operation, lambda operation: operation.state == OP_CANCELLED
            )

        return PortainerDriver(
            OrmFleet(self),
            self._get_template_folder(),
            is_cancelled,
            limits=self._get_docker_limits(),
            # The portal's copies count their operations on from the same number.
            order=f"{operation.id} {operation.sudo().create_date}" if operation else "",
            **({"tell": waits._make_teller(operation)} if operation else {}),
        )

    @api.model
    def _get_docker_limits(self) -> dict[str, float]:
        """Seconds that each kind of work in a container may take."""
        parameters = self.env["ir.config_parameter"].sudo()
        limits = dict(LIMITS)
        for verb in LIMITS:
            minutes = parameters.get_param(f"{LIMIT_PARAMETER}{verb}", "").strip()
            # What is no number, or none at all, is as good as not set.
            if minutes.isdecimal() and int(minutes):
                limits[verb] = 60 * int(minutes)
        return limits

    @api.model
    def _get_template_folder(self) -> Path:
        # One for each portal: a copy of this one must not write among its templates.
        return Path(config["data_dir"]) / _TEMPLATES / self.env.cr.dbname

    def _get_image_reference(self) -> str:
        """What new clients run, and templates are built with."""
        self.ensure_one()
        return f"{self.docker_image_id.name}:{self.docker_image_tag_id.name}"

    def _read_addons(self, names, fresh=False):
        """On Docker all addons come with the image, so that its name stands for them."""
        if not self._is_docker():
            return super()._read_addons(names, fresh)
        return {_IMAGE: [self.sudo()._get_image_reference(), ""]}

    def _find_database(self, name):
        try:
            return super()._find_database(name)
        except DriverUnavailable:
            if not self._is_docker():
                raise
            # A host that is away stops nothing on the others; who deploys asks them again.
            return ClientStatus(name, exists=False)

    def _get_transport(self):
        if self._is_docker():
            raise UserError(
                self.env._("Each client of %(server)s has an address of its own.", server=self.name)
            )
        return super()._get_transport()

    def _has_anchor(self):
        # Whatever comes back here is given the keys before it is spoken to.
        return self._is_docker() or super()._has_anchor()

    def _warm(self, host):
        # The step before has asked a stack for its first page.
        return (lambda: True) if self._is_docker() else super()._warm(host)

    def _get_environments(self):
        """Where clients of this server may be: where new ones go, and where some are."""
        self.ensure_one()
        image = self.sudo().docker_image_id
        stacks = self.env["saas_portal.client"].sudo().with_context(active_test=False)
        used = stacks.search([("server_id", "=", self.id), ("docker_stack_id", "!=", False)])
        offered = image.line_ids.environment_id or image.environment_id
        return (offered | used.docker_environment_id).filtered(
            lambda environment: environment.portainer_id.state == "confirmed"
        )

    def _prepare_swarm(self, environment, secret: str = "") -> SwarmOptions:
        """What stacks of this server say to a swarm, and nothing where there is none.

        :param secret: the swarm's secret with the password of the database
        """
        self.ensure_one()
        if environment.environment_type != "swarm":
            return SwarmOptions()
        names = (self.docker_constraints or "").split(",")
        return SwarmOptions(
            constraints=tuple(name.strip() for name in names if name.strip()),
            password_secret=secret,
        )

    def _prepare_routing(self) -> Routing:
        self.ensure_one()
        return Routing(
            network=self.docker_proxy_network or "",
            traefik=self.docker_traefik,
            entrypoint=self.docker_traefik_entrypoint or "",
            tls_resolver=self.docker_traefik_resolver or "",
        )
