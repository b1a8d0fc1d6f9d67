import logging
from dataclasses import replace

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError, ValidationError

from odoo.addons.saas_portal.lib.saas_wire import XmlRpcTransport
from odoo.addons.sadeem_portainer.lib.portainer_api import PortainerError

from ..comparison import OUTDATED
from ..lib.saas_stack import (
    DATABASE_SERVICE,
    ODOO_SERVICE,
    PASSWORD_VARIABLE,
    ExternalDatabase,
    InStackDatabase,
    InvalidSpec,
    Ports,
    StackSpec,
    describe_difference,
    render,
)

_logger = logging.getLogger(__name__)

#: Only operations write these.
_GUARDED_FIELDS = frozenset(
    {
        "docker_environment_id",
        "docker_stack_id",
        "docker_http_port",
        "docker_gevent_port",
        "docker_placement",
    }
    | {"docker_revision_id", "docker_postgresql_server_id", "stage_of_id"}
)
#: What runs in the containers is the managers' to choose.
_MANAGERS_FIELDS = frozenset({"docker_image_id", "docker_image_tag_id"})
_IMAGE, _IMAGE_ID = "image", "image_id"
#: Customers read their clients, and have no business with the machines.
_STAFF = "saas_portal.group_user"


class SaasPortalClient(models.Model):
    """A client that is a stack of containers: what it should be, and what it was deployed as.

    The settings can be changed at any time and do nothing until the client is rebuilt; what its
    stack really is stands in its newest revision.
    """

    _name = "saas_portal.client"
    _inherit = ["saas_portal.client", "sadeem.saas.docker.settings"]

    is_docker = fields.Boolean(compute="_compute_is_docker")
    docker_image_id = fields.Many2one(
        "sadeem.portainer.image",
        ondelete="restrict",
        tracking=True,
        groups=_STAFF,
    )
    docker_image_tag_id = fields.Many2one(
        "sadeem.portainer.image.tag",
        string="Image Tag",
        ondelete="restrict",
        tracking=True,
        groups=_STAFF,
    )
    docker_postgresql_server_id = fields.Many2one(
        "sadeem.postgresql.server",
        string="PostgreSQL Server",
        readonly=True,
        ondelete="restrict",
        help="Where its database is; empty: in its stack.",
        groups=_STAFF,
    )
    docker_stack_id = fields.Many2one(
        "sadeem.portainer.stack",
        string="Stack",
        readonly=True,
        copy=False,
        ondelete="restrict",
        groups=_STAFF,
    )
    docker_environment_id = fields.Many2one(
        related="docker_stack_id.environment_id",
        store=True,
        string="Docker Environment",
        groups=_STAFF,
    )
    docker_placement = fields.Text(
        string="Why There",
        readonly=True,
        copy=False,
        help="Why it was put in its environment.",
        groups=_STAFF,
    )
    docker_http_port = fields.Integer(string="HTTP Port", readonly=True, copy=False, groups=_STAFF)
    docker_gevent_port = fields.Integer(
        string="WebSocket Port", readonly=True, copy=False, groups=_STAFF
    )
    docker_revision_id = fields.Many2one(
        "sadeem.saas.docker.revision",
        string="Revision",
        readonly=True,
        copy=False,
        ondelete="restrict",
        groups=_STAFF,
    )
    docker_revision_ids = fields.One2many(
        "sadeem.saas.docker.revision",
        "client_id",
        string="Revisions",
        readonly=True,
        groups=_STAFF,
    )
    docker_image_is_newer = fields.Boolean(
        compute="_compute_docker_image_is_newer",
        compute_sudo=True,
        help="When servers were compared last, the host had another image under this tag.",
        groups=_STAFF,
    )
    docker_compose = fields.Text(
        string="Compose File",
        compute="_compute_docker_compose",
        compute_sudo=True,
        help="What the present settings mean.",
        groups=_STAFF,
    )
    docker_difference = fields.Text(
        string="Difference to What Runs",
        compute="_compute_docker_compose",
        compute_sudo=True,
        groups=_STAFF,
    )

    # === COMPUTE METHODS === #

    @api.depends("server_id.driver")
    def _compute_is_docker(self):
        for client in self:
            client.is_docker = client.sudo().server_id._is_docker()

    @api.depends(
        lambda self: [
            *self._get_docker_settings(),
            "name",
            "docker_image_id.name",
            "docker_image_tag_id.name",
            "docker_stack_id",
            "docker_http_port",
            "docker_revision_id.compose",
            "server_id.docker_proxy_network",
            "server_id.docker_traefik",
            "server_id.docker_traefik_entrypoint",
            "server_id.docker_traefik_resolver",
            "server_id.docker_postgresql_image",
            "server_id.docker_constraints",
        ]
    )
    def _compute_docker_compose(self):
        for client in self:
            client.docker_compose = client.docker_difference = False
            if not client.docker_stack_id:
                continue
            try:
                text = client._render_stack(client._prepare_stack_settings())
            except InvalidSpec as error:
                client.docker_difference = client._describe_refusal(error)
                continue
            client.docker_compose = text
            present = client.docker_revision_id.compose or ""
            client.docker_difference = describe_difference(present, text) or False

    def _compute_docker_image_is_newer(self):
        deviations = self.env["sadeem.saas.docker.deviation"]
        outdated = deviations.search([("client_id", "in", self.ids), ("kind", "=", OUTDATED)])
        for client in self:
            client.docker_image_is_newer = client in outdated.client_id

    # === CONSTRAINT METHODS === #

    @api.constrains("docker_image_id", "docker_image_tag_id")
    def _check_docker_image(self):
        for client in self.filtered("docker_image_id"):
            if not client.docker_image_tag_id:
                raise ValidationError(self.env._("Choose a tag of the image."))
            client.server_id._check_tag(client.docker_image_id, client.docker_image_tag_id)

    # === CRUD METHODS === #

    def write(self, vals):
        if not self.env.su:
            guarded = _GUARDED_FIELDS & vals.keys()
            manager = self.env.user.has_group("saas_portal.group_manager")
            if guarded or (_MANAGERS_FIELDS & vals.keys() and not manager):
                raise AccessError(
                    self.env._(
                        "%(fields)s of a client cannot be written by you.",
                        fields=", ".join(sorted(guarded or _MANAGERS_FIELDS & vals.keys())),
                    )
                )
        return super().write(vals)

    # === BUSINESS METHODS - REQUESTS === #

    @api.model
    def _prepare_request(self, plan, **request):
        vals, secrets = super()._prepare_request(plan, **request)
        server = plan.sudo().template_id.server_id
        if server._is_docker():
            vals.update(plan.sudo()._read_docker_settings())
            vals["docker_image_id"] = server.docker_image_id.id
            vals["docker_image_tag_id"] = server.docker_image_tag_id.id
            vals["docker_postgresql_server_id"] = plan.sudo().docker_postgresql_server_id.id
        return vals, secrets

    def _get_copied_fields(self):
        names = super()._get_copied_fields()
        if self.is_docker:
            names += [*self._get_docker_settings(), "docker_image_id", "docker_image_tag_id"]
            names += ["docker_postgresql_server_id"]
        return names

    def _check_docker(self):
        """Only what is a stack can be treated as one."""
        self.ensure_one()
        if not self.is_docker or not self.sudo().docker_stack_id:
            raise UserError(self.env._("%(name)s is not a Docker stack.", name=self.name))

    # === BUSINESS METHODS - THE STACK === #

    def _prepare_stack_settings(self) -> dict:
        """What a revision keeps: everything of a stack that somebody chose for this client."""
        image = ":".join([self.docker_image_id.name or "", self.docker_image_tag_id.name or ""])
        present = self.docker_revision_id
        known = present.settings.get(_IMAGE_ID, "") if present.image == image else ""
        return {**self._read_docker_settings(), _IMAGE: image, _IMAGE_ID: known}

    def _prepare_new_settings(self) -> dict:
        """The same for a deployment: with the image that its host has under the tag by now."""
        settings, stack = self._prepare_stack_settings(), self.docker_stack_id
        if stack.environment_type == "swarm":
            # Each node has its own, and Docker asks the registry.
            return settings
        try:
            with stack.portainer_id._get_client() as client:
                found = client.find_image(stack._get_number(), settings[_IMAGE])
        except (PortainerError, UserError) as error:
            # Whoever deploys it next hears the same, and says so.
            _logger.info("The image of %s is not known: %s", self, error)
            return settings
        return {**settings, _IMAGE_ID: found}

    def _prepare_stack_spec(self, settings: dict, host: str) -> StackSpec:
        environment = self.docker_stack_id.environment_id
        return StackSpec(
            key=self.client_id,
            name=host,
            host=host,
            image=settings[_IMAGE],
            image_id=settings.get(_IMAGE_ID, ""),
            odoo=self._make_odoo_options(settings),
            database=self._prepare_stack_database(),
            resources=self._make_resources(settings),
            ports=Ports(environment.bind_ip, self.docker_http_port, self.docker_gevent_port),
            routing=self.server_id._prepare_routing(),
            portal_uuid=self.env["saas_portal.keyring"]._get_portal_uuid(),
            target=environment.environment_type,
            swarm=self.server_id._prepare_swarm(environment, self._get_secret_name()),
        )

    def _get_secret_name(self) -> str:
        """The secret of the swarm that holds the password of the client's database."""
        return f"{self.docker_stack_id.name}-db"

    def _render_stack(self, settings: dict, host: str = "") -> str:
        """The compose text of these settings.

        :raises InvalidSpec: there is no such stack
        """
        return render(self._prepare_stack_spec(settings, host or self.name))

    def _prepare_stack_database(self):
        if not (server := self.docker_postgresql_server_id):
            return InStackDatabase(self.server_id.docker_postgresql_image)
        return ExternalDatabase(server.host, server.port, self._get_database_role(), server.sslmode)

    @api.model
    def _get_role_of(self, key: str) -> str:
        """The role that the client with this uuid has on a shared PostgreSQL server."""
        return f"saas_{key.replace('-', '_')}"

    def _get_database_role(self) -> str:
        return self._get_role_of(self.client_id)

    def _get_database_names(self) -> set[str]:
        """What its database may be called, also while it is made, renamed, or kept when deleted."""
        return {self.name, self.trash_name, f"saas-new-{self.client_id}"}

    def _prepare_external_server(self):
        """The PostgreSQL server of the client as the driver knows it; None for one in the stack."""
        if not (server := self.docker_postgresql_server_id):
            return None
        password = self.docker_stack_id._prepare_target().env.get(PASSWORD_VARIABLE, "")
        found = server._get_external_server(self._get_database_role(), password)
        # Each process of Odoo has a few sessions of its own.
        return replace(found, sessions=found.sessions + 2 * self.docker_workers)

    def _get_services(self) -> tuple[str, ...]:
        """The containers that it consists of, Odoo's first."""
        external = bool(self.docker_postgresql_server_id)
        return (ODOO_SERVICE,) if external else (ODOO_SERVICE, DATABASE_SERVICE)

    def _get_container_address(self) -> str:
        """Where the portal reaches the client's Odoo."""
        address = self.docker_stack_id.environment_id.bind_ip
        host = f"[{address}]" if ":" in address else address
        return f"http://{host}:{self.docker_http_port}"

    def _get_transport(self):
        if not self.is_docker:
            return super()._get_transport()
        client = self.sudo()
        if not client.docker_stack_id:
            raise UserError(self.env._("%(name)s has no stack.", name=self.name))
        return XmlRpcTransport(client._get_container_address())

    def _publish_keys(self):
        if not self.is_docker:
            return super()._publish_keys()
        return self.server_id._get_driver().publish_keys(self._get_ref(), self._prepare_identity())
