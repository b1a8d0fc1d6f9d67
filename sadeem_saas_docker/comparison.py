"""What of a Docker environment is not as the portal's records say: plain data, nothing is done."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from odoo.addons.sadeem_portainer.lib.portainer_api import (
    Container,
    NotFound,
    PortainerClient,
    Stack,
)

from .lib.saas_stack import (
    LABEL_IMAGE,
    LABEL_KEY,
    LABEL_NAME,
    LABEL_PORTAL,
    ODOO_SERVICE,
    client_key,
)

VANISHED, DOWN, DRIFTED, ORPHANED = "vanished", "down", "drifted", "orphaned"
OUTDATED, RUNNING = "outdated", "running"


@dataclass(frozen=True)
class Wanted:
    """A client's stack as the records have it.

    :param services: that should run; none for a client that is stopped or deleted
    :param missed: it is a loss when nothing of it is there; not so for a deleted client
    :param text: what was deployed, '' when that is not to be compared
    :param image: the name of Odoo's image, '' when that is not to be compared
    :param busy: something is being done to it at this moment
    """

    client_id: int
    key: str
    stack: str
    services: tuple[str, ...] = ()
    missed: bool = True
    text: str = ""
    image: str = ""
    busy: bool = False


@dataclass(frozen=True)
class Shown:
    """What a server shows of one environment; the text of a stack that just went is missing.

    :param images: name → id of the images that the host has
    """

    stacks: Mapping[str, Stack]
    containers: tuple[Container, ...]
    texts: Mapping[str, str]
    images: Mapping[str, str]


@dataclass(frozen=True)
class Deviation:
    """``detail``: what a person needs to judge it: names, numbers, no sentence."""

    kind: str
    stack: str
    client_id: int = 0
    detail: str = ""


def look(client: PortainerClient, number: int, images: Iterable[str] = ()) -> Shown:
    """Read it all; what is missing in a part that could not be read would look vanished.

    :param images: names of those that are to be looked for
    :raises PortainerError: something of it could not be read
    """
    containers = tuple(client.list_containers(number))
    stacks = {stack.name: stack for stack in client.list_stacks(number) if client_key(stack.name)}
    texts = {}
    for name, stack in stacks.items():
        try:
            texts[name] = client.get_stack_file(stack.id)
        except NotFound:
            continue
    found = {name: client.find_image(number, name) for name in images}
    return Shown(stacks, containers, texts, found)


def compare(
    wanted: Iterable[Wanted], shown: Shown, portal: str, known_keys: Collection[str]
) -> list[Deviation]:
    """Where records and server differ.

    :param portal: uuid of the portal; what others made is no business of ours
    :param known_keys: of everything that may have a stack here, besides what is wanted
    """
    wanted = list(wanted)
    containers = defaultdict(list)
    for container in shown.containers:
        # What somebody deployed by hand has the name at least.
        containers[container.labels.get(LABEL_KEY) or client_key(container.project)].append(
            container
        )
    deviations = [
        deviation
        for stack in wanted
        if not stack.busy and (deviation := _judge(stack, shown, containers[stack.key]))
    ]
    known = {stack.key for stack in wanted} | set(known_keys)
    return deviations + _find_orphans(shown, containers, portal, known)


def _judge(wanted: Wanted, shown: Shown, containers: list[Container]) -> Deviation | None:
    """The worst that can be said of a stack; None when all is well."""
    if wanted.missed and wanted.stack not in shown.stacks and not containers:
        return Deviation(VANISHED, wanted.stack, wanted.client_id)
    running = {container.service for container in containers if container.is_running}
    if running and not wanted.services:
        return Deviation(RUNNING, wanted.stack, wanted.client_id, ", ".join(sorted(running)))
    if missing := [service for service in wanted.services if service not in running]:
        return Deviation(DOWN, wanted.stack, wanted.client_id, ", ".join(missing))
    text = shown.texts.get(wanted.stack)
    if wanted.text and text is not None and text.strip() != wanted.text.strip():
        return Deviation(DRIFTED, wanted.stack, wanted.client_id)
    newest = shown.images.get(wanted.image)
    if newest and any(_is_of_another_image(container, newest) for container in containers):
        return Deviation(OUTDATED, wanted.stack, wanted.client_id, wanted.image)
    return None


def _is_of_another_image(container: Container, newest: str) -> bool:
    """Whether Odoo runs an image that lost its name, or its modules were updated with one."""
    known = {container.image_id, container.labels.get(LABEL_IMAGE, "")} - {""}
    return container.service == ODOO_SERVICE and not known <= {newest}


def _find_orphans(shown: Shown, containers: Mapping, portal: str, known: set) -> list[Deviation]:
    """Stacks that this portal made and does not know any more."""
    found = {}
    for key, rows in containers.items():
        ours = [row for row in rows if row.labels.get(LABEL_PORTAL) == portal]
        if key and key not in known and ours:
            running = len([row for row in ours if row.is_running])
            name = ours[0].labels.get(LABEL_NAME, "")
            found[ours[0].project or f"saas-{key}"] = f"{name} ({running}/{len(ours)})"
    for name, text in shown.texts.items():
        if client_key(name) not in known and portal in text:
            found.setdefault(name, "(0/0)")
    return [Deviation(ORPHANED, name, detail=detail) for name, detail in sorted(found.items())]
