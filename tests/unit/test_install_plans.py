"""Plans to install Portainer, facts of machines, and the first password: what needs no machine."""

import io
import string

import paramiko
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519
from root_ssh import (
    HostFacts,
    agent_steps,
    docker_steps,
    find_setup_token,
    generate_password,
    parse_probe,
    portainer_steps,
    read_private_key,
)

ED25519 = (
    ed25519.Ed25519PrivateKey.generate()
    .private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.OpenSSH,
        serialization.NoEncryption(),
    )
    .decode()
)
TOKEN = "0123456789abcdef" * 4
PROBE = """\
PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"
ID=debian
VERSION_ID="12"
===
x86_64
===
web1
===
4
===
MemTotal:        8000000 kB
MemFree:          100000 kB
===
Filesystem     1024-blocks    Used Available Capacity Mounted on
/dev/vda1         20000000 1000000  19000000       5% /
===
Docker version 26.1.5+dfsg1, build a72d7cd
"""


def commands(steps):
    return [command for step in steps for command in step.commands]


def test_the_facts_are_read():
    assert parse_probe(PROBE) == HostFacts(
        os_id="debian",
        os_name="Debian GNU/Linux 12 (bookworm)",
        os_version="12",
        architecture="x86_64",
        hostname="web1",
        cores=4,
        ram_bytes=8000000 * 1024,
        disk_bytes=20000000 * 1024,
        disk_free_bytes=19000000 * 1024,
        docker_version="26.1.5+dfsg1",
    )


@pytest.mark.parametrize(
    ("os_id", "supported"), [("debian", True), ("ubuntu", True), ("alpine", False), ("", False)]
)
def test_only_debian_and_ubuntu_are_supported(os_id, supported):
    assert parse_probe(PROBE.replace("ID=debian", f"ID={os_id}")).is_supported is supported


def test_a_machine_that_tells_nothing_is_no_error():
    facts = parse_probe("")
    assert (facts.os_id, facts.cores, facts.ram_bytes, facts.disk_bytes) == ("", 0, 0, 0)


@pytest.mark.parametrize("plan", [docker_steps, agent_steps, portainer_steps])
def test_every_command_that_creates_something_looks_first(plan):
    harmless = ("docker", "start")
    for command in commands(plan()):
        assert command.unless or command.argv[:2] == harmless, command


def test_steps_have_names_of_their_own():
    for plan in (agent_steps, portainer_steps):
        names = [step.name for step in plan()]
        assert len(names) == len(set(names))


def test_portainer_gets_the_image_and_the_ports_that_were_asked_for():
    steps = portainer_steps("my/image:1", https_port=19443, tunnel_port=18000, address="127.0.0.1")
    (create,) = (c.argv for c in commands(steps) if c.argv[:2] == ("docker", "create"))
    assert create[-1] == "my/image:1"
    assert "127.0.0.1:19443:9443" in create
    assert "127.0.0.1:18000:8000" in create
    assert "--restart=always" in create
    assert "portainer_data:/data" in create


def test_the_agent_sees_docker_and_its_volumes():
    (create,) = (c.argv for c in commands(agent_steps()) if c.argv[:2] == ("docker", "create"))
    assert "9001:9001" in create
    assert "/var/run/docker.sock:/var/run/docker.sock" in create
    assert "/var/lib/docker/volumes:/var/lib/docker/volumes" in create


def test_an_odd_image_name_stays_one_argument():
    steps = portainer_steps("x; rm -rf /")
    assert sum("x; rm -rf /" in command.argv for command in commands(steps)) == 2


@pytest.mark.parametrize(
    "log",
    [
        f"2026/01/01 INF one-time setup token setup_token={TOKEN}\n",
        f"setup_token={'f' * 64}\nrestarted\n... setup_token={TOKEN} more",
    ],
)
def test_the_setup_token_of_the_last_start_is_found(log):
    assert find_setup_token(log) == TOKEN


@pytest.mark.parametrize("log", ["", "setup_token=abc", f"token={TOKEN}", f"setup_token={TOKEN}0"])
def test_a_log_without_a_setup_token_has_none(log):
    assert find_setup_token(log) == ""


def test_passwords_are_long_mixed_and_never_the_same():
    passwords = {generate_password() for _again in range(200)}
    assert len(passwords) == 200
    for password in passwords:
        assert len(password) == 14
        assert set(password) <= set(string.ascii_letters + string.digits)
        for kind in (string.ascii_lowercase, string.ascii_uppercase, string.digits):
            assert set(password) & set(kind)


def test_a_key_of_every_usual_kind_is_read():
    for key in (paramiko.RSAKey.generate(2048), paramiko.ECDSAKey.generate()):
        text = io.StringIO()
        key.write_private_key(text)
        assert read_private_key(text.getvalue()) == key
    assert read_private_key(ED25519).get_name() == "ssh-ed25519"
