"""The private engine itself: started twice, killed, used by several at once, removed."""

import os
from pathlib import Path

import pytest

from devkit import docker_images, docker_network
from devkit.docker_engine import Engine


@pytest.fixture
def trial():
    """An engine of its own, which the test may break."""
    engine = Engine(f"trial-{os.getpid()}")
    yield engine
    engine.keep(False)
    engine.destroy()


def pid(engine, program="dockerd"):
    return int((engine.run_folder / f"{program}.pid").read_text())


def works(number):
    """Whether the process is more than what nobody has reaped."""
    path = Path(f"/proc/{number}/cmdline")
    return path.exists() and bool(path.read_bytes())


def test_an_engine_survives_a_second_start_and_a_kill(trial, engine):
    """`engine` runs beside it: neither disturbs the other."""
    trial.start()
    first = pid(trial)
    trial.start()
    assert pid(trial) == first
    docker_images.build(trial)
    trial.docker("run", "--detach", "--name=kept", "saas-test/web:1")
    trial.docker("run", "--detach", "--name=back", "--restart=always", "saas-test/web:1")
    format = "--format={{.State.Pid}}"
    processes = [int(trial.docker("inspect", format, name)) for name in ("kept", "back")]
    trial.kill()
    assert not trial.answers()
    assert not [number for number in processes if works(number)]
    trial.start()
    assert pid(trial) != first
    assert trial.docker("ps", "--format={{.Names}}").split() == ["back"]
    trial.docker("start", "kept")
    assert "version 1" in trial.docker("exec", "kept", "wget", "-qO-", "http://127.0.0.1:8080")
    assert engine.answers()
    trial.destroy()
    assert not trial.folder.exists()
    assert str(trial.folder) not in Path("/proc/self/mountinfo").read_text()
    assert not Path(f"/sys/class/net/{trial.network.bridge}").exists()
    assert engine.answers()


def test_the_last_user_clears_and_stops_it(trial):
    with trial.use():
        docker_images.build(trial)
        with Engine(trial.name).use():
            trial.docker("volume", "create", "left")
            trial.docker("run", "--detach", "--name=left", "saas-test/web:1")
        assert trial.answers()
        assert trial.docker("ps", "--format={{.Names}}").split() == ["left"]
    assert not trial.answers()
    trial.keep(True)
    with trial.use():
        assert trial.docker("ps", "--all", "--quiet") == ""
        assert trial.docker("volume", "ls", "--quiet") == ""
        assert "saas-test/web" in trial.docker("images")
    assert trial.answers()


def test_a_second_engine_makes_no_firewall_rules(engine, trial):
    """It would clear those of the first."""
    assert docker_network.another_engine_runs()
    trial.start()
    assert "--iptables=false" in Path(f"/proc/{pid(trial)}/cmdline").read_text()
