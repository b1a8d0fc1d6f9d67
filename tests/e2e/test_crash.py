"""A server that dies, a template that is gone: what was begun is finished or undone."""

import contextlib
import secrets
import threading
import zlib
from types import SimpleNamespace

import pytest

from harness import Gate, TemplateCopy, refused

MINUTES = 60


@pytest.fixture
def copy(portal, plan):
    """A copy of the template under a plan of its own, to be spoilt."""
    copy = TemplateCopy(portal, "template-e2e.localhost", dbname_template="crash-%i.localhost")
    yield copy
    copy.drop_database()


@pytest.fixture
def gate(portal, copy):
    return Gate(portal, copy)


@pytest.fixture(autouse=True)
def nothing_is_left_behind(portal):
    """Every creation was finished or undone; no half-made database stays, nor its files."""
    yield
    assert portal.server.answers()
    assert not portal.unfinished_databases()
    assert not list((portal.data / "filestore").glob("saas-new-*"))


@pytest.fixture
def request_of(portal, copy, customer, unique_name):
    """`request_of()` describes a creation from the copied template."""

    def describe(**options):
        return SimpleNamespace(
            name=(name := unique_name("crash")),
            password=(password := secrets.token_urlsafe(12)),
            login=customer.login,
            arguments={
                "dbname": name,
                "user_id": customer.id,
                "owner_password": password,
                **options,
            },
        )

    return describe


def create(portal, plan_id, request):
    return portal.admin.call(
        "saas_portal.plan", "create_new_database", [plan_id], **request.arguments
    )


class Caller(threading.Thread):
    """Makes one call and keeps what comes of it."""

    def __init__(self, call, *arguments, **options):
        super().__init__(daemon=True)
        self.call, self.arguments, self.options = call, arguments, options
        self.answer = self.error = None
        self.start()

    def run(self):
        try:
            self.answer = self.call(*self.arguments, **self.options)
        except Exception as error:  # the test judges it
            self.error = error


def client_of(portal, name, *fields):
    rows = portal.admin.call(
        "saas_portal.client", "search_read", [("name", "=", name)], ["state", *fields]
    )
    return rows[0] if rows else None


def operations_of(portal, name):
    return portal.psql(
        portal.name,
        "SELECT op.id, op.state FROM saas_portal_operation op"
        " JOIN saas_portal_client client ON client.id = op.client_id WHERE client.name = %s"
        " ORDER BY op.id",
        name,
    )


def finished(portal, name):
    """Whether no operation of the client waits or runs any more; hurries the cron workers."""
    portal.wake_crons()
    return all(state == "done" for _id, state in operations_of(portal, name))


def assert_in_order(portal, request):
    """The client is open, its owner gets in, and nobody else ever was there."""
    assert client_of(portal, request.name)["state"] == "open"
    assert portal.rpc(request.name).authenticate(request.login, request.password)
    assert portal.http(request.name).login(request.login, request.password)
    assert [state for _id, state in operations_of(portal, request.name)] == ["done"]
    users = portal.psql(
        request.name, "SELECT login FROM res_users WHERE active AND NOT share AND id > 2"
    )
    assert users == [(request.login,)]


@pytest.mark.parametrize("where", ["copy", "owner"])
def test_a_creation_cut_off_by_a_kill_is_finished_after_the_start(
    portal, copy, gate, request_of, wait_for, where
):
    """The caller lost his connection, and finds his client later"""
    request = request_of()
    with gate.closed(where) as closed:
        caller = Caller(create, portal, copy.plan_id, request)
        wait_for(closed.is_reached, MINUTES, "the creation to stand before the gate")
        assert [state for _id, state in operations_of(portal, request.name)] == ["running"]
        portal.server.kill()
        caller.join(30)
        assert caller.error is not None
    portal.start_with_due_crons()
    wait_for(lambda: finished(portal, request.name), 150, "the client to open", interval=1)
    assert_in_order(portal, request)


