"""Whether a stack of a swarm finds its data again: volumes stay on their node."""

import re
from collections.abc import Iterable

from odoo.addons.saas_portal.lib.saas_driver import DriverRejected
from odoo.addons.sadeem_portainer.lib.portainer_api import Node, PortainerClient, read_compose
from odoo.addons.sadeem_portainer.stack_calls import Target

from ..lib.saas_stack import ODOO_SERVICE

_CONSTRAINT = re.compile(r"\s*([\w.-]+)\s*(==|!=)\s*(.*?)\s*")
_LABEL = "node.labels."


def check_pinned(client: PortainerClient, target: Target, about: str) -> None:
    """Let a stack go nowhere but to one node.

    :raises DriverRejected: the swarm may put it on another node with empty volumes
    """
    nodes = client.list_nodes(target.environment_id)
    if len(nodes) < 2:
        return
    fitting = find_fitting(nodes, _read_constraints(target.compose))
    if len(fitting) == 1:
        return
    names = ", ".join(sorted(node.name for node in nodes))
    raise DriverRejected(
        f"{about}: of the nodes of the swarm ({names}) {len(fitting)} fit its constraints. Data"
        " stays on its node: name one among the Swarm Constraints of the server, such as"
        f" node.hostname == {nodes[0].name}."
    )


def find_fitting(nodes: Iterable[Node], constraints: Iterable[str]) -> list[Node]:
    """The nodes on which a swarm may put what has these constraints; more rather than fewer."""
    constraints = list(constraints)
    return [node for node in nodes if all(_meets(node, each) for each in constraints)]


def _read_constraints(compose: str) -> list[str]:
    service = read_compose(compose)["services"][ODOO_SERVICE]
    return service.get("deploy", {}).get("placement", {}).get("constraints", [])


def _meets(node: Node, constraint: str) -> bool:
    found = _CONSTRAINT.fullmatch(constraint)
    if not found:
        return True
    name, operator, value = found.groups()
    facts = {"node.id": node.id, "node.hostname": node.name, "node.role": node.role}
    facts |= {f"{_LABEL}{label}": text for label, text in node.labels.items()}
    if name not in facts and not name.startswith(_LABEL):
        return True
    return (facts.get(name, "").lower() == value.lower()) == (operator == "==")
