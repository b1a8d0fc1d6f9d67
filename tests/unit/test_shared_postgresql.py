"""Clients whose databases are on one PostgreSQL server, where each role may make databases."""

import contextlib
from types import SimpleNamespace

import psycopg2
import pytest
from agent_world import IDENTITY, Container
from local_world import Interrupted
from psycopg2 import sql
from saas_agent.client_databases import ClientDatabases
from saas_agent.settings import Settings
from saas_driver import ClientRef, DriverRejected, Identity, local_sql
from saas_stack import ExternalDatabase, render
from saas_stack_samples import PLAIN, read, with_field

KEY, NAME = "key-acme", "acme.localhost"
STAGING = f"saas-new-{KEY}"
REF = ClientRef(NAME, KEY)
WHOSE = Identity(**IDENTITY)


class Tenant:
    """A client's role, and what its container knows of it."""

    def __init__(self, cluster, folder, role, key):
        self.cluster, self.role = cluster, role
        cluster.query(
            "postgres", f"CREATE ROLE {role} LOGIN CREATEDB PASSWORD '{role}'", superuser=True
        )
        database = ExternalDatabase("127.0.0.1", cluster.port, role)
        stack = read(render(with_field(with_field(PLAIN, "key", key), "database", database)))
        variables = {
            **stack["services"]["odoo"]["environment"],
            "PASSWORD": role,
            "PGSSLMODE": "disable",
        }
        self.container = Container(cluster, folder, **variables)
        self.databases = ClientDatabases(Settings.read(self.container.environment))

    def connect(self, database):
        return psycopg2.connect(
            host="127.0.0.1",
            port=self.cluster.port,
            user=self.role,
            password=self.role,
            dbname=database,
        )

    def run(self, statement, name="", text="", database="postgres"):
        names = sql.Identifier(name), sql.Literal(text)
        with contextlib.closing(self.connect(database)) as connection:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute(sql.SQL(statement).format(*names))

    def squat(self, name):
        """Take a name, with what a client's database says of itself."""
        self.run("CREATE DATABASE {}", name)
        self.run("COMMENT ON DATABASE {} IS {}", name, local_sql.make_mark(KEY))
        trap = "CREATE TABLE ir_config_parameter (key varchar UNIQUE, value text)"
        self.run(trap, database=name)


@pytest.fixture(scope="module")
def template(cluster, tmp_path_factory):
    """The archive that clients are made of."""
    container = Container(cluster, tmp_path_factory.mktemp("template"))
    spec = {"name": "template-1", "key": "key-template", "demo": False, "languages": []}
    return container.make("build_template", addons=["sale"], **spec)


@pytest.fixture
def shared(cluster, template, tmp_path):
    """`.victim` and `.stranger` on one server, and `.template`."""
    tenants = {}
    for role, key in (("victim", KEY), ("stranger", "key-other")):
        folder = tmp_path / role
        folder.mkdir()
        tenants[role] = Tenant(cluster, folder, role, key)
    yield SimpleNamespace(template=template, **tenants)
    for name in cluster.databases():
        for statement in ("ALTER DATABASE {} IS_TEMPLATE false", "DROP DATABASE {} WITH (FORCE)"):
            statement = sql.SQL(statement).format(sql.Identifier(name))
            cluster.query("postgres", statement, superuser=True)
    for role in tenants:
        cluster.query("postgres", f"DROP ROLE {role}", superuser=True)


@pytest.fixture
def client(shared):
    shared.victim.databases.fill(REF, WHOSE, shared.template)
    return shared.victim.databases


def owners(cluster):
    rows = cluster.query(
        "postgres", "SELECT datname, pg_get_userbyid(datdba) FROM pg_database", superuser=True
    )
    return {name: owner for name, owner in rows if owner in ("victim", "stranger")}


