"""Checklist lines 42 to 52: what happens to a stack later."""

import pytest
from portainer_harness import BROKEN, PLAIN, SLOW, TWO, WEB, WEB_2


def volumes(portainer):
    return {item["Name"] for item in portainer.docker("GET", "/volumes").json()["Volumes"]}


def file_of(portainer, stack):
    return portainer.api.get(f"/stacks/{stack['Id']}/file").json()["StackFileContent"]


def test_lines_42_and_43_what_an_update_needs(any_portainer, name):
    """42: Env omitted is Env erased, content is wanted. 43: so is endpointId."""
    stack = any_portainer.stack(name, Env=[{"name": "A", "value": "1"}])
    path = f"/stacks/{stack['Id']}"
    no_endpoint = any_portainer.api.put(path, {"StackFileContent": PLAIN})
    assert no_endpoint.status_code == 400
    assert no_endpoint.json()["message"] == "Invalid query parameter: endpointId"
    no_content = any_portainer.update(stack, content="")
    assert (no_content.status_code, no_content.json()["details"]) == (
        400,
        "Invalid stack file content",
    )
    assert any_portainer.update({**stack, "Id": 9999}).status_code == 404
    kept = any_portainer.update(stack, Env=stack["Env"])
    assert kept.json()["Env"] == [{"name": "A", "value": "1"}]
    any_portainer.settled(stack["Id"])
    erased = any_portainer.update(stack)
    assert erased.status_code == 200
    assert erased.json()["Env"] is None
    assert erased.json()["UpdatedBy"] == "admin" and erased.json()["UpdateDate"] > 0
    any_portainer.settled(stack["Id"])


def test_line_44_a_failed_update_destroys_what_ran(portainer, name):
    """44: 500, the old file and Status 1 remain, the containers do not, the volume does."""
    stack = portainer.stack(name, WEB)
    answer = portainer.update(stack, BROKEN, Env=[{"name": "A", "value": "1"}])
    assert answer.status_code == 500
    assert answer.json()["message"].startswith("failed to deploy a stack: ")
    assert file_of(portainer, stack) == WEB
    after = portainer.api.get(f"/stacks/{stack['Id']}").json()
    assert (after["Status"], after["Env"]) == (1, None)
    assert portainer.containers(name) == {}
    assert f"{name}_data" in volumes(portainer)


def test_a_failed_pull_takes_nothing_down(portainer, name):
    """Section 4.5 of the contract."""
    stack = portainer.stack(name)
    answer = portainer.update(stack, BROKEN.replace(", pull_policy: never", ""), PullImage=True)
    assert answer.status_code == 500
    assert answer.json()["message"].startswith("failed to pull images of the stack: ")
    assert set(portainer.containers(name)) == {"web"}


def test_lines_45_47_48_and_55_stop_start_and_update(portainer, name):
    """47: stop. 48: new containers at start. 45: an update starts. 55: no control in replies."""
    stack = portainer.stack(name, WEB)
    first = portainer.containers(name)["web"]["Id"]

    stopped = portainer.act(stack, "stop")
    assert (stopped.status_code, stopped.json()["Status"]) == (200, 2)
    assert stopped.json()["ResourceControl"] is None
    assert portainer.containers(name) == {}
    assert f"{name}_data" in volumes(portainer)
    again = portainer.act(stack, "stop")
    assert (again.status_code, again.json()["message"]) == (400, "Stack is already inactive")

    started = portainer.act(stack, "start")
    assert (started.status_code, started.json()["Status"]) == (200, 1)
    assert started.json()["ResourceControl"] is None
    second = portainer.containers(name)["web"]["Id"]
    assert second != first

    portainer.act(stack, "stop")
    updated = portainer.update(stack, WEB_2)
    assert (updated.status_code, updated.json()["Status"]) == (200, 1)
    assert updated.json()["ResourceControl"] is None
    assert portainer.containers(name)["web"]["Image"] == "saas-test/web:2"


def test_line_46_a_service_that_is_no_longer_named_stays(portainer, name):
    """46: its container keeps running, the other one is untouched; stop takes both."""
    stack = portainer.stack(name, TWO)
    before = {service: item["Id"] for service, item in portainer.containers(name).items()}
    assert portainer.update(stack, PLAIN).status_code == 200
    after = {service: item["Id"] for service, item in portainer.containers(name).items()}
    assert after == before
    portainer.act(stack, "stop")
    assert portainer.containers(name) == {}


def test_line_49_a_start_of_what_runs(portainer, name):
    """49: 409 while there are containers, even exited ones, 400 when there are none."""
    stack = portainer.stack(name)
    running = portainer.act(stack, "start")
    assert running.status_code == 409
    assert running.json()["message"] == f"A stack with the name '{name}' is already running"
    container = portainer.containers(name)["web"]["Id"]
    portainer.docker("POST", f"/containers/{container}/stop?t=1")
    assert portainer.act(stack, "start").status_code == 409
    portainer.docker("DELETE", f"/containers/{container}?force=1")
    gone = portainer.act(stack, "start")
    assert (gone.status_code, gone.json()["message"]) == (400, "Stack is already active")


