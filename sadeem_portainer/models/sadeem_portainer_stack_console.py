import logging

from odoo import models
from odoo.exceptions import UserError

from ..container_calls import (
    MAX_TEXT,
    act_on_task,
    check_tail,
    exec_report,
    split_command,
    stats_report,
)
from ..errors import told_to_user
from ..lib.portainer_api import ACTIONS, Container, PortainerError

_logger = logging.getLogger(__name__)

#: A screen waits for it.
EXEC_SECONDS = 60


class SadeemPortainerStack(models.Model):
    """What the screens of a stack show of its containers, live; nothing of it is kept."""

    _inherit = "sadeem.portainer.stack"

    def get_live_containers(self):
        """The containers as they are at this moment, and the state as it was last noted."""
        self.ensure_one()
        self.check_access("read")
        with told_to_user(), self._get_console_client() as client:
            containers = client.list_containers(self._get_number(), self.name)
        return {"state": self.state, "containers": self._prepare_containers(tuple(containers))}

    def get_container_stats(self, container):
        """CPU and memory of one container of this stack."""
        with told_to_user(), self._get_console_client() as client:
            container = self._get_own_container(client, container)
            return stats_report(client.stats(self._get_number(), container))

    def get_container_log(self, container, tail=100):
        """The last lines of one container of this stack, at most 1000."""
        tail = check_tail(self.env, tail)
        with told_to_user(), self._get_console_client() as client:
            container = self._get_own_container(client, container)
            return {"log": client.logs(self._get_number(), container, tail=tail)[-MAX_TEXT:]}

    def run_command(self, container, command):
        """Run a command in one container of this stack."""
        argv = split_command(self.env, command)
        with told_to_user(), self._get_console_client() as client:
            container = self._get_own_container(client, container)
            result = client.exec(
                self._get_number(), container, argv, timeout=EXEC_SECONDS, max_bytes=MAX_TEXT
            )
        # Not the command: it may hold a secret.
        _logger.info("user #%d ran a command in container %s of %s", self.env.uid, container, self)
        return exec_report(result)

    def act_on_container(self, container, action):
        """restart, start, stop, pause or unpause one container of this stack."""
        if action not in ACTIONS or action == "remove":
            raise UserError(self.env._("This cannot be done to a container of a stack."))
        with told_to_user(), self._get_console_client() as client:
            row = self._find_own_container(client, container)
            container = row.id
            if row.is_task:
                act_on_task(self.env, client, self._get_number(), row, action)
            else:
                client.container_action(self._get_number(), container, action)
        _logger.info("user #%d: %s of container %s of %s", self.env.uid, action, container, self)
        return {"container": container, "action": action, "done": True}

    def _list_volumes(self) -> list[str]:
        """Names of the volumes that outlive the stack, as far as the server tells."""
        try:
            with self._get_console_client() as client:
                volumes = client.list_volumes(self._get_number(), self.name)
        except (PortainerError, UserError) as error:
            return [str(error)]
        return [volume.name for volume in volumes]

    def _get_console_client(self):
        self.ensure_one()
        self.check_access("write")
        return self.portainer_id._get_client()

    def _get_number(self) -> int:
        return self.environment_id.portainer_environment_id

    def _get_own_container(self, client, container) -> str:
        """The id of the container, which must belong to this stack."""
        return self._find_own_container(client, container).id

    def _find_own_container(self, client, container) -> Container:
        for row in client.list_containers(self._get_number(), self.name):
            if container in (row.id, row.name):
                return row
        raise UserError(
            self.env._(
                "%(stack)s has no container %(container)s any more. Check its status.",
                stack=self.name,
                container=container,
            )
        )
