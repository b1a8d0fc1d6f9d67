import uuid

from odoo import api, fields, models
from odoo.exceptions import UserError

from ..transactions import Busy, in_own_transaction, locked

LAST_PORT = 65535
#: Seconds; two hundred requests in a queue are through in a fraction of it.
_WAIT = 60
#: Nothing is given out below the first port that needs no privilege.
FIRST_PORT = 1024


class SadeemPortainerEnvironment(models.Model):
    """Which ports of a host are given away."""

    _inherit = "sadeem.portainer.environment"

    published_ports = fields.Json(
        readonly=True, copy=False, help="Ports that containers of the host were seen with."
    )
    next_free_port = fields.Integer(compute="_compute_next_free_port")

    @api.depends("next_port", "port_ids.released", "published_ports")
    def _compute_next_free_port(self):
        for environment in self:
            free = environment._find_free_ports(1)
            environment.next_free_port = free[0] if free else 0

    def allocate_port(self, purpose="", stack_id=False):
        """A free port of the host, which is nobody else's until it is released."""
        return self.allocate_ports(1, purpose=purpose, stack_id=stack_id)[0]

    def allocate_ports(self, count, purpose="", stack_id=False):
        """``count`` free ports of the host, released ones first.

        They are taken at once and for all to see, and given back if this transaction fails.
        """
        self.ensure_one()
        self.check_access("write")
        if isinstance(count, bool) or not isinstance(count, int) or not 1 <= count <= 1000:
            raise UserError(self.env._("Ask for 1 to 1000 ports."))
        if stack_id and not in_own_transaction(
            self.env["sadeem.portainer.stack"].browse(stack_id), lambda stack: stack.exists()
        ):
            raise UserError(self.env._("There is no stack with the id %(id)s.", id=stack_id))
        holder = str(uuid.uuid4())
        vals = {"purpose": purpose, "stack_id": stack_id, "holder": holder, "released": False}
        ports = self._alone_with_ports(lambda environment: environment._take_ports(count, vals))
        self.env.cr.postrollback.add(lambda: self._give_back([("holder", "=", holder)]))
        return ports

    def release_ports(self, ports):
        """Give ports back to the host, at once; tells how many were taken until now."""
        self.ensure_one()
        self.check_access("write")
        if not isinstance(ports, list | tuple) or not all(type(port) is int for port in ports):
            raise UserError(self.env._("Name the ports as a list of numbers."))
        return self._give_back([("port", "in", list(ports))])

    def _set_aside(self, port, purpose):
        """Give a port that the host refuses to nobody, at once, until it is released.

        :param purpose: why, for who looks at the ports
        """
        self.ensure_one()
        vals = {"purpose": purpose, "set_aside": True, "released": False}
        vals.update(stack_id=False, holder=False)

        def note(environment):
            known = environment.port_ids.filtered(lambda row: row.port == port)
            known.write(vals)
            if not known:
                environment.port_ids.create({**vals, "environment_id": self.id, "port": port})

        self._alone_with_ports(note)

    def _alone_with_ports(self, work):
        """What ``work`` returns, in a transaction of its own while nobody else takes ports here.

        :raises UserError: somebody else did for too long
        """
        try:
            with locked(self, wait=_WAIT):
                return in_own_transaction(self, work)
        except Busy as error:
            raise UserError(
                self.env._(
                    "Somebody else has been taking ports of %(environment)s for a minute. Try"
                    " again.",
                    environment=self.name,
                )
            ) from error

    def _take_ports(self, count: int, vals: dict) -> list[int]:
        if not self.exists():
            raise UserError(self.env._("Save the environment before you take ports of it."))
        ports = self._find_free_ports(count)
        if len(ports) < count:
            raise UserError(
                self.env._(
                    "%(environment)s has no %(count)s free ports above %(first)s.",
                    environment=self.name,
                    count=count,
                    first=self.next_port,
                )
            )
        released = self.port_ids.filtered(lambda port: port.port in ports)
        released.write(vals)
        self.env["sadeem.portainer.port"].create(
            [
                {**vals, "environment_id": self.id, "port": port}
                for port in ports
                if port not in released.mapped("port")
            ]
        )
        if ports[-1] > self.next_port:
            self.next_port = ports[-1]
        return ports

    def _find_free_ports(self, count: int) -> list[int]:
        """Released ones from the lowest on, then those above the last one given out."""
        known = {port.port: port.released for port in self.port_ids}
        published = set(self.published_ports or [])
        found = sorted(port for port in known if known[port] and port not in published)[:count]
        port = max(self.next_port, FIRST_PORT - 1)
        while len(found) < count and port < LAST_PORT:
            port += 1
            if port not in known and port not in published:
                found.append(port)
        return found

    def _give_back(self, domain: list) -> int:
        domain = [("environment_id", "in", self.ids), ("released", "=", False), *domain]

        def forget(environment):
            given = environment.env["sadeem.portainer.port"].search(domain)
            vals = {"holder": False, "stack_id": False, "purpose": False, "set_aside": False}
            given.write({**vals, "released": True})
            return len(given)

        return in_own_transaction(self, forget)
