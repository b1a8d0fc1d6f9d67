import logging

from odoo import fields, models
from odoo.exceptions import UserError

from odoo.addons.saas_portal.const import (
    DELETED,
    LIVE_STATES,
    OPEN_OPERATION_STATES,
    STOPPED,
)
from odoo.addons.sadeem_portainer.lib.portainer_api import PortainerError, with_operation_key
from odoo.addons.sadeem_portainer.transactions import Busy, in_own_transaction, locked

from ..comparison import Shown, Wanted, compare, look
from ..lib.saas_stack import client_key, stack_name
from ..portainer_driver.survey import builder_name
from .sadeem_saas_docker_placement import WAIT

_logger = logging.getLogger(__name__)


class SadeemPortainerEnvironment(models.Model):
    """Compares what runs on a Docker host with what the records of clients say."""

    _inherit = "sadeem.portainer.environment"

    deviation_ids = fields.One2many("sadeem.saas.docker.deviation", "environment_id")

    def _compare_with_records(self) -> str:
        """Note what differs, and heal what is the portal's own; returns what went wrong, or ''.

        A host that does not answer tells nothing: its clients are unreachable, and no more.
        """
        self.ensure_one()
        try:
            number, client, images = in_own_transaction(
                self,
                lambda environment: (
                    environment.portainer_environment_id,
                    environment.portainer_id._get_client(),
                    {wanted.image for wanted in environment._prepare_wanted() if wanted.image},
                ),
            )
            with client:
                shown = look(client, number, images)
        except (PortainerError, UserError) as error:
            text = str(error)
            in_own_transaction(self, lambda environment: environment._note_unreachable())
            return text
        # The records are read after the server: what was there then was written down before.
        in_own_transaction(self, lambda environment: environment._note_deviations(shown))
        self._heal()
        return ""

    def _get_docker_clients(self):
        """All clients that have, or may have, a stack here, deleted ones too."""
        clients = self.env["saas_portal.client"].sudo().with_context(active_test=False)
        return clients.search([("docker_environment_id", "in", self.ids)])

    def _get_known_keys(self) -> set[str]:
        """Keys of everything of which stacks may be on servers: clients, templates, what is made.

        A client whose stack is gone by its records is not among them, unless it is at work.
        """
        clients = self.env["saas_portal.client"].sudo().with_context(active_test=False)
        known = clients.search([("docker_stack_id", "!=", False)]) | self._get_busy_clients()
        templates = self.env["saas_portal.database"].sudo().with_context(active_test=False)
        built = templates.search([("uuid", "!=", False)])
        return {*known.mapped("client_id"), *built.mapped("uuid"), *self._get_builder_keys()}

    def _get_builder_keys(self) -> set[str]:
        """What the stacks are called in which templates are built at this moment."""
        builds = self.env["saas_portal.operation"].sudo()
        builds = builds.search(
            [("state", "in", OPEN_OPERATION_STATES), ("kind", "=", "build_template")]
        )
        return {
            client_key(builder_name(stack_name(template.uuid))) for template in builds.database_id
        }

    def _get_busy_clients(self):
        """Clients to which something is being done at this moment."""
        operations = self.env["saas_portal.operation"].sudo()
        return operations.search(
            [("state", "in", OPEN_OPERATION_STATES), ("client_id", "!=", False)]
        ).client_id

    # === NOTING === #

    def _note_unreachable(self):
        clients = self._get_docker_clients().filtered(
            lambda client: client.state in LIVE_STATES and not client.unreachable_since
        )
        clients.write({"unreachable_since": fields.Datetime.now()})

    def _note_deviations(self, shown: Shown):
        portal = self.env["saas_portal.keyring"]._get_portal_uuid()
        found = {
            deviation.stack: deviation
            for deviation in compare(self._prepare_wanted(), shown, portal, self._get_known_keys())
        }
        for present in self.deviation_ids:
            deviation = found.pop(present.stack, None)
            if deviation:
                present.write(self._prepare_deviation_vals(deviation))
            else:
                present.unlink()
        self.env["sadeem.saas.docker.deviation"].create(
            [
                {"environment_id": self.id, **self._prepare_deviation_vals(deviation)}
                for deviation in found.values()
            ]
        )

    def _prepare_deviation_vals(self, deviation) -> dict:
        return {
            "kind": deviation.kind,
            "stack": deviation.stack,
            "client_id": deviation.client_id,
            "detail": deviation.detail,
            "last_seen": fields.Datetime.now(),
        }

    def _prepare_wanted(self) -> list[Wanted]:
        busy = self._get_busy_clients()
        return [
            self._prepare_wanted_stack(client, client in busy)
            for client in self._get_docker_clients()
        ]

    def _prepare_wanted_stack(self, client, busy: bool) -> Wanted:
        stack, revision = client.docker_stack_id, client.docker_revision_id
        runs = client.state in LIVE_STATES and client.rung != STOPPED
        # A revision may wait to be deployed.
        comparable = runs and revision.deployed_at
        # Each node of a swarm has images of its own.
        image = self.environment_type == "standalone" and comparable and revision.image
        return Wanted(
            client_id=client.id,
            key=client.client_id,
            stack=stack.name,
            services=client._get_services() if runs else (),
            missed=client.state in LIVE_STATES,
            text=with_operation_key(revision.compose, stack.operation) if comparable else "",
            image=image or "",
            busy=busy or client.state not in (*LIVE_STATES, DELETED),
        )

    # === HEALING === #

    def _heal(self):
        """Give back ports and room that nobody has any more, and note room that is used.

        Under the lock under which they are taken: a creation that is tried again has what it held
        before, or takes it anew, and never both.
        """
        try:
            with locked(self, wait=WAIT):
                self._heal_alone()
        except Busy:
            _logger.info("%s is at work; what is nobody's there waits for the next time", self)

    def _heal_alone(self):
        stale_ports, stale_places, unplaced = in_own_transaction(
            self, lambda environment: environment._find_stale()
        )
        if stale_ports:
            _logger.info("Ports %s of %s were nobody's any more", stale_ports, self)
            self._give_back([("port", "in", stale_ports)])
        in_own_transaction(
            self.env["sadeem.saas.docker.placement"].browse(stale_places),
            lambda placements: placements.exists().unlink(),
        )
        for client_id, containers in unplaced:
            vals = {"client_id": client_id, "environment_id": self.id, "containers": containers}
            in_own_transaction(
                self, lambda environment, vals=vals: environment.placement_ids.create(vals)
            )

    def _find_stale(self) -> tuple[list[int], list[int], list[tuple[int, int]]]:
        """(ports, ids of places, clients without place and their containers)."""
        clients, busy = self._get_docker_clients(), self._get_busy_clients()
        keys = set(busy.mapped("client_id"))
        held = {*clients.mapped("docker_http_port"), *clients.mapped("docker_gevent_port")}
        ports = [
            port.port
            for port in self.port_ids
            if not port.released
            and not port.stack_id
            and port.port not in held
            and (key := client_key(port.purpose or ""))
            and key not in keys
        ]
        stale = self.placement_ids.filtered(
            lambda placement: placement.client_id not in clients | busy
        )
        unplaced = clients.filtered(lambda client: not client.docker_placement_ids) - busy
        return ports, stale.ids, [(each.id, each._count_containers()) for each in unplaced]
