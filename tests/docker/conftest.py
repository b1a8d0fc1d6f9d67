"""Fixtures of the tests with a real Docker engine; tests/README.md tells how to use them."""

import contextlib
import itertools
import os

import addon_harness
import pytest
import swarm_harness
from docker_clients_harness import DockerPortal
from driver_world import SharedPostgres
from kills_harness import KillablePortainer, Kills
from portainer_harness import Portainer, remove_project, start_agent
from root_server_harness import Installed, Machine, RootServer

from devkit import docker_images, odoo_images, sshd_image
from devkit import portainer_image as portainer_image_builder
from devkit.docker_engine import Engine
from devkit.waiting import wait_for as wait_for_condition

NUMBERS = itertools.count(1)


@pytest.fixture(scope="session")
def engine():
    """The private engine with the images saas-test/web:1 and :2; stopped at the end."""
    with Engine().use() as engine:
        docker_images.build(engine)
        yield engine


@pytest.fixture(scope="session")
def other_engine():
    """A second machine, as it were."""
    with Engine("other").use() as engine:
        docker_images.build(engine)
        yield engine


@pytest.fixture(scope="session")
def swarm():
    """An engine that is a swarm of one node."""
    with swarm_harness.running() as engine:
        yield engine


@pytest.fixture(scope="session")
def swarm_environments(session_portainer, session_new_portainer, swarm):
    """URL of a double → the number that the swarm has there."""
    doubles = (session_portainer, session_new_portainer)
    return {double.url: double.add_environment("swarm", swarm.url) for double in doubles}


@pytest.fixture(scope="session")
def portainer_image(engine):
    """The name of an image that runs the double; made at first use, which takes a minute."""
    portainer_image_builder.build(engine)
    return portainer_image_builder.TAGS[0]


@pytest.fixture(scope="session")
def odoo_images_built(engine):
    """The engine has stand-ins for odoo:19.0, postgres:16 and nginx:1.27, and our own images."""
    odoo_images.build(engine)


@pytest.fixture(scope="session")
def client_image(odoo_images_built):
    """The name of the image that clients run; made from the sources of today."""
    return odoo_images.CLIENT


@pytest.fixture(scope="session")
def postgres_image(odoo_images_built):
    """The name of the image that clients' databases run in."""
    return odoo_images.POSTGRES


@pytest.fixture(scope="session")
def session_docker_portal(tmp_path_factory, double_of, client_image, postgres_image):
    """A portal whose server makes stacks on the engine, behind a double that nobody else uses."""
    folder = tmp_path_factory.mktemp("docker-portal")
    addons = ("sadeem_saas_docker",)
    with addon_harness.running(folder, addons, workers=3, max_cron_threads=2) as world:
        portal = DockerPortal(world, double_of().bootstrap(), client_image, postgres_image)
        portal.plan_id, portal.built = portal.make_plan("Docker", retention_days=0)
        yield portal
        portal.remove_all()


@pytest.fixture(scope="module")
def portal(session_docker_portal):
    """The same, with `.plan_id` (PostgreSQL is in the stack), and without clients."""
    yield session_docker_portal
    session_docker_portal.clear()


@pytest.fixture(scope="session")
def mortal_engine(engine, client_image, postgres_image):
    """An engine that tests may kill: nobody else's containers are in it."""
    with Engine("mortal").use() as mortal:
        docker_images.copy(engine, mortal, [client_image, postgres_image])
        yield mortal


@pytest.fixture(scope="module")
def mortal_portal(tmp_path_factory, session_docker_portal, mortal_engine):
    """The portal as `Kills`: new clients are in an engine of their own, which may be killed."""
    portainer = KillablePortainer(tmp_path_factory.mktemp("mortal"), mortal_engine)
    try:
        with Kills(session_docker_portal, portainer.bootstrap()).alone() as portal:
            yield portal
    finally:
        portainer.stop()


@pytest.fixture(scope="session")
def shared_postgres(engine, postgres_image):
    """A PostgreSQL that clients share; `.admin` is its administrator, who is no superuser."""
    shared = SharedPostgres(engine, postgres_image, f"shared-postgres-{os.getpid()}")
    shared.make_administrator("saas_admin")
    yield shared
    shared.remove()


@pytest.fixture(scope="session")
def external_plan(session_docker_portal, shared_postgres):
    """The id of a plan whose clients have their databases there, made of the same template."""
    return session_docker_portal.make_external_plan(shared_postgres)


