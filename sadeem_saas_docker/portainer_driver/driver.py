"""Clients as Docker stacks, by way of Portainer."""

from pathlib import Path

from odoo.addons.saas_portal.lib.saas_driver import (
    ClientRef,
    ClientSpec,
    ClientStatus,
    Identity,
    TemplateSpec,
    Usage,
)

from .fleet import Fleet


class PortainerDriver:
    """Does things to clients that are stacks of containers.

    Implements ``saas_driver.Driver``; what happens inside a container is done by the agent there.

    :param fleet: knows the stacks that clients should be
    :param templates: folder of the portal with an archive for each template
    """

    def __init__(self, fleet: Fleet, templates: Path):
        self._fleet = fleet
        self._templates = Path(templates)

    def deploy(self, ref: ClientRef) -> int:
        """Bring the stack up as the fleet wants it, with PostgreSQL answering in it.

        :returns: Portainer's number of the stack
        :raises DriverRejected: compose refuses, or the image is none of ours
        """
        raise NotImplementedError

    def create(self, spec: ClientSpec) -> None:
        """Deploy the stack, unless it is, and fill its database from the template's archive."""
        raise NotImplementedError

    def start(self, ref: ClientRef) -> None:
        raise NotImplementedError

    def stop(self, ref: ClientRef) -> None:
        raise NotImplementedError

    def delete(self, ref: ClientRef) -> None:
        """Remove stack and volumes, and the role and databases on an external PostgreSQL."""
        raise NotImplementedError

    def rename(self, ref: ClientRef, new_name: str, base_url: str) -> None:
        raise NotImplementedError

    def status(self, name: str) -> ClientStatus:
        raise NotImplementedError

    def list(self) -> list[ClientStatus]:
        raise NotImplementedError

    def usage(self, ref: ClientRef) -> Usage:
        raise NotImplementedError

    def backup(self, ref: ClientRef, archive: Path) -> None:
        raise NotImplementedError

    def restore(self, ref: ClientRef, identity: Identity, archive: Path) -> None:
        raise NotImplementedError

    def copy(
        self, source: ClientRef, ref: ClientRef, identity: Identity, neutralize: bool = False
    ) -> None:
        """:param neutralize: the copy sends no mails and runs nothing by itself (a stage)"""
        raise NotImplementedError

    def publish_keys(self, ref: ClientRef, identity: Identity) -> None:
        """Let the client trust the portal's present public keys, and no former ones."""
        raise NotImplementedError

    def build_template(self, spec: TemplateSpec) -> None:
        raise NotImplementedError

    def delete_template(self, name: str) -> None:
        raise NotImplementedError
