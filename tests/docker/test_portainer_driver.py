"""The driver of Docker stacks: the contract of all drivers, and what is special about stacks."""

import os
import shutil
import urllib.error
import urllib.request
import zipfile
from dataclasses import replace

import pytest
import yaml
from driver_contract import DriverContract, make_spec
from driver_world import (
    PASSWORD,
    DictFleet,
    DockerWorld,
    OwnView,
    SharedPostgres,
    build_images,
    build_template,
)
from portainer_driver_import import agent_calls, deploying, driver
from saas_driver import (
    ClientRef,
    ClientStatus,
    DriverError,
    DriverNotFound,
    DriverRejected,
    DriverUnavailable,
    TemplateSpec,
)
from saas_stack import OdooOptions

CLOSED = 503


@pytest.fixture(scope="session")
def images(engine, odoo_images_built):
    return build_images(engine)


@pytest.fixture(scope="session")
def shared(engine, images):
    shared = SharedPostgres(engine, images[1], f"driver-postgres-{os.getpid()}")
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
def world(engine, plain_portainer, images, shared, template, tmp_path):
    world = DockerWorld(
        engine, plain_portainer, lambda place: DictFleet(place, *images, shared), tmp_path
    )
    (tmp_path / "templates").mkdir()
    shutil.copy(template, tmp_path / "templates")
    yield world
    world.clean()


class TestPortainerDriver(DriverContract):
    """On a PostgreSQL that clients share; Portainer 2.23."""


@pytest.fixture
def own_database(engine, plain_portainer, images, template, tmp_path):
    """A world whose clients have a PostgreSQL each, in their stacks."""
    world = DockerWorld(engine, plain_portainer, lambda place: DictFleet(place, *images), tmp_path)
    (tmp_path / "templates").mkdir()
    shutil.copy(template, tmp_path / "templates")
    yield world
    world.clean()


@pytest.fixture
def spec(world):
    return make_spec(template=world.template)


@pytest.fixture
def client(world, spec):
    world.driver.create(spec)
    return spec.ref


def left(engine, key="key-acme"):
    """Whatever of a client's stack is in the engine."""
    project = f"saas-{key}"
    found = []
    for path, pick in (
        ("/containers/json?all=1", lambda data: [(row["Names"][0], row) for row in data]),
        ("/networks", lambda data: [(row["Name"], row) for row in data]),
        ("/volumes", lambda data: [(row["Name"], row) for row in data["Volumes"] or []]),
    ):
        for name, row in pick(engine.request("GET", path)[1]):
            if (row.get("Labels") or {}).get("com.docker.compose.project") == project:
                found.append(name)
    return found


# -- stacks with a database of their own -----------------------------------------------------------


def test_a_client_with_its_own_postgresql_lives_from_create_to_delete(own_database, tmp_path):
    world, driver = own_database, own_database.driver
    spec = make_spec(template=world.template)
    driver.create(spec)
    world.write_inside(spec.ref.name, "precious")
    driver.backup(spec.ref, tmp_path / "backup.zip")
    driver.stop(spec.ref)
    assert not driver.status(spec.ref.name).running
    assert [row["State"] for row in world.containers("db", spec.ref.name)] == ["exited"]
    driver.start(spec.ref)
    driver.rename(spec.ref, "new.localhost", "http://new.localhost")
    ref = replace(spec.ref, name="new.localhost")
    assert world.read_inside(ref.name) == "precious"
    world.write_inside(ref.name, "spoilt")
    driver.restore(ref, spec.identity, tmp_path / "backup.zip")
    assert world.read_inside(ref.name) == "precious"
    driver.delete(ref)
    assert left(world.engine) == []
    driver.restore(ref, spec.identity, tmp_path / "backup.zip")
    assert world.read_inside(ref.name) == "precious"


# -- what a deletion leaves ------------------------------------------------------------------------


def test_a_deleted_client_leaves_no_container_volume_network_or_role(world, engine, client):
    assert len(left(engine)) == 4
    roles = "SELECT rolname FROM pg_roles WHERE rolname = 'role-key-acme'"
    assert world.fleet.shared.query(roles)
    world.driver.delete(client)
    assert left(engine) == []
    assert world.fleet.shared.query(roles) == []
    databases = world.fleet.shared.query("SELECT datname FROM pg_database")
    assert {name for (name,) in databases} == {"postgres", "template0", "template1"}


def test_a_stack_that_only_docker_knows_still_is_removed(world, engine, client):
    """Portainer's own data is gone, the containers are not."""
    (stack,) = [
        row for row in world.portainer.api.get("/stacks").json() if row["Name"] == "saas-key-acme"
    ]
    world.portainer.double.store.delete("stacks", stack["Id"])
    world.driver.delete(client)
    assert left(engine) == []


