"""Roles of clients on a PostgreSQL that they share, made by an administrator that is none."""

import contextlib

import psycopg2
import pytest
from portainer_driver_import import ExternalServer, external
from saas_driver import DriverRejected, DriverUnavailable

PASSWORD = 'a-client\'s-"password"'
ADMIN = "external_admin"


@pytest.fixture
def server(cluster):
    def query(statement):
        return cluster.query("postgres", statement, superuser=True)

    query(f"CREATE ROLE {ADMIN} LOGIN CREATEROLE CREATEDB PASSWORD 'admin'")
    server = ExternalServer(
        "127.0.0.1", cluster.port, ADMIN, "admin", role="saas-acme", role_password=PASSWORD
    )
    yield server
    for (name,) in query("SELECT datname FROM pg_database WHERE datname LIKE 'external-%'"):
        query(f'ALTER DATABASE "{name}" IS_TEMPLATE false')
        query(f'DROP DATABASE "{name}" WITH (FORCE)')
    for (name,) in query("SELECT rolname FROM pg_roles WHERE rolname LIKE 'saas-%'"):
        query(f'DROP ROLE "{name}"')
    query(f"DROP ROLE {ADMIN}")


@pytest.fixture
def roles(server):
    return external.ExternalRoles(server)


def connect(server, database="postgres", password=None):
    connection = psycopg2.connect(
        host=server.host,
        port=server.port,
        user=server.role,
        password=password or server.role_password,
        dbname=database,
    )
    connection.autocommit = True
    return connection


def rights(cluster, role):
    rows = cluster.query(
        "postgres",
        "SELECT rolcanlogin, rolcreatedb, rolsuper, rolcreaterole, rolreplication, rolbypassrls"
        " FROM pg_roles WHERE rolname = %s",
        [role],
        superuser=True,
    )
    return rows[0] if rows else None


def test_a_client_gets_a_role_that_may_make_databases_and_nothing_else(cluster, roles, server):
    for _again in range(2):
        roles.ensure_role()
        assert rights(cluster, "saas-acme") == (True, True, False, False, False, False)
    connect(server).close()


def test_a_new_password_takes_the_place_of_the_former(roles, server):
    roles.ensure_role()
    changed = ExternalServer(
        server.host, server.port, ADMIN, "admin", role=server.role, role_password="another"
    )
    external.ExternalRoles(changed).ensure_role()
    connect(changed).close()
    with pytest.raises(psycopg2.OperationalError, match="authentication failed"):
        connect(server)


def test_the_password_is_in_no_statement(cluster, roles, monkeypatch):
    statements = []
    real = external.psycopg2.connect

    def connect_and_listen(**options):
        class Cursor(psycopg2.extensions.cursor):
            def execute(self, statement, params=None):
                super().execute(statement, params)
                statements.append(self.query.decode())

        return real(cursor_factory=Cursor, **options)

    monkeypatch.setattr(external.psycopg2, "connect", connect_and_listen)
    roles.ensure_role()
    assert statements
    assert not [text for text in statements if 'password"' in text]


def test_a_removed_client_takes_its_databases_along(cluster, roles, server):
    roles.ensure_role()
    with contextlib.closing(connect(server)) as connection, connection.cursor() as cursor:
        cursor.execute('CREATE DATABASE "external-one"')
        cursor.execute('CREATE DATABASE "external-two" IS_TEMPLATE true')
    # Somebody is at work in one of them.
    with contextlib.closing(connect(server, "external-one")):
        roles.drop()
    roles.drop()
    assert rights(cluster, "saas-acme") is None
    assert not {name for name in cluster.databases() if name.startswith("external-")}


@pytest.mark.parametrize("database", ["postgres", "template1"])
def test_what_a_client_left_in_a_database_of_all_does_not_keep_its_role(
    cluster, roles, server, database
):
    roles.ensure_role()
    with contextlib.closing(connect(server, database)) as connection:
        with connection.cursor() as cursor:
            cursor.execute("SELECT lo_create(0)")
            cursor.execute("ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO PUBLIC")
            cursor.execute('CREATE DATABASE "external-one"')
        # Still logged in: what it would make from now on must not keep the role either.
        roles.drop()
        assert rights(cluster, "saas-acme") is None
        with pytest.raises(psycopg2.Error), connection.cursor() as cursor:
            cursor.execute("SELECT lo_create(0)")
    assert cluster.query(database, "SELECT count(*) FROM pg_largeobject_metadata") == [(0,)]


def test_one_client_does_not_take_the_sessions_of_all(roles, server):
    roles.ensure_role()
    with (
        contextlib.ExitStack() as sessions,
        pytest.raises(psycopg2.OperationalError, match="too many connections for role"),
    ):
        for _session in range(60):
            sessions.enter_context(contextlib.closing(connect(server)))


@pytest.mark.parametrize("role", [ADMIN, "boss"])
def test_an_administrators_role_is_never_given_to_a_client_nor_dropped(cluster, server, role):
    cluster.query("postgres", "CREATE ROLE boss SUPERUSER", superuser=True)
    try:
        taken = ExternalServer(
            server.host, server.port, ADMIN, "admin", role=role, role_password="x"
        )
        for verb in ("ensure_role", "drop"):
            with pytest.raises(DriverRejected, match="administrator"):
                getattr(external.ExternalRoles(taken), verb)()
        assert rights(cluster, role)
    finally:
        cluster.query("postgres", "DROP ROLE boss", superuser=True)


@pytest.mark.parametrize(
    ("change", "kind", "words"),
    [
        ({"port": 1}, DriverUnavailable, "refused"),
        ({"password": "a-wrong-secret"}, DriverUnavailable, "authentication failed"),
    ],
)
def test_a_server_that_does_not_answer_is_named_without_a_secret(server, change, kind, words):
    values = {"host": server.host, "port": server.port, "password": "admin", **change}
    broken = ExternalServer(
        user=ADMIN, role="saas-acme", role_password=PASSWORD, name="Paris", **values
    )
    with pytest.raises(kind, match=words) as raised:
        external.ExternalRoles(broken).ensure_role()
    assert "Paris" in str(raised.value)
    assert "saas-acme" in str(raised.value)
    for secret in (PASSWORD, "a-wrong-secret"):
        assert secret not in str(raised.value)


def test_an_administrator_without_rights_is_told_so(cluster, server):
    cluster.query("postgres", f"ALTER ROLE {ADMIN} NOCREATEROLE", superuser=True)
    with pytest.raises(DriverRejected, match="permission denied"):
        external.ExternalRoles(server).ensure_role()
