"""What an engine looked like when it was asked last."""

from . import docker_api

PROJECT = "com.docker.compose.project"


def take(double, endpoint):
    """A snapshot, or OSError when the engine does not answer."""

    def get(path):
        return docker_api.get(double, endpoint, path)

    info = get("/info")
    containers = get("/containers/json?all=1")
    volumes, networks = get("/volumes"), get("/networks")
    images, version = get("/images/json"), get("/version")
    states = [container["State"] for container in containers]
    projects = {container["Labels"].get(PROJECT) for container in containers} - {None}
    return {
        "Time": int(double.clock.now()),
        "DockerVersion": info["ServerVersion"],
        "Swarm": bool(info.get("Swarm", {}).get("ControlAvailable")),
        "TotalCPU": info["NCPU"],
        "TotalMemory": info["MemTotal"],
        "ContainerCount": len(containers),
        "RunningContainerCount": states.count("running"),
        "StoppedContainerCount": states.count("exited"),
        # Portainer compares health with the state, and so finds none.
        "HealthyContainerCount": states.count("healthy"),
        "UnhealthyContainerCount": states.count("unhealthy"),
        "VolumeCount": len(volumes.get("Volumes") or []),
        "ImageCount": len(images),
        "ServiceCount": 0,
        "StackCount": len(projects),
        "NodeCount": 0,
        "GpuUseAll": False,
        "GpuUseList": None,
        "IsPodman": False,
        "DockerSnapshotRaw": {
            "Containers": containers,
            "Volumes": volumes,
            "Networks": networks,
            "Images": images,
            "Info": info,
            "Version": version,
        },
    }


def refresh(double, endpoint, status=True):
    """Line 29: a host that is down costs the environment its good state, not the call."""
    try:
        values = {"Snapshots": [take(double, endpoint)], "Status": 1}
    except OSError:
        values = {"Status": 2}
    if not status:
        values.pop("Status")
    double.store.change("endpoints", endpoint["Id"], **values)
