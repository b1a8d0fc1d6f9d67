"""Stacks as Portainer keeps them: create, update and read."""

import json

from . import compose, endpoints, resources, stack_actions, stack_rules
from .deployment import Deployment
from .web import ApiError, Payload, reply, route

ACTIVE, INACTIVE, DEPLOYING, ERROR = 1, 2, 3, 4
TYPES = {"standalone", "swarm", "kubernetes"}


def with_control(call, stack):
    """Line 55: create, list and inspect show who may use the stack."""
    row = resources.control(call.store, resources.STACK, resources.stack_resource(stack))
    return {**stack, "ResourceControl": row}


# --- create -----------------------------------------------------------------------


@route("POST", "/api/stacks", modes=("2.23",))
def create_old(call):
    """The route of Portainer 2.18 and before, which 2.23 still answers."""
    kinds = {"1": "swarm", "2": "standalone", "3": "kubernetes"}
    kind = kinds.get(call.request.args.get("type"), "")
    return create(call, kind, call.request.args.get("method", ""))


@route("POST", "/api/stacks/create/<kind>/<method>")
def create(call, kind, method):
    """Lines 31 to 41, 67 and 68."""
    endpoint = endpoints.find(call, call.query_number("endpointId", required=True))
    if kind not in TYPES or method not in ("string", "file", "repository"):
        message = "Invalid value for query parameter: type. Value must be one of: 1 (Swarm stack)"
        raise ApiError(400, message, f"unknown {kind}/{method}")
    if kind == "kubernetes" or method == "repository":
        raise ApiError(400, "Invalid request payload", f"the double knows no {kind}/{method}")
    swarm = kind == "swarm"
    name, content, env, cluster = _stack_file(call, method, swarm)
    name = stack_rules.normalised(name)
    # Whether the environment is of this kind shows only in what Docker makes of it.
    stack_rules.check_name(call, endpoint, name, swarm)
    stack = {
        "Id": call.store.next_id("stacks"),  # spent even when the deploy fails
        "Name": name,
        "Type": compose.SWARM if swarm else compose.COMPOSE,
        "EndpointId": endpoint["Id"],
        "SwarmId": cluster,
        "EntryPoint": "docker-compose.yml",
        "Env": env,
        "ResourceControl": None,
        "Status": ACTIVE,
        "CreationDate": int(call.double.clock.now()),
        "CreatedBy": call.user["Username"],
        "UpdateDate": 0,
        "UpdatedBy": "",
        "AdditionalFiles": None,
        "AutoUpdate": None,
        "Option": None,
        "GitConfig": None,
        "FromAppTemplate": False,
        "Namespace": "",
    }
    stack["ProjectPath"] = f"/data/compose/{stack['Id']}"
    compose.write(call.double, stack, content)
    stack = Deployment(call.double, endpoint, stack, call.user).create()
    return reply(with_control(call, stack))


def _stack_file(call, method, swarm):
    """(name, content, variables, cluster) of a JSON body or a form."""
    if method == "string":
        payload = call.payload()
        name = payload.required("Name", "Invalid stack name")
        cluster = payload.required("SwarmID", "Invalid Swarm ID") if swarm else ""
        content = payload.required("StackFileContent", "Invalid stack file content")
        return name, content, stack_rules.environment(payload), cluster
    form = call.request.form
    if not form.get("Name"):
        raise ApiError(400, "Invalid request payload", "Invalid stack name")
    if swarm and not form.get("SwarmID"):
        raise ApiError(400, "Invalid request payload", "Invalid Swarm ID")
    if "file" not in call.request.files:
        details = "Invalid Compose file. Ensure that the Compose file is uploaded correctly"
        raise ApiError(400, "Invalid request payload", details)
    content = call.request.files["file"].read().decode(errors="replace")
    env = Payload({"Env": json.loads(form.get("Env") or "[]")})
    cluster = form["SwarmID"] if swarm else ""
    return form["Name"], content, stack_rules.environment(env), cluster


# --- read -------------------------------------------------------------------------


@route("GET", "/api/stacks")
def search(call):
    """Lines 30 and 54."""
    try:
        filters = json.loads(call.request.args.get("filters") or "{}")
        endpoint = Payload(filters).get("EndpointID", int)
        cluster = Payload(filters).get("SwarmID")
    except (ValueError, AttributeError, ApiError) as error:
        raise ApiError(400, "Invalid query parameter: filters", str(error)) from None
    rows = [with_control(call, row) for row in call.store.all("stacks")]
    rows = [row for row in rows if resources.may_use(call, row["ResourceControl"])]
    if endpoint or cluster:
        wanted = {compose.COMPOSE: ("EndpointId", endpoint), compose.SWARM: ("SwarmId", cluster)}
        rows = [row for row in rows if row[wanted[row["Type"]][0]] == wanted[row["Type"]][1]]
    return reply(rows)


@route("GET", "/api/stacks/<int:number>")
def inspect(call, number):
    stack = stack_rules.find(call, number)
    stack_rules.check_access(call, stack)
    return reply(with_control(call, stack))


@route("GET", "/api/stacks/<int:number>/file")
def file(call, number):
    """Line 53."""
    stack = stack_rules.find(call, number)
    stack_rules.check_access(call, stack)
    try:
        return reply({"StackFileContent": compose.read(call.double, stack)})
    except OSError as error:
        raise ApiError(500, "Unable to retrieve Compose file from disk", str(error)) from None


# --- update -----------------------------------------------------------------------


@route("PUT", "/api/stacks/<int:number>")
def update(call, number):
    """Lines 42 to 46."""
    stack = stack_rules.find(call, number)
    endpoint = stack_rules.endpoint_of(call, stack)
    stack_rules.check_access(call, stack)
    stack_actions.refuse_while_deploying(stack, "Unable to update stack")
    payload = call.payload()
    content = payload.required("StackFileContent", "Invalid stack file content")
    env = stack_rules.environment(payload)
    newer = call.double.mode == "2.45"
    repull = newer and payload.get("RepullImageAndRedeploy", bool)
    if compose.is_swarm(stack):
        options = ["--prune"] if payload.get("Prune", bool) else []
    else:
        fresh = repull or (newer and payload.get("PullImage", bool))
        options = ["--force-recreate"] if fresh else []
        if newer and payload.get("Prune", bool):
            options.append("--remove-orphans")
    changed = {**stack, "Env": env, "EndpointId": endpoint["Id"]}
    deployment = Deployment(call.double, endpoint, changed, call.user)
    pull = payload.get("PullImage", bool) or repull
    return reply(deployment.update(stack, content, options, pull))
