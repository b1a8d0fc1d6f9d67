"""Installation plans over real SSH, on a machine whose Docker is the private engine."""

import shlex

import pytest
import sshd_world
from root_ssh import (
    CommandFailed,
    SshSession,
    Unavailable,
    container_steps,
    docker_steps,
    fetch_host_key,
    probe,
    read_setup_token,
    restart_container,
    run_step,
)

from devkit.docker_engine import PACKAGES
from devkit.sshd_image import PASSWORD

pytestmark = pytest.mark.skipif(bool(sshd_world.why_not()), reason=sshd_world.why_not())
TOKEN = "0123456789abcdef" * 4


@pytest.fixture(scope="module")
def session(engine):
    """A user who may become root without a password, on a machine with Docker."""
    program = PACKAGES / "usr/bin/docker"
    before = "\n".join(
        [
            "mount -t tmpfs -o mode=755 tmpfs /usr/local/bin",
            f"ln -s {shlex.quote(str(program))} /usr/local/bin/docker",
            "mount -t tmpfs -o mode=755 tmpfs /run",
            "mkdir /run/sshd",
            f"ln -s {shlex.quote(str(engine.socket))} /run/docker.sock",
        ]
    )
    with sshd_world.ssh_server(before) as server:
        host_key = fetch_host_key(server.host, server.port)
        options = {"host_key": host_key, "key": server.client_key_text}
        with SshSession(server.host, server.port, sshd_world.FREE, **options) as session:
            yield session


@pytest.fixture
def remove(engine, name):
    yield
    engine.request("DELETE", f"/containers/{name}?force=1&v=1")


def test_the_probe_sees_docker(session):
    facts = probe(session)
    assert facts.docker_runs
    assert facts.docker_version[0].isdigit()


def test_a_plan_runs_once_and_finds_its_work_done(session, engine, name, remove):
    options = ("-e", "A=it's $HOME")
    steps = docker_steps() + container_steps("web", "the web", name, "saas-test/web:1", options)
    changed = [step.name for step in steps if run_step(session, step)]
    assert changed == ["web_container"]
    first = engine.request("GET", f"/containers/{name}/json")[1]
    assert first["State"]["Running"]
    assert first["HostConfig"]["RestartPolicy"]["Name"] == "always"
    assert "A=it's $HOME" in first["Config"]["Env"]

    engine.request("POST", f"/containers/{name}/stop?t=1")
    for step in steps:
        run_step(session, step)
    again = engine.request("GET", f"/containers/{name}/json")[1]
    assert (again["Id"], again["State"]["Running"]) == (first["Id"], True)
    restart_container(session, name)
    assert engine.request("GET", f"/containers/{name}/json")[1]["State"]["Running"]


def test_an_image_that_cannot_be_fetched_is_explained(session, name, remove):
    seen = []
    steps = container_steps("web", "the web", name, "localhost:1/absent:1", ())
    with pytest.raises(CommandFailed, match="docker failed"):
        for step in steps:
            run_step(session, step, seen.append)
    assert "localhost:1" in "".join(seen)


def test_the_setup_token_is_read_from_the_containers_log(session, engine, name, remove):
    assert read_setup_token(session, name) == ""
    command = ("sh", "-c", f"echo INF setup_token={TOKEN}; sleep 60")
    argv = ["docker", "run", "-d", "--name", name, "saas-test/web:1", *command]
    session.run(argv, sudo=True)
    assert read_setup_token(session, name) == TOKEN


def test_docker_is_installed_even_after_a_run_that_was_cut_off(new_machine):
    """From the distribution, by apt: the connection is lost while packages are unpacked."""
    machine = new_machine(bare=True)
    options = {"host_key": fetch_host_key(machine.host, machine.port), "password": PASSWORD}

    def install(word):
        with SshSession(machine.host, machine.port, "root", **options) as session:

            def see(text):
                if word in text:
                    session.close()

            for step in docker_steps():
                run_step(session, step, see)
            return probe(session)

    with pytest.raises(Unavailable):
        install("Unpacking containerd")
    assert install("no such word").docker_runs
    assert "docker.io" in machine.run("sh", "-c", "dpkg-query --list | grep ^ii")
    assert machine.run("dpkg", "--audit") == ""
