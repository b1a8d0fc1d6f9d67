"""The judgement of a test run must not mistake silence for success."""

from devkit.testing import judge

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