def test_a_client_whose_place_nobody_knows_is_removed_wherever_it_is(world, engine, client):
    def nowhere(ref):
        raise DriverNotFound("The portal knows no stack.")

    world.fleet.deployment = nowhere
    world.driver.delete(client)
    assert left(engine) == []
    world.driver.delete(client)


# -- lost answers ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "call",
    [
        "^POST /api/stacks/create",
        "^POST /api/endpoints/[0-9]+/docker/exec/[0-9a-f]+/start",
        "^POST /api/endpoints/[0-9]+/docker/containers/[0-9a-f]+/exec",
    ],
)
def test_an_answer_that_was_lost_is_made_up_for(world, spec, call):
    fault = world.portainer.faults.add("drop_after", match=call, times=1)
    world.driver.create(spec)
    assert fault.used == 1
    assert world.driver.list() == [ClientStatus(spec.ref.name, True, True, spec.ref.key)]
    assert world.look_inside(spec.ref.name)["database_uuid"] == spec.ref.key


def test_an_upload_that_was_lost_is_told_and_made_up_for_by_repeating(world, spec):
    world.portainer.faults.add("drop_after", match="^PUT .*/archive", times=1)
    with pytest.raises(DriverUnavailable, match=r"acme\.localhost"):
        world.driver.create(spec)
    world.driver.create(spec)
    assert world.look_inside(spec.ref.name)["database_uuid"] == spec.ref.key


# -- places that do not answer ---------------------------------------------------------------------


def test_a_place_that_is_down_hides_no_client_and_stops_no_other(world, spec):
    down = replace(
        world.place, portainer=lambda: OwnView("http://127.0.0.1:1", "ptr_secret"), name="Paris"
    )
    world.fleet.places = lambda: [down, world.place]
    world.driver.create(spec)
    assert world.driver.status(spec.ref.name).running
    for ask in (world.driver.list, lambda: world.driver.status("nobody.localhost")):
        with pytest.raises(DriverUnavailable, match=r"127\.0\.0\.1:1") as raised:
            ask()
        assert "ptr_secret" not in str(raised.value)


# -- images and containers -------------------------------------------------------------------------


def test_an_image_without_the_agent_is_refused_in_words(world, spec):
    world.fleet.changes = {"image": "odoo:19.0"}
    with pytest.raises(DriverRejected, match="saas-agent") as raised:
        world.driver.create(spec)
    assert spec.ref.name in str(raised.value)


def test_an_image_that_does_not_exist_is_refused_without_a_secret(world, spec):
    world.fleet.changes = {"image": "saas-test/absent:1"}
    with pytest.raises(DriverError, match=r"acme\.localhost") as raised:
        world.driver.create(spec)
    assert PASSWORD not in str(raised.value)
    world.fleet.changes = {}
    world.driver.create(spec)
    assert world.driver.status(spec.ref.name).running


def test_a_container_that_somebody_removed_comes_back_with_its_data(world, engine, client):
    world.write_inside(client.name, "precious")
    (row,) = world.containers(name=client.name)
    engine.docker("rm", "--force", row["Id"])
    assert world.driver.status(client.name) == ClientStatus(client.name, True, False, client.key)
    with pytest.raises(DriverUnavailable, match="Start it"):
        world.driver.usage(client)
    world.driver.start(client)
    assert world.read_inside(client.name) == "precious"


def test_a_change_of_settings_is_deployed_and_the_data_stays(world, client):
    world.write_inside(client.name, "precious")
    (before,) = world.containers(name=client.name)
    first = world.driver.deploy(client)
    (same,) = world.containers(name=client.name)
    world.fleet.changes = {"portal_uuid": world.fleet.spec("x", "x", None).portal_uuid}
    world.fleet.ports.pop(client.key)
    assert world.driver.deploy(client) == first
    (after,) = world.containers(name=client.name)
    assert (before["Id"] == same["Id"], before["Id"] == after["Id"]) == (True, False)
    assert world.read_inside(client.name) == "precious"


def test_modules_that_failed_stand_in_the_way_of_nothing_that_comes_later(world, client):
    def change(*modules):
        world.fleet.changes = {"odoo": OdooOptions(auto_install_modules=modules)}
        world.driver.deploy(client)

    for _again in range(2):
        with pytest.raises(DriverRejected, match=r"runs, but its modules .*broken"):
            change("broken")
        change()
    change("crm")
    change()
    change("crm")
    changes = world.query(client.name, "SELECT installed FROM module_changes")
    # Twice, as the list was empty in between.
    assert changes == [("broken",), ("broken",), ("crm",), ("crm",)]


