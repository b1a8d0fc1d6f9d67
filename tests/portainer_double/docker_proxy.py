"""The Docker API of an environment, passed through with Portainer's changes."""

import contextlib
import http.client
import json
import re

from werkzeug.wrappers import Response

from . import docker_api, endpoints, resources
from .connections import swallow
from .web import ApiError, ConnectionDropped, nothing, route

HOP = {"connection", "keep-alive", "transfer-encoding", "upgrade", "te", "trailer", "host"}
LARGE = 1024 * 1024
METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE")
VERSION = re.compile(r"^/v1\.\d+(?=/)")
PROJECT = "com.docker.compose.project"
NAMESPACE = "com.docker.stack.namespace"
CREATIONS = {
    "/containers/create": (resources.CONTAINER, "Id"),
    "/networks/create": (resources.NETWORK, "Id"),
    "/volumes/create": (resources.VOLUME, "Name"),
    "/configs/create": (resources.CONFIG, "ID"),
    "/secrets/create": (resources.SECRET, "ID"),
    "/services/create": (resources.SERVICE, "ID"),
}
READS = [
    (re.compile(r"/containers/json$"), resources.CONTAINER, "Id"),
    (re.compile(r"/containers/[^/]+/json$"), resources.CONTAINER, "Id"),
    (re.compile(r"/networks(/[^/]+)?$"), resources.NETWORK, "Id"),
    (re.compile(r"/volumes(/[^/]+)?$"), resources.VOLUME, "Name"),
    (re.compile(r"/services(/[^/]+)?$"), resources.SERVICE, "ID"),
    (re.compile(r"/secrets(/[^/]+)?$"), resources.SECRET, "ID"),
    (re.compile(r"/configs(/[^/]+)?$"), resources.CONFIG, "ID"),
]


def proxy(call, number, path):
    """Lines 56 to 64; the path is taken raw, because ids and names may be quoted in it."""
    endpoint = endpoints.find(call, number)
    target = call.request.environ["REQUEST_URI"].split("/docker", 1)[1]
    if "upgrade" in call.request.headers.get("Connection", "").lower():
        return upgrade(call, endpoint, target)
    connection = docker_api.connect(call.double, endpoint)
    try:
        answer = send(call.request, connection, target)
    except (OSError, http.client.HTTPException):
        connection.close()
        return unreachable(endpoint)
    bare = VERSION.sub("", target.split("?")[0])
    rewritten = rewrite(call, endpoint, bare, answer)
    if rewritten is not None:
        connection.close()
        return rewritten
    return stream(call, endpoint, connection, answer)


for _method in METHODS:
    if _method != "HEAD":  # comes with GET
        route(_method, "/api/endpoints/<int:number>/docker/<path:path>")(proxy)


def send(request, connection, target):
    headers = {
        name: value for name, value in request.headers if name.lower() not in HOP
    }  # X-API-KEY goes along, as it does in Portainer
    if (request.content_length or 0) > LARGE:
        # A file for a container is passed on piece by piece.
        body = request.stream
    else:
        body = request.get_data()
        if body or request.method in ("POST", "PUT"):
            headers["Content-Length"] = str(len(body))
    headers["Host"] = "docker"
    # An engine that refuses a body before it has read it all says why.
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        connection.request(request.method, target, body, headers)
    return connection.getresponse()


def unreachable(endpoint):
    """Line 64."""
    if docker_api.is_socket(endpoint):
        raise ApiError(
            500,
            "Unable to proxy the request via the Docker socket",
            "dial unix: connect: no such file or directory",
        )
    return nothing(502)


def stream(call, endpoint, connection, answer):
    """Passes the body on; from a socket in lumps of 4 KB, for want of flushing."""
    read = answer.read if docker_api.is_socket(endpoint) else answer.read1

    def body():
        with contextlib.closing(connection):
            while True:
                data = read(4096)
                if not data:
                    return
                yield data

    if answer.status in (204, 304) or call.request.method == "HEAD":
        connection.close()
        return with_headers(Response(b"", answer.status), answer)
    response = with_headers(Response(body(), answer.status), answer)
    response.call_on_close(connection.close)
    return response


def with_headers(response, answer):
    """The engine's own headers; without one for the kind of content if it sent none."""
    response.headers.clear()
    for name, value in answer.headers.items():
        if name.lower() not in HOP and not (name == "Content-Length" and answer.status == 304):
            response.headers[name] = value
    return response


def upgrade(call, endpoint, target):
    """Line 62: the daemon is asked and obeys, but what it says then is never heard."""
    connection = docker_api.connect(call.double, endpoint)
    with contextlib.closing(connection):
        try:
            headers = {
                "Connection": "Upgrade",
                "Upgrade": "tcp",
                "Content-Type": "application/json",
            }
            body = call.request.get_data()
            connection.request(call.request.method, target, body, headers)
            connection.getresponse()
        except (OSError, http.client.HTTPException):
            return unreachable(endpoint)
        client = call.request.environ["werkzeug.socket"]
        client.sendall(b"HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n")
        swallow(client)
    raise ConnectionDropped


# --- Portainer's changes ----------------------------------------------------------


def rewrite(call, endpoint, path, answer):
    """The changed reply, or None when the engine's own passes through."""
    method = call.request.method
    if answer.headers.get_content_type() == "application/json" or answer.status == 204:
        if method == "POST" and path in CREATIONS and answer.status == 201:
            return created(call, endpoint, answer, *CREATIONS[path])
        if method == "GET" and answer.status == 200:
            for pattern, kind, key in READS:
                if pattern.fullmatch(path):
                    return decorated(call, endpoint, answer, kind, key)
    if method == "DELETE" and answer.status < 300:
        parts = path.strip("/").split("/")
        kinds = {"containers": resources.CONTAINER, "networks": resources.NETWORK}
        if len(parts) == 2 and parts[0] in kinds:
            resources.revoke(call.store, kinds[parts[0]], parts[1])
    return None


def created(call, endpoint, answer, kind, key):
    """Line 57: 201 becomes 200, and the maker owns what was made."""
    value = json.loads(answer.read())
    resource = resource_of(call, endpoint, kind, value[key])
    control = resources.grant(call.store, kind, resource, call.user)
    return as_json({**value, "Portainer": {"ResourceControl": control}})


def decorated(call, endpoint, answer, kind, key):
    """Line 56: whoever owns a stack owns what it is made of."""
    value = json.loads(answer.read())
    items = value if isinstance(value, list) else [value]
    if isinstance(value, dict) and isinstance(value.get("Volumes"), list):
        items = value["Volumes"]
    for item in items:
        if key not in item:
            continue
        resource = resource_of(call, endpoint, kind, item[key])
        owners = (item, item.get("Config", {}), item.get("Spec", {}))
        labels = next((one["Labels"] for one in owners if one.get("Labels")), {})
        name = labels.get(PROJECT) or labels.get(NAMESPACE)
        stack = {"EndpointId": endpoint["Id"], "Name": name}
        control = resources.control(call.store, kind, resource) or resources.control(
            call.store, resources.STACK, resources.stack_resource(stack)
        )
        if kind == resources.VOLUME:
            item["ResourceID"] = resource
        if control:
            item["Portainer"] = {"ResourceControl": control}
    return as_json(value)


def resource_of(call, endpoint, kind, value):
    if kind != resources.VOLUME:
        return value
    return f"{value}_{docker_api.get(call.double, endpoint, '/info')['ID']}"


def as_json(value):
    return Response(json.dumps(value), 200, content_type="application/json")
