"""`./dev bench`: runs a program of `benchmarks/`."""

import importlib
import signal
import sys

from .console import Failure
from .paths import ROOT

FOLDER = ROOT / "benchmarks"


def run_benchmark(arguments):
    """Runs the benchmark named first; returns the exit status."""
    names = sorted(path.stem for path in FOLDER.glob("*.py") if "def main(" in path.read_text())
    name, *rest = arguments or [""]
    if name not in names:
        raise Failure(f"bench knows {', '.join(names)}, not {name!r}")
    # A killed run shall leave nothing behind: let `finally` work on SIGTERM too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    sys.path.insert(0, str(FOLDER))
    return importlib.import_module(name).main(rest)
