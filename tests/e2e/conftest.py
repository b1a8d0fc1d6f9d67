"""Fixtures of the end-to-end tests; tests/README.md tells how to use them."""

import itertools
import secrets
import sys
from types import SimpleNamespace

import pytest

from devkit.cluster import throw_away_cluster
from devkit.odoo import excerpt
from devkit.waiting import wait_for as wait_for_condition
from harness import Portal, RestServer, ServerShape
from harness.example import run_example

# Every test that asks for `portal` runs with both: threads, and two processes beside `website`,
# which has rules of its own for who may sign up.
SHAPES = [ServerShape(workers=0), ServerShape(workers=2, before=("website",))]


def tell(request, text):
    """A line for the person who waits, although pytest captures output."""
    capture = request.config.pluginmanager.getplugin("capturemanager")
    with capture.global_and_fixture_disabled():
        print(f"\n    {text}", file=sys.stderr, flush=True)


def pytest_configure(config):
    config.addinivalue_line("markers", "one_shape: the way the server runs makes no difference")


def pytest_collection_modifyitems(config, items):
    """Tests marked `one_shape` run with the first shape only."""

    def is_wanted(item):
        params = item.callspec.params if hasattr(item, "callspec") else {}
        shape = params.get("portal") or params.get("rest")
        return not item.get_closest_marker("one_shape") or shape in (None, SHAPES[0])

    unwanted = [item for item in items if not is_wanted(item)]
    config.hook.pytest_deselected(items=unwanted)
    items[:] = [item for item in items if is_wanted(item)]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """A failed test shows what the server logged last."""
    report = yield
    fixtures = getattr(item, "funcargs", {})
    portal = fixtures.get("portal") or fixtures.get("rest")
    if report.failed and portal:
        report.sections.append(("Odoo's log", excerpt(portal.log_text())))
    return report


@pytest.fixture(scope="session")
def cluster():
    with throw_away_cluster("e2e") as cluster:
        yield cluster


@pytest.fixture(scope="session", params=SHAPES, ids=str)
def portal(request, cluster, tmp_path_factory):
    """A running portal, administrator included; made once for each server shape."""
    portal = Portal(cluster, tmp_path_factory.mktemp("portal"), request.param)
    tell(request, f"making the portal database ({request.param}) ...")
    try:
        portal.create()
        portal.server.start()
        yield portal
    finally:
        portal.destroy()


@pytest.fixture(scope="session")
def rest_cluster():
    """PostgreSQL for REST alone: its tests stop it."""
    with throw_away_cluster("e2e-rest") as cluster:
        yield cluster


@pytest.fixture(scope="session", params=SHAPES, ids=str)
def rest(request, rest_cluster, tmp_path_factory):
    """A running server whose database offers REST; made once for each server shape."""
    rest = RestServer(rest_cluster, tmp_path_factory.mktemp("rest"), request.param)
    tell(request, f"making a database with the REST addon ({request.param}) ...")
    try:
        rest.create()
        rest.server.start()
        yield rest
    finally:
        rest.destroy()


@pytest.fixture(scope="session")
def plan(request, portal):
    """The id of a confirmed plan with a built template; made once for each server shape."""
    plan_id = portal.make_plan(
        "End to end", "template-e2e.localhost", dbname_template="e2e-%i.localhost"
    )
    tell(request, "building the plan's template (about a minute) ...")
    portal.admin.call("saas_portal.plan", "create_template", [plan_id])
    return plan_id


@pytest.fixture(scope="session")
def customer(portal):
    """A signed-up customer: `.id`, `.login`, `.password`, `.partner_id`, `.rpc` (in the portal)."""
    login, password = "customer@example.com", secrets.token_urlsafe(12)
    user_id = portal.sign_up(login, password)
    partner_id = portal.admin.read("res.users", user_id, "partner_id")[0]
    return SimpleNamespace(
        id=user_id,
        login=login,
        password=password,
        partner_id=partner_id,
        rpc=portal.rpc(portal.name, login, password),
    )


NUMBERS = itertools.count(1)


@pytest.fixture(scope="session")
def unique_name():
    """A host name that no other test uses: `unique_name("shop")` → shop-7.localhost."""
    return lambda stem="client": f"{stem}-{next(NUMBERS)}.localhost"


@pytest.fixture(scope="session")
def new_client(portal, plan, customer, unique_name):
    """Makes a client by the public call: `client = new_client(plan_id=…, dbname=…, **arguments)`.

    The answer has `.name`, `.id`, `.client_id`, `.url`, `.auth_url`, `.login`, `.owner_password`
    and `.owner`, the owner's session in the client's database (None when it is made later).
    """

    def make(plan_id=None, **arguments):
        arguments = {
            "dbname": unique_name(),
            "user_id": customer.id,
            "owner_password": secrets.token_urlsafe(12),
            **arguments,
        }
        answer = portal.admin.call(
            "saas_portal.plan", "create_new_database", [plan_id or plan], **arguments
        )
        name = portal.admin.read("saas_portal.client", answer["id"], "name")
        password = arguments["owner_password"]
        background = arguments.get("async_creation")
        return SimpleNamespace(
            **answer,
            name=name,
            login=customer.login,
            owner_password=password,
            owner=None if background else portal.rpc(name, customer.login, password),
        )

    return make


@pytest.fixture(scope="session")
def client(new_client):
    """A client that every test leaves as it found it: open, without limits, with its owner."""
    return new_client()


@pytest.fixture(scope="session")
def managed_client(new_client, configure):
    """The same with an owner who administers his database, and so can make users."""
    client = new_client()
    configure(client, access_owner_add=["base.group_system"])
    return client


@pytest.fixture(scope="session")
def seeded(request, portal, plan, unique_name):
    """The client that the documented example has made and changed, run as a person would."""
    tell(request, "running docs/examples/create_and_control.py (about a minute) ...")
    return run_example(portal, plan, unique_name("seed"))


@pytest.fixture(scope="session")
def configure(portal):
    """The one public configuration call: `configure(client, params=[…])` → its JSON text."""

    def call(client, **payload):
        return portal.admin.call("saas.config", "do_upgrade_database", payload, client.id)

    return call


@pytest.fixture(scope="session")
def wait_for():
    """`wait_for(condition, timeout, "what")` looks again and again; TimeoutError names `what`."""
    return wait_for_condition


@pytest.fixture
def shut(portal):
    """`shut(client, "read_only")`; afterwards it is open."""
    shut_clients = []

    def call(client, rung, reason="payment", notice="Please pay."):
        shut_clients.append(client)
        wizard = portal.admin.call(
            "saas_portal.suspend_client",
            "create",
            {"client_ids": [[6, 0, [client.id]]], "rung": rung, "reason": reason, "notice": notice},
        )
        portal.admin.call("saas_portal.suspend_client", "action_apply", [wizard])

    yield call
    for client in shut_clients:
        portal.admin.call("saas_portal.client", "action_resume", [client.id])
