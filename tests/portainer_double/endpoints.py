"""Environments, which the API calls endpoints."""

import json

from . import docker_api, snapshots
from .web import ADMIN, ApiError, nothing, number, reply, route

GONE = (
    404,
    "Unable to find an environment with the specified identifier inside the database",
    "Object not found inside the database",
)
CERTIFICATE = "Invalid certificate file. Ensure that the file is uploaded correctly"
SECURITY = {
    "allowBindMountsForRegularUsers": True,
    "allowPrivilegedModeForRegularUsers": True,
    "allowVolumeBrowserForRegularUsers": False,
    "allowHostNamespaceForRegularUsers": True,
    "allowDeviceMappingForRegularUsers": True,
    "allowStackManagementForRegularUsers": True,
    "allowContainerCapabilitiesForRegularUsers": True,
    "allowSysctlSettingForRegularUsers": True,
    "enableHostManagementFeatures": False,
}


def find(call, endpoint_id):
    """The environment that a call names, if the caller may use it."""
    endpoint = call.store.get("endpoints", endpoint_id)
    if not endpoint:
        raise ApiError(*GONE)
    if not may_use(call, endpoint):
        raise ApiError(403, "Permission denied to access environment", "Access denied to resource")
    return endpoint


def may_use(call, endpoint):
    return call.is_admin or str(call.user["Id"]) in endpoint["UserAccessPolicies"]


# --- creation ---------------------------------------------------------------------


@route("POST", "/api/endpoints", ADMIN)
def create(call):
    """Lines 23 to 27."""
    form, files = call.request.form, call.request.files
    name = form.get("Name", "")
    if not name:
        raise ApiError(400, "Invalid request payload", "Invalid environment name")
    kind = form.get("EndpointCreationType", "")
    if kind not in ("1", "2", "3", "4", "5"):
        raise ApiError(
            400,
            "Invalid request payload",
            "Invalid environment type value. Value must be one of: 1 (Docker environment),"
            " 2 (Agent environment), 3 (Azure environment), 4 (Edge Agent environment) or"
            " 5 (Local Kubernetes environment)",
        )
    if form.get("ContainerEngine", "") not in ("", "docker", "podman"):
        raise ApiError(400, "Invalid request payload", "Invalid container engine value.")
    tls = form.get("TLS") == "true"
    if tls:
        if form.get("TLSSkipVerify") != "true" and "TLSCACertFile" not in files:
            raise ApiError(400, "Invalid request payload", CERTIFICATE)
        if form.get("TLSSkipClientVerify") != "true" and "TLSCertFile" not in files:
            raise ApiError(400, "Invalid request payload", CERTIFICATE)
    group = number(form.get("GroupID") or "1", "Invalid request payload")
    tags = json.loads(form.get("TagIds") or "[]")
    with call.store.lock:
        if call.store.find("endpoints", Name=name):
            raise ApiError(409, "Name is not unique")
        endpoint = make(call, name, kind, form.get("URL", ""), tls)
        endpoint |= {
            "PublicURL": form.get("PublicURL", ""),
            "ContainerEngine": form.get("ContainerEngine", ""),
            "GroupId": group,
            "TagIds": tags,
        }
        endpoint = call.store.insert("endpoints", endpoint)
    if group != 1:
        # The record stays although the call fails.
        raise ApiError(
            500,
            "Unable to find an environment group inside the database",
            "Object not found inside the database",
        )
    return reply({**shown(call, endpoint), "Snapshots": []})


def make(call, name, kind, url, tls):
    """An environment that answers, not stored yet."""
    if kind not in ("1", "2"):
        raise ApiError(500, "Unable to get environment type", "this stand-in knows types 1 and 2")
    agent_version = ""
    if kind == "2":
        try:
            platform, agent_version = docker_api.ping_agent(url, tls)
        except OSError as error:
            raise ApiError(500, "Unable to get environment type", str(error)) from None
        if platform != 1:
            raise ApiError(500, "Unable to get environment type", "unsupported agent platform")
    endpoint = blank(name, 2 if kind == "2" and tls else 1, url or docker_api.LOCAL_SOCKET, tls)
    endpoint["Agent"] = {"Version": agent_version}
    try:
        endpoint["Snapshots"] = [snapshots.take(call.double, endpoint)]
    except OSError as error:
        raise ApiError(
            500, "Unable to initiate communications with environment", str(error)
        ) from None
    return endpoint


