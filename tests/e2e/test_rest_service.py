"""The REST layer when something around it fails, or is too much."""

import contextlib
import threading

import pytest

from devkit.waiting import wait_for

ME = "/api/v1/me"
PARTNERS = "/api/v1/res.partner"


@contextlib.contextmanager
def connection(rest):
    """A session of its own in the database."""
    own = rest.cluster.connect(rest.name)
    try:
        yield own
    finally:
        own.close()


def problem(answer):
    assert answer.headers["Content-Type"].startswith("application/problem+json"), answer.text
    for leak in ("Traceback", "/odoo/", "LINE 1:", "psycopg2"):
        assert leak not in answer.text
    return answer.status_code, answer.json()["type"].rpartition("/")[2]


@pytest.fixture
def partner(rest):
    return rest.admin.call("res.partner", "create", {"name": "Conflict"})


def test_without_postgresql_it_is_503_and_afterwards_all_is_well(rest):
    """B66: with the database's host, with the header, and for other addresses."""
    token = rest.token()
    rest.cluster.stop()
    try:
        for options in (
            {},
            {"headers": {"X-Odoo-Database": rest.name}},
            {"host": "127.0.0.1"},
        ):
            answer = rest.call("GET", ME, token=token, **options)
            assert problem(answer) == (503, "database-unavailable"), options
            assert answer.headers["Retry-After"] == "1"
        body = {"db": rest.name, "login": "admin", "password": "x"}
        answer = rest.call("GET", "/api/auth/token", data=body)
        assert answer.status_code == 503
        assert set(answer.json()) == {"type", "message"}
    finally:
        rest.cluster.start()
    # The first call of each worker may still meet a dead connection.
    seen = []

    def all_answer():
        seen[:] = [rest.call("GET", ME, token=token).status_code for _number in range(4)]
        return seen == [200] * 4

    with contextlib.suppress(TimeoutError):
        wait_for(all_answer, 30, "all workers to answer")
    assert seen == [200] * 4


@pytest.fixture
def failing_writes(rest):
    """Makes the next writes to partners fail as those that collide with others do."""

    def fail(times):
        rest.psql(
            rest.name,
            "DROP SEQUENCE IF EXISTS collisions CASCADE; CREATE SEQUENCE collisions;"
            " CREATE OR REPLACE FUNCTION collide() RETURNS trigger LANGUAGE plpgsql AS $$"
            f" BEGIN IF nextval('collisions') <= {times} THEN"
            " RAISE EXCEPTION 'collision' USING ERRCODE = '40001'; END IF;"
            " RETURN NEW; END $$;"
            " CREATE OR REPLACE TRIGGER collide BEFORE UPDATE ON res_partner"
            " FOR EACH ROW EXECUTE FUNCTION collide()",
        )

    yield fail
    rest.psql(rest.name, "DROP FUNCTION collide CASCADE; DROP SEQUENCE collisions")


def test_a_collision_is_tried_again(rest, partner, failing_writes):
    """B67"""
    token = rest.token()
    failing_writes(2)
    answer = rest.call("PATCH", f"{PARTNERS}/{partner}", token=token, json={"name": "Done"})
    assert answer.status_code == 200, answer.text
    assert rest.admin.read("res.partner", partner, "name") == "Done"
    (used,) = rest.psql(rest.name, "SELECT last_value FROM collisions")[0]
    assert used >= 3


@pytest.mark.one_shape
def test_after_five_collisions_it_is_503(rest, partner, failing_writes):
    """B67: Odoo waits up to half a minute before it gives up."""
    token = rest.token()
    failing_writes(1_000_000)
    answer = rest.call("PATCH", f"{PARTNERS}/{partner}", token=token, json={"name": "Never"})
    assert problem(answer) == (503, "serialization")
    assert answer.headers["Retry-After"] == "1"
    assert rest.admin.read("res.partner", partner, "name") == "Conflict"


