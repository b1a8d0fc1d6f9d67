"""Clients on a real swarm, by the driver of Docker stacks: real agent, real PostgreSQL."""

import json
import os
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
def images(engine, swarm, odoo_images_built):
    """The images of the first engine, carried into that of the swarm."""
    found = build_images(engine)
    missing = [tag for tag in found if swarm.request("GET", f"/images/{tag}/json")[0] == 404]
    if missing:
        archive = swarm.folder / f"images-{os.getpid()}.tar"
        try:
            engine.docker("save", f"--output={archive}", *missing)
            swarm.docker("load", f"--input={archive}")
        finally:
            archive.unlink(missing_ok=True)
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


def test_a_client_lives_on_a_swarm_from_its_template_to_its_end(world, swarm, tmp_path):
    driver = world.driver
    build_template(world)
    # Nothing of the stack in which it was built is left.
    assert left(swarm) == []

    spec = make_spec(template=world.template)
    driver.create(spec)
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

    archive = tmp_path / "backup.zip"
    driver.backup(spec.ref, archive)
    driver.rename(spec.ref, "renamed.localhost", "http://renamed.localhost")
    ref = replace(spec.ref, name="renamed.localhost")
    assert [row.name for row in driver.list()] == [ref.name]
    # The containers that it had under its former name are still there, stopped.
    assert driver.status(ref.name).running
    driver.restore(ref, spec.identity, archive)

    driver.stop(ref)
    assert not driver.status(ref.name).running
    with pytest.raises(DriverUnavailable, match="Start it"):
        driver.usage(ref)
    driver.start(ref)
    assert driver.status(ref.name).running
    assert driver.usage(ref).database_mb > 0

    driver.delete(ref)
    driver.delete(ref)
    assert driver.list() == []
    assert left(swarm) == []
