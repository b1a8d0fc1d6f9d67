"""The double in a container of Portainer's name, as an installation over SSH starts it."""

import re

import pytest
import requests
from portainer_harness import PASSWORD, PLAIN, PROJECT, Api


@pytest.fixture
def container(engine, portainer_image, name):
    """(its first output, its API): started by the words of Portainer's documentation."""
    engine.docker("network", "create", "--label", f"{PROJECT}={name}", name)
    engine.docker(
        "run", "--detach", f"--name={name}", f"--label={PROJECT}={name}", f"--network={name}",
        "--publish=127.0.0.1::9443", "--env=PORTAINER_DOUBLE_MODE=2.45",
        f"--volume={engine.socket}:/var/run/docker.sock", portainer_image,
    )  # fmt: skip
    port = engine.docker("port", name, "9443").split(":")[1].split()[0]
    return lambda: engine.docker("logs", name), Api(f"https://127.0.0.1:{port}")


def test_the_image_serves_and_deploys(container, engine, name, wait_for):
    logs, anonymous = container

    def answers():
        try:
            return anonymous.get("/system/status").status_code == 200
        except requests.ConnectionError:
            return False

    wait_for(answers, 60, "the double in its container")
    token = re.search(r"setup_token=([0-9a-f]{64})", logs())[1]
    body = {"Username": "admin", "Password": PASSWORD}
    made = anonymous.post("/users/admin/init", body, headers={"X-Setup-Token": token})
    assert made.status_code == 200
    jwt = anonymous.post("/auth", body).json()["jwt"]
    api = Api(anonymous.url, Authorization=f"Bearer {jwt}")
    form = {"Name": (None, "local"), "EndpointCreationType": (None, "1")}
    endpoint = api.post("/endpoints", files=form).json()["Id"]
    stack = {"Name": f"{name}-inner", "StackFileContent": PLAIN}
    made = api.post(f"/stacks/create/standalone/string?endpointId={endpoint}", stack).json()
    path = f"/stacks/{made['Id']}"
    assert (
        wait_for(lambda: api.get(path).json()["Status"] != 3 and api.get(path).json(), 60)["Status"]
        == 1
    )
    assert api.delete(f"{path}?endpointId={endpoint}").status_code == 204
    # Faults are for the machine itself, and the container's machine is the container.
    assert anonymous.get("/_double/faults").status_code == 403
