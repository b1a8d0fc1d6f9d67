"""Portainer installed over real SSH by a real Odoo, on a container whose Docker is the engine's."""

import json

import pytest
from portainer_harness import ADMIN, PASSWORD, Api
from root_server_harness import ENVIRONMENT, SERVER

from devkit import sshd_image
from harness.rpc import Fault
from portainer_double.server import certificate


def keys_of(installed, login):
    """The access tokens of the administrator, by name."""
    api = Api(installed.url)
    jwt = api.post("/auth", {"Username": ADMIN, "Password": login["password"]}).json()["jwt"]
    rows = Api(installed.url, Authorization=f"Bearer {jwt}").get("/users/1/tokens").json()
    return [row["description"] for row in rows]


@pytest.mark.parametrize(("mode", "user"), [("2.23", "root"), ("2.45", sshd_image.ADMIN)])
def test_a_master_is_installed_to_the_confirmed_server(
    new_root, machine, installed, world, user, mode
):
    machine.portainer_gets(PORTAINER_DOUBLE_MODE=mode)
    root = new_root(username=user).confirmed()
    root.install_portainer_master(**installed.ports)
    assert root.done()["progress"] == 100
    portainer = root.portainer()
    assert (portainer["state"], portainer["is_master"]) == ("confirmed", True)
    assert portainer["portainer_link"] == installed.url
    assert portainer["version"].startswith(mode)
    domain = [("portainer_id", "=", portainer["id"])]
    fields = ["connection", "root_server_id"]
    (environment,) = world.admin.call(ENVIRONMENT, "search_read", domain, fields)
    assert environment["connection"] == "up"
    assert environment["root_server_id"][0] == root.id

    taken = root.take_portainer_password()
    assert len(taken["password"]) == 14
    assert len(keys_of(installed, taken)) == 1
    with pytest.raises(Fault, match="shown only once"):
        root.take_portainer_password()
    assert root.read("can_show_portainer_password") is False


def test_a_second_installation_ends_in_the_same_state(root, installed, engine):
    root.install_portainer_master(**installed.ports)
    root.done()
    taken = root.take_portainer_password()
    before = root.portainer(), engine.request("GET", "/containers/portainer/json")[1]["Id"]
    root.install_portainer_master(**installed.ports)
    results = {step["name"]: step["result"] for step in root.done()["steps"]}
    assert results["Create the administrator"] == "Nothing to do."
    assert results["Create an access token"] == "Nothing to do."
    after = root.portainer(), engine.request("GET", "/containers/portainer/json")[1]["Id"]
    assert after == before
    assert len(keys_of(installed, taken)) == 1
    assert root.read("can_show_portainer_password") is False


def test_a_token_that_no_longer_works_is_replaced(root, installed, world):
    root.install_portainer_master(**installed.ports)
    root.done()
    taken = root.take_portainer_password()
    server = root.portainer()["id"]
    world.admin.call(SERVER, "action_reset_to_draft", [server])
    world.admin.call(SERVER, "write", [server], {"access_token": "ptr_nonsense"})
    root.install_portainer_master(**installed.ports)
    root.done()
    assert root.portainer()["state"] == "confirmed"
    assert len(keys_of(installed, taken)) == 1


def test_a_portainer_that_locked_itself_is_unlocked(root, machine, installed):
    machine.hold("logs")
    root.install_portainer_master(**installed.ports)
    root.wait_for_step("administrator")
    installed.inside("POST", "/_double/clock", {"advance": 301})
    machine.release()
    root.done()
    assert root.portainer()["state"] == "confirmed"


def test_a_portainer_of_somebody_else_is_refused(root, installed, wait_for):
    root.install_portainer_master(**installed.ports)
    root.done()
    stranger = {"Username": ADMIN, "Password": PASSWORD}
    taken = root.take_portainer_password()
    jwt = Api(installed.url).post("/auth", {**stranger, "Password": taken["password"]}).json()
    change = {"Password": taken["password"], "NewPassword": PASSWORD}
    api = Api(installed.url, Authorization=f"Bearer {jwt['jwt']}")
    for key in api.get("/users/1/tokens").json():
        api.delete(f"/users/1/tokens/{key['id']}")
    assert api.put("/users/1/passwd", change).status_code == 204
    root.install_portainer_master(**installed.ports)
    operation = root.ended()
    assert operation["state"] == "failed"
    for words in ("administrator already", installed.url, "access token", "by hand"):
        assert words in operation["error"]


def test_another_certificate_than_the_machines_gets_no_password(
    root, machine, installed, engine, tmp_path, wait_for
):
    machine.hold("cp")
    root.install_portainer_master(**installed.ports)
    wait_for(installed.answers, 180, "Portainer")
    engine.docker("cp", certificate(tmp_path)[0], "portainer:/data/certs/cert.pem")
    machine.release()
    operation = root.ended()
    assert (operation["state"], "certificate" in operation["error"]) == ("failed", True)
    assert "POST /api/users/admin/init" not in installed.inside("GET", "/_double/requests")


def test_an_agent_becomes_an_environment_of_the_chosen_server(
    root, installed, world, portainer, engine
):
    values = {"name": "Double", "ip": "127.0.0.1", "portainer_link": portainer.url}
    server = world.admin.call(SERVER, "create", {**values, "access_token": portainer.key})
    world.admin.call(SERVER, "action_confirm", [server])
    for _again in range(2):
        root.install_portainer(portainer_id=server, environment_name="by-agent")
        root.done()
        domain = [("portainer_id", "=", server), ("name", "=", "by-agent")]
        fields = ["root_server_id", "connection", "ip", "portainer_environment_id"]
        (environment,) = world.admin.call(ENVIRONMENT, "search_read", domain, fields)
        assert environment["root_server_id"][0] == root.id
        assert (environment["connection"], environment["ip"]) == ("up", "127.0.0.1")
    portainer.api.delete(f"/endpoints/{environment['portainer_environment_id']}")
    assert installed.names() == {"portainer_agent"}


def test_an_agent_may_wait_for_its_server(root, installed):
    root.install_portainer()
    root.done()
    assert installed.names() == {"portainer_agent"}


def test_another_system_is_refused_before_anything_is_changed(root, machine, installed):
    machine.pretend("alpine")
    root.install_portainer_master(**installed.ports)
    operation = root.ended()
    assert operation["state"] == "failed"
    for words in ("Alpine Linux", "Debian and Ubuntu only", "Nothing was changed"):
        assert words in operation["error"]
    assert [step["state"] for step in operation["steps"]].count("done") == 0
    assert installed.names() == set()


def test_faults_of_a_new_portainer_are_survived(root, machine, installed):
    # Words of a command line: no blanks.
    faults = [
        {"kind": "drop_after", "match": "^POST./api/users/admin/init", "times": 1},
        {"kind": "drop_after", "match": "^POST./api/users/1/tokens", "times": 1},
        {"kind": "drop_after", "match": "^POST./api/endpoints", "times": 1},
    ]
    machine.portainer_gets(PORTAINER_DOUBLE_FAULTS=json.dumps(faults, separators=(",", ":")))
    root.install_portainer_master(**installed.ports)
    root.done()
    assert root.portainer()["state"] == "confirmed"
    assert len(keys_of(installed, root.take_portainer_password())) == 1