@pytest.mark.one_shape
def test_a_creation_cut_off_when_its_client_was_made_but_nobody_knew(
    portal, copy, gate, request_of, wait_for
):
    """The database is there with its owner, and the portal's row of the step does not say so"""
    request = request_of()
    with gate.closed("copy") as closed:
        caller = Caller(create, portal, copy.plan_id, request)
        wait_for(closed.is_reached, MINUTES, "the creation to stand before the gate")
        with contextlib.closing(portal.cluster.connect(portal.name)) as holder:
            holder.autocommit = False
            with holder.cursor() as cursor:
                cursor.execute(
                    "SELECT FROM saas_portal_operation_step WHERE state = 'running' FOR UPDATE"
                )
                assert cursor.rowcount == 1
                closed.open()
                made = "the client to be made"
                wait_for(lambda: portal.has_database(request.name), MINUTES, made)
                portal.server.kill()
        caller.join(30)
    assert caller.error is not None
    portal.start_with_due_crons()
    wait_for(lambda: finished(portal, request.name), 150, "the client to open", interval=1)
    assert_in_order(portal, request)


def test_a_creation_in_the_background_cut_off_by_a_kill_is_finished_after_the_start(
    portal, copy, gate, request_of, wait_for
):
    request = request_of(async_creation=True)
    with gate.closed("owner") as closed:
        create(portal, copy.plan_id, request)
        wait_for(closed.is_reached, 90, "the creation to stand before the gate")
        portal.server.kill()
    portal.start_with_due_crons()
    wait_for(lambda: finished(portal, request.name), 150, "the client to open", interval=1)
    assert_in_order(portal, request)


@pytest.mark.one_shape
def test_a_server_that_starts_goes_on_without_waiting_for_its_next_minute(
    portal, copy, gate, request_of, wait_for
):
    request = request_of()
    with gate.closed("owner") as closed:
        Caller(create, portal, copy.plan_id, request)
        wait_for(closed.is_reached, MINUTES, "the creation to stand before the gate")
        portal.server.kill()
    portal.server.start()
    # The workers look once a minute by themselves; the portal's first request wakes them.
    wait_for(lambda: client_of(portal, request.name)["state"] == "open", 40, "the client to open")
    assert_in_order(portal, request)


@pytest.mark.one_shape
def test_a_request_killed_before_it_was_written_leaves_nothing(portal, copy, request_of, wait_for):
    """It waits for the plan's lock, which the test holds"""
    request = request_of()
    before = portal.footprint()
    connection = portal.cluster.connect(portal.name)
    try:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_advisory_lock(%s, %s)",
                [zlib.crc32(b"saas_portal.plan") - 2**31, copy.plan_id],
            )
        caller = Caller(create, portal, copy.plan_id, request)
        wait_for(
            lambda: portal.psql(
                "postgres", "SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
            ),
            30,
            "the request to wait",
        )
        portal.server.kill()
        caller.join(30)
    finally:
        connection.close()
    assert caller.answer is None
    portal.start_with_due_crons()
    assert portal.footprint() == before
    # The name was never taken, and the plan is not stuck.
    create(portal, copy.plan_id, request)
    assert_in_order(portal, request)


@pytest.mark.one_shape
def test_a_configuration_cut_off_by_a_kill_is_finished_after_the_start(
    portal, copy, gate, request_of, configure, wait_for
):
    request = request_of()
    answer = create(portal, copy.plan_id, request)
    client = SimpleNamespace(id=answer["id"])
    payload = {"access_owner_add": ["base.group_system"], "params": []}
    # The trigger stands in the client too, as it was copied with the template.
    portal.psql(
        request.name,
        "CREATE TRIGGER e2e_gate BEFORE INSERT ON res_groups_users_rel"
        " FOR EACH STATEMENT EXECUTE FUNCTION e2e_gate()",
    )
    with gate.closed("owner") as closed:
        caller = Caller(configure, client, **payload)
        wait_for(closed.is_reached, MINUTES, "the configuration to stand before the gate")
        portal.server.kill()
        caller.join(30)
    portal.start_with_due_crons()
    wait_for(lambda: finished(portal, request.name), 150, "the operation to end", interval=1)
    assert [state for _id, state in operations_of(portal, request.name)] == ["done", "done"]
    owner = portal.rpc(request.name, request.login, request.password)
    assert owner.call("res.users", "has_group", [owner.uid], "base.group_system")


