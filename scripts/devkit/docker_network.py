"""The bridge, addresses and firewall rules of a private Docker engine."""

import contextlib
import functools
import os
import shutil
import subprocess
from pathlib import Path

from .paths import DEV

FORWARDING = Path("/proc/sys/net/ipv4/ip_forward")


class Network:
    """Addresses follow from the checkout's path, so that two checkouts do not meet."""

    def __init__(self, digest):
        number = int(digest[:8], 16)
        self.bridge = f"saas{digest[:8]}"
        # 10.128–10.255, the half of 10/8 that others use less.
        self.prefix = f"10.{128 + number % 128}"

    def create(self):
        if not Path(f"/sys/class/net/{self.bridge}").exists():
            _run("ip", "link", "add", self.bridge, "type", "bridge")
            _run("ip", "address", "add", f"{self.prefix}.0.1/24", "dev", self.bridge)
        _run("ip", "link", "set", self.bridge, "up")
        # Were forwarding off, dockerd would turn it on and drop everybody else's packets.
        with contextlib.suppress(OSError):
            if FORWARDING.read_text().strip() == "0":
                FORWARDING.write_text("1")

    def options(self, rules=None):
        """dockerd's options. A second engine would clear the first one's rules: it makes none.

        `rules`: whether the engine made some before it was killed, if it was.
        """
        if rules is None:
            rules = not another_engine_runs() and firewall_works()
        return [
            f"--bridge={self.bridge}",
            f"--default-address-pool=base={self.prefix}.128.0/17,size=26",
            f"--iptables={str(rules).lower()}",
            f"--ip-masq={str(rules).lower()}",
        ]

    def remove(self):
        if Path(f"/sys/class/net/{self.bridge}").exists():
            subprocess.run(["ip", "link", "delete", self.bridge], check=False, capture_output=True)
        # dockerd leaves the rules that name its bridge or its addresses.
        for table in ("filter", "nat"):
            for rule in _iptables("-t", table, "-S").splitlines():
                if rule.startswith("-A") and (self.bridge in rule or f" {self.prefix}." in rule):
                    _iptables("-t", table, *rule.replace("-A", "-D", 1).split())
        if not another_engine_runs():
            _remove_chains()


def _remove_chains():
    """What dockerd made for all its networks; any engine makes it anew when it starts."""
    for table in ("filter", "nat"):
        rules = [line.split() for line in _iptables("-t", table, "-S").splitlines()]
        chains = [rule[1] for rule in rules if rule[0] == "-N" and rule[1].startswith("DOCKER")]
        for rule in rules:
            if rule[0] == "-A" and set(chains) & set(rule):
                _iptables("-t", table, "-D", *rule[1:])
        for chain in chains:
            _iptables("-t", table, "-X", chain)


def another_engine_runs():
    """Whether some dockerd shares this network; ours is not started yet."""
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if (folder / "comm").read_text().strip() == "dockerd" and os.readlink(
                folder / "ns/net"
            ) == os.readlink("/proc/self/ns/net"):
                return True
    return False


def firewall_works():
    return bool(_iptables("-t", "nat", "-S"))


@functools.cache
def firewall_folder():
    """A folder whose `iptables` is the older kind, where the kernel knows only that one."""
    if _try("iptables", "-t", "nat", "-S") or not _try("iptables-legacy", "-t", "nat", "-S"):
        return None
    folder = DEV / "docker" / "iptables"
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("iptables", "ip6tables"):
        target = shutil.which(f"{name}-legacy")
        if target and not (folder / name).exists():
            (folder / name).symlink_to(target)
    return folder


def _iptables(*arguments):
    folder = firewall_folder()
    return _try(str(folder / "iptables") if folder else "iptables", "-w", *arguments)


def _try(program, *arguments):
    """The output, or nothing when the program is missing or fails."""
    with contextlib.suppress(OSError):
        result = subprocess.run([program, *arguments], capture_output=True, text=True, check=False)
        return "" if result.returncode else result.stdout
    return ""


def _run(*command):
    subprocess.run(command, check=True, capture_output=True)
