"""Spares: claimed once each, gone round by themselves, and nothing left of what was cut off."""

import secrets
from types import SimpleNamespace

import pytest

from devkit import odoo
from devkit.waiting import wait_for
from harness import at_once, failed, succeeded

#: Runs inside Odoo: so many clients ask for a spare in the same moment.
CLAIM = """
import json, threading
from concurrent.futures import ThreadPoolExecutor
from odoo.addons.saas_portal.transactions import in_own_transaction

plan = env["saas_portal.plan"].browse({plan})
vals = {{"plan_id": plan.id, "server_id": plan.template_id.server_id.id, "partner_id": 1}}
clients = env["saas_portal.client"].create(
    [{{**vals, "name": f"claim-{{number}}.localhost"}} for number in range({clients})]
)
template = plan.template_id
spares = env["saas_portal.spare"].create(
    [
        {{
            "plan_id": plan.id,
            "template_id": template.id,
            "built_at": template.built_at,
            "state": "ready",
        }}
        for _number in range({spares})
    ]
)
env.cr.commit()
barrier = threading.Barrier(len(clients))


def claim(client_id):
    barrier.wait()
    return in_own_transaction(
        plan, lambda plan: plan._claim_spare(plan.env["saas_portal.client"].browse(client_id))
    )


with ThreadPoolExecutor(len(clients)) as pool:
    keys = list(pool.map(claim, clients.ids))
mine = spares.mapped("key")
spares.unlink()
clients.unlink()
env.cr.commit()
print(json.dumps({{"keys": keys, "mine": mine}}))
"""

SEATS = [{"key": "saas_client.max_users", "value": "7", "hidden": False}]
#: Runs inside Odoo: what one client is given, claim after claim, each of them committed.
CLAIM_AGAIN = """
import json
from odoo import fields
from odoo.addons.saas_portal.transactions import in_own_transaction

plan = env["saas_portal.plan"].browse({plan})
template = plan.template_id
vals = {{"plan_id": plan.id, "server_id": template.server_id.id, "partner_id": 1}}
client = env["saas_portal.client"].create({{**vals, "name": "claim-again.localhost"}})
built_at = template.built_at


def make(count):
    vals = {{"plan_id": plan.id, "template_id": template.id, "built_at": template.built_at}}
    spares = env["saas_portal.spare"].create([{{**vals, "state": "ready"}}] * count)
    env.cr.commit()
    return spares


def claim():
    key = in_own_transaction(
        plan, lambda plan: plan._claim_spare(plan.env["saas_portal.client"].browse(client.id))
    )
    env.cr.rollback()
    env.invalidate_all()
    return key


former = make(2)
found = {{"first": claim(), "again": claim()}}
template.built_at = fields.Datetime.add(built_at, seconds=1)
env.cr.commit()
found["without a current one"] = claim()
found["states"] = former.mapped("state")
current = make(2)
found["rebuilt"] = claim()
env["saas_portal.spare"].search([("key", "=", found["rebuilt"])]).state = "leaving"
env.cr.commit()
found["while it goes"] = claim()
found["keys"] = [former.mapped("key"), current.mapped("key")]
(former + current).unlink()
client.unlink()
template.built_at = built_at
env.cr.commit()
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def spared(portal, plan):
    """A plan of its own on the same template, which keeps spares: `.id`, `.keep(number)`."""
    template = portal.admin.read("saas_portal.plan", plan, "template_id")[0]
    server = portal.admin.ref("saas_portal.server_local")
    plan_id = portal.admin.call(
        "saas_portal.plan",
        "create",
        {"name": "With spares", "server_id": server, "template_id": template},
    )

    def state():
        return portal.admin.read("saas_portal.plan", plan_id, "spare_count", "spare_ids")

    def keep(number):
        portal.admin.call("saas_portal.plan", "write", [plan_id], {"spare_target": number})
        portal.wake_crons()
        wait_for(
            lambda: (found := state())["spare_count"] == len(found["spare_ids"]) == number,
            120,
            f"{number} spares",
        )

    yield SimpleNamespace(id=plan_id, keep=keep, state=state)
    keep(0)


def spare_databases(portal):
    return {name for name in portal.cluster.databases() if name.startswith("saas-spare-")}


@pytest.fixture
def cut_power(portal):
    """`cut_power()`: what PostgreSQL had not been told to keep is gone, and the portal was killed.

    The cluster keeps little otherwise, since tests are in a hurry.
    """

    def set_up(statement, *settings):
        for setting in settings:
            portal.cluster.query(
                "postgres", f"ALTER SYSTEM {statement.format(setting)}", None, True
            )
        portal.cluster.query("postgres", "SELECT pg_reload_conf()", None, True)

    def cut():
        portal.server.kill()
        portal.cluster.stop("immediate")
        portal.cluster.start()
        portal.start_with_due_crons()

    # What no commit has waited for would be written soon by PostgreSQL itself.
    set_up("SET {}", "synchronous_commit = on", "wal_writer_delay = '10s'")
    yield cut
    set_up("RESET {}", "synchronous_commit", "wal_writer_delay")


@pytest.fixture(autouse=True)
def no_file_without_its_database(portal):
    yield
    folders = {path.name for path in (portal.data / "filestore").glob("saas-*")}
    # Those of a template belong to one build of it.
    databases = portal.cluster.databases()
    assert {name for name in folders if not name.startswith("saas-template-")} <= databases


def test_more_callers_than_spares_all_get_a_database_of_their_own(
    portal, spared, customer, unique_name
):
    """Spares are taken by some, the template is copied for the others."""
    spared.keep(3)
    assert len(spare_databases(portal)) == 3

    def create():
        password = secrets.token_urlsafe(12)
        answer = portal.rpc(portal.name, "admin", portal.admin_password).call(
            "saas_portal.plan",
            "create_new_database",
            [spared.id],
            dbname=unique_name("spared"),
            user_id=customer.id,
            owner_password=password,
        )
        name = portal.admin.read("saas_portal.client", answer["id"], "name")
        assert portal.rpc(name, customer.login, password).uid
        return answer["client_id"]

    results = at_once(*[create] * 5)
    assert not failed(results)
    assert len(set(succeeded(results))) == 5
    taken = portal.admin.call(
        "saas_portal.operation.step",
        "search_count",
        [("operation_id.client_id.plan_id", "=", spared.id), ("result", "=like", "Took a spare%")],
    )
    assert taken >= 3
    spared.keep(3)


@pytest.mark.one_shape
def test_fifty_claims_at_once_take_each_spare_once(portal, spared):
    spared.keep(0)
    script = CLAIM.format(plan=spared.id, clients=50, spares=40)
    # Each claim has a transaction of its own beside that of its operation.
    many = "--db_maxconn=120"
    found = odoo.run_script(portal.conf, portal.cluster, portal.name, script, many)
    taken = [key for key in found["keys"] if key]
    assert sorted(taken) == sorted(found["mine"])
    assert len(found["keys"]) == 50


@pytest.mark.one_shape
def test_a_creation_that_is_repeated_gets_its_spare_again_unless_that_goes_or_is_stale(
    portal, spared
):
    """With commits in between, as Odoo's own tests have none"""
    spared.keep(0)
    script = CLAIM_AGAIN.format(plan=spared.id)
    found = odoo.run_script(portal.conf, portal.cluster, portal.name, script)
    former, current = found["keys"]
    assert found["first"] == found["again"]
    assert found["first"] in former
    assert found["without a current one"] == ""
    assert sorted(found["states"]) == ["leaving", "ready"]
    assert found["rebuilt"] in current
    assert found["while it goes"] in set(current) - {found["rebuilt"]}


