"""Spares of the local driver: copies that wait for a client, on a real PostgreSQL."""

import contextlib
import errno
import os
import shutil
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from driver_contract import make_spec
from local_world import ODOO, Interrupted, LocalWorld
from saas_driver import (
    DriverNotFound,
    DriverRejected,
    DriverUnavailable,
    Spare,
    SpareKeeper,
    TemplateSpec,
    databases,
)


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
    assert driver.list_spares() == [Spare(spare, "key-template-1", "portal")]
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


@pytest.mark.parametrize("point", ["_move_files", "os.rename", "_publish"])
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
    # The portal, which has a row for it, looks after what is left.
    driver.drop_spare(spare)
    assert {path.name for path in world.files.iterdir()} == {
        spec.ref.name,
        world.folder_of(world.template).name,
    }


@pytest.mark.parametrize(
    "point", ["_copy_files", "_copy_template", "databases.create_database", "databases.comment"]
)
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


# -- templates that change meanwhile ---------------------------------------------------------------


class Builds:
    """A builder whose builds can be told apart in the database and in every file."""

    empty_database = "template0"
    number = 0

    def __init__(self, world):
        self.world = world

    def build(self, database, _spec):
        self.number += 1
        self.world.query(database, ODOO + f"CREATE TABLE build AS SELECT {self.number} AS number")
        folder = self.world.files / database / "ab"
        folder.mkdir(parents=True)
        for name in range(50):
            (folder / str(name)).write_text(str(self.number))

    def is_one(self, name):
        ((number,),) = self.world.query(name, "SELECT number FROM build")
        files = list((self.world.files / name / "ab").iterdir())
        return len(files) == 50 and {file.read_text() for file in files} == {str(number)}


@pytest.fixture
def builds(world, driver):
    driver._builder = Builds(world)
    driver.build_template(TEMPLATE)
    return driver._builder


TEMPLATE = TemplateSpec(LocalWorld.template, "key-template-1")


@pytest.mark.parametrize("from_spares", [False, True])
def test_clients_made_while_the_template_is_rebuilt_are_of_one_build(
    world, driver, builds, from_spares
):
    stop = threading.Event()

    def make_clients(caller):
        number = 0
        while not stop.is_set() or not number:
            number += 1
            spec = make_spec(f"{caller}-{number}.localhost", f"key-{caller}-{number}")
            if from_spares:
                driver.make_spare(spec.ref.key, world.template)
                spec = replace(spec, spare=spec.ref.key)
            driver.create(spec)
            assert builds.is_one(spec.ref.name)
            driver.delete(spec.ref)

    with ThreadPoolExecutor() as pool:
        callers = [pool.submit(make_clients, caller) for caller in ("one", "two")]
        try:
            for _round in range(8):
                driver.build_template(TEMPLATE)
        finally:
            stop.set()
        for caller in callers:
            caller.result()
    assert world.cluster.databases() == {world.template}
    assert list(world.files.iterdir()) == [world.folder_of(world.template)]


def test_a_spare_of_a_former_build_has_nothing_of_the_next(world, driver, builds):
    driver.make_spare("early", world.template)
    driver.build_template(TEMPLATE)
    spec = replace(make_spec(), spare="early")
    driver.create(spec)
    assert builds.is_one(spec.ref.name)


@pytest.mark.parametrize("point", ["_copy_files", "_note_maker", "_publish", "_move_files"])
def test_a_creation_cut_off_before_a_rebuild_is_of_the_new_build(world, driver, builds, point):
    driver.make_spare("early", world.template)
    spec = replace(make_spec(), spare="early" if point == "_move_files" else "")
    with world.killed_at(point), contextlib.suppress(Interrupted):
        driver.create(spec)
    driver.build_template(TEMPLATE)
    driver.create(replace(spec, spare=""))
    assert builds.is_one(spec.ref.name)
    assert world.query(spec.ref.name, "SELECT number FROM build") == [(2,)]


@pytest.mark.parametrize(
    "point",
    ["databases.rename", "second databases.rename", "second databases.comment", "databases.alter"],
)
def test_the_former_build_serves_until_the_next_is_in_its_place(world, driver, builds, point):
    with world.killed_at(point), contextlib.suppress(Interrupted):
        driver.build_template(TEMPLATE)
    spec = make_spec()
    driver.create(spec)
    assert builds.is_one(spec.ref.name)


def test_copies_do_not_wait_for_each_other_nor_for_a_build(world, driver, builds):
    """An exchange waits for copies; nobody waits for the minute of a build."""
    spec = make_spec()

    def build(*arguments):
        Builds.build(builds, *arguments)
        with driver._cluster() as cursor, databases.locked(cursor, world.template, shared=True):
            driver.create(spec)

    builds.build = build
    driver.build_template(TEMPLATE)
    assert world.query(spec.ref.name, "SELECT number FROM build") == [(1,)]
    assert builds.is_one(spec.ref.name)


