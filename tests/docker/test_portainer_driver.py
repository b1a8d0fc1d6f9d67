"""The driver of Docker stacks: the contract of all drivers, and what is special about stacks."""

import shutil

import pytest
from driver_contract import DriverContract
from driver_world import DictFleet, DockerWorld, SharedPostgres, build_images, build_template


@pytest.fixture(scope="session")
def images(engine, odoo_images_built):
    return build_images(engine)


@pytest.fixture(scope="session")
def shared(engine, images):
    shared = SharedPostgres(engine, images[1], "driver-postgres")
    yield shared
    shared.remove()


@pytest.fixture(scope="session")
def plain_portainer(double_of):
    """The double without TLS, which these many calls need not pay for."""
    return double_of(tls=False).bootstrap()


@pytest.fixture(scope="session")
def template(engine, images, plain_portainer, tmp_path_factory):
    """An archive that all worlds begin with."""
    folder = tmp_path_factory.mktemp("template")
    world = DockerWorld(engine, plain_portainer, lambda place: DictFleet(place, *images), folder)
    yield build_template(world)


@pytest.fixture
def world(engine, portainer, images, shared, template, tmp_path):
    world = DockerWorld(
        engine, portainer, lambda place: DictFleet(place, *images, shared), tmp_path
    )
    (tmp_path / "templates").mkdir()
    shutil.copy(template, tmp_path / "templates")
    yield world
    world.clean()


class TestPortainerDriver(DriverContract):
    """On a PostgreSQL that clients share; Portainer 2.23."""
