"""`./dev bench`: runs the programs of `benchmarks/`, one or all of them."""

import importlib
import json
import signal
import sys
import traceback
from dataclasses import dataclass, field

from .console import Failure, say
from .paths import DEV, ROOT

FOLDER = ROOT / "benchmarks"
#: In the order in which they are run and explained.
PARTS = ("ready", "load", "push", "fleet", "rest")


@dataclass
class Part:
    """What a benchmark that ran by itself has found; ``ratios`` as ``tables.judge`` makes them."""

    name: str
    status: int
    ratios: list[dict] = field(default_factory=list)


def run_benchmark(arguments):
    """Runs the part named first, or all; returns the exit status."""
    # A killed run shall leave nothing behind: let `finally` work on SIGTERM too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    if not arguments or arguments[0].startswith("-"):
        parts = run_parts(arguments)
        print_ratios(parts)
        return 1 if any(part.status for part in parts) else 0
    name, *rest = arguments
    if name not in PARTS:
        raise Failure(f"bench knows {', '.join(PARTS)}, not {name!r}")
    return load(name).main(rest)


def load(name):
    """A module of the folder of benchmarks."""
    if str(FOLDER) not in sys.path:
        sys.path.insert(0, str(FOLDER))
    return importlib.import_module(name)


def run_parts(options=(), names=PARTS):
    """One after the other, with the same options; those that need a portal share one."""
    parts = []
    with load("portal_world").shared() as portal:
        for name in names:
            figures = DEV / "bench" / f"{name}.json"
            figures.unlink(missing_ok=True)
            say(f"Benchmark: {name}")
            try:
                status = load(name).main(["--json", str(figures), *options])
            except Exception:
                traceback.print_exc()
                portal.forget()
                status = 1
            found = json.loads(figures.read_text())["ratios"] if figures.exists() else []
            parts.append(Part(name, status, found))
    return parts


def print_ratios(parts):
    """All ratios that have a goal, in one table."""
    print(f"\n{'part':8} {'ratio':46} {'value':>8} {'goal':>8}")
    for part in parts:
        for row in part.ratios:
            if goal := describe_goal(row):
                name = f"{row['name']} {row.get('server', '')}".rstrip()
                missed = "  missed" if row["missed"] else ""
                print(f"{part.name:8} {name:46} {row['value']:8.2f} {goal:>8}{missed}")
        if part.status and not part.ratios:
            print(f"{part.name:8} ended with status {part.status} and without figures")


def judge_parts(parts, margin):
    """How many ratios reach their goal and how many miss it by more than this share of it."""
    passed = failed = 0
    for part in parts:
        judged = [row for row in part.ratios if describe_goal(row)]
        missed = [row for row in judged if is_missed(row, margin)]
        passed += len(judged) - len(missed)
        # A part that broke down has failed, whatever it had measured by then.
        failed += len(missed) or bool(part.status or not judged)
    return passed, failed


def describe_goal(row):
    """A goal in a few characters; nothing when there is none."""
    for key, sign in (("at_most", "≤"), ("at_least", "≥")):
        if row[key] is not None:
            return f"{sign} {row[key]:g}"
    return ""


def is_missed(row, margin=0.0):
    """Whether a ratio misses its goal by more than this share of it."""
    if row["at_most"] is not None and row["value"] > row["at_most"] * (1 + margin):
        return True
    return row["at_least"] is not None and row["value"] < row["at_least"] * (1 - margin)
