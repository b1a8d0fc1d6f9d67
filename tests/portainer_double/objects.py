"""Tags, registries and the counts of an environment's dashboard."""

from . import endpoints, snapshots
from .web import ADMIN, ApiError, nothing, reply, route

MISSING = "Object not found inside the database"


@route("GET", "/api/tags")
def tags(call):
    return reply([tag_json(row) for row in call.store.all("tags")])


@route("POST", "/api/tags", ADMIN)
def add_tag(call):
    name = call.payload().required("Name", "Invalid tag name")
    if call.store.find("tags", Name=name):
        raise ApiError(409, "This name is already associated to a tag")
    return reply(tag_json(call.store.insert("tags", {"Name": name})))


@route("DELETE", "/api/tags/<int:number>", ADMIN)
def delete_tag(call, number):
    if not call.store.delete("tags", number):
        message = "Unable to find a tag with the specified identifier inside the database"
        raise ApiError(404, message, MISSING)
    return nothing()


def tag_json(row):
    """Tags say `ID` where all others say `Id`."""
    return {"ID": row["Id"], "Name": row["Name"], "Endpoints": {}, "EndpointGroups": {}}


@route("GET", "/api/registries", ADMIN)
def registries(call):
    return reply([registry_json(row) for row in call.store.all("registries")])


@route("POST", "/api/registries", ADMIN)
def add_registry(call):
    payload = call.payload()
    name = payload.required("Name", "Invalid registry name")
    if call.store.find("registries", Name=name):
        raise ApiError(409, "Another registry with the same name already exists")
    row = {"Name": name, "Type": payload.get("Type", int), "URL": payload.get("URL")}
    row |= {"Authentication": payload.get("Authentication", bool)}
    row |= {"Username": payload.get("Username"), "Password": payload.get("Password")}
    return reply(registry_json(call.store.insert("registries", row)))


@route("DELETE", "/api/registries/<int:number>", ADMIN)
def delete_registry(call, number):
    if not call.store.delete("registries", number):
        message = "Unable to find a registry with the specified identifier inside the database"
        raise ApiError(404, message, MISSING)
    return nothing()


def registry_json(row):
    return {key: value for key, value in row.items() if key != "Password"}


@route("GET", "/api/docker/<int:number>/dashboard")
def dashboard(call, number):
    endpoint = endpoints.find(call, number)
    try:
        snapshot = snapshots.take(call.double, endpoint)
    except OSError as error:
        raise ApiError(500, "Unable to retrieve containers", str(error)) from None
    raw = snapshot["DockerSnapshotRaw"]
    total = snapshot["ContainerCount"]
    healthy = [item for item in raw["Containers"] if "(healthy)" in item["Status"]]
    unhealthy = [item for item in raw["Containers"] if "(unhealthy)" in item["Status"]]
    return reply(
        {
            "containers": {
                "running": snapshot["RunningContainerCount"],
                "stopped": total - snapshot["RunningContainerCount"],
                "healthy": len(healthy),
                "unhealthy": len(unhealthy),
                "total": total,
            },
            "services": 0,
            "images": {
                "total": len(raw["Images"]),
                "size": sum(image["Size"] for image in raw["Images"]),
            },
            "volumes": snapshot["VolumeCount"],
            "networks": len(raw["Networks"]),
            "stacks": len(call.store.all("stacks")),
        }
    )
