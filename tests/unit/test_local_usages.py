"""Figures of many clients at once, on a real PostgreSQL."""

from dataclasses import replace

import psycopg2
import pytest
from driver_contract import make_spec
from saas_driver import (
    ClientRef,
    DriverNotFound,
    DriverRejected,
    DriverUnavailable,
    LocalDriver,
    ServerUnavailable,
    Usage,
    UsageReader,
    local_sql,
    read_usages,
)


@pytest.fixture
def driver(world):
    return world.driver


@pytest.fixture
def clients(world, driver):
    refs = []
    for number in range(3):
        spec = make_spec(f"client-{number}.localhost", f"key-{number}", world.template)
        driver.create(spec)
        refs.append(spec.ref)
    return refs


@pytest.fixture
def connected(world, monkeypatch):
    """Names of the databases to which somebody connects, in order."""
    names, connect = [], psycopg2.connect

    def note(**options):
        names.append(options["dbname"])
        return connect(**options)

    monkeypatch.setattr(psycopg2, "connect", note)
    return names


def test_the_local_driver_reads_many_at_once(driver):
    assert isinstance(driver, UsageReader)


def test_many_are_read_by_one_connection_for_all_and_one_for_each(driver, clients, connected):
    answers = read_usages(driver, clients)
    assert [answers[ref.key].users for ref in clients] == [0, 0, 0]
    assert all(answers[ref.key].database_mb > 1 for ref in clients)
    assert len(connected) <= 1 + len(clients)
    assert {ref.name for ref in clients} <= set(connected)


def test_what_is_said_of_many_is_what_is_said_of_each(world, driver, clients):
    world.query(clients[1].name, "INSERT INTO res_users (login, active) VALUES ('x', TRUE)")
    answers = driver.list_usages(clients)
    for ref in clients:
        assert replace(driver.usage(ref), database_mb=0) == replace(answers[ref.key], database_mb=0)
    assert answers[clients[1].key].users == 1


def test_one_that_cannot_be_read_keeps_nobody_from_the_rest(world, driver, clients):
    driver.stop(clients[0])
    gone = ClientRef("nobody.localhost", "key-nobody")
    foreign = ClientRef(clients[1].name, "key-of-somebody-else")
    answers = driver.list_usages([clients[0], gone, foreign, clients[2]])
    assert isinstance(answers[clients[0].key], DriverUnavailable)
    assert not isinstance(answers[clients[0].key], ServerUnavailable)
    assert isinstance(answers[gone.key], DriverNotFound)
    assert isinstance(answers[foreign.key], DriverRejected)
    assert isinstance(answers[clients[2].key], Usage)


def test_a_client_whose_tables_are_being_changed_is_waited_for_only_so_long(
    world, driver, clients, monkeypatch
):
    monkeypatch.setattr(
        local_sql, "_USAGE", local_sql._USAGE.replace(f"{local_sql._PATIENCE_SECONDS}s", "100ms")
    )
    connection = world.cluster.connect(clients[0].name)
    connection.autocommit = False
    try:
        connection.cursor().execute("LOCK TABLE res_users IN ACCESS EXCLUSIVE MODE")
        answers = driver.list_usages(clients)
    finally:
        connection.close()
    assert isinstance(answers[clients[0].key], DriverUnavailable)
    assert isinstance(answers[clients[1].key], Usage)


def test_a_cluster_that_is_down_is_down_for_all(world, clients):
    driver = LocalDriver(
        lambda name: {**world.connection_info(name), "port": 1}, world.files, world.builder
    )
    with pytest.raises(ServerUnavailable):
        driver.list_usages(clients)


class OneByOne:
    """A driver without a short way for many."""

    def __init__(self, errors):
        self.errors, self.asked = errors, []

    def usage(self, ref):
        self.asked.append(ref.name)
        if ref.name in self.errors:
            raise self.errors[ref.name]
        return Usage(1, 2.0, 3.0, False)


REFS = [ClientRef(name, f"key-{name}") for name in "abc"]


def test_other_drivers_are_asked_one_by_one():
    error = ValueError("odd answer")
    driver = OneByOne({"b": error})
    answers = read_usages(driver, REFS)
    figures = Usage(1, 2.0, 3.0, False)
    assert answers == {"key-a": figures, "key-b": error, "key-c": figures}


def test_nobody_else_is_asked_where_the_place_is_silent():
    driver = OneByOne({"a": ServerUnavailable("Nobody is there.")})
    with pytest.raises(ServerUnavailable):
        read_usages(driver, REFS)
    assert driver.asked == ["a"]
