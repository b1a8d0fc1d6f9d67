"""Databases changed behind the portal's back."""

import contextlib
import itertools
import json
import shutil
import uuid
from types import SimpleNamespace

NUMBERS = itertools.count(1)
#: A template without it makes clients whose owner is made by themselves.
FORGET_PREPARED = "DELETE FROM ir_config_parameter WHERE key = 'saas_client.prepared_owner'"


@contextlib.contextmanager
def opened(portal, template):
    """Lets SQL into a template for a moment; portals keep their templates closed."""

    def allow(flag):
        portal.psql("postgres", f'ALTER DATABASE "{template}" WITH ALLOW_CONNECTIONS {flag}')

    allow("true")
    try:
        yield
    finally:
        allow("false")


@contextlib.contextmanager
def unreachable(portal, client):
    """PostgreSQL lets nobody into this client's database until the block ends."""

    def allow(flag):
        portal.psql("postgres", f'ALTER DATABASE "{client.name}" WITH ALLOW_CONNECTIONS {flag}')

    allow("false")
    portal.psql(
        "postgres",
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s",
        client.name,
    )
    try:
        yield
    finally:
        allow("true")


class TemplateCopy:
    """A copy of a plan's template under a plan of its own, for tests that spoil it."""

    def __init__(self, portal, source, **values):
        number = next(NUMBERS)
        self.portal, self.source = portal, source
        self.name, self.uuid = f"template-copy-{number}.localhost", str(uuid.uuid4())
        self.copy_database()
        self.plan_id = portal.make_plan(f"Copy {number}", self.name, **values)
        portal.psql(
            portal.name,
            "UPDATE saas_portal_database SET state = 'template', uuid = %s WHERE name = %s",
            self.uuid,
            self.name,
        )
        portal.psql(
            portal.name,
            "UPDATE saas_portal_plan SET state = 'confirmed' WHERE id = %s",
            self.plan_id,
        )

    def copy_database(self):
        portal, mark = self.portal, json.dumps({"saas_client": f"template {self.uuid}"})
        portal.psql(
            "postgres", f'CREATE DATABASE "{self.name}" TEMPLATE "{self.source}" IS_TEMPLATE true'
        )
        portal.psql("postgres", f"COMMENT ON DATABASE \"{self.name}\" IS '{mark}'")
        portal.psql("postgres", f'ALTER DATABASE "{self.name}" WITH ALLOW_CONNECTIONS false')
        source = portal.filestore_of_template(self.source)
        shutil.copytree(source, portal.filestore(self.name), dirs_exist_ok=True)

    def drop_database(self):
        self.portal.drop(self.name)

    def run(self, *statements):
        with opened(self.portal, self.name):
            for statement in statements:
                self.portal.psql(self.name, statement)


class Gate:
    """Makes creations wait at a chosen point, for as long as the test wants.

    A trigger in the template waits while somebody holds an advisory lock: in the copy that is
    still being made ("copy"), or in the finished database that makes its owner itself ("owner").
    """

    NUMBERS = {"copy": 815001, "owner": 815002}
    TRIGGER = """
        CREATE FUNCTION e2e_gate() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            WHILE EXISTS (
                SELECT FROM pg_locks WHERE locktype = 'advisory' AND granted AND objid =
                    CASE WHEN current_database() LIKE 'saas-new-%' THEN 815001 ELSE 815002 END
            ) LOOP
                PERFORM pg_sleep(0.05);
            END LOOP;
            RETURN NULL;
        END $$;
        CREATE TRIGGER e2e_gate BEFORE INSERT OR UPDATE ON res_users
            FOR EACH STATEMENT EXECUTE FUNCTION e2e_gate()
    """

    def __init__(self, portal, copy):
        self.portal, self.copy = portal, copy
        copy.run(self.TRIGGER)

    def leave_owner_to_clients(self):
        """Copies are not set up before they are clients: as with a template of former days."""
        self.copy.run(FORGET_PREPARED)

    @contextlib.contextmanager
    def closed(self, where):
        """Nobody passes here until the block ends."""
        if where == "owner":
            self.leave_owner_to_clients()
        with contextlib.closing(self.portal.cluster.connect("postgres")) as connection:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_lock(%s)", [self.NUMBERS[where]])
            handle = SimpleNamespace(open=connection.close, is_reached=lambda: self._waits(where))
            yield handle

    def _waits(self, where):
        """Whether a creation stands before the gate."""
        rows = self.portal.psql(
            "postgres",
            "SELECT datname FROM pg_stat_activity WHERE wait_event = 'PgSleep'"
            " AND state = 'active' AND datname IS NOT NULL",
        )
        staged = [name.startswith("saas-new-") for (name,) in rows]
        return any(flag == (where == "copy") for flag in staged)