def blank(name, kind, url, tls):
    return {
        "Name": name,
        "Type": kind,
        "ContainerEngine": "",
        "URL": url,
        "GroupId": 1,
        "PublicURL": "",
        "Gpus": [],
        "TLSConfig": {"TLS": tls, "TLSSkipVerify": tls},
        "AzureCredentials": {"ApplicationID": "", "TenantID": "", "AuthenticationKey": ""},
        "TagIds": [],
        "Status": 1,
        "Snapshots": [],
        "UserAccessPolicies": {},
        "TeamAccessPolicies": {},
        "EdgeKey": "",
        "EdgeCheckinInterval": 0,
        "Kubernetes": {"Snapshots": [], "Configuration": {}, "Flags": {}},
        "SecuritySettings": dict(SECURITY),
        "LastCheckInDate": 0,
        "QueryDate": 0,
        "Heartbeat": False,
        "PostInitMigrations": {"MigrateIngresses": False, "MigrateGPUs": False},
        "Edge": {
            "AsyncMode": False,
            "PingInterval": 0,
            "SnapshotInterval": 0,
            "CommandInterval": 0,
        },
        "Agent": {"Version": ""},
        "AuthorizedUsers": None,
        "AuthorizedTeams": None,
        "Tags": None,
    }


# --- reading ----------------------------------------------------------------------


def shown(call, endpoint, snapshots_wanted=True):
    return {
        **endpoint,
        "ComposeSyntaxMaxVersion": "3.9",
        "QueryDate": int(call.double.clock.now()),
        "Snapshots": endpoint["Snapshots"] if snapshots_wanted else [],
    }


@route("GET", "/api/endpoints")
def search(call):
    """Lines 22 and 28."""
    rows = [row for row in call.store.all("endpoints") if may_use(call, row)]
    available = len(rows)
    rows = [row for row in rows if matches(call.request.args, row)]
    rows = ordered(call.request.args, rows)
    total = len(rows)
    start, limit = call.query_number("start"), call.query_number("limit")
    rows = rows[max(start - 1, 0) :][: limit or None]
    wanted = not call.query_flag("excludeSnapshots")
    response = reply([shown(call, row, wanted) for row in rows])
    response.headers["X-Total-Count"] = str(total)
    response.headers["X-Total-Available"] = str(available)
    return response


# Arrays need brackets; a name without them is ignored.
LISTS = {"types[]": "Type", "status[]": "Status", "groupIds[]": "GroupId", "endpointIds[]": "Id"}


def matches(query, row):
    def numbers(parameter):
        return [number(value, "Invalid query parameters") for value in query.getlist(parameter)]

    for parameter, key in LISTS.items():
        wanted = numbers(parameter)
        if wanted and row[key] not in wanted:
            return False
    tags = numbers("tagIds[]")
    combine = any if query.get("tagsPartialMatch") == "true" else all
    if tags and not combine(tag in row["TagIds"] for tag in tags):
        return False
    if row["Id"] in numbers("excludeIds[]"):
        return False
    if query.get("name") and row["Name"] != query["name"]:
        return False
    text = query.get("search", "").lower()
    state = {1: "up", 2: "down"}[row["Status"]]
    return text in row["Name"].lower() or text in row["URL"].lower() or text == state


def ordered(query, rows):
    keys = {"Name": "Name", "Group": "GroupId", "Status": "Status"}
    key = keys.get(query.get("sort"))
    if key:
        rows = sorted(rows, key=lambda row: row[key], reverse=query.get("order") == "desc")
    return rows


@route("GET", "/api/endpoints/<int:number>")
def inspect(call, number):
    return reply(shown(call, find(call, number), not call.query_flag("excludeSnapshot")))


# --- changes ----------------------------------------------------------------------


@route("PUT", "/api/endpoints/<int:number>", ADMIN)
def change(call, number):
    find(call, number)
    payload = call.payload()
    kinds = {"Name": str, "URL": str, "PublicURL": str, "Status": int, "TagIds": list}
    kinds |= {"GroupId": int, "UserAccessPolicies": dict, "TeamAccessPolicies": dict}
    values = {key: payload.get(key, kind) for key, kind in kinds.items() if key in payload}
    other = call.store.find("endpoints", Name=values.get("Name"))
    if "Name" in values and other and other["Id"] != number:
        raise ApiError(409, "Name is not unique")
    return reply(shown(call, call.store.change("endpoints", number, **values)))


@route("PUT", "/api/endpoints/<int:number>/settings", ADMIN)
def change_security(call, number):
    settings = find(call, number)["SecuritySettings"]
    payload = call.payload()
    settings |= {key: payload.get(key, bool) for key in SECURITY if key in payload}
    return reply(shown(call, call.store.change("endpoints", number, SecuritySettings=settings)))


@route("DELETE", "/api/endpoints/<int:number>", ADMIN)
def delete(call, number):
    """Line 30: neither containers nor stacks go with it."""
    find(call, number)
    call.store.delete("endpoints", number)
    return nothing()


@route("POST", "/api/endpoints/<int:number>/snapshot", ADMIN)
def snapshot(call, number):
    """Line 29: the answer says nothing of the outcome."""
    snapshots.refresh(call.double, find(call, number))
    return nothing()


@route("POST", "/api/endpoints/snapshot", ADMIN)
def snapshot_all(call):
    for endpoint in call.store.all("endpoints"):
        snapshots.refresh(call.double, endpoint, status=False)
    return nothing()