@pytest.mark.one_shape
def test_what_takes_too_long_is_ended(rest):
    """B68: 504, and no backend goes on with it."""
    token = rest.token()
    with rest.parameter("read_timeout", "2"), connection(rest) as own:
        assert rest.call("GET", PARTNERS, token=token).status_code == 200
        with own.cursor() as cursor:
            cursor.execute("BEGIN; LOCK TABLE res_partner IN ACCESS EXCLUSIVE MODE")
            answer = rest.call("GET", f"{PARTNERS}?fields=name,city", token=token)
            assert problem(answer) == (504, "query-timeout")
            running = rest.psql(
                "postgres",
                "SELECT count(*) FROM pg_stat_activity WHERE datname = %s AND state = 'active'"
                " AND query LIKE %s",
                rest.name,
                "%res_partner%",
            )
            assert running == [(0,)]
        own.rollback()


@pytest.mark.one_shape
def test_a_body_of_ten_megabytes_and_one_byte_is_refused(rest):
    """B59: with and without a length; the server goes on."""
    token = rest.token()
    headers = {"Content-Type": "application/json"}
    body = b'{"name": "' + b"x" * (10 * 1024 * 1024 - 11) + b'"}'
    assert len(body) == 10 * 1024 * 1024 + 1
    answer = rest.call("POST", PARTNERS, token=token, headers=headers, data=body)
    assert problem(answer) == (413, "body-too-large")

    def pieces():
        for start in range(0, len(body), 65536):
            yield body[start : start + 65536]

    answer = rest.call("POST", PARTNERS, token=token, headers=headers, data=pieces())
    assert problem(answer) == (413, "body-too-large")
    assert rest.call("GET", ME, token=token).status_code == 200


@pytest.mark.one_shape
def test_sessions_of_other_databases_beside_a_token_are_answered_in_json(rest):
    """B28, B29: also what fails before any endpoint is found."""
    session = rest.http(rest.name)
    assert session.login("admin", rest.admin_password)
    before = session.cookies["session_id"]
    headers = {"X-Odoo-Database": "ghost.localhost", "Authorization": f"Bearer {rest.token()}"}
    answer = session.get(ME, headers=headers)
    assert problem(answer)[0] == 403
    assert "Set-Cookie" not in answer.headers
    answer = session.get(ME, headers={"Authorization": headers["Authorization"]})
    assert answer.status_code == 200
    assert session.cookies["session_id"] == before
    assert "Set-Cookie" not in answer.headers


def test_read_only_tokens_change_nothing(rest, partner):
    """B24: neither directly nor by a method; PostgreSQL itself refuses."""
    token = rest.token(read_only=True)
    path = f"{PARTNERS}/{partner}"
    assert rest.call("GET", path, token=token).status_code == 200
    answers = [
        rest.call("PATCH", path, token=token, json={"name": "Changed"}),
        rest.call("DELETE", path, token=token),
        rest.call("POST", PARTNERS, token=token, json={"name": "New"}),
        rest.call("POST", f"{path}/call/action_archive", token=token, json={}),
    ]
    assert {problem(answer) for answer in answers} == {(403, "read-only-token")}
    assert rest.admin.read("res.partner", partner, "name") == "Conflict"
    assert rest.admin.read("res.partner", partner, "active") is True


def test_calls_at_once_do_not_hinder_each_other(rest):
    """The counts and the audit log are shared: no call fails because of another."""
    token = rest.token()
    results = []

    def work():
        results.extend(rest.call("GET", ME, token=token).status_code for _number in range(15))

    threads = [threading.Thread(target=work) for _number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(results) == {200}
    prefix = token[13:21]
    count = "SELECT count(*) FROM saas_rest_audit WHERE token_prefix = %s AND route = %s"
    wait_for(lambda: rest.psql(rest.name, count, prefix, ME)[0][0] == 90, 10, "90 rows")
