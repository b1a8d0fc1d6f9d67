"""docker-compose.yml as `docker compose config` reads it. tests/docker starts it for real."""

import configparser
import json
import os
import re
import shutil
import stat
import subprocess

import pytest
from cryptography.fernet import Fernet

from devkit.docker_engine import PACKAGES, tools_environment
from devkit.paths import ROOT, our_addons

COMPOSE = ("--file=docker-compose.yml",)
HTTPS = (*COMPOSE, "--file=docker/https.yml")
# These end by themselves.
ONCE = {"prepare", "client-image"}
needs_compose = pytest.mark.skipif(
    not (PACKAGES / "config/cli-plugins/docker-compose").exists(),
    reason="docker compose is not there; `./dev docker up` fetches it",
)


@pytest.fixture(scope="module")
def env_file(tmp_path_factory):
    """.env as docker/secrets.sh makes it."""
    script = tmp_path_factory.mktemp("suite") / "docker" / "secrets.sh"
    script.parent.mkdir()
    shutil.copy(ROOT / "docker" / "secrets.sh", script)
    subprocess.run([script], check=True)
    return script.parent.parent / ".env"


def read_env(path):
    lines = path.read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if not line.startswith("#"))


def config(env_file, *files, **variables):
    return subprocess.run(
        ["docker", "compose", f"--env-file={env_file}", *files, "config", "--format=json"],
        cwd=ROOT, env={**tools_environment(), **variables}, capture_output=True, text=True,
        check=False,
    )  # fmt: skip


@pytest.fixture(scope="module")
def services(env_file):
    result = config(env_file, *COMPOSE)
    assert result.returncode == 0, result.stderr
    assert "variable is not set" not in result.stderr
    return json.loads(result.stdout)["services"]


def test_the_generated_secrets_are_for_their_owner_only_and_never_replaced(env_file):
    secrets = read_env(env_file)
    assert len(set(secrets.values())) == len(secrets) == 5
    assert min(map(len, secrets.values())) >= 32
    Fernet(secrets["SAAS_SECRET_KEY"])
    assert stat.S_IMODE(env_file.stat().st_mode) == 0o600
    again = subprocess.run(
        [env_file.parent / "docker" / "secrets.sh"], capture_output=True, check=False
    )
    assert again.returncode
    assert b"There is an .env already" in again.stderr
    assert read_env(env_file) == secrets


def test_secrets_whose_making_was_cut_off_are_made_the_next_time(tmp_path):
    (tmp_path / "docker").mkdir()
    script = shutil.copy(ROOT / "docker" / "secrets.sh", tmp_path / "docker")
    full = tmp_path / "full"
    full.mkdir()
    # The third secret finds no room any more.
    (full / "base64").write_text(
        f'#!/bin/sh\necho x >>{full}/calls\n[ "$(wc -l <{full}/calls)" -lt 3 ] || exit 1\n'
        'exec /usr/bin/base64 "$@"\n'
    )
    (full / "base64").chmod(0o755)
    path = os.environ["PATH"]
    cut = subprocess.run([script], env={**os.environ, "PATH": f"{full}:{path}"}, check=False)
    assert cut.returncode
    assert sorted(found.name for found in tmp_path.iterdir()) == ["docker", "full"]
    subprocess.run([script], check=True)
    assert len(read_env(tmp_path / ".env")) == 5


@needs_compose
def test_without_secrets_nothing_starts_and_the_message_says_what_makes_them():
    result = config(os.devnull, *COMPOSE)
    assert result.returncode
    assert "docker/secrets.sh" in result.stderr


@needs_compose
def test_ports_are_published_on_loopback_unless_the_operator_says_otherwise(services, env_file):
    ports = {
        (name, port["host_ip"]) for name, row in services.items() for port in row.get("ports", [])
    }
    assert ports == {("proxy", "127.0.0.1"), ("portainer", "127.0.0.1")}
    open_to_all = json.loads(config(env_file, *COMPOSE, HTTP_BIND="0.0.0.0").stdout)["services"]
    assert open_to_all["proxy"]["ports"][0]["host_ip"] == "0.0.0.0"
    assert open_to_all["portainer"]["ports"][0]["host_ip"] == "127.0.0.1"


@needs_compose
def test_everything_starts_again_rotates_its_log_and_gains_no_privileges(services):
    for name, service in services.items():
        assert service["restart"] == ("no" if name in ONCE else "unless-stopped"), name
        assert service["logging"]["options"] == {"max-size": "10m", "max-file": "3"}, name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert "privileged" not in service, name


@needs_compose
def test_all_that_can_tell_its_health_does(services):
    healthy = {name for name, service in services.items() if "healthcheck" in service}
    # Portainer's image has no program that could ask.
    assert healthy == set(services) - ONCE - {"portainer"}


@needs_compose
def test_no_clock_ends_what_the_portal_does_in_the_background():
    """A backup may take hours; one that is killed and begins again would never end."""
    parser = configparser.RawConfigParser()
    parser.read(ROOT / "docker" / "portal" / "odoo.conf")
    assert parser["options"]["limit_time_real_cron"] == "0"


def test_only_portainer_has_the_engines_socket(services):
    mounts = {
        name
        for name, service in services.items()
        for volume in service.get("volumes", [])
        if volume["source"] == "/var/run/docker.sock"
    }
    assert mounts == {"portainer"}


@needs_compose
def test_clients_share_no_network_with_the_portal_its_database_or_portainer(services):
    inside = {
        name for name, service in services.items() if "clients" in service.get("networks", {})
    }
    assert inside == {"proxy"}
    assert set(services["db"]["networks"]) == {"database"}


@needs_compose
def test_https_adds_its_port_and_needs_a_certificate(env_file, tmp_path):
    refused = config(env_file, *HTTPS)
    assert refused.returncode
    assert "fullchain.pem" in refused.stderr
    result = config(env_file, *HTTPS, CERTIFICATES=str(tmp_path))
    proxy = json.loads(result.stdout)["services"]["proxy"]
    assert {port["target"] for port in proxy["ports"]} == {80, 443}


def test_the_images_hold_every_addon_and_nothing_of_the_rest():
    rules = (ROOT / ".dockerignore").read_text().split()
    kept = {rule[1:] for rule in rules if rule.startswith("!")}
    assert kept == {*our_addons(), "docker", "requirements.txt"}
    dockerfile = (ROOT / "docker" / "portal" / "Dockerfile").read_text()
    copied = set(re.findall(r"^COPY (\w+) /opt/saas/addons/\1$", dockerfile, re.M))
    assert copied == set(our_addons())
