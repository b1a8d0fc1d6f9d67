"""sadeem_portainer in a real Odoo, against the double in front of a real Docker engine."""

import secrets
import shutil
from concurrent.futures import ThreadPoolExecutor

import addon_harness
import pytest
from portainer_api import fetch_fingerprint
from portainer_harness import BROKEN, WEB

from harness.rpc import Fault

SERVER, STACK = "sadeem.portainer", "sadeem.portainer.stack"
ENVIRONMENT = "sadeem.portainer.environment"
DEPLOYED = WEB.replace("${COLOUR:-none}", "${COLOUR}")


@pytest.fixture(scope="module")
def running_odoo(tmp_path_factory):
    """An Odoo of two processes, with two managers of Portainer in `.admins`."""
    with addon_harness.running(tmp_path_factory.mktemp("odoo"), workers=2) as world:
        group = world.admin.ref("sadeem_portainer.group_manager")
        vals = {"name": "Other", "login": "other", "password": "other", "group_ids": [(4, group)]}
        world.admin.call("res.users", "create", vals)
        world.admins = [world.admin, world.rpc("other", "other")]
        yield world


@pytest.fixture(scope="module")
def confirm(running_odoo):
    """`confirm(portainer)`: the record of a double, confirmed once."""
    known = {}

    def confirm(portainer):
        if portainer.url not in known:
            known[portainer.url] = draft(running_odoo.admin, portainer)
            running_odoo.admin.call(SERVER, "action_confirm", [known[portainer.url]])
        return known[portainer.url]

    return confirm


def draft(admin, portainer):
    vals = {"name": "Double", "ip": "127.0.0.1", "portainer_link": portainer.url}
    return admin.call(SERVER, "create", {**vals, "access_token": portainer.key})


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


@pytest.fixture
def old_addon(running_odoo, confirm, portainer):
    return Addon(running_odoo.admin, portainer, confirm(portainer))


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


def test_a_failed_update_is_an_error_whatever_portainer_calls_it(addon, name):
    """Its containers are gone, its variables are not, and a corrected text brings it back."""
    stack = {"stack_id": addon.create(name)["stack_id"]}
    with pytest.raises(Fault, match="could not update the stack"):
        addon.update_stack(**stack, compose=BROKEN)
    assert addon.record(name)["state"] == "error"
    assert addon.portainer.containers(name) == {}
    report = addon.update_stack(**stack, compose=DEPLOYED)
    assert (report["state"], report["running"]) == ("active", 1)
    container = report["containers"][0]["name"]
    ran = addon.docker_exec(
        environment_id=addon.environment_id,
        container=container,
        command=["sh", "-c", "echo $COLOUR"],
    )
    assert ran["stdout"] == "blue\n"


def test_a_changed_certificate_gets_no_token_until_it_is_pinned_anew(running_odoo, double_of):
    portainer = double_of().bootstrap()
    admin, server_id = running_odoo.admin, draft(running_odoo.admin, portainer)
    admin.call(SERVER, "action_confirm", [server_id])
    pinned = admin.read(SERVER, server_id, "tls_fingerprint")
    portainer.stop()
    shutil.rmtree(portainer.double.store.folder / "certs")
    portainer.server.start()
    portainer.faults.clear()

    told = admin.call(SERVER, "action_refresh", [server_id])["params"]
    shown = fetch_fingerprint(portainer.url)
    assert shown != pinned
    assert told["type"] == "danger"
    assert f"its certificate is not the pinned one but {shown}" in told["message"]
    assert "reset the server to draft and confirm it again" in told["message"]
    assert admin.read(SERVER, server_id, "last_error") in told["message"]
    assert portainer.faults.seen == []

    admin.call(SERVER, "action_reset_to_draft", [server_id])
    admin.call(SERVER, "action_confirm", [server_id])
    row = admin.read(SERVER, server_id, "state", "tls_fingerprint", "last_error")
    assert (row["state"], row["tls_fingerprint"]) == ("confirmed", shown)
    assert not row["last_error"]


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


# -- two admins press the same button --------------------------------------------------------------


def at_once(running_odoo, model, method, *, record_ids, **arguments):
    """(answers, complaints) when two people in two processes do the same at the same time.

    Values that are a list of two are each person's own.
    """

    def own(number):
        return {key: value[number] if isinstance(value, list) else value
                for key, value in arguments.items()}  # fmt: skip

    with ThreadPoolExecutor(2) as pool:
        tries = [
            pool.submit(admin.call, model, method, [record_ids[number]], **own(number))
            for number, admin in enumerate(running_odoo.admins)
        ]
    errors = [each.exception() for each in tries if each.exception()]
    assert all(isinstance(error, Fault) for error in errors), errors
    return [each.result() for each in tries if not each.exception()], list(map(str, errors))


