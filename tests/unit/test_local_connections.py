"""The one connection that the local driver keeps, on a real PostgreSQL."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from saas_driver import DriverNotFound

KEPT = (
    "FROM pg_stat_activity WHERE datname = 'postgres' AND usename = 'odoo'"
    " AND pid <> pg_backend_pid()"
)


@pytest.fixture
def driver(world):
    """Nothing is connected to begin with."""
    world.cluster.query("postgres", f"SELECT pg_terminate_backend(pid) {KEPT}", superuser=True)
    return world.driver


def sessions(world):
    return world.cluster.query("postgres", f"SELECT pid, state {KEPT}", superuser=True)


def test_one_connection_serves_many_questions_and_is_idle_between_them(world, driver):
    driver.status("nobody.localhost")
    (first,) = sessions(world)
    for _again in range(3):
        driver.list()
    assert sessions(world) == [first]
    assert first[1] == "idle"


def test_a_connection_that_the_server_has_closed_is_replaced(world, driver):
    driver.status("nobody.localhost")
    world.cluster.query("postgres", f"SELECT pg_terminate_backend(pid) {KEPT}", superuser=True)
    assert not driver.status("nobody.localhost").exists
    assert len(sessions(world)) == 1


def test_many_at_once_leave_one_behind(world, driver):
    with ThreadPoolExecutor(6) as pool:
        found = list(pool.map(driver.status, [f"c{number}.localhost" for number in range(24)]))
    assert [status.exists for status in found] == [False] * 24
    assert len(sessions(world)) == 1


def test_what_failed_leaves_no_transaction_open(world, driver):
    with pytest.raises(DriverNotFound):
        driver.make_spare("spare", "no-template")
    assert {state for _pid, state in sessions(world)} <= {"idle"}
