"""Whether a real swarm takes the texts for clients' stacks, and what it makes of them."""

import dataclasses
import subprocess

import pytest
import swarm_harness
from saas_stack import (
    ExternalDatabase,
    OdooOptions,
    Ports,
    Routing,
    SwarmOptions,
    render,
    stack_name,
)
from saas_stack_samples import KEY, SAMPLES, SWARM

NAME = stack_name(KEY)
NETWORK, SECRET = SWARM.routing.network, SWARM.swarm.password_secret
#: Nothing shall be started: the images are not here.
NOWHERE = ("node.labels.saas == nowhere",)
TEXTS = {
    "all-settings": SWARM,
    "external-database": SAMPLES["swarm-external"],
    "defaults": dataclasses.replace(SAMPLES["plain"], target="swarm"),
    "threads": dataclasses.replace(
        SWARM, odoo=OdooOptions(), ports=Ports("10.1.2.3", 20104), routing=Routing()
    ),
    "variable": dataclasses.replace(SWARM, swarm=SwarmOptions()),
}


@pytest.fixture(scope="module")
def swarm():
    with swarm_harness.running() as engine:
        engine.docker("network", "create", "--driver=overlay", "--attachable", NETWORK)
        secret = {"Name": SECRET, "Data": "c2VjcmV0"}
        assert engine.request("POST", "/secrets/create", secret)[0] == 201
        yield engine
        engine.request("DELETE", f"/secrets/{SECRET}")
        engine.docker("network", "rm", NETWORK, check=False)


@pytest.fixture
def deploy(swarm, tmp_path):
    """Deploys a specification; its services by name, as the swarm describes them."""

    def run(spec):
        options = dataclasses.replace(spec.swarm, constraints=NOWHERE)
        file = tmp_path / "stack.yml"
        file.write_text(render(dataclasses.replace(spec, swarm=options)))
        result = subprocess.run(
            ["docker", "stack", "deploy", "--resolve-image=never", "-c", file, NAME],
            env={**swarm.environment(), "DB_PASSWORD": "p $X'q"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert result.returncode == 0, result.stderr
        assert not result.stderr, "compose keys that a swarm ignores"
        specs = [row["Spec"] for row in swarm.request("GET", "/services")[1]]
        ours = [spec for spec in specs if spec["Name"].startswith(f"{NAME}_")]
        return {spec["Name"].removeprefix(f"{NAME}_"): spec for spec in ours}

    yield run
    swarm_harness.remove_stack(swarm, NAME)


@pytest.mark.parametrize("spec", TEXTS.values(), ids=TEXTS)
def test_a_swarm_takes_it_and_ignores_nothing_of_it(deploy, spec):
    services = deploy(spec)
    external = isinstance(spec.database, ExternalDatabase)
    assert set(services) == ({"odoo"} if external else {"odoo", "db"})
    for service in services.values():
        assert service["Labels"]["saas.client.key"] == KEY
        assert service["TaskTemplate"]["ContainerSpec"]["Labels"]["saas.client.key"] == KEY
        assert service["TaskTemplate"]["Placement"]["Constraints"] == list(NOWHERE)
        assert service["TaskTemplate"]["ContainerSpec"]["CapabilityDrop"] == ["ALL"]
        assert service["Mode"] == {"Replicated": {"Replicas": 1}}
        assert service["EndpointSpec"]["Mode"] == "dnsrr"


def test_a_swarm_gets_limits_ports_and_the_secret(deploy):
    odoo = deploy(SWARM)["odoo"]
    task = odoo["TaskTemplate"]
    assert task["Resources"]["Limits"] == {
        "NanoCPUs": 1_500_000_000,
        "MemoryBytes": 1536 * 1024 * 1024,
        "Pids": 777,
    }
    assert [
        (port["TargetPort"], port["PublishedPort"], port["PublishMode"])
        for port in odoo["EndpointSpec"]["Ports"]
    ] == [(8069, 20101, "host"), (8072, 20102, "host")]
    (secret,) = task["ContainerSpec"]["Secrets"]
    assert (secret["SecretName"], secret["File"]["Name"]) == (SECRET, "db_password")
    assert "--db-filter=^%h$" in task["ContainerSpec"]["Args"]
    assert task["LogDriver"]["Options"] == {"max-size": "10m", "max-file": "3"}


def test_a_password_of_a_variable_arrives_as_it_is(deploy):
    services = deploy(TEXTS["variable"])
    environment = services["odoo"]["TaskTemplate"]["ContainerSpec"]["Env"]
    assert "PASSWORD=p $X'q" in environment
