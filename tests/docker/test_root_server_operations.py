"""What can go wrong while a root server is worked on: a real Odoo, real SSH, kill -9."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from portainer_harness import ADMIN, Api
from root_server_harness import OPERATION, ROOT, RootServer

from devkit import sshd_image
from harness.rpc import Fault

PASSWORD = sshd_image.PASSWORD


@pytest.fixture(scope="module")
def colleague(world):
    """A second manager."""
    group = world.admin.ref("sadeem_portainer.group_manager")
    values = {"name": "Colleague", "login": "colleague", "password": "colleague-1"}
    world.admin.call("res.users", "create", {**values, "group_ids": [(4, group)]})
    return world.rpc("colleague", "colleague-1")


@pytest.fixture
def go_on(world):
    """Starts the killed Odoo again; its first request loads what makes it go on."""

    def start():
        world.server.start()
        world.admin.call("res.users", "search_count", [])

    return start


# -- who is there ----------------------------------------------------------------------------------


@pytest.mark.parametrize("user", ["root", sshd_image.ADMIN, sshd_image.FREE])
def test_confirmation_pins_the_host_key_and_looks_around(new_root, machine, user):
    root = new_root(username=user).confirmed()
    row = root.read("state", "host_key", "os_name", "cpu_cores", "docker_version", "is_supported")
    assert (row["state"], row["is_supported"]) == ("confirmed", True)
    public = machine.run("sh", "-c", "for f in /etc/ssh/*.pub; do ssh-keygen -lf $f; done")
    assert row["host_key"] in public
    assert row["os_name"].startswith("Debian")
    assert row["cpu_cores"] > 0
    assert row["docker_version"]
    message = root.action_test_connection()["params"]["message"]
    for words in ("Debian", "cores", "MB of RAM", "GB of disk free", "Docker"):
        assert words in message


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ({"password": "wrong-hunter2"}, "refuses this password"),
        ({"username": sshd_image.PLAIN}, "sudo does not allow this user"),
        ({"port": 1}, "does not answer"),
        ({"password": False}, "needs a password or a private key"),
    ],
)
def test_who_cannot_get_in_is_told_why(new_root, world, values, why):
    root = new_root(**values)
    with pytest.raises(Fault, match=why) as caught:
        root.action_confirm()
    assert "hunter2" not in str(caught.value)
    assert root.read("state") == "draft"
    assert "hunter2" not in world.log.read_text()


def test_a_changed_host_key_is_refused_until_it_is_pinned_anew(root, machine):
    pinned = root.read("host_key")
    machine.install_anew()
    with pytest.raises(Fault, match="another host key"):
        root.action_test_connection()
    root.action_test_connection_in_background()
    operation = root.ended()
    assert operation["state"] == "failed"
    for words in (pinned, "reset it to draft and confirm it again"):
        assert words in operation["error"]
    assert root.read("host_key") == pinned
    root.action_reset_to_draft()
    root.action_confirm()
    assert root.read("host_key") != pinned


# -- several people --------------------------------------------------------------------------------


def test_two_admins_who_press_install_at_once_get_one_installation(
    root, installed, machine, colleague
):
    machine.hold("create")
    both = (root, RootServer(colleague, root.id))
    with ThreadPoolExecutor(2) as pool:
        started = [pool.submit(each.install_portainer_master, **installed.ports) for each in both]
    first, second = (each.result() for each in started)
    assert first == second
    root.wait_for_step("portainer_container")
    for method in ("action_test_connection", "action_reset_to_draft", "unlink"):
        with pytest.raises(Fault, match=r"Install Portainer Master: Root \d+ is under way, asked"):
            getattr(RootServer(colleague, root.id), method)()
    machine.release()
    root.done()
    assert installed.names() == {"portainer"}
    with ThreadPoolExecutor(2) as pool:
        tries = [pool.submit(each.take_portainer_password) for each in both]
    assert sum(each.exception() is None for each in tries) == 1


def test_a_slow_machine_does_not_delay_another(root, machine, installed, new_machine, world):
    machine.hold("create")
    root.install_portainer_master(**installed.ports)
    root.wait_for_step("portainer_container")
    other = RootServer.create(world.admin, new_machine())
    other.action_confirm_in_background()
    other.done()
    assert root.operation["state"] == "running"
    machine.release()
    root.done()


# -- interruptions ---------------------------------------------------------------------------------


def test_output_is_seen_while_the_command_runs(root, machine, installed, wait_for):
    machine.hold("create")
    root.install_portainer_master(**installed.ports)
    wait_for(lambda: root.output().count("waits at the gate") > 5, 180, "output")
    assert root.operation["state"] == "running"
    machine.release()
    root.done()


def test_a_server_killed_in_the_middle_goes_on_by_itself(
    root, machine, installed, world, go_on, wait_for
):
    machine.hold("create")
    root.install_portainer_master(**installed.ports)
    wait_for(lambda: "waits at the gate" in root.output(), 180, "the command")
    number = root.operation["id"]
    world.server.kill()
    # The command goes on over there, and is quicker or slower than whoever repeats it.
    machine.release()
    go_on()
    assert root.done()["id"] == number
    assert root.portainer()["state"] == "confirmed"
    assert installed.names() == {"portainer"}


def test_a_token_that_got_lost_in_a_crash_is_not_left_alive(
    root, machine, installed, world, go_on, wait_for
):
    machine.hold("logs")
    root.install_portainer_master(**installed.ports)
    root.wait_for_step("administrator")
    fault = {"kind": "slow_after", "match": "^POST /api/users/1/tokens", "seconds": 8, "times": 1}
    installed.inside("POST", "/_double/faults", fault)
    machine.release()
    wait_for(
        lambda: "POST /api/users/1/tokens" in installed.inside("GET", "/_double/requests"),
        180,
        "the request",
    )
    world.server.kill()
    go_on()
    root.done()
    taken = root.take_portainer_password()
    api = Api(installed.url)
    jwt = api.post("/auth", {"Username": ADMIN, "Password": taken["password"]}).json()["jwt"]
    keys = Api(installed.url, Authorization=f"Bearer {jwt}").get("/users/1/tokens").json()
    assert [key["description"].rpartition(" ")[2] for key in keys] == [str(root.operation["id"])]


def test_a_lost_connection_is_taken_up_again(root, machine, installed, engine, wait_for):
    machine.hold("create")
    root.install_portainer_master(**installed.ports)
    wait_for(lambda: "waits at the gate" in root.output(), 180, "the command")
    engine.docker("restart", "--time=1", machine.name)
    wait_for(
        lambda: (seen := root.operation)["again"] and "connection was lost" in seen["error"],
        180,
        "the next attempt to be announced",
    )
    machine.release()
    root.done()


def test_a_failed_installation_is_retried(root, installed, engine, name, world):
    in_the_way = f"127.0.0.1:{installed.https_port}:8080"
    engine.docker("run", "-d", "--name", name, "--publish", in_the_way, "saas-test/web:1")
    try:
        root.install_portainer_master(**installed.ports)
        operation = root.ended()
        assert (operation["state"], operation["can_retry"]) == ("failed", True)
        assert str(installed.https_port) in operation["error"]
        with pytest.raises(Fault, match="has ended"):
            world.admin.call(OPERATION, "action_cancel", [operation["id"]])
    finally:
        engine.request("DELETE", f"/containers/{name}?force=1&v=1")
    world.admin.call(OPERATION, "action_retry", [operation["id"]])
    again = root.done()
    assert again["id"] == operation["id"]
    assert root.portainer()["state"] == "confirmed"
    with pytest.raises(Fault, match="cannot be retried"):
        world.admin.call(OPERATION, "action_retry", [operation["id"]])


def test_a_cancelled_installation_makes_way(root, machine, installed, world, wait_for):
    machine.hold("create")
    root.install_portainer_master(**installed.ports)
    wait_for(lambda: "waits at the gate" in root.output(), 180, "the command")
    world.admin.call(OPERATION, "action_cancel", [root.operation["id"]])
    assert root.operation["state"] == "cancelled"
    assert [step["state"] for step in root.operation["steps"]][-1] == "cancelled"
    machine.release()
    root.install_portainer_master(**installed.ports)
    root.done()
    assert installed.names() == {"portainer"}


# -- secrets ---------------------------------------------------------------------------------------


def test_secrets_stay_where_they_are(new_root, installed, world):
    root = new_root(username=sshd_image.ADMIN).confirmed()
    root.install_portainer_master(**installed.ports)
    root.done()
    secrets = [PASSWORD, root.take_portainer_password()["password"], "ptr_"]
    admin = world.admin
    operations = [("root_server_id", "=", root.id)]
    messages = [("model", "in", [ROOT, "sadeem.portainer"])]
    seen = [
        world.log.read_text(),
        admin.call(OPERATION, "search_read", operations),
        admin.call(f"{OPERATION}.step", "search_read", []),
        admin.call(f"{OPERATION}.output", "search_read", []),
        admin.call("mail.message", "search_read", messages, ["body", "tracking_value_ids"]),
        admin.call("mail.tracking.value", "search_read", []),
        admin.call(ROOT, "read", [root.id]),
        root.operation,
    ]
    for secret in secrets:
        assert all(secret not in str(each) for each in seen)
    with pytest.raises(Fault, match="portainer_password_cipher"):
        admin.call(ROOT, "read", [root.id], ["portainer_password_cipher"])
    exported = admin.call(ROOT, "export_data", [root.id], ["password", "private_key"])
    assert exported["datas"] == [["", ""]] or exported["datas"] == [[False, False]]