def sent(portainer, start):
    return [line for line in portainer.faults.seen if line.startswith(start)]


def test_two_admins_confirm_a_server_once(running_odoo, portainer):
    server_id = draft(running_odoo.admin, portainer)
    portainer.faults.add("slow", "^GET /api/users/me", seconds=3)
    both = [server_id, server_id]
    answers, errors = at_once(running_odoo, SERVER, "action_confirm", record_ids=both)
    assert answers == [True]
    assert "Somebody else is confirming Double" in errors[0]
    row = running_odoo.admin.read(SERVER, server_id, "state", "environment_count")
    docker = len(portainer.api.get("/endpoints").json())
    assert (row["state"], row["environment_count"]) == ("confirmed", docker)
    assert len(sent(portainer, "GET /api/users/me")) == 1


def test_two_admins_refresh_a_server_with_a_new_environment(running_odoo, old_addon, engine):
    number = old_addon.portainer.add_environment("seen by two", engine.url)
    try:
        old_addon.portainer.faults.add("slow", "^GET /api/endpoints", seconds=3)
        both = [old_addon.server_id, old_addon.server_id]
        answers, errors = at_once(running_odoo, SERVER, "action_refresh", record_ids=both)
        assert not errors
        told = [answer["params"]["message"] for answer in answers]
        assert sorted("Somebody else is reading" in text for text in told) == [False, True]
        domain = [
            ("portainer_id", "=", old_addon.server_id),
            ("portainer_environment_id", "=", number),
        ]
        (row,) = old_addon.admin.call(
            ENVIRONMENT, "search_read", domain, ["connection", "cpu_cores"]
        )
        assert row["connection"] == "up"
        assert row["cpu_cores"] > 0
    finally:
        old_addon.portainer.api.delete(f"/endpoints/{number}")


def test_two_admins_create_one_stack(running_odoo, addon, name):
    """The one who comes second changes nothing of it, not even its text."""
    addon.portainer.faults.add("slow", "^POST /api/stacks", seconds=3)
    answers, errors = at_once(
        running_odoo,
        SERVER,
        "create_stack",
        record_ids=[addon.server_id, addon.server_id],
        environment_id=addon.environment_id,
        name=name,
        env={"COLOUR": "blue"},
        compose=[f"{DEPLOYED}x-by: {number}\n" for number in range(2)],
    )
    assert len(answers) == len(errors) == 1
    assert f"at work on {name}" in errors[0] or f"has a stack {name} already" in errors[0]
    assert len(sent(addon.portainer, "POST /api/stacks/create")) == 1
    (row,) = (row for row in addon.portainer.api.get("/stacks").json() if row["Name"] == name)
    deployed = addon.portainer.api.get(f"/stacks/{row['Id']}/file").json()["StackFileContent"]
    kept = addon.admin.read(STACK, answers[0]["stack_id"], "compose")
    assert deployed.startswith(kept)


@pytest.mark.parametrize(
    ("verb", "line", "state"),
    [
        ("update", "PUT /api/stacks", "active"),
        ("stop", "POST /api/stacks", "inactive"),
        ("start", "POST /api/stacks", "active"),
        ("delete", "DELETE /api/stacks", "draft"),
    ],
)
@pytest.mark.parametrize("by", ["button", "method"])
def test_two_admins_do_the_same_to_a_stack(running_odoo, old_addon, name, verb, line, state, by):
    stack_id = old_addon.create(name)["stack_id"]
    if verb == "start":
        old_addon.stop_stack(stack_id=stack_id)
    model, method, record_ids, arguments = STACK, f"action_{verb}", [stack_id] * 2, {}
    if by == "method":
        model, method, record_ids = SERVER, f"{verb}_stack", [old_addon.server_id] * 2
        arguments = {"stack_id": stack_id}
    elif verb == "delete":
        model, method = f"{STACK}.delete", "action_apply"
        vals = {"stack_id": stack_id, "confirmation": name}
        record_ids = [admin.call(model, "create", vals) for admin in running_odoo.admins]
    old_addon.portainer.faults.clear()
    old_addon.portainer.faults.add("slow", f"^{line}", seconds=3)
    answers, errors = at_once(running_odoo, model, method, record_ids=record_ids, **arguments)
    assert len(answers) == len(errors) == 1
    assert f"Somebody else is at work on {name}. Wait until that is done." in errors[0]
    assert len(sent(old_addon.portainer, line)) == 1
    row = old_addon.record(name)
    assert (row["state"], row["pending_action"], row["last_error"]) == (state, False, False)


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