@pytest.mark.one_shape
def test_a_creation_cancelled_while_it_runs_is_undone(portal, copy, gate, request_of, wait_for):
    request = request_of()
    with gate.closed("copy") as closed:
        caller = Caller(create, portal, copy.plan_id, request)
        wait_for(closed.is_reached, MINUTES, "the creation to stand before the gate")
        ((operation, _state),) = operations_of(portal, request.name)
        portal.admin.call("saas_portal.operation", "action_cancel", [operation])
    caller.join(60)
    assert caller.error is not None
    assert caller.error.faultCode == 2
    assert not portal.has_database(request.name)
    assert operations_of(portal, request.name) == [(operation, "cancelled")]
    assert client_of(portal, request.name)["state"] == "broken"
    create(portal, copy.plan_id, request)
    assert portal.rpc(request.name).authenticate(request.login, request.password)


@pytest.mark.one_shape
def test_a_creation_that_fails_tells_why_and_is_repeated_later(portal, copy, request_of, wait_for):
    """T25"""
    request = request_of()
    copy.drop_database()
    with refused(copy.name, codes=[2]):
        create(portal, copy.plan_id, request)
    client = client_of(portal, request.name, "operation_error", "operation_state")
    assert client["state"] == "broken"
    assert client["operation_state"] == "failed"
    assert copy.name in client["operation_error"]
    assert "Traceback" not in client["operation_error"]
    assert not portal.has_database(request.name)
    with refused(copy.name, codes=[2]):
        portal.admin.call("saas.config", "do_upgrade_database", {}, client["id"])

    copy.copy_database()
    ((operation, _state),) = operations_of(portal, request.name)
    portal.admin.call("saas_portal.operation", "action_retry", [operation])
    wait_for(lambda: finished(portal, request.name), 150, "the client to open", interval=1)
    assert_in_order(portal, request)
    with refused("did not fail", codes=[2]):
        portal.admin.call("saas_portal.operation", "action_retry", [operation])


@pytest.mark.one_shape
def test_the_name_of_a_failed_creation_is_free_again(portal, plan, copy, request_of, customer):
    """T25"""
    request = request_of()
    copy.drop_database()
    with refused(copy.name, codes=[2]):
        create(portal, copy.plan_id, request)
    ((operation, _state),) = operations_of(portal, request.name)
    answer = create(portal, plan, request)
    search = portal.admin.call("saas_portal.client", "search", [["name", "=", request.name]])
    assert search == [answer["id"]]
    assert portal.rpc(request.name).authenticate(request.login, request.password)
    # The former one cannot come back under a name that is somebody else's now.
    copy.copy_database()
    with refused(request.name, codes=[2]):
        portal.admin.call("saas_portal.operation", "action_retry", [operation])
    assert portal.admin.read("saas_portal.client", answer["id"], "state") == "open"


@pytest.mark.one_shape
def test_a_failed_creation_does_not_count_for_the_limit(portal, copy, request_of):
    """T24, T25"""
    portal.admin.call(
        "saas_portal.plan", "write", [copy.plan_id], {"maximum_allowed_dbs_per_partner": 1}
    )
    copy.drop_database()
    with refused(copy.name, codes=[2]):
        create(portal, copy.plan_id, request_of())
    copy.copy_database()
    create(portal, copy.plan_id, request_of())
