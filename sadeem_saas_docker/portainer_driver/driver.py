"""Clients as Docker stacks, by way of Portainer."""

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path

from odoo.addons.saas_portal.lib.saas_driver import (
    ClientRef,
    ClientSpec,
    ClientStatus,
    DriverError,
    DriverNotFound,
    DriverRejected,
    DriverUnavailable,
    Identity,
    TemplateSpec,
    Usage,
    check_archive,
)
from odoo.addons.sadeem_portainer.lib.portainer_api import PortainerClient

from ..lib.saas_stack import stack_name
from . import deploying
from .agent_calls import LIMITS, Agent
from .external import ExternalRoles
from .failures import talking
from .files import Templates
from .fleet import Fleet, Place
from .survey import Found, builder_name, survey

#: Seconds for PostgreSQL, then Odoo, to answer in containers that run; one look's share of them.
_PATIENCE = 300
_LOOK = 15
#: Seconds for former work in a container; what takes longer is asked for again later.
_BUSY = 3600
_PAUSE, _BUSY_PAUSE = 0.5, 2
#: Bytes that a backup may have: always, and for each of what the client says it holds, and
#: answers for. Packed it is less; only a container that makes something up sends more.
_ALWAYS, _TIMES = 256 * 1024**2, 4
#: What the agent tells of the client.
_SEEN = {"name": str, "busy": bool, "modules": str}
_USAGE = {"users": int, "database_mb": float, "files_mb": float, "suspended": bool}


