"""Several stages of the tests side by side, since each waits now and then."""

import os
import subprocess
import sys
import threading
from contextlib import suppress

from .console import say
from .paths import LOGS, ROOT

#: The longest first, so that all lanes end at about the same time; a lane takes the next one. What
#: measures comes last, beside as little as possible.
ORDER = ("docker", "portainer", "e2e", "odoo", "driver", "rest", "unit", "lint", "bench")
LANES = 4
#: Where a stage that runs by itself leaves its figures.
REPORT_VARIABLE = "SAAS_TEST_REPORT"


class Lanes:
    """Runs every stage in a process of its own, and shows its output whole when it has ended."""

    def __init__(self, read_report):
        self._read_report = read_report
        self._waiting = iter(ORDER)
        self._processes = set()
        self._stopped = False
        self._mutex = threading.Lock()
        self.stages = {}

    def run(self):
        """The stages by name, with their figures."""
        LOGS.mkdir(parents=True, exist_ok=True)
        say(f"{LANES} lanes of tests; what they print is in {LOGS}/stage-*.log until they end")
        threads = [threading.Thread(target=self._run_lane) for _lane in range(LANES)]
        try:
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        finally:
            self._stop()
        return self.stages

    def _run_lane(self):
        while not self._stopped:
            with self._mutex:
                name = next(self._waiting, None)
            if name is None:
                return
            self.stages[name] = self._run_stage(name)

    def _run_stage(self, name):
        log, report = LOGS / f"stage-{name}.log", LOGS / f"stage-{name}.json"
        report.unlink(missing_ok=True)
        say(f"Tests: {name} begins")
        with log.open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, ROOT / "scripts" / "dev.py", "test", name],
                cwd=ROOT,
                env={**os.environ, REPORT_VARIABLE: str(report)},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
            self._processes.add(process)
            status = process.wait()
        stage = self._read_report(name, report, status)
        with self._mutex:
            say(f"Tests: {name} ended after {stage.seconds:.0f} s")
            sys.stdout.write(log.read_text(errors="replace"))
            sys.stdout.flush()
        return stage

    def _stop(self):
        """A run that is killed takes its stages along, which tidy up behind themselves."""
        self._stopped = True
        for process in self._processes:
            with suppress(ProcessLookupError):
                process.terminate()
        for process in self._processes:
            process.wait()
