import contextlib
from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import UserError

from ..lib.portainer_api import Capacity, Container, PortainerError
from ..transactions import Busy, in_own_transaction, locked

#: What was read this many seconds ago is as good as new.
FRESH = 20


class SadeemPortainerEnvironment(models.Model):
    """What a Docker host has and runs, as it was last seen."""

    _inherit = "sadeem.portainer.environment"

    max_running_containers = fields.Integer(
        string="Max Running Container Count", default=50, required=True, tracking=True
    )
    container_run = fields.Integer(string="Running", readonly=True, copy=False)
    container_stop = fields.Integer(string="Stopped", readonly=True, copy=False)
    container_pause = fields.Integer(string="Paused", readonly=True, copy=False)
    container_total = fields.Integer(string="Total", readonly=True, copy=False)
    available_capacity = fields.Integer(
        string="Available Container Capacity",
        compute="_compute_capacity",
        store=True,
        help="How many more containers may run here.",
    )
    capacity_used = fields.Float(compute="_compute_capacity_used", help="In percent.")
    state = fields.Selection(
        [("normal", "Normal"), ("over_capacity", "Over Capacity")],
        string="Capacity State",
        compute="_compute_capacity",
        store=True,
    )
    cpu_cores = fields.Integer(string="CPU Cores", readonly=True, copy=False)
    total_ram_mb = fields.Integer(string="Total RAM (MB)", readonly=True, copy=False)
    disk_used_mb = fields.Integer(
        string="Disk Used by Docker (MB)",
        readonly=True,
        copy=False,
        help="What images, containers, volumes and the build cache occupy.",
    )
    disk_total_mb = fields.Integer(
        string="Disk (MB)", readonly=True, copy=False, help="0 where Docker does not know it."
    )
    docker_version = fields.Char(readonly=True, copy=False)
    connection = fields.Selection(
        [
            ("unknown", "Not Seen Yet"),
            ("up", "Up"),
            ("down", "Down"),
            ("missing", "Gone from Portainer"),
        ],
        default="unknown",
        required=True,
        readonly=True,
        copy=False,
        tracking=True,
    )
    checked_at = fields.Datetime(readonly=True, copy=False, help="The last attempt to read it.")
    last_seen = fields.Datetime(readonly=True, copy=False)
    last_error = fields.Text(readonly=True, copy=False)

    _max_running_containers_positive = models.Constraint(
        "CHECK (max_running_containers >= 0)", "A number of containers is not negative."
    )

    @api.depends("max_running_containers", "container_run")
    def _compute_capacity(self):
        for environment in self:
            most, running = environment.max_running_containers, environment.container_run
            environment.available_capacity = most - running
            environment.state = "over_capacity" if running >= most else "normal"

    @api.depends("max_running_containers", "container_run")
    def _compute_capacity_used(self):
        for environment in self:
            most, running = environment.max_running_containers, environment.container_run
            environment.capacity_used = 100.0 * running / most if most else 100.0

    # === REFRESHING === #

    def _refresh(self, disk: bool = False) -> str:
        """Read the capacity now; what went wrong is noted on the record and returned.

        :param disk: also measure what Docker occupies, which is slow
        """
        self.ensure_one()
        try:
            with locked(self):
                return in_own_transaction(self, self._prepare_note(disk))
        except Busy:
            return self.env._("Somebody else is reading it at this moment.")

    def _prepare_note(self, disk: bool):
        """Ask the server, and return what is to be done with its answer."""
        try:
            # The record may be younger than the transaction of the request.
            number, swarm, client = in_own_transaction(
                self,
                lambda environment: (
                    environment.portainer_environment_id,
                    environment.environment_type == "swarm",
                    environment.portainer_id._get_client(),
                ),
            )
            with client:
                containers = client.list_containers(number)
                ask = client.swarm_capacity if swarm else client.capacity
                capacity = ask(number, disk=disk)
        except (PortainerError, UserError) as error:
            # The handler's variable is gone when the function is called.
            text = str(error)
            return lambda environment: environment._note_failure(text)
        return lambda environment: environment._note_capacity(capacity, containers)

    def _note_failure(self, error: str) -> str:
        vals = {"last_error": error, "checked_at": fields.Datetime.now()}
        if self.connection != "missing":
            vals["connection"] = "down"
        self.write(vals)
        return error

    def _note_capacity(self, capacity: Capacity, containers: list[Container]) -> str:
        ports = {port.host_port for container in containers for port in container.ports}
        listed = len([container for container in containers if container.is_running])
        vals = {
            # Read a moment apart: with the larger number nothing is filled twice.
            "container_run": max(capacity.running, listed),
            "container_stop": capacity.stopped,
            "container_pause": capacity.paused,
            "container_total": capacity.total,
            "cpu_cores": capacity.cores,
            "total_ram_mb": capacity.ram_bytes // 2**20,
            "docker_version": capacity.docker_version,
            "published_ports": sorted(ports | capacity.ports),
            "connection": "up",
            "checked_at": fields.Datetime.now(),
            "last_seen": fields.Datetime.now(),
            "last_error": False,
        }
        for name in ("used", "total"):
            if (size := getattr(capacity, f"disk_{name}_bytes")) is not None:
                vals[f"disk_{name}_mb"] = size // 2**20
        self.write(vals)
        return ""

    def _refresh_stale(self, failed_too: bool = False):
        """Read what was not read a moment ago and can be read.

        :param failed_too: also what did not answer a moment ago
        """
        limit = fields.Datetime.now() - timedelta(seconds=FRESH)
        for environment in self:
            server = environment.portainer_id
            fresh = environment.checked_at and environment.checked_at >= limit
            if failed_too and environment.last_error:
                fresh = False
            if not fresh and server.state == "confirmed" and server.active:
                environment._refresh()

    def _find_obstacle(self, containers: int = 1) -> str:
        """Why so many more containers cannot be deployed here, '' if they can."""
        return self._find_trouble() or self._find_lack_of_room(containers)

    def _find_trouble(self) -> str:
        self.ensure_one()
        server = self.portainer_id
        if not self.active:
            return self.env._("it is archived")
        if server.state != "confirmed" or not server.active:
            return self.env._("its server %(server)s is not confirmed", server=server.name)
        if self.connection == "missing":
            return self.env._("it is gone from Portainer")
        if self.connection == "down":
            return self._describe_silence(self.last_error or "?")
        return ""

    def _describe_silence(self, error: str) -> str:
        return self.env._("it does not answer: %(error)s", error=error)

    def _find_silence(self) -> str:
        """Ask the Docker host now: why nothing can be deployed there, '' if it answers.

        What was read a moment ago tells nothing of a server that died since.
        """
        self.ensure_one()
        try:
            number, client = in_own_transaction(
                self,
                lambda environment: (
                    environment.portainer_environment_id,
                    environment.portainer_id._get_client(),
                ),
            )
            with client:
                client.docker_version(number)
        except (PortainerError, UserError) as error:
            text = str(error)
            # Who is reading it at this moment will see the same.
            with contextlib.suppress(Busy), locked(self):
                in_own_transaction(self, lambda environment: environment._note_failure(text))
            return self._describe_silence(text)
        return ""

    def _find_lack_of_room(self, containers: int) -> str:
        if self.available_capacity >= containers:
            return ""
        return self.env._(
            "it is full: %(running)s of %(most)s containers run",
            running=self.container_run,
            most=self.max_running_containers,
        )

    # === DASHBOARD === #

    @api.model
    def get_dashboard(self):
        """A card for each environment, from what was last seen."""
        self.check_access("read")
        return [environment._prepare_card() for environment in self.search([])]

    def refresh_card(self):
        """The card of this environment, read from the server if that is some time ago."""
        self.ensure_one()
        self.check_access("write")
        self._refresh_stale()
        return in_own_transaction(self, lambda environment: environment._prepare_card())

    def _prepare_card(self) -> dict:
        self.ensure_one()
        labels = dict(self._fields["connection"]._description_selection(self.env))
        states = dict(self._fields["state"]._description_selection(self.env))
        return {
            "id": self.id,
            "name": self.name,
            "portainer": self.portainer_id.name,
            "connection": self.connection,
            "connection_label": labels[self.connection],
            "state": self.state,
            "state_label": states[self.state],
            "is_swarm": self.environment_type == "swarm",
            "running": self.container_run,
            "stopped": self.container_stop,
            "paused": self.container_pause,
            "total": self.container_total,
            "max": self.max_running_containers,
            "available": self.available_capacity,
            "used": round(self.capacity_used, 1),
            "cores": self.cpu_cores,
            "ram_mb": self.total_ram_mb,
            "disk_used_mb": self.disk_used_mb,
            "disk_total_mb": self.disk_total_mb,
            "stacks": self.stack_count,
            "last_seen": fields.Datetime.to_string(self.last_seen) or "",
            "error": self.last_error or "",
        }
