from collections import Counter

from odoo import api, fields, models

from odoo.addons.saas_portal.const import OPEN_OPERATION_STATES
from odoo.addons.sadeem_portainer.errors import told_to_user
from odoo.addons.sadeem_portainer.lib.portainer_api import NAMESPACE_LABEL, PROJECT_LABEL

from ..lib.saas_stack.names import LABEL_KEY, stack_name

#: A template is built by Odoo and PostgreSQL.
BUILD_CONTAINERS = 2


class SadeemPortainerEnvironment(models.Model):
    """Room on a Docker host: what runs there, and what clients have reserved beyond that."""

    _inherit = "sadeem.portainer.environment"

    placement_ids = fields.One2many("sadeem.saas.docker.placement", "environment_id")
    reserved_containers = fields.Integer(
        string="Reserved",
        compute="_compute_capacity",
        store=True,
        help="Containers of clients that do not run at this moment, and may at any time.",
    )
    ports_guarded = fields.Boolean(
        string="Firewalls Guard the Ports",
        tracking=True,
        help="A swarm opens published ports on all addresses of its nodes. Check this when their"
        " firewalls let only the portal and the reverse proxy in; until then no client goes here.",
    )

    docker_builds = fields.Json(
        readonly=True,
        copy=False,
        help="Containers that built templates when it was last read, by the template's uuid.",
    )

    @api.depends("placement_ids.outstanding")
    def _compute_capacity(self):
        result = super()._compute_capacity()
        for environment in self:
            environment.reserved_containers = sum(environment.placement_ids.mapped("outstanding"))
            environment.available_capacity -= environment.reserved_containers
        return result

    def release_ports(self, ports):
        """Give ports back to the host, but for those of clients."""
        self.ensure_one()
        self.check_access("write")
        if not self.env.su and isinstance(ports, list | tuple):
            clients = self.env["saas_portal.client"].sudo().with_context(active_test=False)
            held = clients.search([("docker_environment_id", "=", self.id)]).filtered(
                lambda client: {client.docker_http_port, client.docker_gevent_port} & {*ports}
            )
            held.docker_stack_id.sudo(False)._check_no_clients()
        return super().release_ports(ports)

    def _check_container_unowned(self, container):
        """Refuse a container of a client, by whatever Docker takes for its name.

        :raises UserError: names the client, or says why the container could not be looked at
        """
        number = self.portainer_environment_id
        with told_to_user(), self.portainer_id._get_client() as portainer:
            labels = portainer.get_container(number, container).labels
        names = {labels.get(name) for name in (PROJECT_LABEL, NAMESPACE_LABEL)}
        names.add(stack_name(labels.get(LABEL_KEY, "")))
        self.stack_ids.filtered(lambda stack: stack.name in names)._check_unowned()

    def _find_exposure(self) -> str:
        """Why the ports of clients would stand open to strangers here, '' if they would not."""
        if self.environment_type != "swarm" or self.ports_guarded:
            return ""
        return self.env._(
            "a swarm opens published ports on all addresses of its nodes; let their firewalls guard"
            " the ports, then say so on the environment's form"
        )

    def _find_obstacle_to_build(self, template) -> str:
        """Why the template cannot be built here, '' if it can; what of it runs has its room."""
        others = self._get_builds() - template
        return self._find_trouble() or self._find_lack_of_room(
            self._count_waiting(template), others
        )

    def _get_builds(self):
        """The templates that are being built here."""
        operations = self.env["saas_portal.operation"].sudo()
        return operations.search(
            [
                ("state", "in", OPEN_OPERATION_STATES),
                ("kind", "=", "build_template"),
                ("database_id.docker_environment_id", "in", self.ids),
            ]
        ).database_id

    def _count_waiting(self, template) -> int:
        """Containers that a build has not started, as far as was seen."""
        return BUILD_CONTAINERS - (self.docker_builds or {}).get(template.uuid, 0)

    def _find_lack_of_room(self, containers, builds=None):
        """:param builds: whose containers have room here besides; None: all that go on here"""
        builds = self._get_builds() if builds is None else builds
        waiting = sum(self._count_waiting(template) for template in builds)
        lack = super()._find_lack_of_room(containers + waiting)
        if not lack:
            return ""
        return self.env._(
            "it has no room for %(count)s more: of %(most)s containers %(running)s run and"
            " %(reserved)s are reserved",
            count=containers,
            most=self.max_running_containers,
            running=self.container_run,
            reserved=self.reserved_containers + waiting,
        )

    def _note_capacity(self, capacity, containers):
        error = super()._note_capacity(capacity, containers)
        running = Counter(
            container.labels.get(LABEL_KEY) for container in containers if container.is_running
        )
        templates = self.env["saas_portal.database"].sudo().with_context(active_test=False)
        built = templates.search([("docker_environment_id", "=", self.id)]).mapped("uuid")
        self.docker_builds = {
            key: min(running[key], BUILD_CONTAINERS) for key in built if running[key]
        }
        for placement in self.placement_ids:
            seen = min(running[placement.client_id.client_id], placement.containers)
            if seen != placement.seen_containers:
                placement.seen_containers = seen
        return error

    def _reserve(self, client_id: int, vals: dict):
        """Take room, or keep what the client has here; the caller holds the environment's lock.

        :param vals: containers, reason and holder of the placement
        :return: (id of the placement, ''), or (False, why there is no room)
        """
        Placement = self.env["sadeem.saas.docker.placement"]
        held = Placement.search([("client_id", "=", client_id)])
        more = vals["containers"] - held.containers
        if more > 0 and (lack := self._find_lack_of_room(more)):
            return False, lack
        if held:
            # Whoever took it first does not give it back any more.
            held.write({"containers": vals["containers"], "holder": vals["holder"]})
        else:
            held = Placement.create({"client_id": client_id, "environment_id": self.id, **vals})
        return held.id, ""
