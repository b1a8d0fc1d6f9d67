"""What compose and Swarm themselves make of the texts for clients' stacks."""

import json
import subprocess

import pytest
from saas_stack import InStackDatabase, Resources, render, stack_name
from saas_stack_samples import FULL, KEY, SAMPLES, read, with_field

from devkit.docker_engine import tools_environment

PASSWORD = "p $HOME ${X} 'q' \"r\" #s\\n: é"
SINGLE = {name: spec for name, spec in SAMPLES.items() if spec.target == "standalone"}


def compose_reads(text, folder, password=PASSWORD):
    """What `docker compose` understands, as data."""
    file = folder / "compose.yml"
    file.write_text(text)
    result = subprocess.run(
        ["docker", "compose", "-p", stack_name(KEY), "-f", file, "config", "--format", "json"],
        env={**tools_environment(), "DB_PASSWORD": password},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    assert "warning" not in result.stderr.lower(), result.stderr
    # Its output is a compose file again, with doubled dollar signs.
    return json.loads(result.stdout.replace("$$", "$"))


@pytest.mark.parametrize("spec", SINGLE.values(), ids=SINGLE)
def test_compose_understands_what_was_meant(spec, tmp_path):
    found = compose_reads(render(spec), tmp_path)
    meant = read(render(spec))
    assert set(found["services"]) == set(meant["services"])
    assert set(found["volumes"]) == set(meant["volumes"])
    for name, service in found["services"].items():
        wanted = meant["services"][name]
        for key in ("image", "labels", "cap_drop", "security_opt", "restart", "init", "logging"):
            assert service[key] == wanted[key], key
        assert service["healthcheck"]["test"] == wanted["healthcheck"]["test"]
        assert service.get("command") == wanted.get("command")
        assert service["environment"] == {
            key: PASSWORD if value == "${DB_PASSWORD}" else value
            for key, value in wanted["environment"].items()
        }


def test_compose_understands_ports_limits_and_networks(tmp_path):
    service = compose_reads(render(FULL), tmp_path)["services"]["odoo"]
    assert [(port["host_ip"], port["published"], port["target"]) for port in service["ports"]] == [
        ("10.1.2.3", "20101", 8069),
        ("10.1.2.3", "20102", 8072),
    ]
    limits = service["deploy"]["resources"]["limits"]
    assert float(limits["cpus"]) == 1.5
    assert int(limits["memory"]) == 1536 * 1024 * 1024
    assert int(limits["pids"]) == 777
    assert service["networks"]["proxy"] == {"aliases": ["shop.acme.example"]}
    assert {(each["source"], each["target"]) for each in service["volumes"]} == {
        ("data", "/var/lib/odoo"),
        ("addons", "/mnt/extra-addons"),
    }


@pytest.mark.parametrize(
    "resources", [Resources(0.1, 512), Resources(1.5, 512 * 1024), Resources(None, None, None)]
)
def test_docker_makes_containers_with_these_limits(engine, name, resources, tmp_path):
    """`create` asks the engine for everything but the start."""
    spec = with_field(SAMPLES["plain"], "resources", resources)
    spec = with_field(with_field(spec, "image", "saas-test/web:1"), "key", name)
    spec = with_field(spec, "database", InStackDatabase("saas-test/web:2"))
    (tmp_path / "compose.yml").write_text(render(spec))
    subprocess.run(
        ["docker", "compose", "-p", name, "-f", tmp_path / "compose.yml", "create"],
        env={**engine.environment(), "DB_PASSWORD": PASSWORD},
        cwd=tmp_path,
        capture_output=True,
        check=True,
    )
    (container,) = engine.docker("ps", "-aq", "--filter", f"name={name}-odoo").split()
    host = json.loads(engine.docker("inspect", container))[0]["HostConfig"]
    cpus, memory = resources.cpus, resources.memory_mb
    assert host["NanoCpus"] == pytest.approx((cpus or 0) * 0.75 * 10**9)
    assert host["Memory"] == (int(memory * 0.75) * 1024 * 1024 if memory else 0)
    assert host["RestartPolicy"]["Name"] == "unless-stopped"
    assert host["LogConfig"]["Config"] == {"max-file": "3", "max-size": "10m"}
    assert host["CapDrop"] == ["ALL"]
    assert host["SecurityOpt"] == ["no-new-privileges:true"]
    assert not host["PortBindings"]
