"""What is left of a deployment when Portainer or its engine ended in the middle of it."""

from contextlib import contextmanager
from types import SimpleNamespace

import pytest
from portainer_api import Container, DeployFailed, with_operation_key
from portainer_driver_import import Deployment, Place, Target, deploying
from saas_driver import DriverRejected, DriverUnavailable

TEXT = "services: {}\n"
NAME = "saas-acme"
TARGET = Target(1, NAME, 7, "op", TEXT, {})


class Server:
    """Has the stack with its text, and containers with these names."""

    server = "http://portainer"

    def __init__(self, *names):
        self.rows = [
            Container(name, name, "image", "running", "Up", NAME, name.rpartition("-")[2])
            for name in names or (f"{NAME}-odoo", f"{NAME}-db")
        ]
        self.stack = SimpleNamespace(id=7, name=NAME, environment_id=1)
        self.calls, self.networks = [], ["network"]

    def list_containers(self, _number, _project):
        return self.rows

    def container_action(self, _number, container, action, force=False):
        self.calls.append((action, container))
        self.rows = [row for row in self.rows if row.id != container]

    def get_stack(self, _number):
        return self.stack

    def get_stack_file(self, _number):
        return with_operation_key(TEXT, "op")

    def ensure_stack(self, *_arguments, **_options):
        return self.stack

    def update_stack(self, *_arguments):
        self.calls.append(("update", NAME))
        return self.stack

    def find_stack(self, _number, _name):
        return None

    def list_volumes(self, _number, _name):
        return []

    def docker_client(self, _number):
        return SimpleNamespace(
            networks=lambda filters: [{"Id": each} for each in self.networks],
            remove_network=self.networks.remove,
        )


def deploy(server, settled):
    deployment = Deployment(Place(lambda: None, 1, "127.0.0.1"), TARGET, settled=settled)
    deploying.deploy(server, deployment, "acme", lambda _seconds: None)
    return server.calls


@pytest.mark.parametrize(("settled", "calls"), [(True, []), (False, [("update", NAME)])])
def test_a_text_that_was_written_down_is_deployed_unless_it_was_once(settled, calls):
    """Portainer writes the text first: when it ends in between the containers are those before."""
    assert deploy(Server(), settled) == calls


def test_what_compose_was_about_to_put_in_a_containers_place_is_removed():
    left = f"534d07ee4d4c_{NAME}-odoo"
    server = Server(f"{NAME}-odoo", left, f"{NAME}-db")
    assert deploy(server, settled=True) == [("remove", left)]


def test_a_network_without_containers_goes_with_the_stack():
    server = Server()
    server.rows = []
    deploying.remove(server, 1, NAME)
    assert server.networks == []


@pytest.mark.parametrize(
    ("output", "kind"),
    [
        ("Cannot connect to the Docker daemon at unix:///d. Is it running?", DriverUnavailable),
        ("error during connect: Get http://d/v1.41/info: EOF", DriverUnavailable),
        ("unexpected EOF", DriverUnavailable),
        ("pull access denied for nothing", DriverRejected),
    ],
)
def test_an_engine_that_ended_is_worth_another_try(output, kind):
    with pytest.raises(kind) as raised:
        fail_with(output)
    # Nobody is sent to look for a fault in a text that has none.
    assert ("Correct the compose text" in str(raised.value)) == (kind is DriverRejected)


def fail_with(output, target=None):
    """Talk to a Portainer whose compose ends with this."""

    @contextmanager
    def failing():
        raise DeployFailed("http://portainer", "create the stack", output)
        yield

    from odoo.addons.sadeem_saas_docker.portainer_driver import failures

    with failures.talking(Place(failing, 1, "127.0.0.1", "local"), "acme", target):
        pass


@pytest.mark.parametrize(
    "reason",
    [
        "driver failed programming external connectivity on endpoint saas-acme-odoo-1 (1d2c3b):"
        " Error starting userland proxy: listen tcp4 127.0.0.1:10001: bind: address already in use",
        "driver failed programming external connectivity on endpoint x: Bind for 127.0.0.1:10001"
        " failed: port is already allocated",
        "failed to set up container networking: driver failed programming external connectivity on"
        " endpoint x (ab12): failed to bind host port for 127.0.0.1:10001:172.18.0.2:8069/tcp:"
        " address already in use",
        "failed to bind host port 127.0.0.1:10001/tcp: address already in use",
        "failed to bind host port for [::1]:10001:[fd00::2]:8069/tcp: address already in use",
        "listen tcp6 [::1]:10001: bind: address already in use",
        "rpc error: code = InvalidArgument desc = port '10001' is already in use by service 'web'"
        " (abc) as an ingress port",
    ],
)
def test_a_port_that_the_host_refuses_is_named_and_the_secrets_are_not(reason):
    from odoo.addons.sadeem_saas_docker.portainer_driver import PortRefused

    target = Target(1, NAME, 7, "op", TEXT, {"DB_PASSWORD": "very-secret"})
    with pytest.raises(PortRefused, match=r"acme: .* of local has the port 10001") as raised:
        fail_with(f"Container odoo Starting\nError response (very-secret): {reason}", target)
    assert raised.value.port == 10001
    assert "very-secret" not in str(raised.value)


@pytest.mark.parametrize(
    "reason",
    ["network saas is already in use", "listen tcp 127.0.0.1:10001: bind: permission denied"],
)
def test_other_refusals_are_no_matter_of_ports(reason):
    from odoo.addons.sadeem_saas_docker.portainer_driver import PortRefused

    with pytest.raises(DriverRejected) as raised:
        fail_with(f"Error response from daemon: {reason}")
    assert not isinstance(raised.value, PortRefused)