@pytest.fixture
def name(request, engine):
    """A stack name of its own; whatever carries it is removed after the test."""
    made = f"t{next(NUMBERS)}-{os.getpid()}"
    yield made
    engines = [engine]
    if "other_engine" in request.fixturenames:
        engines.append(request.getfixturevalue("other_engine"))
    for each in engines:
        remove_project(each, made)


@pytest.fixture(scope="session")
def double_of(engine, tmp_path_factory):
    """Starts doubles that live until the end: `double_of(mode="2.45")`, not bootstrapped."""
    with contextlib.ExitStack() as stack:

        def start(folder=None, **options):
            folder = folder or tmp_path_factory.mktemp("portainer")
            portainer = Portainer(folder, engine, **options)
            stack.callback(portainer.stop)
            return portainer

        yield start


@pytest.fixture(scope="session")
def session_portainer(double_of):
    return double_of().bootstrap()


@pytest.fixture(scope="session")
def session_new_portainer(double_of):
    return double_of(mode="2.45").bootstrap()


@pytest.fixture
def portainer(session_portainer):
    """The double as Portainer 2.23, bootstrapped, with the environment `local`; no faults."""
    session_portainer.faults.clear()
    yield session_portainer
    session_portainer.faults.clear()


@pytest.fixture
def new_portainer(session_new_portainer):
    """The same as Portainer 2.45."""
    session_new_portainer.faults.clear()
    yield session_new_portainer
    session_new_portainer.faults.clear()


@pytest.fixture(params=["2.23", "2.45"])
def any_portainer(request):
    """Both, one after the other."""
    wanted = "portainer" if request.param == "2.23" else "new_portainer"
    return request.getfixturevalue(wanted)


@pytest.fixture
def fresh(double_of):
    """A double nobody has set up yet, as Portainer 2.23."""
    portainer = double_of()
    yield portainer
    portainer.stop()


@pytest.fixture(scope="session")
def other_endpoint(session_portainer, other_engine):
    """A second environment of `portainer`, on the second engine."""
    return session_portainer.add_environment("other", other_engine.url)


@pytest.fixture
def weak_link(portainer, engine, tmp_path):
    """An environment on the same engine that can be cut off: `.endpoint`, `.cut()`, `.mend()`."""
    link = WeakLink(tmp_path / "docker.sock", engine.socket)
    link.endpoint = portainer.add_environment(f"weak-{next(NUMBERS)}", f"unix://{link.path}")
    return link


class WeakLink:
    def __init__(self, path, target):
        self.path, self.target = path, target
        self.mend()

    def cut(self):
        self.path.unlink()

    def mend(self):
        if not self.path.is_symlink():
            self.path.symlink_to(self.target)


@pytest.fixture
def agent(engine, tmp_path):
    """An agent in front of the engine: its server, with `.url` and `.stop()`."""
    server = start_agent(tmp_path, engine)[1]
    yield server
    server.stop()


@pytest.fixture
def new_machine(engine, name):
    """Starts machines with an SSH server, whose Docker is the engine."""
    sshd_image.build(engine)
    with contextlib.ExitStack() as stack:

        def start(bare=False):
            machine = Machine(engine, f"{name}-machine{next(NUMBERS)}", bare)
            stack.callback(machine.remove)
            return machine.start()

        yield start


@pytest.fixture
def machine(new_machine):
    """A machine to install on."""
    return new_machine()


@pytest.fixture
def installed(engine, portainer_image):
    """What installations leave in the engine: nothing before and nothing after the test."""
    installed = Installed(engine)
    installed.remove()
    yield installed
    installed.remove()


@pytest.fixture(scope="session")
def world(tmp_path_factory, engine):
    """An Odoo with sadeem_portainer whose scheduled actions run."""
    folder = tmp_path_factory.mktemp("world")
    with addon_harness.running(folder, max_cron_threads=2) as world:
        yield world


@pytest.fixture
def new_root(world, machine):
    """Makes a record of the machine: `new_root(username="sshadmin")`, not confirmed."""
    return lambda **values: RootServer.create(world.admin, machine, **values)


@pytest.fixture
def root(new_root):
    """The machine's record, confirmed."""
    return new_root().confirmed()


@pytest.fixture(scope="session")
def wait_for():
    """`wait_for(condition, timeout, "what")` looks again and again; TimeoutError names `what`."""
    return wait_for_condition
