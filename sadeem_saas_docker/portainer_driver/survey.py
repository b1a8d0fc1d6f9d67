"""Which clients are in an environment, told by the labels of containers."""

from dataclasses import dataclass

from odoo.addons.saas_portal.lib.saas_driver import ClientStatus
from odoo.addons.sadeem_portainer.lib.portainer_api import (
    Container,
    InvalidCompose,
    PortainerClient,
    Stack,
    normalise_name,
    read_compose,
)

from ..lib.saas_stack import LABEL_KEY, LABEL_NAME, ODOO_SERVICE, client_key, stack_name
from .fleet import Place

_BUILDER = "build-"


@dataclass(frozen=True)
class Found:
    """A client, or what has a client's name. ``key`` is '' unless it is a client's stack."""

    name: str
    key: str
    place: Place
    project: str
    containers: tuple[Container, ...] = ()

    @property
    def running(self) -> bool:
        return bool(self.containers) and all(row.is_running for row in self.containers)

    @property
    def status(self) -> ClientStatus:
        return ClientStatus(self.name, True, self.running, self.key)


def builder_name(name: str) -> str:
    """The name of a stack in which a template is built: no client's, whatever its labels say."""
    return stack_name(_BUILDER + client_key(name))


def survey(client: PortainerClient, place: Place) -> list[Found]:
    """All that has a client's name in an environment, also what does not run."""
    projects: dict[str, list[Container]] = {}
    for row in client.list_containers(place.environment_id):
        if row.labels.get(LABEL_NAME):
            projects.setdefault(row.project or row.id, []).append(row)
    found = [_from_containers(place, project, rows) for project, rows in projects.items()]
    for stack in client.list_stacks(place.environment_id):
        if client_key(stack.name) and stack.name not in projects:
            found += _from_stack(client, place, stack)
    return [row for row in found if not client_key(row.project).startswith(_BUILDER)]


def _from_containers(place: Place, project: str, rows: list[Container]) -> Found:
    # While a stack gets another name, Odoo's container is the one that counts.
    rows.sort(key=lambda row: row.service != ODOO_SERVICE)
    labels = rows[0].labels
    return Found(labels[LABEL_NAME], _key(project, labels), place, project, tuple(rows))


def _from_stack(client: PortainerClient, place: Place, stack: Stack) -> list[Found]:
    """A stack whose containers are gone: its text says what it was."""
    try:
        services = read_compose(client.get_stack_file(stack.id))["services"]
        labels = services[ODOO_SERVICE]["labels"]
        return [Found(labels[LABEL_NAME], _key(stack.name, labels), place, stack.name)]
    except (InvalidCompose, KeyError, TypeError):
        return []


def _key(project: str, labels: dict) -> str:
    """The key in the labels, if the stack is really that client's."""
    key = labels.get(LABEL_KEY, "")
    return key if key and project == normalise_name(stack_name(key)) else ""
