"""A swarm of one node, and texts for it."""

import contextlib

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
    """An engine of its own: to leave a swarm breaks the names of all other containers there."""
    with Engine("swarm").use() as engine:
        docker_images.build(engine)
        if engine.request("GET", "/swarm")[0] != 200:
            pool = f"{engine.network.prefix}.64.0/18"
            address = ["--advertise-addr=127.0.0.1", "--listen-addr=127.0.0.1:2377"]
            pools = [f"--default-addr-pool={pool}", "--default-addr-pool-mask-length=26"]
            engine.docker("swarm", "init", *address, *pools)
        try:
            yield engine
        finally:
            engine.docker("swarm", "leave", "--force", check=False)
            # Nothing else would ever remove this bridge of the machine.
            wait_for(lambda: not gateway(engine), 30, "the swarm's bridge to go")


def gateway(engine):
    """Whether the bridge is still there, which containers that are ending keep."""
    return engine.request("DELETE", "/networks/docker_gwbridge")[0] not in (204, 404)


def remove_stack(engine, name):
    """Whatever stacks of that name, or of names that begin with it and a hyphen, left behind."""

    def ours(labels):
        return f"{(labels or {}).get(NAMESPACE, '')}-".startswith(f"{name}-")

    for kind in ("services", "secrets", "configs"):
        for row in engine.request("GET", f"/{kind}")[1]:
            if ours(row["Spec"].get("Labels")) or row["Spec"]["Name"].startswith(name):
                engine.request("DELETE", f"/{kind}/{row['ID']}")

    def left():
        return [
            row
            for row in engine.request("GET", "/containers/json?all=1")[1]
            if ours(row.get("Labels"))
        ]

    wait_for(lambda: not left(), 60, f"the containers of {name} to end")
    for row in engine.request("GET", "/networks")[1]:
        if ours(row.get("Labels")):
            engine.request("DELETE", f"/networks/{row['Id']}")
    for row in engine.request("GET", "/volumes")[1]["Volumes"] or []:
        if ours(row.get("Labels")):
            engine.request("DELETE", f"/volumes/{row['Name']}?force=1")
