"""Tables of times and ratios, and the file that holds all figures of a run."""

import argparse
import json
import platform
import statistics
import time
from pathlib import Path

from devkit.benchmarks import describe_goal, is_missed
from devkit.paths import DEV


class Figures:
    """Times by name, in seconds, and ratios of their medians with the goals for them."""

    def __init__(self, title: str):
        self.title = title
        self.times: dict[str, list[float]] = {}
        self.ratios: list[dict] = []
        self.notes: dict[str, object] = {}

    def add(self, name: str, seconds: float) -> None:
        self.times.setdefault(name, []).append(seconds)

    def median(self, name: str) -> float:
        return statistics.median(self.times[name])

    def compare(self, name: str, one: str, other: str, **goal: float) -> None:
        """The ratio of two medians. ``at_most`` or ``at_least``: the goal."""
        self.ratio(name, self.median(one) / self.median(other), **goal)

    def ratio(self, name: str, value: float, at_most=None, at_least=None) -> None:
        self.ratios.append(judge(name, value, at_most, at_least))

    def missed(self, margin: float = 0.0) -> list[str]:
        """The ratios that miss their goal by more than this share of it."""
        return [row["name"] for row in self.ratios if is_missed(row, margin)]

    def print(self) -> None:
        print(f"\n{self.title}\n\n{'seconds':40} {'runs':>5} {'median':>9} {'p95':>9}")
        for name, values in self.times.items():
            print(f"{name:40} {len(values):5d} {statistics.median(values):9.3f} {p95(values):9.3f}")
        print(f"\n{'ratio':40} {'value':>8} {'goal':>8}")
        for row in self.ratios:
            missed = "  missed" if row["missed"] else ""
            print(f"{row['name']:40} {row['value']:8.2f} {describe_goal(row):>8}{missed}")
        for name, value in self.notes.items():
            print(f"{name}: {value}")

    def write(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        content = {
            "title": self.title,
            "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "python": platform.python_version(),
            "seconds": {
                name: {
                    "runs": [round(value, 4) for value in values],
                    "median": round(statistics.median(values), 4),
                    "p95": round(p95(values), 4),
                }
                for name, values in self.times.items()
            },
            "ratios": self.ratios,
            **self.notes,
        }
        path.write_text(json.dumps(content, indent=1) + "\n")
        print(f"all figures: {path}")


def judge(name: str, value: float, at_most=None, at_least=None, **more: object) -> dict:
    """A ratio as it is written; ``more``: what else tells it from others."""
    row = {**more, "name": name, "value": round(value, 3), "at_most": at_most, "at_least": at_least}
    return {**row, "missed": is_missed(row)}


def make_parser(name: str) -> argparse.ArgumentParser:
    """The options that every part has."""
    parser = argparse.ArgumentParser(prog=f"./dev bench {name}")
    parser.add_argument("--short", action="store_true", help="fewer rounds of the same ratios")
    parser.add_argument(
        "--margin", type=float, default=0.0, help="share by which goals may be missed"
    )
    parser.add_argument("--json", type=Path, default=DEV / "bench" / f"{name}.json")
    return parser


def p95(values: list[float]) -> float:
    ordered = sorted(values)
    return ordered[min(int(len(ordered) * 0.95), len(ordered) - 1)]