class PortainerDriver:
    """Does things to clients that are stacks of containers.

    Implements ``saas_driver.Driver``; what happens inside a container is done by the agent there.
    A stack has its name from the client's key, so it is found again whatever was cut off.

    :param fleet: knows the stacks that clients should be
    :param templates: folder of the portal with an archive for each template
    :param is_cancelled: whether what is being done is not wanted any more; asked while it waits
    :param limits: seconds that each kind of work in a container may take
    :param order: names what is being done, the same when it is tried again; '' if it has no name
    :param tell: called with what is waited for, '' when that has come
    """

    def __init__(
        self,
        fleet: Fleet,
        templates: Path,
        is_cancelled: Callable[[], bool] = lambda: False,
        limits: Mapping[str, float] = LIMITS,
        order: str = "",
        tell: Callable[[str], None] = lambda text: None,
    ):
        self._tell = tell
        self._fleet, self._is_cancelled = fleet, is_cancelled
        self._limits, self._order = limits, order
        self._templates = Templates(templates)

    # -- clients -----------------------------------------------------------------------------------

    def deploy(self, ref: ClientRef, base_url: str = "") -> int:
        """Bring the stack up as the fleet wants it, with PostgreSQL answering in it.

        :param base_url: of a client whose database is there: it gets its name back if a rename
            was given up half way
        :returns: Portainer's number of the stack
        :raises DriverNotFound: the stack runs, and has no data any more
        :raises DriverRejected: compose refuses, the image is none of ours, or its modules fail
        """
        with self._deployed(ref) as (agent, seen, number):
            if base_url and seen["name"] != ref.name:
                self._rename_database(agent, seen, ref, ref.name, base_url)
            if seen["modules"]:
                raise DriverRejected(
                    f"{ref.name} runs, but its modules could not be changed: {seen['modules']}"
                    " Change the list of modules, then deploy it again."
                )
        return number

    def bring_back(self, ref: ClientRef) -> None:
        """Make the stack anew when nothing of it is left, with its data if that is still there."""
        with self._deployed(ref):
            pass

    def create(self, spec: ClientSpec) -> bool:  # pylint: disable=method-required-super
        """Deploy the stack, unless it is, and fill its database from the template's archive.

        :return: False: the client sets itself up, when its Odoo runs
        """
        archive = self._find_template(spec.template)
        with self._deployed(spec.ref) as (agent, seen, _number):
            self._check_database(spec.ref, seen)
            if not seen["name"]:
                agent.work("create", upload=archive, **_identified(spec.ref, spec.identity))
            self._wait_ready(agent, spec.ref.name)
        return False

    def start(self, ref: ClientRef) -> None:
        """:raises DriverNotFound: its data is gone, so that it would never answer"""
        found = self._require(ref)
        deployment = replace(self._fleet.deployment(ref), place=found.place)
        with talking(found.place, ref.name, deployment.target) as client:
            deploying.start(client, found.place.environment_id, found.containers)
            if found.containers:
                container = deploying.run(client, deployment, ref.name, tell=self._tell)
            else:
                _stack, container = deploying.deploy(client, deployment, ref.name, tell=self._tell)
            agent = self._agent(client, found.place, container.id, ref.name)
            if not self._look(agent, ref.key)["name"]:
                raise DriverNotFound(f"The data of {ref.name} is gone: its volumes were removed.")
            self._wait_ready(agent, ref.name)

    def stop(self, ref: ClientRef) -> None:
        found = self._require(ref)
        with talking(found.place, ref.name) as client:
            deploying.stop(client, found.place.environment_id, found.containers)

    def halt(self, ref: ClientRef) -> None:
        """Stop what runs of a client's stack, whatever its name is; it may be gone altogether."""
        place = self._fleet.standing(ref).place
        with talking(place, ref.name) as client:
            rows = client.list_containers(place.environment_id, stack_name(ref.key))
            deploying.stop(client, place.environment_id, rows)

    def delete(self, ref: ClientRef) -> None:
        """Remove stack and volumes, and the role and databases on an external PostgreSQL."""
        try:
            deployment = self._fleet.standing(ref)
            places = [deployment.place]
        except DriverNotFound:
            # A stack whose record is gone must go too.
            deployment, places = None, self._fleet.places()
        for place in places:
            with talking(place, ref.name, deployment and deployment.target) as client:
                swarm = bool(deployment and deployment.target.swarm)
                deploying.remove(client, place.environment_id, stack_name(ref.key), swarm)
        if deployment and deployment.external:
            ExternalRoles(deployment.external).drop()

    def rename(self, ref: ClientRef, new_name: str, base_url: str, serve: bool = True) -> None:
        """:param serve: Odoo is to answer under the new name when this returns"""
        new_ref = ClientRef(new_name, ref.key)
        # Under either name when a former call, there or back, was cut off.
        if ref.key not in {row.key for row in self._check_name(new_ref)}:
            self._require(ref)
        with self._deployed(new_ref, is_free=True) as (agent, seen, _number):
            if seen["name"] != new_name:
                self._rename_database(agent, seen, ref, new_name, base_url)
            if serve:
                self._wait_ready(agent, new_name)

    def _rename_database(
        self, agent: Agent, seen: dict, ref: ClientRef, new_name: str, base_url: str
    ) -> None:
        # It has none while it is on its way from the one to the other.
        name = seen["name"] or ref.name
        agent.work("rename", name=name, key=ref.key, new_name=new_name, base_url=base_url)

    def status(self, name: str) -> ClientStatus:
        found = self._find(name)
        if found:
            return found.status
        return ClientStatus(name, exists=bool(self._templates.find(name)))

    def list(self) -> list[ClientStatus]:
        found = []
        for place in self._fleet.places():
            found += [row.status for row in self._survey(place, "the clients") if row.key]
        return sorted(found, key=lambda status: status.name)

    def usage(self, ref: ClientRef) -> Usage:
        with self._agent_of(ref) as agent:
            return _read_usage(agent, ref)

    def publish_keys(self, ref: ClientRef, identity: Identity) -> None:
        """Let the client trust the portal's present public keys, and no former ones."""
        with self._agent_of(ref) as agent:
            agent.do("publish_keys", identity=asdict(identity))

    # -- archives ----------------------------------------------------------------------------------

    def backup(self, ref: ClientRef, archive: Path) -> None:
        with self._agent_of(ref) as agent:
            if not archive.exists():
                usage = _read_usage(agent, ref)
                size = usage.database_mb + usage.files_mb
                # What it says of itself counts as far as it is a size that it may have.
                sold = self._fleet.standing(ref).storage_mb
                limit = _ALWAYS + _TIMES * int(min(size, sold or size) * 1024**2)
                agent.work("backup", download=archive, max_bytes=limit, **asdict(ref))

    def restore(
        self, ref: ClientRef, identity: Identity, archive: Path, neutralize: bool = False
    ) -> None:
        """:param neutralize: what the archive holds sends and runs nothing here (a stage)"""
        check_archive(archive)
        with self._deployed(ref) as (agent, seen, _number):
            self._check_database(ref, seen)
            arguments = {**_identified(ref, identity), "neutralize": neutralize}
            agent.work("restore", upload=archive, **arguments)
            self._wait_ready(agent, ref.name)

    def copy(  # pylint: disable=method-required-super
        self, source: ClientRef, ref: ClientRef, identity: Identity, neutralize: bool = False
    ) -> None:
        """:param neutralize: the copy sends no mails and runs nothing by itself (a stage)"""
        self._require(source)
        with self._templates.transit() as folder:
            archive = folder / "source.zip"
            with self._deployed(ref) as (agent, seen, _number):
                self._check_database(ref, seen)
                if not seen["name"]:
                    self.backup(source, archive)
                    arguments = {**_identified(ref, identity), "neutralize": neutralize}
                    agent.work("copy_in", upload=archive, **arguments)
                self._wait_ready(agent, ref.name)

    # -- templates ---------------------------------------------------------------------------------

    def build_template(self, spec: TemplateSpec) -> None:
        """Build it in a stack that goes afterwards; the archive is what stays."""
        present = self._templates.find(spec.name)
        if self._find(spec.name) or (present and self._templates.key_of(present) != spec.key):
            raise DriverRejected(f"The name {spec.name} belongs to another database.")
        deployment = self._fleet.builder(spec)
        name = builder_name(deployment.target.name)
        deployment = replace(deployment, target=replace(deployment.target, name=name))
        place = deployment.place
        with (
            self._templates.transit() as folder,
            talking(place, spec.name, deployment.target) as client,
        ):
            swarm = deployment.target.swarm
            # What a build that was cut off has left is not worth keeping.
            deploying.remove(client, place.environment_id, name, swarm)
            try:
                _stack, container = deploying.deploy(client, deployment, spec.name)
                agent = self._agent(client, place, container.id, spec.name)
                self._look(agent, spec.key)
                agent.work("build_template", download=folder / "template.zip", **asdict(spec))
            finally:
                deploying.remove(client, place.environment_id, name, swarm)
            self._templates.keep(spec.name, spec.key, folder / "template.zip")

    def delete_template(self, name: str) -> None:
        if self._find(name):
            raise DriverRejected(f"{name} is not a template of the portal.")
        self._templates.remove(name)

    def _find_template(self, name: str) -> Path:
        archive = self._templates.find(name)
        if not archive:
            if self._find(name):
                # A client, or somebody else's: nobody is given a copy of these.
                raise DriverRejected(f"{name} is not a template of the portal.")
            raise DriverNotFound(f"There is no template {name}; build it first.")
        return archive

    # -- what is where -----------------------------------------------------------------------------

    def _survey(self, place: Place, about: str) -> Sequence[Found]:
        with talking(place, about) as client:
            return survey(client, place)

    def _find(self, name: str) -> Found | None:
        """What has this name, capitals not counting.

        :raises DriverError: it was not found, and not every place could be asked
        """
        others, error = [], None
        for place in self._fleet.places():
            try:
                rows = self._survey(place, name)
            except DriverError as unanswered:
                error = error or unanswered
                continue
            for row in rows:
                if row.name == name:
                    return row
                if row.name.lower() == name.lower():
                    others.append(row)
        if error and not others:
            raise error
        return others[0] if others else None

    def _require(self, ref: ClientRef) -> Found:
        found = self._find(ref.name)
        if not found or found.name != ref.name:
            raise DriverNotFound(f"There is no client {ref.name}.")
        if found.key != ref.key:
            raise DriverRejected(f"{ref.name} belongs to somebody else.")
        return found

    def _check_name(self, ref: ClientRef) -> Sequence[Found]:
        """Refuse a name that is not free; all that is there.

        A place that does not answer has nothing to say: one that is down must not stop the others.
        """
        rows = []
        for place in self._fleet.places():
            with contextlib.suppress(DriverUnavailable):
                rows += self._survey(place, ref.name)
        for row in rows:
            if row.name.lower() == ref.name.lower() and row.key != ref.key:
                where = f" in {row.place.name}" if row.place.name else ""
                raise DriverRejected(f"The name {ref.name} is taken: there is a {row.name}{where}.")
        if self._templates.find(ref.name):
            raise DriverRejected(f"The name {ref.name} is taken: a template has it.")
        return rows

    def _check_database(self, ref: ClientRef, seen: dict) -> None:
        if seen["name"] not in ("", ref.name):
            raise DriverRejected(
                f"{ref.name} is called {seen['name']} now. Use that name, or rename it back."
            )

    # -- containers --------------------------------------------------------------------------------

    @contextlib.contextmanager
    def _deployed(self, ref: ClientRef, is_free: bool = False) -> Iterator[tuple[Agent, dict, int]]:
        """The agent of a stack that is as it should be, what it sees, and the stack's number.

        :param is_free: the name was checked already
        """
        if not is_free:
            self._check_name(ref)
        deployment = self._fleet.deployment(ref)
        if deployment.external:
            ExternalRoles(deployment.external).ensure_role()
        with talking(deployment.place, ref.name, deployment.target) as client:
            stack, container = deploying.deploy(client, deployment, ref.name, tell=self._tell)
            agent = self._agent(client, deployment.place, container.id, ref.name)
            yield agent, self._look(agent, ref.key), stack.id

    @contextlib.contextmanager
    def _agent_of(self, ref: ClientRef) -> Iterator[Agent]:
        """The agent of a client as it is."""
        found = self._require(ref)
        if not found.running:
            raise DriverUnavailable(f"{ref.name} does not run. Start it, then try again.")
        with talking(found.place, ref.name) as client:
            yield self._agent(client, found.place, found.containers[0].id, ref.name)

    def _look(self, agent: Agent, key: str) -> dict:
        """What the agent sees, as soon as PostgreSQL answers it and former work has ended.

        That is what a call that was cut off has begun, or the change of modules at a start.
        """
        deadline = time.monotonic() + _BUSY
        while True:
            seen = self._patiently(
                agent,
                "PostgreSQL to answer in its container",
                lambda: agent.do("look", expected=_SEEN, key=key),
            )
            if not seen["busy"]:
                self._tell("")
                return seen
            self._tell("other work in its container")
            if self._is_cancelled() or time.monotonic() > deadline:
                raise DriverUnavailable(
                    "Other work goes on in the container. Wait until it has ended, then try again."
                )
            # The container calls nobody when its work has ended; ask again.
            time.sleep(_BUSY_PAUSE)

    def _agent(self, client: PortainerClient, place: Place, container: str, about: str) -> Agent:
        return Agent(
            client,
            place.environment_id,
            container,
            about,
            is_cancelled=self._is_cancelled,
            limits=self._limits,
            order=self._order,
            tell=self._tell,
        )

    def _wait_ready(self, agent: Agent, name: str) -> None:
        def ask():
            if not agent.do("ready", name=name, seconds=_LOOK):
                raise DriverUnavailable(
                    f"Odoo does not answer in the container of {name}. Look at its log, then try"
                    " again."
                )

        self._patiently(agent, "Odoo to answer in its container", ask)

    def _patiently(self, agent: Agent, what: str, ask: Callable):
        """What ``ask`` returns, as soon as it does.

        :param what: is waited for
        :raises DriverUnavailable: it does not come, or never will
        """
        deadline = time.monotonic() + _PATIENCE
        while True:
            try:
                answer = ask()
            except DriverUnavailable as error:
                if time.monotonic() > deadline:
                    raise
                if reason := agent.find_failure():
                    raise DriverUnavailable(
                        f"{error} The container will not run: {reason}."
                    ) from error
                self._tell(what)
                # What just starts tells nobody when it has; ask again.
                time.sleep(_PAUSE)
            else:
                self._tell("")
                return answer


def _read_usage(agent: Agent, ref: ClientRef) -> Usage:
    return Usage(**agent.do("usage", expected=_USAGE, **asdict(ref)))


def _identified(ref: ClientRef, identity: Identity) -> dict:
    return {**asdict(ref), "identity": asdict(identity)}
