"""The interface that every kind of server fulfils."""

from typing import Protocol

from .types import ClientRef, ClientSpec, ClientStatus, TemplateSpec, Usage


class Driver(Protocol):
    """Does things to clients on one server.

    Each verb makes something so, and succeeds when it already is: creating what exists as asked
    and deleting what is gone both do nothing. A verb that was interrupted is completed by calling
    it again with the same arguments. Errors are those of :mod:`.errors`.

    To add a kind of server: write a class with these methods, let it pass the contract suite
    (``tests/unit/driver_contract.py``), extend the selection ``saas_portal.server.driver`` and
    return an instance from ``saas_portal.server._get_driver()``.
    """

    def create(self, spec: ClientSpec) -> None:  # pylint: disable=method-required-super
        """Make the client, reachable under its name when this returns.

        :raises DriverRejected: the name belongs to another database, or ``template`` names what is
            no template
        :raises DriverNotFound: no such template
        """

    def start(self, ref: ClientRef) -> None:
        """Let people in."""

    def stop(self, ref: ClientRef) -> None:
        """Let nobody in; nothing is lost."""

    def delete(self, ref: ClientRef) -> None:
        """Remove the client with all its data, also what an interrupted ``create`` left behind."""

    def rename(self, ref: ClientRef, new_name: str, base_url: str) -> None:
        """Give the client another name and base URL; people have to log in again.

        A client that was stopped runs afterwards.

        :raises DriverRejected: the new name belongs to another database
        """

    def status(self, name: str) -> ClientStatus:
        """What is there under this name; capitals do not count."""

    def list(self) -> list[ClientStatus]:
        """Every client of any portal on this server."""

    def usage(self, ref: ClientRef) -> Usage:
        """Statistics, read without loading the client into Odoo."""

    def build_template(self, spec: TemplateSpec) -> None:
        """Make a database with these addons and close it for everything but copying."""

    def delete_template(self, name: str) -> None:
        """Remove a template."""