def test_a_start_that_fails_changes_nothing(portainer, name, weak_link):
    """Section 4.7 of the contract: 500, and the stack stays stopped."""
    stack = portainer.stack(name, endpoint=weak_link.endpoint)
    portainer.act(stack, "stop")
    weak_link.cut()
    assert portainer.act(stack, "start").status_code == 500
    weak_link.mend()
    assert portainer.api.get(f"/stacks/{stack['Id']}").json()["Status"] == 2


def test_line_50_a_delete_keeps_volumes_and_frees_the_name(any_portainer, name):
    """50."""
    stack = any_portainer.stack(name, WEB)
    assert any_portainer.delete(stack).status_code == 204
    assert any_portainer.api.get(f"/stacks/{stack['Id']}").status_code == 404
    assert any_portainer.containers(name) == {}
    assert f"{name}_data" in volumes(any_portainer)
    assert any_portainer.stack(name, WEB)["Status"] == 1


def test_line_52_a_delete_that_fails_keeps_the_row(portainer, weak_link, name):
    """52: 500; it can be repeated when the daemon is back."""
    stack = portainer.stack(name, endpoint=weak_link.endpoint)
    weak_link.cut()
    failed = portainer.delete(stack)
    assert failed.status_code == 500
    assert failed.json()["message"].startswith("failed to remove a stack: ")
    assert name in portainer.names()
    weak_link.mend()
    assert portainer.delete(stack).status_code == 204
    assert portainer.containers(name) == {}


def test_an_update_with_another_environment_moves_the_row(portainer, other_endpoint, name):
    """Section 4.7 of the contract: deployed there, and the old containers keep running."""
    stack = portainer.stack(name)
    moved = portainer.update(stack, endpoint=other_endpoint)
    assert moved.json()["EndpointId"] == other_endpoint
    assert set(portainer.containers(name, endpoint=other_endpoint)) == {"web"}
    assert set(portainer.containers(name)) == {"web"}


@pytest.mark.parametrize("key", ["PullImage", "RepullImageAndRedeploy"])
def test_newer_servers_pull_under_either_name(new_portainer, name, key):
    """Section 0 of the contract, 2.36: both keys pull; here no registry has the image."""
    stack = new_portainer.stack(name)
    assert new_portainer.update(stack, **{key: True}).json()["Status"] == 3
    after = new_portainer.settled(stack["Id"])
    assert after["Status"] == 4
    assert "failed to pull images" in after["DeploymentStatus"][-1]["Message"]


def test_newer_servers_prune_when_told(new_portainer, name):
    """Section 0 of the contract, 2.36."""
    stack = new_portainer.stack(name, TWO)
    new_portainer.update(stack, PLAIN, Prune=True)
    new_portainer.settled(stack["Id"])
    assert set(new_portainer.containers(name)) == {"web"}


def test_line_67_newer_servers_deploy_in_the_background(new_portainer, name, wait_for):
    """67: Status 3 at once, later 1; meanwhile update, start and stop are 409."""
    answer = new_portainer.create(name, SLOW)
    stack = answer.json()
    assert (answer.status_code, stack["Status"]) == (200, 3)
    assert name in new_portainer.names()
    update = new_portainer.update(stack)
    assert update.status_code == 409
    assert update.json() == {
        "message": "Unable to update stack",
        "details": "Stack deployment is already in progress",
    }
    start = new_portainer.act(stack, "start")
    assert (start.status_code, start.json()["message"]) == (409, "Unable to start stack")
    stop = new_portainer.act(stack, "stop")
    assert (stop.status_code, stop.json()["message"]) == (409, "Stack deployment is in progress")
    after = new_portainer.settled(stack["Id"])
    assert after["Status"] == 1
    assert [entry["Status"] for entry in after["DeploymentStatus"]] == [3, 1]
    active = new_portainer.act(stack, "start")
    assert (active.status_code, active.json()["details"]) == (409, "Stack is already active")
    assert new_portainer.act(stack, "stop").json()["Status"] == 2
    assert new_portainer.act(stack, "start").json()["Status"] == 1


def test_line_68_a_failed_create_keeps_its_row_in_newer_servers(new_portainer, name):
    """68: Status 4 with the error as the last entry; an update repairs it."""
    answer = new_portainer.create(name, BROKEN)
    assert (answer.status_code, answer.json()["Status"]) == (200, 3)
    after = new_portainer.settled(answer.json()["Id"])
    assert after["Status"] == 4
    assert "absent" in after["DeploymentStatus"][-1]["Message"]
    assert set(after["DeploymentStatus"][-1]) == {"Status", "Time", "Message"}
    start = new_portainer.act(after, "start")
    assert start.status_code == 409
    assert "absent" in start.json()["details"]
    assert new_portainer.update(after).json()["Status"] == 3
    assert new_portainer.settled(after["Id"])["Status"] == 1
