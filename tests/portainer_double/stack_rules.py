"""What Portainer checks before it touches a stack."""

import json
import re
from urllib.parse import quote

from . import docker_api, endpoints, resources
from .compose import SWARM
from .web import ApiError

ENV_KEYS = {"name", "value"}
NOT_FOUND = "Object not found inside the database"
PROJECT = "com.docker.compose.project"
NAMESPACE = "com.docker.stack.namespace"


def normalised(name):
    return re.sub(r"[^-_a-z0-9]", "", name.lower())


def containers(double, endpoint, name):
    """All containers with the project's label, stopped ones included; OSError if nobody answers."""
    filters = quote(json.dumps({"label": [f"{PROJECT}={name}"]}))
    return docker_api.get(double, endpoint, f"/containers/json?all=1&filters={filters}")


def services(double, endpoint, name):
    """Services of a swarm's stack, known to Portainer or not; OSError where there is no swarm."""
    filters = quote(json.dumps({"label": [f"{NAMESPACE}={name}"]}))
    return docker_api.get(double, endpoint, f"/services?filters={filters}")


def running(call, endpoint, name, swarm):
    """What carries the name in Docker."""
    try:
        found = services(call.double, endpoint, name) if swarm else []
        return found + containers(call.double, endpoint, name)
    except OSError as error:
        raise ApiError(500, "Unable to check for name collision", str(error)) from None


def check_name(call, endpoint, name, swarm):
    """Lines 34 to 37; of a swarm whatever has the name is in the way."""
    named = [row for row in call.store.all("stacks") if row["Name"].lower() == name]
    found = running(call, endpoint, name, swarm)
    here = [row for row in named if row["EndpointId"] == endpoint["Id"]]
    if not swarm:
        # The row of a swarm's stack gives way without a word.
        for row in [row for row in here if row["Type"] == SWARM]:
            call.store.delete("stacks", row["Id"])
            here.remove(row)
            named.remove(row)
    # Containers of nobody's are adopted; those of a stack elsewhere are not.
    if here or (found and (named or swarm)):
        raise ApiError(409, f"A stack with the normalized name '{name}' already exists")


def find(call, number):
    stack = call.store.get("stacks", number)
    if not stack:
        message = "Unable to find a stack with the specified identifier inside the database"
        raise ApiError(404, message, NOT_FOUND)
    return stack


def check_access(call, stack):
    row = resources.control(call.store, resources.STACK, resources.stack_resource(stack))
    if not resources.may_use(call, row):
        raise ApiError(403, "Access denied to resource")


def environment(payload):
    """The variables as stored: null and not [] when none were sent."""
    values = payload.get("Env", list, [])
    for item in values:
        if not isinstance(item, dict) or set(map(str.lower, item)) - ENV_KEYS:
            raise ApiError(400, "Invalid request payload", "json: wrong type for field Env")
    return values or None


def endpoint_of(call, stack):
    """The environment of `?endpointId=`, which moves the stack there when it is another one."""
    number = call.query_number("endpointId", required=True)
    return endpoints.find(call, number or stack["EndpointId"])
