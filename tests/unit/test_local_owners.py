"""Which portal a database beside it belongs to, on a real PostgreSQL."""

import pytest
from driver_contract import make_spec


@pytest.fixture
def client(world):
    spec = make_spec(template=world.template)
    world.driver.create(spec)
    return spec.ref


def test_a_client_tells_whose_it_is(world, client):
    assert world.driver.find_portal(client.name) == "portal"


def test_what_is_closed_or_no_client_tells_nothing(world, client):
    world.driver.stop(client)
    assert world.driver.find_portal(client.name) == ""
    assert world.driver.find_portal("postgres") == ""
    assert world.driver.find_portal("nobody.localhost") == ""
