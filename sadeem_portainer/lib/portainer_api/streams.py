"""What Docker sends in forms of its own: framed output and statistics."""

from dataclasses import dataclass

_HEADER = 8


def demultiplex(raw: bytes) -> tuple[bytes, bytes]:
    """Standard output and error of framed output; that of a terminal has no frames.

    A frame: stream 1 or 2, three zero bytes, length (4 bytes, big-endian), content. The last one
    may be cut off.
    """
    out = {1: bytearray(), 2: bytearray()}
    position = 0
    while position + _HEADER <= len(raw):
        stream = raw[position]
        if stream > 2 or raw[position + 1 : position + 4] != b"\0\0\0":
            return raw, b""
        length = int.from_bytes(raw[position + 4 : position + _HEADER], "big")
        position += _HEADER
        out[stream or 1] += raw[position : position + length]
        position += length
    if not position and raw:
        return raw, b""
    return bytes(out[1]), bytes(out[2])


def demultiplex_merged(raw: bytes) -> bytes:
    """Both streams in the order in which they were written."""
    merged, position = bytearray(), 0
    while position + _HEADER <= len(raw):
        if raw[position] > 2 or raw[position + 1 : position + 4] != b"\0\0\0":
            return raw
        length = int.from_bytes(raw[position + 4 : position + _HEADER], "big")
        position += _HEADER
        merged += raw[position : position + length]
        position += length
    return bytes(merged) if position else raw


@dataclass(frozen=True)
class ContainerStats:
    """What a container uses right now. 100 % is one core; ``memory_bytes`` without the cache."""

    cpu_percent: float
    cores: int
    memory_bytes: int
    memory_limit_bytes: int
    network_received_bytes: int = 0
    network_sent_bytes: int = 0
    disk_read_bytes: int = 0
    disk_written_bytes: int = 0
    processes: int = 0

    @property
    def memory_percent(self) -> float:
        limit = self.memory_limit_bytes
        return 100.0 * self.memory_bytes / limit if limit else 0.0

    @classmethod
    def from_json(cls, data: dict) -> "ContainerStats":
        memory = data.get("memory_stats") or {}
        networks = (data.get("networks") or {}).values()
        cores = _cores(data.get("cpu_stats") or {})
        return cls(
            cpu_percent=_cpu_percent(data, cores),
            cores=cores,
            memory_bytes=_memory(memory),
            memory_limit_bytes=memory.get("limit") or 0,
            network_received_bytes=sum(network.get("rx_bytes") or 0 for network in networks),
            network_sent_bytes=sum(network.get("tx_bytes") or 0 for network in networks),
            disk_read_bytes=_block_io(data, "read"),
            disk_written_bytes=_block_io(data, "write"),
            processes=(data.get("pids_stats") or {}).get("current") or 0,
        )


def _cores(cpu: dict) -> int:
    per_core = (cpu.get("cpu_usage") or {}).get("percpu_usage") or []
    return cpu.get("online_cpus") or len(per_core)


def _cpu_percent(data: dict, cores: int) -> float:
    """As ``docker stats`` computes it: the container's share of the time all cores had."""
    now, before = data.get("cpu_stats") or {}, data.get("precpu_stats") or {}
    used, used_before = (
        (cpu.get("cpu_usage") or {}).get("total_usage") or 0 for cpu in (now, before)
    )
    system, system_before = (cpu.get("system_cpu_usage") or 0 for cpu in (now, before))
    had = system - system_before
    # A first sample has nothing before it; Windows does not tell what the system had.
    if not system_before or had <= 0 or used <= used_before:
        return 0.0
    return 100.0 * (used - used_before) / had * cores


def _memory(memory: dict) -> int:
    """As ``docker stats`` computes it: without what the kernel can take back."""
    # Windows has the second.
    usage = memory.get("usage") or memory.get("privateworkingset") or 0
    details = memory.get("stats") or {}
    # cgroup v1 has the first and the last, v2 the second.
    for key in ("total_inactive_file", "inactive_file", "cache"):
        if (inactive := details.get(key)) is not None:
            return usage - inactive if inactive < usage else usage
    return usage


def _block_io(data: dict, operation: str) -> int:
    rows = (data.get("blkio_stats") or {}).get("io_service_bytes_recursive") or []
    return sum(row.get("value") or 0 for row in rows if (row.get("op") or "").lower() == operation)
