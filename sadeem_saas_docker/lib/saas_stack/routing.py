"""How requests find a client: labels for Traefik, a configuration for nginx."""

from .names import GEVENT_PORT, HTTP_PORT, stack_name
from .types import StackSpec


def traefik_labels(spec: StackSpec) -> dict[str, str]:
    """The labels from which Traefik makes the client's routes, for a checked specification."""
    if not spec.routing.traefik:
        return {}
    name, rule = stack_name(spec.key), f"Host(`{spec.host}`)"
    labels = {"traefik.enable": "true"}
    if spec.routing.network:
        provider = "swarm" if spec.target == "swarm" else "docker"
        labels[f"traefik.{provider}.network"] = spec.routing.network
    labels.update(_route(spec, name, rule, HTTP_PORT))
    if spec.odoo.workers:
        # With threads the one port serves websockets too.
        websocket = f"{rule} && PathPrefix(`/websocket`)"
        labels.update(_route(spec, f"{name}-ws", websocket, GEVENT_PORT))
    return labels


def _route(spec: StackSpec, name: str, rule: str, port: int) -> dict[str, str]:
    router, service = f"traefik.http.routers.{name}", f"traefik.http.services.{name}"
    labels = {f"{router}.rule": rule, f"{router}.service": name}
    if spec.routing.entrypoint:
        labels[f"{router}.entrypoints"] = spec.routing.entrypoint
    if spec.routing.tls_resolver:
        labels[f"{router}.tls.certresolver"] = spec.routing.tls_resolver
    labels[f"{service}.loadbalancer.server.port"] = str(port)
    return labels
