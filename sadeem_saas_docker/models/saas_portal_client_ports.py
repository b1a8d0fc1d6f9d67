import logging

from odoo import models
from odoo.exceptions import UserError

from odoo.addons.saas_portal.lib.saas_driver import DriverUnavailable
from odoo.addons.sadeem_portainer.transactions import Busy, in_own_transaction, locked

from ..lib.saas_stack import stack_name
from ..portainer_driver import PortRefused
from .sadeem_saas_docker_placement import WAIT

_logger = logging.getLogger(__name__)

#: So many ports that a host refuses are passed over in one attempt to create a client.
_REFUSALS = 5


class SaasPortalClient(models.Model):
    """The ports of a Docker host at which the proxy reaches a client."""

    _inherit = "saas_portal.client"

    def _take_ports(self, environment):
        """Two ports of the environment; those that an attempt which was cut off has taken."""
        try:
            # A comparison that began before this attempt may be giving them back.
            with locked(environment, wait=WAIT):
                held = in_own_transaction(
                    self, lambda client: client._get_ports(environment.id).mapped("port")
                )
        except Busy as error:
            raise DriverUnavailable(
                self.env._("Somebody else was at work on %(name)s.", name=environment.name)
            ) from error
        if len(held) == 2:
            return held
        return environment.allocate_ports(2, purpose=stack_name(self.client_id))

    def _get_ports(self, environment_id=None):
        """The ports that are given to these clients, also those that no client knows of yet."""
        purposes = [stack_name(client.client_id) for client in self]
        domain = [("purpose", "in", purposes), ("released", "=", False)]
        if environment_id:
            domain.append(("environment_id", "=", environment_id))
        return self.env["sadeem.portainer.port"].search(domain, order="port")

    def _deploy_past_refused_ports(self, operation):
        """Bring a new client's stack up, with other ports where the host does not have its own.

        A port that something outside of Docker listens at is seen by nobody before.

        :return: Portainer's number of the stack
        :raises UserError: the host refused one port after the other
        """
        driver, refused = self.server_id._get_driver(), []
        while True:
            try:
                return driver.deploy(self._get_ref())
            except PortRefused as error:
                refused.append(error.port)
                if not in_own_transaction(
                    self, lambda client, port=error.port: client._set_port_aside(port)
                ):
                    raise
                if len(refused) > _REFUSALS:
                    raise UserError(self._describe_refused_ports(refused)) from error
                _logger.info("%s was refused the port %d: %s", self, error.port, error)
            # A PostgreSQL that was stopped while it made its cluster would never run.
            driver.delete(self._get_ref())
            # What the driver deploys is what is committed.
            in_own_transaction(
                self, lambda client, port=refused[-1]: client._replace_port(operation, port)
            )

    def _set_port_aside(self, port: int) -> bool:
        """Have nobody be given a port that the host refuses; whether it was this client's."""
        if port not in (self.docker_http_port, self.docker_gevent_port):
            return False
        self.docker_stack_id.environment_id._set_aside(
            port,
            self.env._(
                "Something else listens here: refused to %(stack)s", stack=self.docker_stack_id.name
            ),
        )
        return True

    def _replace_port(self, operation, port: int):
        """Another port instead of this one, and the revision that has it."""
        name = "docker_http_port" if self.docker_http_port == port else "docker_gevent_port"
        stack = self.docker_stack_id
        self[name] = stack.environment_id.allocate_port(purpose=stack.name)
        self._revise(
            operation.with_env(self.env).user_id,
            self.env._("The host has no port %(port)s", port=port),
            self.docker_revision_id.settings,
        )

    def _describe_refused_ports(self, ports: list[int]) -> str:
        return self.env._(
            "Something else on the host of %(environment)s listens at the ports %(ports)s, which"
            " nobody is given any more. End it and release them on the environment, or raise its"
            " Next Port above them.",
            environment=self.docker_stack_id.environment_id.display_name,
            ports=", ".join(map(str, ports)),
        )
