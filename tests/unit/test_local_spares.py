"""Spares of the local driver: copies that wait for a client, on a real PostgreSQL."""

import contextlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from driver_contract import make_spec
from local_world import Interrupted
from saas_driver import DriverNotFound, DriverRejected, Spare, SpareKeeper


@pytest.fixture
def driver(world):
    return world.driver


@pytest.fixture
def spec(world):
    return make_spec(template=world.template)


@pytest.fixture
def spare(driver, world):
    driver.make_spare("spare-1", world.template)
    return "spare-1"


def test_the_local_driver_keeps_spares(driver):
    assert isinstance(driver, SpareKeeper)


def test_a_client_made_of_a_spare_is_like_any_other(world, driver, spec, spare):
    inode = (world.files / f"saas-spare-{spare}" / "ab" / "abcd").stat().st_ino
    driver.create(replace(spec, spare=spare))
    found = world.look_inside(spec.ref.name)
    assert found["database_uuid"] == spec.ref.key
    assert driver.status(spec.ref.name).running
    assert (world.files / spec.ref.name / "ab" / "abcd").stat().st_ino == inode
    assert driver.list_spares() == []
    assert world.cluster.databases() == {world.template, spec.ref.name}


def test_a_spare_is_no_client_and_out_of_sight(world, driver, spare):
    assert driver.list() == []
    assert driver.list_spares() == [Spare(spare, "key-template-1")]
    rows = world.query(
        "postgres", "SELECT FROM pg_database WHERE NOT datistemplate AND datname LIKE 'saas%'"
    )
    assert rows == []


def test_a_spare_that_is_gone_is_no_hindrance(world, driver, spec):
    driver.create(replace(spec, spare="nothing"))
    assert world.look_inside(spec.ref.name)["database_uuid"] == spec.ref.key


def test_one_spare_is_not_two_clients(world, driver, spec, spare):
    other = make_spec("other.localhost", "key-other", world.template)
    with ThreadPoolExecutor() as pool:
        list(pool.map(driver.create, [replace(spec, spare=spare), replace(other, spare=spare)]))
    assert {world.look_inside(one.ref.name)["database_uuid"] for one in (spec, other)} == {
        spec.ref.key,
        other.ref.key,
    }


@pytest.mark.parametrize("point", ["_take_spare_files", "os.rename", "_publish"])
def test_an_interrupted_claim_is_completed_by_repeating_it(
    world,
    driver,
    spec,
    spare,
    point,
):
    with world.killed_at(point), contextlib.suppress(Interrupted):
        driver.create(replace(spec, spare=spare))
    driver.create(replace(spec, spare=spare))
    assert world.look_inside(spec.ref.name)["database_uuid"] == spec.ref.key
    assert driver.usage(spec.ref).files_mb > 0
    assert driver.list_spares() == []
    assert not list(world.files.glob("saas-*"))


@pytest.mark.parametrize("point", ["_copy_files", "_copy_database"])
def test_an_interrupted_spare_is_completed_or_dropped(world, driver, point):
    for end in (lambda: driver.make_spare("half", world.template), lambda: None):
        with world.killed_at(point), contextlib.suppress(Interrupted):
            driver.make_spare("half", world.template)
        end()
        for _again in range(2):
            driver.drop_spare("half")
        assert driver.list_spares() == []
        assert world.cluster.databases() == {world.template}


def test_only_templates_are_copied(driver, spec, world):
    driver.create(spec)
    with pytest.raises(DriverRejected, match=r"acme\.localhost"):
        driver.make_spare("spare", spec.ref.name)
    with pytest.raises(DriverNotFound, match="no-template"):
        driver.make_spare("spare", "no-template")
    assert driver.list_spares() == []
