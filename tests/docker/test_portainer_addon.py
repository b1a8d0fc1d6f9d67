"""sadeem_portainer in a real Odoo, against the double in front of a real Docker engine."""

import secrets
from concurrent.futures import ThreadPoolExecutor

import addon_harness
import pytest
from portainer_harness import BROKEN, WEB

from harness.rpc import Fault

SERVER, STACK = "sadeem.portainer", "sadeem.portainer.stack"
ENVIRONMENT = "sadeem.portainer.environment"
DEPLOYED = WEB.replace("${COLOUR:-none}", "${COLOUR}")


@pytest.fixture(scope="module")
def running_odoo(tmp_path_factory):
    """An Odoo with the addon: its admin, and its server, which can be killed."""
    with addon_harness.running(tmp_path_factory.mktemp("odoo")) as world:
        yield world


@pytest.fixture(scope="module")
def confirm(running_odoo):
    """`confirm(portainer)`: the record of a double, confirmed once."""
    known = {}

    def confirm(portainer):
        if portainer.url not in known:
            vals = {"name": "Double", "ip": "127.0.0.1", "portainer_link": portainer.url}
            vals["access_token"] = portainer.key
            known[portainer.url] = running_odoo.admin.call(SERVER, "create", vals)
            running_odoo.admin.call(SERVER, "action_confirm", [known[portainer.url]])
        return known[portainer.url]

    return confirm


class Addon:
    """The methods of one confirmed server, as another program calls them."""

    def __init__(self, admin, portainer, server_id):
        self.admin, self.portainer, self.server_id = admin, portainer, server_id
        domain = [
            ("portainer_id", "=", server_id),
            ("portainer_environment_id", "=", portainer.endpoint),
        ]
        (self.environment_id,) = admin.call(ENVIRONMENT, "search", domain)

    def __getattr__(self, method):
        return lambda **arguments: self.admin.call(SERVER, method, [self.server_id], **arguments)

    def create(self, name, compose=DEPLOYED, env=None, **options):
        return self.create_stack(
            environment_id=self.environment_id,
            name=name,
            compose=compose,
            env={"COLOUR": "blue"} if env is None else env,
            **options,
        )

    def record(self, name):
        fields = ["state", "pending_action", "remote_id", "last_error"]
        (row,) = self.admin.call(STACK, "search_read", [("name", "=", name)], fields)
        return row


@pytest.fixture
def addon(running_odoo, confirm, any_portainer):
    return Addon(running_odoo.admin, any_portainer, confirm(any_portainer))


def test_confirmation_pins_the_certificate_and_reads_environments(addon):
    row = addon.admin.read(SERVER, addon.server_id, "state", "tls_fingerprint", "access_token")
    assert row["state"] == "confirmed"
    assert len(row["tls_fingerprint"].split(":")) == 32
    assert row["access_token"] is False
    addon.admin.call(ENVIRONMENT, "action_refresh", [addon.environment_id])
    environment = addon.admin.read(
        ENVIRONMENT, addon.environment_id, "connection", "cpu_cores", "total_ram_mb"
    )
    assert environment["connection"] == "up"
    assert environment["cpu_cores"] > 0
    assert environment["total_ram_mb"] > 0


def test_a_stack_lives_from_creation_to_deletion(addon, name):
    report = addon.create(name, env={"COLOUR": "it's $blue #1"})
    assert (report["state"], report["running"]) == ("active", 1)
    container = report["containers"][0]["name"]
    where = {"environment_id": addon.environment_id, "container": container}

    ran = addon.docker_exec(**where, command="sh -c 'echo \"$COLOUR\"; exit 3'")
    assert (ran["stdout"], ran["exit_code"]) == ("it's $blue #1\n", 3)
    state = addon.docker_state(**where)
    assert state["running"] is True
    assert state["memory_bytes"] > 0
    assert "serves" in addon.docker_logs(**where, tail=10)["log"]

    stack = {"stack_id": report["stack_id"]}
    updated = addon.update_stack(**stack, compose=DEPLOYED.replace("web:1", "web:2"))
    assert updated["containers"][0]["image"] == "saas-test/web:2"
    ran = addon.docker_exec(**where, command=["sh", "-c", "echo $COLOUR"])
    assert ran["stdout"] == "it's $blue #1\n"
    assert addon.stop_stack(**stack)["state"] == "inactive"
    assert addon.start_stack(**stack)["running"] == 1
    addon.docker_action(**where, action="stop")
    assert addon.check_stack_status(**stack)["state"] == "error"
    assert addon.start_stack(**stack)["running"] == 1
    assert addon.delete_stack(**stack, remove_volumes=True)["state"] == "draft"
    assert addon.check_stack_status(**stack)["total"] == 0


def test_a_failed_deployment_is_told_and_can_be_corrected(addon, name):
    with pytest.raises(Fault):
        addon.create(name, compose=BROKEN, env={})
    assert addon.record(name)["state"] == "error"
    stack_id = addon.record(name)["id"]
    addon.admin.call(STACK, "write", [stack_id], {"compose": DEPLOYED.replace("${COLOUR}", "x")})
    addon.admin.call(STACK, "action_create", [stack_id])
    assert addon.record(name)["state"] == "active"


@pytest.mark.parametrize("kind", ["drop_after", "status_after"])
def test_a_creation_whose_answer_was_lost_is_adopted(addon, name, kind):
    addon.portainer.faults.add(kind, "^POST /api/stacks", status=502)
    report = addon.create(name, operation=f"op-{name}")
    assert (report["state"], report["running"]) == ("active", 1)
    again = addon.create(name, operation=f"op-{name}")
    assert again["remote_id"] == report["remote_id"]
    names = [row["Name"] for row in addon.portainer.api.get("/stacks").json()]
    assert names.count(name) == 1


def test_a_server_killed_while_it_stops_a_stack_is_put_right_by_a_check(
    addon, name, running_odoo, wait_for
):
    stack_id = addon.create(name)["stack_id"]
    faults = addon.portainer.faults
    faults.add("slow_after", "^POST /api/stacks/.*stop", seconds=5)
    before = len(faults.seen)
    with ThreadPoolExecutor(1) as pool:
        stopping = pool.submit(addon.stop_stack, stack_id=stack_id)
        wait_for(lambda: any("/stop" in line for line in faults.seen[before:]), 30, "the request")
        running_odoo.server.kill()
        assert stopping.exception()
    running_odoo.server.start()
    assert addon.record(name)["pending_action"] == "stop"
    wait_for(
        lambda: addon.check_stack_status(stack_id=stack_id)["state"] == "inactive",
        30,
        "the stop to be seen",
    )
    assert addon.record(name)["pending_action"] is False


def test_two_admins_who_press_stop_at_once_do_no_harm(addon, name):
    stack_id = addon.create(name)["stack_id"]
    addon.portainer.faults.add("slow", "^POST /api/stacks/.*stop", seconds=2)
    with ThreadPoolExecutor(2) as pool:
        tries = [pool.submit(addon.stop_stack, stack_id=stack_id) for _ in range(2)]
    errors = [str(each.exception()) for each in tries if each.exception()]
    assert all("at work" in error for error in errors)
    assert len(errors) <= 1
    assert addon.record(name)["state"] == "inactive"


def test_no_secret_is_in_the_log(addon, name, running_odoo):
    secret = secrets.token_hex(8)
    report = addon.create(name, env={"COLOUR": secret})
    addon.docker_exec(
        environment_id=addon.environment_id,
        container=report["containers"][0]["name"],
        command=f"echo {secret}",
    )
    log = running_odoo.log.read_text()
    assert secret not in log
    assert addon.portainer.key not in log