def test_a_container_that_ends_whenever_it_starts_is_given_up(world, client, monkeypatch):
    """Whoever deletes such a client stops it instead; without this the test would not end."""
    monkeypatch.setattr(deploying, "PATIENCE", 10**6)
    monkeypatch.setattr(driver, "_PATIENCE", 10**6)
    monkeypatch.setattr(agent_calls, "_STARTS", (1,) * 10**6)
    real = world.fleet.deployment

    def crashing(ref):
        deployment = real(ref)
        data = yaml.safe_load(deployment.target.compose)
        data["services"]["odoo"]["command"] = ["false"]
        return replace(deployment, target=replace(deployment.target, compose=yaml.safe_dump(data)))

    monkeypatch.setattr(world.fleet, "deployment", crashing)
    with pytest.raises(DriverUnavailable, match=r"again and again|odoo is (exited|restarting)"):
        world.driver.rename(client, f"new.{client.name}", "http://new")
    world.driver.halt(client)
    states = {row["State"] for row in world.containers(name=f"new.{client.name}")}
    assert states <= {"exited", "dead"}


def test_new_keys_of_the_portal_reach_the_client(world, client, spec):
    world.driver.publish_keys(client, replace(spec.identity, portal_key="NEW KEY"))
    assert world.inside(client.name, "cat", "/var/lib/odoo/saas_trust/portal.pem") == "NEW KEY"


def test_a_full_disk_is_told_and_spoils_nothing(world, client, spec, engine, images, tmp_path):
    world.write_inside(client.name, "precious")
    small, big = tmp_path / "small.zip", tmp_path / "big.zip"
    world.driver.backup(client, small)
    shutil.copy(small, big)
    with zipfile.ZipFile(big, "a") as archive:
        archive.writestr("filestore/ef/efgh", os.urandom(12 * 1024 * 1024))
    world.driver.delete(client)

    uid = engine.docker("run", "--rm", "--entrypoint=id", images[0], "-u").strip()
    options = {"type": "tmpfs", "device": "tmpfs", "o": f"size=8m,uid={uid},mode=0755"}
    real = world.fleet.deployment

    def on_a_small_disk(ref):
        deployment = real(ref)
        data = yaml.safe_load(deployment.target.compose)
        data["volumes"]["data"] = {"driver": "local", "driver_opts": options}
        text = yaml.safe_dump(data)
        return replace(deployment, target=replace(deployment.target, compose=text))

    world.fleet.deployment = on_a_small_disk
    world.driver.restore(client, spec.identity, small)
    with pytest.raises(DriverUnavailable, match=r"(?i)no space left"):
        world.driver.restore(client, spec.identity, big)
    assert world.read_inside(client.name) == "precious"
    world.driver.restore(client, spec.identity, small)
    assert world.read_inside(client.name) == "precious"


# -- the real Odoo ---------------------------------------------------------------------------------


def test_a_real_odoo_serves_a_client_and_its_stage_sends_nothing(
    engine, plain_portainer, images, client_image, tmp_path
):
    world = DockerWorld(
        engine, plain_portainer, lambda place: DictFleet(place, client_image, images[1]), tmp_path
    )
    try:
        world.driver.build_template(TemplateSpec(world.template, "key-template-1"))
        spec = make_spec(template=world.template)
        world.driver.create(spec)
        # Its database answers, and is closed: no portal has opened it yet.
        assert answer_of(world, spec.ref) == CLOSED
        assert answer_of(world, replace(spec.ref, name="nobody.localhost")) != CLOSED
        before = world.parameters(spec.ref.name)["database.secret"]
        (row,) = world.containers(name=spec.ref.name)
        engine.docker("restart", row["Id"])
        world.driver.start(spec.ref)
        assert answer_of(world, spec.ref) == CLOSED
        assert world.parameters(spec.ref.name)["database.secret"] == before

        stage = ClientRef("stage.localhost", "key-stage")
        identity = replace(spec.identity, database_uuid=stage.key, base_url="http://stage")
        world.driver.copy(spec.ref, stage, identity, neutralize=True)
        assert answer_of(world, stage) == CLOSED
        assert world.is_neutralized(stage.name)
        running = "SELECT count(*) FROM ir_cron WHERE active"
        assert world.query(spec.ref.name, running) > [(3,)]
        assert world.query(stage.name, running) == [(1,)]
        assert not world.is_neutralized(spec.ref.name)
    finally:
        world.clean()


def answer_of(world, ref):
    """The status of the login page, as the reverse proxy would ask for it."""
    port = world.fleet.ports[ref.key]
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/web/login", headers={"Host": ref.name}
    )
    try:
        with urllib.request.urlopen(request, timeout=120) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code
