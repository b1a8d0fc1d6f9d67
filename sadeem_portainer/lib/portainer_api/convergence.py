"""Whether a swarm has done what a deployment asked of it, which it does afterwards."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from .swarm_types import Service, Task

#: So often a task is tried before its service is called broken.
ATTEMPTS = 3
#: What Docker wraps its own words in.
_WRAPPING = re.compile(r"(?:Error response from daemon: |rpc error: code = \w+ desc = )+")


@dataclass(frozen=True)
class Progress:
    """``waiting``: why services do not run yet; ``broken``: why they never will."""

    waiting: tuple[str, ...] = ()
    broken: tuple[str, ...] = ()

    @property
    def is_done(self) -> bool:
        return not self.waiting and not self.broken

    @property
    def problems(self) -> tuple[str, ...]:
        return self.broken + self.waiting


def judge(services: Iterable[Service], tasks: Iterable[Task], strict: bool = False) -> Progress:
    """What is still missing of the services, in words that name each of them.

    :param strict: do not count what still runs as an earlier deployment wanted it
    """
    by_service: dict[str, list[Task]] = {}
    for task in sorted(tasks, key=lambda task: task.created):
        by_service.setdefault(task.service_id, []).append(task)
    waiting, broken = [], []
    for service in sorted(services, key=lambda service: service.name):
        said, is_broken = _judge_service(service, by_service.get(service.id, []), strict)
        if said:
            (broken if is_broken else waiting).append(f"service {service.short_name}: {said}")
    return Progress(tuple(waiting), tuple(broken))


def _judge_service(service: Service, tasks: list[Task], strict: bool) -> tuple[str, bool]:
    """What is wrong with one service, '' if nothing is, and whether it will stay so."""
    if service.broken:
        return _last_error(tasks) or service.broken, True
    wanted = [task for task in tasks if task.wanted in ("running", "ready")]
    if service.one_shot:
        return _judge_one_shot(tasks)
    number = len(wanted) if service.replicas is None else service.replicas
    running = [task for task in wanted if task.is_running]
    if strict:
        running = [task for task in running if task.is_up_to_date(service)]
    if len(running) >= number and not service.updating:
        return "", False
    failures = _failures_of(wanted, tasks)
    if failures and not any(task.is_running for task in wanted):
        return _last_error(tasks) or "it ends as soon as it starts", len(failures) >= ATTEMPTS
    complaint = next((task.error for task in wanted if task.error), "")
    return readable(complaint) or f"{len(running)} of {number} run as they shall", False


def _judge_one_shot(tasks: list[Task]) -> tuple[str, bool]:
    """A service that is to end and not to be tried again."""
    last = tasks[-1] if tasks else None
    if last and (last.is_running or last.state == "complete"):
        return "", False
    if last and last.has_failed:
        return readable(last.error) or "it ended with an error", True
    return (readable(last.error) if last else "") or "it does not run yet", False


def _failures_of(wanted: list[Task], tasks: list[Task]) -> list[Task]:
    """The failed attempts before the present one, since something last ran."""
    slots = {task.slot for task in wanted}
    failures: list[Task] = []
    for task in tasks:
        if task.slot not in slots or task in wanted:
            continue
        if task.has_failed:
            failures.append(task)
        else:
            # It was replaced while it ran: what failed before belongs to an older text.
            failures.clear()
    return failures


def _last_error(tasks: list[Task]) -> str:
    """The last thing that the swarm complained of."""
    return readable(next((task.error for task in reversed(tasks) if task.error), ""))


def readable(text: str) -> str:
    """Docker's words without what they are wrapped in."""
    return _WRAPPING.sub("", text).strip().strip('"').rstrip(".")