def is_untouched(cluster, name):
    rows = cluster.query(name, "SELECT count(*) FROM ir_config_parameter", superuser=True)
    return rows == [(0,)]


@contextlib.contextmanager
def refused(name):
    """In words that say who has the name and what is to be done."""
    with pytest.raises(DriverRejected, match=f"is taken .*role stranger .*{name}.*drop") as raised:
        yield
    assert "PostgreSQL" in str(raised.value)


@pytest.mark.parametrize("squatted", [NAME, NAME.upper(), STAGING])
def test_a_name_that_another_client_has_taken_makes_nobody_move_into_its_database(
    cluster, shared, squatted
):
    shared.stranger.squat(squatted)
    with refused(squatted):
        shared.victim.databases.fill(REF, WHOSE, shared.template)
    assert owners(cluster) == {squatted: "stranger"}
    assert is_untouched(cluster, squatted)
    # The administrator has done what the text says.
    shared.stranger.run("DROP DATABASE {}", squatted)
    shared.victim.databases.fill(REF, WHOSE, shared.template)
    assert owners(cluster) == {NAME: "victim"}


@pytest.mark.parametrize("squatted", ["new.localhost", STAGING])
def test_a_client_is_not_renamed_into_what_another_one_has_made(cluster, shared, client, squatted):
    shared.stranger.squat(squatted)
    with refused(squatted):
        client.rename(REF, "new.localhost", "http://new.localhost")
    assert owners(cluster) == {NAME: "victim", squatted: "stranger"}
    assert is_untouched(cluster, squatted)
    assert client.usage(REF).database_mb > 0
    shared.stranger.run("DROP DATABASE {}", squatted)
    client.rename(REF, "new.localhost", "http://new.localhost")
    assert owners(cluster) == {"new.localhost": "victim"}


def test_a_backup_is_not_restored_into_what_another_one_has_made(cluster, shared, client, tmp_path):
    client.backup(REF, tmp_path / "backup.zip")
    shared.stranger.squat(STAGING)
    with refused(STAGING):
        client.restore(REF, WHOSE, tmp_path / "backup.zip")
    assert client.usage(REF).database_mb > 0
    # A deleted client comes back under its own name, which was free meanwhile.
    client.delete(REF)
    shared.stranger.run("DROP DATABASE {}", STAGING)
    shared.stranger.squat(NAME)
    with refused(NAME):
        client.restore(REF, WHOSE, tmp_path / "backup.zip")
    client.delete(REF)
    assert owners(cluster) == {NAME: "stranger"}
    assert is_untouched(cluster, NAME)


@pytest.mark.parametrize("verb", ["create", "rename", "restore"])
def test_what_is_on_its_way_to_its_name_is_copied_and_entered_by_nobody_else(
    shared, monkeypatch, tmp_path, verb
):
    databases = shared.victim.databases
    if verb != "create":
        databases.fill(REF, WHOSE, shared.template)
        databases.backup(REF, tmp_path / "backup.zip")
    looked = []

    def look(*_arguments):
        for call in (
            lambda: shared.stranger.run("CREATE DATABASE loot TEMPLATE {}", STAGING),
            lambda: shared.stranger.connect(STAGING),
        ):
            with pytest.raises(psycopg2.Error, match="permission denied"):
                call()
        looked.append(verb)
        raise Interrupted

    with monkeypatch.context() as patch:
        patch.setattr(databases, "_publish", look)
        with pytest.raises(Interrupted):
            if verb == "create":
                databases.fill(REF, WHOSE, shared.template)
            elif verb == "rename":
                databases.rename(REF, "new.localhost", "http://new.localhost")
            else:
                databases.restore(REF, WHOSE, tmp_path / "backup.zip")
    assert looked == [verb]
    # Nor does the client take it for its own until it has its name.
    assert databases.find_own(KEY) in ("", NAME)
    with pytest.raises(psycopg2.Error, match="permission denied"):
        shared.stranger.connect(STAGING)
