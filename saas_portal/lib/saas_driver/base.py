"""The interface that every kind of server fulfils."""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol, runtime_checkable

from .errors import ServerUnavailable
from .types import ClientRef, ClientSpec, ClientStatus, Identity, Spare, TemplateSpec, Usage


class Driver(Protocol):
    """Does things to clients on one server.

    Each verb makes something so, and succeeds when it already is: creating what exists as asked
    and deleting what is gone both do nothing. A verb that was interrupted is completed by calling
    it again with the same arguments. Errors are those of :mod:`.errors`.

    To add a kind of server: write a class with these methods, let it pass the contract suite
    (``tests/unit/driver_contract.py``), extend the selection ``saas_portal.server.driver`` and
    return an instance from ``saas_portal.server._get_driver()``.
    """

    def create(self, spec: ClientSpec) -> bool:  # pylint: disable=method-required-super
        """Make the client, reachable under its name when this returns.

        :return: whether it is known to be set up as ``spec.setup`` says; if not, the caller has the
            client itself do that
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

    def backup(self, ref: ClientRef, archive: Path) -> None:
        """Write database and files into this file on the portal's machine.

        The format is that of Odoo's database manager: a zip with ``dump.sql``, ``manifest.json``
        and ``filestore/``. The file is there whole or not at all; one that is there is kept.
        """

    def restore(self, ref: ClientRef, identity: Identity, archive: Path) -> None:
        """Make the client what the backup holds, whatever it held before or if it was gone.

        Its people keep their passwords; it has the given identity and a new secret.

        :raises DriverNotFound: no such file
        :raises DriverRejected: the file is no whole backup, or the name is somebody else's
        """

    def copy(  # pylint: disable=method-required-super
        self, source: ClientRef, ref: ClientRef, identity: Identity, neutralize: bool = False
    ) -> None:
        """Make a client that holds what another one holds, which goes on meanwhile.

        The copy has an identity of its own, the same people, and nothing with which it could act
        in the original's name: no mail servers, API keys or mails that wait.

        :param neutralize: the copy also sends and runs nothing by itself, as Odoo does it for a
            copy of a database: a stage to try things in
        :raises DriverNotFound: no such source
        :raises DriverRejected: the name belongs to another database
        """

    def build_template(self, spec: TemplateSpec) -> None:
        """Make a database with these addons and close it for everything but copying."""

    def delete_template(self, name: str) -> None:
        """Remove a template."""


@runtime_checkable
class SpareKeeper(Protocol):
    """What a driver can do that keeps copies of templates ready for clients to come."""

    def make_spare(self, key: str, template: str) -> None:
        """Copy the template out of sight; ``create`` makes a client of it that has its key.

        :raises DriverNotFound: no such template
        """

    def drop_spare(self, key: str) -> None:
        """Remove a spare, whole or half made.

        :raises DriverRejected: another portal has made it
        """

    def list_spares(self) -> list[Spare]:
        """All spares of any portal on this server, also half made ones."""

    def list_unfinished(self) -> list[Spare]:
        """What was never finished of clients and templates; ``key`` is theirs.

        Neither a client that is on its way to another name, nor what does not say who began it.
        """

    def drop_unfinished(self, key: str) -> None:
        """Remove what is there of a client or template that was never finished.

        :raises DriverRejected: another portal has begun it
        """


@runtime_checkable
class UsageReader(Protocol):
    """What a driver can do that reads many clients in few steps; others are asked one by one."""

    def list_usages(self, refs: Sequence[ClientRef]) -> dict[str, Usage | Exception]:
        """By key, the statistics of each of these clients, or why there are none.

        :param refs: clients in one place: what makes one of them out of reach may do it to all
        :raises ServerUnavailable: the place does not answer, whichever client it is asked for
        """


def read_usages(driver: Driver, refs: Sequence[ClientRef]) -> dict[str, Usage | Exception]:
    """What ``UsageReader.list_usages`` tells, of any driver.

    :raises ServerUnavailable: the place does not answer
    """
    if isinstance(driver, UsageReader):
        return driver.list_usages(refs)
    answers = {}
    for ref in refs:
        try:
            answers[ref.key] = driver.usage(ref)
        except ServerUnavailable:
            raise
        except Exception as error:
            answers[ref.key] = error
    return answers