@pytest.mark.one_shape
def test_a_server_that_dies_while_it_makes_spares_ends_with_as_many_as_asked_for(portal, spared):
    spared.keep(0)
    portal.admin.call("saas_portal.plan", "write", [spared.id], {"spare_target": 4})
    portal.wake_crons()
    wait_for(lambda: spare_databases(portal), 60, "the first spare")
    portal.server.kill()
    portal.server.start()
    spared.keep(4)
    assert len(spare_databases(portal)) == 4


@pytest.mark.one_shape
@pytest.mark.parametrize("spares", [1, 0])
def test_a_power_cut_right_after_the_answer_takes_no_client(
    portal, spared, customer, unique_name, cut_power, spares
):
    """Whatever was not waited for to reach the disk is done again."""
    spared.keep(spares)
    name, password = unique_name("spared"), secrets.token_urlsafe(12)
    arguments = {"dbname": name, "user_id": customer.id, "owner_password": password}
    answer = portal.admin.call("saas_portal.plan", "create_new_database", [spared.id], **arguments)
    cut_power()

    def is_open():
        client = portal.admin.read("saas_portal.client", answer["id"], "state", "operation_state")
        return client == {"id": answer["id"], "state": "open", "operation_state": False}

    wait_for(is_open, 60, "the client to be open")
    assert portal.rpc(name, customer.login, password).uid
    portal.admin.call("saas.config", "do_upgrade_database", {"params": SEATS}, answer["id"])
    cut_power()
    assert portal.admin.read("saas_portal.client", answer["id"], "max_users") == 7
    sql = "SELECT value FROM ir_config_parameter WHERE key = 'saas_client.max_users'"
    assert portal.psql(name, sql) == [("7",)]


@pytest.mark.one_shape
def test_a_plan_that_is_deleted_takes_its_spares_along(portal, spared):
    spared.keep(0)
    template = portal.admin.read("saas_portal.plan", spared.id, "template_id")[0]
    plan = portal.admin.call(
        "saas_portal.plan",
        "create",
        {"name": "Gone soon", "template_id": template, "spare_target": 1},
    )
    portal.wake_crons()
    wait_for(
        lambda: portal.admin.read("saas_portal.plan", plan, "spare_count") == 1, 60, "its spare"
    )
    portal.admin.call("saas_portal.plan", "unlink", [plan])
    spared.keep(1)
    wait_for(lambda: len(spare_databases(portal)) == 1, 60, "the orphan to go")
