"""What a machine is and has."""

import re
import shlex
from dataclasses import dataclass

from .errors import CommandFailed
from .session import SshSession

SUPPORTED = ("debian", "ubuntu")
#: Each part is optional: this also runs where we install nothing.
_PROBE = """
cat /etc/os-release; echo "==="
uname -m; echo "==="
hostname; echo "==="
nproc; echo "==="
cat /proc/meminfo; echo "==="
df -Pk /var/lib/docker 2>/dev/null || df -Pk /var/lib; echo "==="
docker --version
"""


@dataclass(frozen=True)
class HostFacts:
    """``docker_version`` is '' without Docker; the disk is the one that holds Docker's data."""

    os_id: str
    os_name: str
    os_version: str
    architecture: str
    hostname: str
    cores: int
    ram_bytes: int
    disk_bytes: int
    disk_free_bytes: int
    docker_version: str = ""
    docker_runs: bool = False

    @property
    def is_supported(self) -> bool:
        """Whether the installation plans were made for it."""
        return self.os_id in SUPPORTED


def probe(session: SshSession) -> HostFacts:
    """Look at the machine; changes nothing."""
    text = session.run(["sh", "-c", _PROBE], timeout=30, check=False).stdout
    facts = parse_probe(text)
    try:
        argv = ["docker", "version", "--format", "{{.Server.Version}}"]
        server_version = session.run(argv, sudo=True, timeout=30).stdout.strip()
    except CommandFailed:
        return facts
    return HostFacts(**vars(facts) | {"docker_version": server_version, "docker_runs": True})


def parse_probe(text: str) -> HostFacts:
    parts = [part.strip() for part in text.split("===\n")]
    parts += [""] * (7 - len(parts))
    release, architecture, hostname, cores, memory, disk, docker = parts[:7]
    system = dict(re.findall(r"^(\w+)=(.*)$", release, re.MULTILINE))
    words = {name: " ".join(shlex.split(value)) for name, value in system.items()}
    found = re.search(r"^MemTotal: +(\d+) kB", memory, re.MULTILINE)
    columns = disk.splitlines()[-1].split() if disk else []
    version = re.search(r"version ([\w.+~-]+)", docker)
    return HostFacts(
        os_id=words.get("ID", ""),
        os_name=words.get("PRETTY_NAME") or words.get("NAME", ""),
        os_version=words.get("VERSION_ID", ""),
        architecture=architecture,
        hostname=hostname,
        cores=int(cores) if cores.isdigit() else 0,
        ram_bytes=int(found[1]) * 1024 if found else 0,
        disk_bytes=int(columns[1]) * 1024 if len(columns) > 3 else 0,
        disk_free_bytes=int(columns[3]) * 1024 if len(columns) > 3 else 0,
        docker_version=version[1] if version else "",
    )