def test_a_copy_that_takes_for_ever_is_told_of(world, driver, builds, monkeypatch):
    monkeypatch.setattr(databases, "LOCK_SECONDS", 0.1)
    with (
        driver._cluster() as cursor,
        databases.locked(cursor, world.template, shared=True),
        pytest.raises(DriverUnavailable, match="try again"),
    ):
        driver.build_template(TEMPLATE)
    spec = make_spec()
    driver.create(spec)
    assert world.query(spec.ref.name, "SELECT number FROM build") == [(1,)]
    assert world.cluster.databases() == {world.template, spec.ref.name}


# -- disks -----------------------------------------------------------------------------------------


def test_a_file_that_was_copied_half_is_not_kept(world, driver, spec, monkeypatch):
    """Where files cannot be linked, and the disk is full"""
    (world.folder_of(world.template) / "ab" / "large").write_text("x" * 1000)

    def refuse(*_args, **_options):
        raise OSError(errno.EXDEV, "Invalid cross-device link")

    def copy_half(source, target, **_options):
        Path(target).write_text(Path(source).read_text()[:3])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "link", refuse)
    with monkeypatch.context() as full:
        full.setattr(shutil, "copy2", copy_half)
        for make in (lambda: driver.create(spec), lambda: driver.make_spare("s", world.template)):
            with pytest.raises(DriverUnavailable, match="See to the disk") as refusal:
                make()
            assert str(world.files) not in str(refusal.value)
    assert list(world.files.iterdir()) == [world.folder_of(world.template)]
    driver.make_spare("s", world.template)
    driver.create(replace(spec, spare="s"))
    assert len((world.files / spec.ref.name / "ab" / "large").read_text()) == 1000


def test_a_spare_leaves_room_on_the_disk(world, driver, spec, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda _folder: SimpleNamespace(free=1024**3))
    with pytest.raises(DriverUnavailable, match="1024 MB are free"):
        driver.make_spare("s", world.template)
    assert driver.list_spares() == []
    # A customer who waits is not refused.
    driver.create(spec)


# -- what is being removed, and whose it is --------------------------------------------------------


def test_a_spare_that_is_being_removed_is_taken_by_nobody(world, driver, spec, spare):
    with world.killed_at("_remove_files"), contextlib.suppress(Interrupted):
        driver.drop_spare(spare)
    driver.create(replace(spec, spare=spare))
    assert world.look_inside(spec.ref.name)["database_uuid"] == spec.ref.key
    assert driver.usage(spec.ref).files_mb > 0


def test_what_is_being_removed_is_never_open_and_in_sight(world, driver, spare):
    """Odoo's workers would run its scheduled actions"""
    alter, seen = databases.alter, []

    def look(cursor, name, option):
        alter(cursor, name, option)
        rows = world.query(
            "postgres", "SELECT FROM pg_database WHERE datallowconn AND NOT datistemplate"
            " AND starts_with(datname, 'saas-')",
        )  # fmt: skip
        seen.append(rows)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(databases, "alter", look)
        driver.drop_spare(spare)
    assert seen
    assert not any(seen)


def test_a_copy_of_the_portal_leaves_the_spares_of_its_original_alone(world, driver, spec, spare):
    driver._portal = "copy of the portal"
    with pytest.raises(DriverRejected, match="another portal"):
        driver.drop_spare(spare)
    driver.create(replace(spec, spare=spare))
    assert [found.key for found in driver.list_spares()] == [spare]


@pytest.mark.parametrize("point", ["_copy_files", "_publish"])
def test_what_was_never_finished_says_whose_it_was(world, driver, spec, point):
    driver.create(make_spec("done.localhost", "key-done"))
    with world.killed_at(point), contextlib.suppress(Interrupted):
        driver.create(spec)
    keys = [found.key for found in driver.list_unfinished() if found.portal == "portal"]
    assert keys == ([spec.ref.key] if point == "_publish" else [])
    driver.drop_unfinished(spec.ref.key)
    assert driver.list_unfinished() == []
    assert world.cluster.databases() == {world.template, "done.localhost"}


def test_a_client_on_its_way_to_another_name_is_not_unfinished(world, driver, spec):
    driver.create(spec)
    with world.killed_at("_publish"), contextlib.suppress(Interrupted):
        driver.rename(spec.ref, "new.localhost", "http://new.localhost")
    assert driver.list_unfinished() == []
    driver.drop_unfinished(spec.ref.key)
    driver.rename(spec.ref, "new.localhost", "http://new.localhost")
    assert world.look_inside("new.localhost")["database_uuid"] == spec.ref.key
