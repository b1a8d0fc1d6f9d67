"""A swarm of one node, and texts for it."""

import contextlib
import fcntl
import os

from devkit import docker_images
from devkit.docker_engine import Engine
from devkit.waiting import wait_for

NAMESPACE = "com.docker.stack.namespace"
#: The program `docker` of Debian 12 wants the version.
WEB = """version: "3.8"
services:
  web:
    image: saas-test/web:1
    healthcheck: {disable: true}
    volumes: ["data:/data"]
    environment:
      COLOUR: ${COLOUR:-none}
    deploy: {endpoint_mode: dnsrr, update_config: {order: stop-first, failure_action: continue}}
volumes:
  data: {}
"""
WEB_2 = WEB.replace("web:1", "web:2")
PLAIN = """version: "3.8"
services:
  web: {image: "saas-test/web:1", healthcheck: {disable: true}}
"""


@contextlib.contextmanager
def running():
    """An engine of its own: to leave a swarm breaks the names of all other containers there.

    The last of its users has it leave the swarm.
    """
    with Engine("swarm").use() as engine, (engine.folder / "swarm-users").open("w") as users:
        with alone(engine):
            fcntl.flock(users, fcntl.LOCK_SH)
            docker_images.build(engine)
            if engine.request("GET", "/swarm")[0] != 200:
                begin(engine)
        try:
            yield engine
        finally:
            with alone(engine), contextlib.suppress(BlockingIOError):
                fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
                end(engine)


@contextlib.contextmanager
def alone(engine):
    with (engine.folder / "swarm-lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def carry(source, swarm, *images):
    """Take images of another engine, as they are today, into the swarm's."""

    def identify(engine, tag):
        status, image = engine.request("GET", f"/images/{tag}/json")
        return image["Id"] if status == 200 else ""

    missing = [tag for tag in images if identify(source, tag) != identify(swarm, tag)]
    if missing:
        archive = swarm.folder / f"images-{os.getpid()}.tar"
        try:
            source.docker("save", f"--output={archive}", *missing)
            swarm.docker("load", f"--input={archive}")
        finally:
            archive.unlink(missing_ok=True)


def begin(engine):
    pool = f"{engine.network.prefix}.64.0/18"
    address = ["--advertise-addr=127.0.0.1", "--listen-addr=127.0.0.1:2377"]
    pools = [f"--default-addr-pool={pool}", "--default-addr-pool-mask-length=26"]
    engine.docker("swarm", "init", *address, *pools)


def end(engine):
    engine.docker("swarm", "leave", "--force", check=False)
    # Nothing else would ever remove this bridge of the machine.
    wait_for(lambda: not gateway(engine), 30, "the swarm's bridge to go")


def gateway(engine):
    """Whether the bridge is still there, which containers that are ending keep."""
    return engine.request("DELETE", "/networks/docker_gwbridge")[0] not in (204, 404)


def is_of(name, labels):
    """Whether something belongs to a stack of that name, or of one that begins with it."""
    return f"{(labels or {}).get(NAMESPACE, '')}-".startswith(f"{name}-")


def remove_services(engine, name):
    """Tells the swarm to end a stack, and removes the secrets and configs of its name."""
    for kind in ("services", "secrets", "configs"):
        for row in engine.request("GET", f"/{kind}")[1]:
            if is_of(name, row["Spec"].get("Labels")) or row["Spec"]["Name"].startswith(name):
                engine.request("DELETE", f"/{kind}/{row['ID']}")


def remove_stack(engine, name):
    """Whatever stacks of that name, or of names that begin with it and a hyphen, left behind."""
    remove_services(engine, name)

    def left():
        rows = engine.request("GET", "/containers/json?all=1")[1]
        return [row for row in rows if is_of(name, row.get("Labels"))]

    wait_for(lambda: not left(), 60, f"the containers of {name} to end")
    for row in engine.request("GET", "/networks")[1]:
        if is_of(name, row.get("Labels")):
            engine.request("DELETE", f"/networks/{row['Id']}")
    for row in engine.request("GET", "/volumes")[1]["Volumes"] or []:
        if is_of(name, row.get("Labels")):
            engine.request("DELETE", f"/volumes/{row['Name']}?force=1")
