"""A server for the local driver, for all tests of it."""

import pytest
from local_world import LocalWorld
from psycopg2 import sql
from saas_driver import TemplateSpec

from devkit.cluster import throw_away_cluster


@pytest.fixture(scope="session")
def cluster():
    with throw_away_cluster("unit") as cluster:
        yield cluster


@pytest.fixture
def world(cluster, tmp_path):
    world = LocalWorld(cluster, tmp_path)
    world.driver.build_template(TemplateSpec(world.template, "key-template-1"))
    world.forgotten.clear()
    yield world
    for name in cluster.databases():
        identifier = sql.Identifier(name)
        for statement in ("ALTER DATABASE {} IS_TEMPLATE false", "DROP DATABASE {} WITH (FORCE)"):
            cluster.query("postgres", sql.SQL(statement).format(identifier), superuser=True)
