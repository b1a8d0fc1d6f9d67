"""The judgement of a test run must not mistake silence for success."""

import json
import subprocess
import sys

from devkit import ports
from devkit.paths import ROOT
from devkit.ports import free_port
from devkit.testing import judge, read_report

START = "2026-01-01 00:00:00,000 7 "
OK = (
    START + "INFO db odoo.tests.result: 0 failed, 0 error(s) of 12 tests when loading database 'db'"
)


def test_a_clean_run_counts_every_test():
    assert judge(0, OK) == (12, 0, [])


def test_failed_and_broken_tests_are_counted_and_shown():
    text = (
        f"{START}ERROR db odoo.addons.a.tests.test_a: FAIL: TestA.test_b\nTraceback: because\n"
        f"{START}ERROR db odoo.tests.result: 1 failed, 2 error(s) of 12 tests when loading"
    )
    passed, failed, problems = judge(1, text)
    assert (passed, failed) == (9, 3)
    assert "Traceback: because" in problems[-1]


def test_no_test_at_all_is_a_failure():
    text = OK.replace("of 12", "of 0")
    assert judge(0, text)[:2] == (0, 1)
    assert judge(0, "")[:2] == (0, 1)


def test_a_browser_test_skipped_for_want_of_a_browser_is_a_failure():
    skipped = f"{START}INFO db odoo.addons.a.tests.test_a: skipped TestTour.test_x : "
    assert judge(0, f"{skipped}Chrome executable not found\n{OK}")[:2] == (11, 1)
    assert judge(0, f"{skipped}websocket-client module is not installed\n{OK}")[:2] == (11, 1)


def test_a_crash_after_the_tests_is_a_failure():
    assert judge(255, OK)[:2] == (12, 1)


def test_a_stage_without_figures_has_failed(tmp_path):
    stage = read_report("unit", tmp_path / "nothing.json", -9)
    assert (stage.passed, stage.failed) == (0, 1)
    assert "-9" in stage.note


def test_the_figures_of_a_stage_are_read(tmp_path):
    report = tmp_path / "unit.json"
    figures = {"name": "unit", "passed": 3, "failed": 1, "seconds": 2.5, "note": ""}
    report.write_text(json.dumps(figures))
    stage = read_report("unit", report, 1)
    assert (stage.passed, stage.failed, stage.seconds) == (3, 1, 2.5)


def test_two_processes_are_not_given_the_same_port():
    port = free_port(45100)
    script = f"from devkit.ports import free_port; print(free_port({port}))"
    other = subprocess.run(
        [sys.executable, "-c", script],
        cwd=ROOT / "scripts",
        capture_output=True,
        text=True,
        check=True,
    )
    assert int(other.stdout) > port
    assert ports.is_free(port)
