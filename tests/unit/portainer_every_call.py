"""Every public call of the client, for tests that walk through all of them."""

import os
from dataclasses import dataclass, field
from pathlib import Path

from portainer_api import PortainerClient

NOWHERE, HERE = Path(os.devnull), Path(__file__)

PLAIN = """services:
  web: {image: "saas-test/web:1", healthcheck: {disable: true}}
"""


@dataclass
class Place:
    """What the calls are about."""

    environment: int = 1
    name: str = "web"
    stack: int = 3
    container: str = "web-web-1"
    service: str = "web_web"
    volume: str = "web_data"
    user: int = 1
    key: int = 1
    jwt: str = "jwt"
    username: str = "admin"
    password: str = "a-long-password"
    operation: str = "op-1"
    new_environment: str = "another"
    setup_token: str = ""
    removed: str = "web-web-1"
    file: str = "/start"
    env: dict = field(default_factory=dict)


#: name → the call, with a client and a Place
READS = {
    "status": lambda c, p: c.status(),
    "wait_until_ready": lambda c, p: c.wait_until_ready(timeout=0),
    "admin_exists": lambda c, p: c.admin_exists(),
    "me": lambda c, p: c.me(),
    "list_api_keys": lambda c, p: c.list_api_keys(p.user),
    "list_environments": lambda c, p: c.list_environments(snapshots=True),
    "get_environment": lambda c, p: c.get_environment(p.environment),
    "find_environment": lambda c, p: c.find_environment(p.new_environment),
    "list_stacks": lambda c, p: c.list_stacks(p.environment),
    "get_stack": lambda c, p: c.get_stack(p.stack),
    "get_stack_file": lambda c, p: c.get_stack_file(p.stack),
    "find_stack": lambda c, p: c.find_stack(p.environment, p.name),
    "docker_info": lambda c, p: c.docker_info(p.environment),
    "docker_version": lambda c, p: c.docker_version(p.environment),
    "docker_client": lambda c, p: c.docker_client(p.environment),
    "capacity": lambda c, p: c.capacity(p.environment, disk=True),
    "find_image": lambda c, p: c.find_image(p.environment, "saas-test/web:1"),
    "list_containers": lambda c, p: c.list_containers(p.environment, p.name),
    "get_container": lambda c, p: c.get_container(p.environment, p.container),
    "logs": lambda c, p: c.logs(p.environment, p.container),
    "stats": lambda c, p: c.stats(p.environment, p.container),
    "get_file": lambda c, p: c.get_file(
        p.environment, p.container, p.file, NOWHERE, max_bytes=4096
    ),
    "list_volumes": lambda c, p: c.list_volumes(p.environment, p.name),
}
WRITES = {
    "init_admin": lambda c, p: c.init_admin(p.username, p.password, p.setup_token),
    "login": lambda c, p: c.login(p.username, p.password),
    "create_api_key": lambda c, p: c.create_api_key(p.jwt, p.password, "tests"),
    "delete_api_key": lambda c, p: c.delete_api_key(p.user, p.key),
    "create_environment": lambda c, p: c.create_environment(p.new_environment),
    "snapshot_environment": lambda c, p: c.snapshot_environment(p.environment),
    "delete_environment": lambda c, p: c.delete_environment(p.environment),
    "create_stack": lambda c, p: c.create_stack(p.environment, p.name, PLAIN, p.env),
    "ensure_stack": lambda c, p: c.ensure_stack(
        p.environment, p.name, PLAIN, p.env, operation=p.operation, settle=1
    ),
    "update_stack": lambda c, p: c.update_stack(p.stack, p.environment, PLAIN, p.env),
    "start_stack": lambda c, p: c.start_stack(p.stack, p.environment),
    "stop_stack": lambda c, p: c.stop_stack(p.stack, p.environment),
    "delete_stack": lambda c, p: c.delete_stack(p.stack, p.environment),
    "container_action": lambda c, p: c.container_action(
        p.environment, p.removed, "remove", force=True
    ),
    "put_file": lambda c, p: c.put_file(p.environment, p.container, HERE, "/data", "file"),
    "exec": lambda c, p: c.exec(p.environment, p.container, ["true"], timeout=c.patience),
    "delete_volume": lambda c, p: c.delete_volume(p.environment, p.volume),
}

#: What needs a swarm, or changes one.
SWARM = {
    "swarm_id": lambda c, p: c.swarm_id(p.environment),
    "list_services": lambda c, p: c.list_services(p.environment, p.name),
    "list_tasks": lambda c, p: c.list_tasks(p.environment, p.name),
    "list_nodes": lambda c, p: c.list_nodes(p.environment),
    "swarm_progress": lambda c, p: c.swarm_progress(p.environment, p.name),
    "swarm_capacity": lambda c, p: c.swarm_capacity(p.environment),
    "list_swarm_objects": lambda c, p: c.list_swarm_objects(p.environment, "secret"),
    "ensure_swarm_object": lambda c, p: c.ensure_swarm_object(
        p.environment, "config", "web_text", b"text", {}
    ),
    "delete_swarm_object": lambda c, p: c.delete_swarm_object(p.environment, "config", "none"),
    "remove_foreign_stack": lambda c, p: c.remove_foreign_stack(p.environment, p.name),
    "restart_service": lambda c, p: c.restart_service(p.environment, p.service),
}


def public_calls() -> set[str]:
    """What the client offers, but for what sends nothing."""
    names = {name for name in dir(PortainerClient) if not name.startswith("_")}
    return {name for name in names - {"close"} if callable(getattr(PortainerClient, name))}
