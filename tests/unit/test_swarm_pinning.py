"""A client's stack goes only where its data is: the volumes of a swarm stay on their node."""

from types import SimpleNamespace

import pytest
from portainer_api import Node
from portainer_driver_import import pinning
from saas_driver import DriverRejected


def node(name, role="worker", **labels):
    data = {
        "ID": f"id-{name}",
        "Description": {"Hostname": name, "Resources": {}},
        "Spec": {"Role": role, "Availability": "active", "Labels": labels},
        "Status": {"State": "ready"},
    }
    return Node.from_json(data)


NODES = [node("one", "manager"), node("two", saas="yes"), node("three", disk="fast")]


def check(nodes, *constraints):
    listed = "".join(f"\n          - {each}" for each in constraints)
    placement = f"\n      placement:\n        constraints:{listed}" if constraints else " {}"
    compose = f"services:\n  odoo:\n    image: x\n    deploy:{placement}\n"
    client = SimpleNamespace(list_nodes=lambda _environment: nodes)
    target = SimpleNamespace(environment_id=1, compose=compose)
    pinning.check_pinned(client, target, "acme.localhost")


@pytest.mark.parametrize(
    "constraints",
    [
        ("node.hostname == two",),
        ("node.hostname==TWO",),
        ("node.id == id-two",),
        ("node.labels.saas == yes",),
        ("node.role == worker", "node.labels.disk != fast"),
        ("node.role == manager",),
        ("node.platform.os == linux", "node.labels.disk == fast"),
    ],
)
def test_one_node_that_fits_is_where_the_data_stays(constraints):
    check(NODES, *constraints)


@pytest.mark.parametrize(
    ("constraints", "fit"),
    [
        ((), 3),
        (("node.role == worker",), 2),
        (("node.labels.saas != yes",), 2),
        (("node.platform.os == linux",), 3),
        (("node.hostname == four",), 0),
        (("node.labels.saas == no",), 0),
    ],
)
def test_a_choice_of_nodes_is_refused_and_so_is_none(constraints, fit):
    with pytest.raises(DriverRejected, match=rf"one, three, two\) {fit} fit") as refused:
        check(NODES, *constraints)
    assert "node.hostname == one" in str(refused.value)


def test_in_a_swarm_of_one_node_there_is_no_choice():
    check(NODES[:1])
