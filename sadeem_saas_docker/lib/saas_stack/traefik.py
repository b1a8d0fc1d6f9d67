"""How Traefik finds a client; for nginx see `routing`."""

from .names import GEVENT_PORT, HTTP_PORT, stack_name
from .types import StackSpec


def labels(spec: StackSpec) -> dict[str, str]:
    """The labels from which it makes the client's routes, for a checked specification."""
    if not spec.routing.traefik:
        return {}
    name, rule = stack_name(spec.key), f"Host(`{spec.host}`)"
    found = {"traefik.enable": "true"}
    if spec.routing.network:
        provider = "swarm" if spec.target == "swarm" else "docker"
        found[f"traefik.{provider}.network"] = spec.routing.network
    found.update(_route(spec, name, rule, HTTP_PORT))
    if spec.odoo.workers:
        # With threads the one port serves websockets too.
        websocket = f"{rule} && PathPrefix(`/websocket`)"
        found.update(_route(spec, f"{name}-ws", websocket, GEVENT_PORT))
    return found


def _route(spec: StackSpec, name: str, rule: str, port: int) -> dict[str, str]:
    router, service = f"traefik.http.routers.{name}", f"traefik.http.services.{name}"
    found = {f"{router}.rule": rule, f"{router}.service": name}
    if spec.routing.entrypoint:
        found[f"{router}.entrypoints"] = spec.routing.entrypoint
    if spec.routing.tls_resolver:
        found[f"{router}.tls.certresolver"] = spec.routing.tls_resolver
    found[f"{service}.loadbalancer.server.port"] = str(port)
    return found
