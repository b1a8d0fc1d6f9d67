"""Reading from a real replica: a standby that streams from the server of the tests."""

import contextlib

import pytest

from devkit.cluster import Cluster
from devkit.ports import free_port
from devkit.waiting import wait_for

PARTNERS = "/api/v1/res.partner"

pytestmark = pytest.mark.one_shape


class Standby(Cluster):
    """A copy of another cluster that follows it."""

    def __init__(self, primary):
        super().__init__(f"{primary.folder}-standby", durable=False)
        self.primary = primary

    def start(self):
        primary = self.primary
        self._place()
        (self.folder / "password").write_text(primary.password)
        (self.folder / "port").write_text(str(free_port(primary.port + 1)))
        source = f"host=127.0.0.1 port={primary.port} user=postgres password={primary.password}"
        self._run(
            "pg_basebackup", "-D", self.data, "-d", source, "-R", "-X", "stream", "-c", "fast"
        )
        log = self.data / "server.log"
        self._run("pg_ctl", "-D", self.data, "-o", f"-p {self.port}", "-l", log, "-w", "start")

    def pause(self):
        """Stays behind from now on."""
        self.query("postgres", "SELECT pg_wal_replay_pause()", superuser=True)
        state = "SELECT pg_get_wal_replay_pause_state()"
        wait_for(lambda: self.query("postgres", state) == [("paused",)], 10, "the replay to pause")

    def catch_up(self):
        self.query("postgres", "SELECT pg_wal_replay_resume()", superuser=True)
        # What is inserted, not written yet: this primary does not wait for its disk.
        where = "SELECT pg_current_wal_insert_lsn()::text"
        ((position,),) = self.primary.query("postgres", where)
        reached = f"SELECT pg_last_wal_replay_lsn() >= '{position}'"
        wait_for(lambda: self.query("postgres", reached) == [(True,)], 30, "the standby")


@pytest.fixture(scope="module")
def standby(rest):
    cluster = Standby(rest.cluster)
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.destroy()


@pytest.fixture(scope="module")
def port(rest, standby):
    """Of a server that reads from the standby."""
    with rest.other_server(db_replica_host="127.0.0.1", db_replica_port=standby.port) as port:
        yield port


@pytest.fixture
def behind(standby):
    """The standby knows all up to now, and nothing that happens in the test."""
    standby.catch_up()
    standby.pause()
    yield standby
    standby.catch_up()


def test_reading_goes_to_the_replica_and_writing_to_the_primary(rest, port, behind):
    """B69: what the replica does not have yet is not found; what is written is there at once."""
    token = rest.token()
    made = rest.call("POST", PARTNERS, token=token, port=port, json={"name": "Not copied yet"})
    assert made.status_code == 201, made.text
    path = f"{PARTNERS}/{made.json()['data']['id']}"
    search = {"domain": [["name", "=", "Not copied yet"]], "fields": ["name"]}

    def found():
        """By reading and by searching."""
        one = rest.call("GET", path, token=token, port=port).status_code
        rows = rest.call("POST", f"{PARTNERS}/search", token=token, port=port, json=search)
        assert rows.status_code == 200, rows.text
        return one, len(rows.json()["data"])

    assert found() == (404, 0)
    changed = rest.call("PATCH", path, token=token, port=port, json={"city": "Rabat"})
    assert (changed.status_code, changed.json()["data"]["city"]) == (200, "Rabat")
    behind.catch_up()
    assert found() == (200, 1)


def test_a_replica_that_lags_neither_refuses_new_tokens_nor_takes_revoked_ones(rest, port, behind):
    """B15, B69: tokens are looked up where they are written."""
    token = rest.token()
    current = "/api/v1/tokens/current"
    assert rest.call("GET", "/api/v1/me", token=token, port=port).status_code == 200
    assert rest.call("DELETE", current, token=token, port=port).status_code == 204
    assert rest.call("GET", "/api/v1/me", token=token, port=port).status_code == 401


@pytest.fixture
def noted_reading(rest, standby):
    """Whoever reads industries writes: PostgreSQL itself notes each reader."""
    rest.psql(
        rest.name,
        "CREATE TABLE readings (at timestamp);"
        " CREATE FUNCTION note_reading() RETURNS boolean LANGUAGE plpgsql VOLATILE AS"
        " $$ BEGIN INSERT INTO readings VALUES (now()); RETURN true; END $$;"
        " ALTER TABLE res_partner_industry ENABLE ROW LEVEL SECURITY,"
        " FORCE ROW LEVEL SECURITY;"
        " CREATE POLICY noted ON res_partner_industry USING (note_reading())",
    )
    standby.catch_up()
    yield lambda: rest.psql(rest.name, "SELECT count(*) > 0 FROM readings")[0][0]
    rest.psql(
        rest.name,
        "DROP POLICY noted ON res_partner_industry;"
        " ALTER TABLE res_partner_industry NO FORCE ROW LEVEL SECURITY,"
        " DISABLE ROW LEVEL SECURITY;"
        " DROP FUNCTION note_reading; DROP TABLE readings",
    )


def test_a_reading_that_writes_falls_back_to_the_primary(rest, port, noted_reading):
    """B69: for a token that may write; a read-only one stays read-only."""
    industries = "/api/v1/res.partner.industry?limit=1"
    answer = rest.call("GET", industries, token=rest.token(read_only=True), port=port)
    assert answer.status_code == 403, answer.text
    assert answer.json()["type"] == "/api/v1/problems/read-only-token"
    assert not noted_reading()
    answer = rest.call("GET", industries, token=rest.token(), port=port)
    assert answer.status_code == 200, answer.text
    assert noted_reading()


def test_without_the_replica_all_is_read_from_the_primary(rest, standby, port):
    """B69: the last test here, for the standby does not come back."""
    token = rest.token()
    assert rest.call("GET", "/api/v1/me", token=token, port=port).status_code == 200
    standby.stop("immediate")
    seen = []

    def answers():
        seen.append(rest.call("GET", f"{PARTNERS}?limit=1", token=token, port=port).status_code)
        return seen[-1] == 200

    # The first call may still meet a connection that has died.
    with contextlib.suppress(TimeoutError):
        wait_for(answers, 20, "an answer from the primary")
    assert seen[-1] == 200
    assert set(seen) <= {200, 503}
