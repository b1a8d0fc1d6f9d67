"""The same stack in the form that `docker stack deploy` takes."""

from .names import DATABASE_SERVICE, ODOO_SERVICE
from .types import StackSpec

#: The newest form that the Docker of 2020 and later ones read.
_VERSION = "3.9"
#: Swarm says these in another place, or has no such thing.
_NOT_IN_SWARM = ("restart", "depends_on", "security_opt")
_SECRET = "db_password"
_PASSWORDS = {ODOO_SERVICE: "PASSWORD", DATABASE_SERVICE: "POSTGRES_PASSWORD"}


def adapt(data: dict, spec: StackSpec) -> dict:
    """A stack for a swarm, made of the data of one for a single machine."""
    services = {name: _service(name, each, spec) for name, each in data["services"].items()}
    adapted = {"version": _VERSION, **data, "services": services}
    if spec.swarm.password_secret:
        adapted["secrets"] = {_SECRET: {"external": True, "name": spec.swarm.password_secret}}
    return adapted


def _service(name: str, service: dict, spec: StackSpec) -> dict:
    adapted = {key: value for key, value in service.items() if key not in _NOT_IN_SWARM}
    adapted["deploy"] = _deploy(service, spec)
    # A proxy in the swarm reads the labels of services, the portal those of containers.
    adapted["labels"] = {
        key: value for key, value in service["labels"].items() if not key.startswith("traefik.")
    }
    adapted["ports"] = [_without_address(port) for port in service.get("ports", ())]
    if not adapted["ports"]:
        del adapted["ports"]
    if spec.swarm.password_secret:
        environment = dict(service["environment"])
        del environment[_PASSWORDS[name]]
        environment[f"{_PASSWORDS[name]}_FILE"] = f"/run/secrets/{_SECRET}"
        adapted.update(environment=environment, secrets=[_secret()])
    return adapted


def _deploy(service: dict, spec: StackSpec) -> dict:
    """One task of each service: its volume is on one node, and two would write to it at once."""
    deploy = {
        "replicas": 1,
        "endpoint_mode": "dnsrr",
        "labels": dict(service["labels"]),
        "restart_policy": {"condition": "any", "delay": "5s"},
        "update_config": {"order": "stop-first", "failure_action": "pause"},
        **service.get("deploy", {}),
    }
    if spec.swarm.constraints:
        deploy["placement"] = {"constraints": list(spec.swarm.constraints)}
    return deploy


def _without_address(port: dict) -> dict:
    return {
        **{key: port[key] for key in port if key != "host_ip"},
        "published": int(port["published"]),
    }


def _secret() -> dict:
    return {"source": _SECRET, "target": _SECRET, "mode": 0o444}
