"""Start, stop and delete."""

from . import compose, endpoints, resources, stack_rules
from .compose import ComposeError
from .deployment import ACTIVE, DEPLOYING, ERROR, INACTIVE
from .web import ApiError, nothing, reply, route

ORPHAN = "Unable to find the endpoint associated to the stack inside the database"


def refuse_while_deploying(stack, message):
    """Line 67: newer servers do one thing after the other."""
    if stack["Status"] == DEPLOYING:
        raise ApiError(409, message, "Stack deployment is already in progress")


@route("POST", "/api/stacks/<int:number>/start")
def start(call, number):
    """Lines 48 and 49."""
    stack = stack_rules.find(call, number)
    endpoint = stack_rules.endpoint_of(call, stack)
    if call.double.mode == "2.45":
        refuse_start(stack)
    if has_containers(call, endpoint, stack):
        raise ApiError(409, f"A stack with the name '{stack['Name']}' is already running")
    stack_rules.check_access(call, stack)
    if stack["Status"] == ACTIVE:
        raise ApiError(400, "Stack is already active")
    try:
        compose.up(call.double, endpoint, stack, *(["--prune"] if compose.is_swarm(stack) else []))
    except ComposeError as error:
        raise ApiError(500, "Unable to start stack", str(error)) from None
    return reply(call.store.change("stacks", number, Status=ACTIVE))


def refuse_start(stack):
    refuse_while_deploying(stack, "Unable to start stack")
    if stack["Status"] == ACTIVE:
        raise ApiError(409, "Unable to start stack", "Stack is already active")
    if stack["Status"] == ERROR:
        raise ApiError(409, "Unable to start stack", stack["DeploymentStatus"][-1]["Message"])


def has_containers(call, endpoint, stack):
    found = stack_rules.running(call, endpoint, stack["Name"], compose.is_swarm(stack))
    others = [
        row
        for row in call.store.all("stacks")
        if row["Name"] == stack["Name"]
        and row["EndpointId"] == endpoint["Id"]
        and row["Id"] != stack["Id"]
    ]
    return bool(found or others)


@route("POST", "/api/stacks/<int:number>/stop")
def stop(call, number):
    """Line 47: it is a `down`; volumes alone survive."""
    stack = stack_rules.find(call, number)
    endpoint = stack_rules.endpoint_of(call, stack)
    stack_rules.check_access(call, stack)
    if stack["Status"] == DEPLOYING:
        raise ApiError(409, "Stack deployment is in progress")
    if stack["Status"] == INACTIVE:
        raise ApiError(400, "Stack is already inactive")
    try:
        compose.down(call.double, endpoint, stack)
    except ComposeError as error:
        raise ApiError(500, "Unable to stop stack", str(error)) from None
    return reply(call.store.change("stacks", number, Status=INACTIVE))


@route("DELETE", "/api/stacks/<int:number>")
def delete(call, number):
    """Lines 50 to 52: another environment's number takes the stack for an orphan."""
    if call.query_flag("external"):
        return delete_external(call, str(number))
    stack = stack_rules.find(call, number)
    endpoint = call.store.get("endpoints", call.query_number("endpointId"))
    if not endpoint:
        if not call.is_admin:
            raise ApiError(403, "Permission denied to remove orphaned stack")
        raise ApiError(404, ORPHAN, stack_rules.NOT_FOUND)
    if endpoint["Id"] != stack["EndpointId"]:
        if not call.is_admin:
            raise ApiError(403, "Permission denied to remove orphaned stack")
    else:
        endpoints.find(call, endpoint["Id"])
        stack_rules.check_access(call, stack)
    try:
        compose.down(call.double, endpoint, stack)
    except ComposeError as error:
        raise ApiError(500, f"failed to remove a stack: {error}") from None
    call.store.delete("stacks", number)
    resources.revoke(call.store, resources.STACK, resources.stack_resource(stack))
    compose.remove_files(call.double, stack)
    return nothing()


@route("DELETE", "/api/stacks/<string:name>")
def delete_external(call, name):
    """A stack of the swarm that Portainer does not know; compose has nothing of the kind."""
    if not call.query_flag("external"):
        raise ApiError(400, "Invalid stack identifier route variable", name)
    number = call.query_number("endpointId", required=True)
    if not call.is_admin:
        raise ApiError(401, "Permission denied to delete the stack", "Unauthorized")
    if call.store.find("stacks", Name=name):
        message = "A stack with this name exists inside the database. Cannot use external delete"
        raise ApiError(400, f"{message} method")
    endpoint = call.store.get("endpoints", number)
    if not endpoint:
        raise ApiError(404, ORPHAN, stack_rules.NOT_FOUND)
    stack = {"Id": 0, "Name": name, "Type": compose.SWARM, "Env": None}
    try:
        compose.down(call.double, endpoint, stack)
    except ComposeError as error:
        raise ApiError(500, "Unable to delete stack", str(error)) from None
    return nothing()
