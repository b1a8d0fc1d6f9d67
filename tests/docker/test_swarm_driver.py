"""Clients on a real swarm, by the driver of Docker stacks: real agent, real PostgreSQL.

Backups, restores and names of clients on a swarm are tried through the portal, in
``test_docker_portainers``.
"""

import contextlib
import json
import urllib.request
from dataclasses import replace

import pytest
import swarm_harness
from driver_contract import make_spec
from driver_world import PASSWORD, DictFleet, DockerWorld, build_images, build_template
from portainer_api import PortainerClient, TlsPolicy, fetch_fingerprint
from portainer_driver_import import PortainerDriver
from saas_driver import DriverUnavailable
from saas_stack import SwarmOptions


class SwarmFleet(DictFleet):
    """The password of each client's database is a secret of the swarm."""

    constraints = ()

    def spec(self, key, name, database):
        options = SwarmOptions(self.constraints, password_secret=f"password-{key}")
        return replace(super().spec(key, name, database), target="swarm", swarm=options)

    def _deployment(self, key, name, database, server=None):
        deployment = super()._deployment(key, name, database, server)
        secrets = {f"password-{key}": PASSWORD}
        target = replace(deployment.target, swarm=True, secrets=secrets)
        return replace(deployment, target=target)


@pytest.fixture(scope="session")
def images(engine, swarm, client_image, postgres_image):
    """The images of the first engine, carried into that of the swarm."""
    found = build_images(engine)
    # With those that they are made of, which other tests run there.
    swarm_harness.carry(engine, swarm, *found, client_image, postgres_image)
    return found


@pytest.fixture
def world(swarm, portainer, swarm_environments, images, tmp_path):
    world = DockerWorld(swarm, portainer, lambda place: DictFleet(place, *images), tmp_path)
    pinned = TlsPolicy.pinned(fetch_fingerprint(portainer.url))
    world.place = replace(
        world.place,
        portainer=lambda: PortainerClient(portainer.url, portainer.key, tls=pinned),
        environment_id=swarm_environments[portainer.url],
    )
    world.fleet = SwarmFleet(world.place, *images)
    world.driver = PortainerDriver(world.fleet, tmp_path / "templates")
    yield world
    for stack in portainer.api.get("/stacks").json():
        if stack["EndpointId"] == world.place.environment_id:
            portainer.delete(stack)
            swarm_harness.remove_stack(swarm, stack["Name"])


def left(engine):
    """Services, secrets and volumes that clients or builders have on the swarm."""
    found = [row["Spec"]["Name"] for row in engine.request("GET", "/services")[1]]
    found += secrets(engine)
    found += [row["Name"] for row in engine.request("GET", "/volumes")[1]["Volumes"] or []]
    return [name for name in found if name.startswith(("saas-key", "saas-build-key", "password-"))]


def secrets(engine):
    return [row["Spec"]["Name"] for row in engine.request("GET", "/secrets")[1]]


def test_a_client_lives_on_a_swarm_from_its_template_to_its_end(world, swarm, wait_for):
    driver = world.driver
    build_template(world)
    # Nothing of the stack in which it was built is left.
    assert left(swarm) == []

    spec = make_spec(template=world.template)

    def is_made():
        # The swarm puts another container in the place of one that ended, as Odoo's does when
        # PostgreSQL was not there in time: then the work is asked for again.
        with contextlib.suppress(DriverUnavailable):
            driver.create(spec)
            return True

    wait_for(is_made, 300, "the client to be made")
    driver.create(spec)
    status = driver.status(spec.ref.name)
    assert (status.exists, status.running, status.key) == (True, True, spec.ref.key)
    assert [row.name for row in driver.list()] == [spec.ref.name]
    port = world.fleet.ports[spec.ref.key]
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/web/health", timeout=10) as answer:
        assert answer.status == 200
    assert driver.usage(spec.ref).database_mb > 0

    # The password is a secret of the swarm, and in no environment of a container.
    assert f"password-{spec.ref.key}" in secrets(swarm)
    for row in swarm.request("GET", "/containers/json?all=1")[1]:
        details = swarm.request("GET", f"/containers/{row['Id']}/json")[1]
        assert PASSWORD not in json.dumps(details)

    driver.stop(spec.ref)
    assert not driver.status(spec.ref.name).running
    with pytest.raises(DriverUnavailable, match="Start it"):
        driver.usage(spec.ref)
    driver.start(spec.ref)
    assert driver.status(spec.ref.name).running
    assert driver.usage(spec.ref).database_mb > 0

    driver.delete(spec.ref)
    driver.delete(spec.ref)
    assert driver.list() == []
    assert left(swarm) == []
