"""What an engine looked like when it was asked last."""

from . import docker_api

PROJECT = "com.docker.compose.project"
NAMESPACE = "com.docker.stack.namespace"


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
    manager = bool(info.get("Swarm", {}).get("ControlAvailable"))
    services, nodes = (get("/services"), get("/nodes")) if manager else ([], [])
    namespaces = {(service["Spec"].get("Labels") or {}).get(NAMESPACE) for service in services} - {
        None
    }
    machines = [node["Description"]["Resources"] for node in nodes]
    return {
        "Time": int(double.clock.now()),
        "DockerVersion": info["ServerVersion"],
        "Swarm": manager,
        "TotalCPU": sum(one["NanoCPUs"] for one in machines) // 10**9 or info["NCPU"],
        "TotalMemory": sum(one["MemoryBytes"] for one in machines) or info["MemTotal"],
        "ContainerCount": len(containers),
        "RunningContainerCount": states.count("running"),
        "StoppedContainerCount": states.count("exited"),
        # Portainer compares health with the state, and so finds none.
        "HealthyContainerCount": states.count("healthy"),
        "UnhealthyContainerCount": states.count("unhealthy"),
        "VolumeCount": len(volumes.get("Volumes") or []),
        "ImageCount": len(images),
        "ServiceCount": len(services),
        "StackCount": len(projects) + len(namespaces),
        "NodeCount": len(nodes),
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
