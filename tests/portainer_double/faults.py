"""Faults on demand, and the clock; /_double is for the machine itself only."""

import ipaddress
import json
import re
import threading
import time
from dataclasses import asdict, dataclass

from . import connections
from .web import PUBLIC, ApiError, ConnectionDropped, nothing, reply, route

KINDS = {
    "refuse": "from now on nobody listens, for `seconds` (5)",
    "hang": "no answer, nothing done; the connection ends after `seconds` (3600)",
    "hang_after": "the work is done, its answer never comes",
    "slow": "`seconds` (2) pass before the work begins",
    "slow_after": "`seconds` (2) pass between the work and its answer",
    "status_before": "nothing done, answer `status` (500)",
    "status_after": "the work is done, the answer is `status` (500) all the same",
    "drop_before": "nothing done, the connection ends",
    "drop_after": "the work is done, the connection ends without an answer",
}
SECONDS = {"refuse": 5, "hang": 3600, "hang_after": 3600, "slow": 2, "slow_after": 2}


@dataclass
class Fault:
    """`match` is a regular expression for `METHOD path`; `times` 0 means always.

    The first `skip` requests that match go by.
    """

    kind: str
    match: str = ""
    times: int = 1
    status: int = 500
    seconds: float = 0
    body: str = ""
    skip: int = 0
    used: int = 0

    def __post_init__(self):
        if self.kind not in KINDS:
            raise ValueError(f"kind must be one of {', '.join(KINDS)}")
        self.pattern = re.compile(self.match)
        self.seconds = self.seconds or SECONDS.get(self.kind, 0)

    def answer(self):
        if self.body:
            return reply(json.loads(self.body), self.status)
        return reply({"message": "A fault was asked for", "details": self.kind}, self.status)


class Faults:
    def __init__(self, double):
        self.double = double
        self.rules = []
        self.lock = threading.Lock()
        self.seen = []  # "METHOD path" of every request, for tests that count them

    def add(self, kind, match="", **options):
        fault = Fault(kind, match, **options)
        if kind == "refuse":
            self.double.server.refuse(fault.seconds)
        else:
            with self.lock:
                self.rules.append(fault)
        return fault

    def clear(self):
        with self.lock:
            self.rules.clear()
            self.seen.clear()

    def take(self, line):
        """The first rule for this request; rules are used up in their order."""
        with self.lock:
            self.seen.append(line)
            for fault in self.rules:
                if fault.pattern.search(line):
                    if fault.skip:
                        fault.skip -= 1
                        continue
                    fault.used += 1
                    if fault.used == fault.times:
                        self.rules.remove(fault)
                    return fault
        return None

    def around(self, request, respond):
        """Answers a request, or spoils it as the first matching rule says."""
        if request.path.startswith("/_double/"):
            return respond()
        fault = self.take(f"{request.method} {request.full_path.rstrip('?')}")
        if not fault:
            return respond()
        client = request.environ["werkzeug.socket"]
        if fault.kind == "slow":
            time.sleep(fault.seconds)
            return respond()
        if fault.kind.endswith("_after"):
            response = respond()
            if fault.kind == "slow_after":
                time.sleep(fault.seconds)
                return response
            response.close()
        return self._spoil(fault, client)

    def _spoil(self, fault, client):
        if fault.kind.startswith("status"):
            return fault.answer()
        if fault.kind.startswith("hang"):
            connections.swallow(client, fault.seconds)
        else:
            connections.reset(client)
        raise ConnectionDropped


# --- control over HTTP --------------------------------------------------------------


def need_local(call):
    if not ipaddress.ip_address(call.request.remote_addr).is_loopback:
        raise ApiError(403, "Only this machine may control the double")


@route("POST", "/_double/faults", PUBLIC)
def add(call):
    need_local(call)
    try:
        fault = call.double.faults.add(**json.loads(call.request.get_data()))
    except (TypeError, ValueError, re.error) as error:
        raise ApiError(400, "Invalid fault", str(error)) from None
    return reply(asdict(fault))


@route("GET", "/_double/faults", PUBLIC)
def show(call):
    need_local(call)
    return reply([asdict(fault) for fault in call.double.faults.rules])


@route("DELETE", "/_double/faults", PUBLIC)
def clear(call):
    need_local(call)
    call.double.faults.clear()
    return nothing()


@route("GET", "/_double/requests", PUBLIC)
def requests(call):
    need_local(call)
    return reply(call.double.faults.seen)


@route("POST", "/_double/clock", PUBLIC)
def clock(call):
    """`{"advance": 301}` and five minutes have passed."""
    need_local(call)
    call.double.clock.advance(float(json.loads(call.request.get_data())["advance"]))
    return reply({"now": call.double.clock.now()})


@route("POST", "/_double/restart", PUBLIC)
def restart(call):
    """Line 16: what a restart of Portainer does to its callers."""
    need_local(call)
    call.double.start()
    return nothing()
