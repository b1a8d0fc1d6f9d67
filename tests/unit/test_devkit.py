"""The judgement of a test run must not mistake silence for success."""

import json
import socket
import subprocess
import sys
import textwrap

import pytest

from devkit import benchmarks, ports
from devkit.benchmarks import Part, judge_parts, run_parts
from devkit.cluster import throw_away_cluster
from devkit.console import Failure
from devkit.lanes import ORDER
from devkit.paths import ROOT
from devkit.ports import free_port
from devkit.testing import judge, read_report, run_tests
from devkit.translations import Texts, find_difference, pot_path

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


def make_ratio(value, at_most=None, at_least=None):
    return {"name": "a / b", "value": value, "at_most": at_most, "at_least": at_least}


def test_a_goal_counts_as_missed_beyond_the_margin_only():
    near = Part("near", 0, [make_ratio(1.4, at_most=1), make_ratio(0.6, at_least=1)])
    far = Part("far", 1, [make_ratio(1.6, at_most=1), make_ratio(0.4, at_least=1)])
    without_goal = make_ratio(9)
    near.ratios.append(without_goal)
    assert judge_parts([near], margin=0.5) == (2, 0)
    assert judge_parts([near, far], margin=0.5) == (2, 2)


def test_a_benchmark_that_breaks_down_or_measures_nothing_has_failed():
    assert judge_parts([Part("broken", 1, [])], margin=0.5) == (0, 1)
    assert judge_parts([Part("cut off", 1, [make_ratio(1, at_most=1)])], margin=0.5) == (1, 1)
    assert judge_parts([Part("silent", 0, [])], margin=0.5) == (0, 1)


def test_a_benchmark_that_breaks_down_takes_no_other_along(monkeypatch, tmp_path):
    programs = {
        "portal_world": """
            import contextlib, types
            forgotten = []
            common = types.SimpleNamespace(forget=lambda: forgotten.append(True))
            shared = lambda: contextlib.nullcontext(common)
        """,
        "breaking": "def main(arguments): raise RuntimeError('spoilt')",
        "sound": """
            import pathlib
            def main(arguments):
                text = '{"ratios": [{"name": "a / b", "value": 1}]}'
                pathlib.Path(arguments[1]).write_text(text)
                return 0
        """,
    }
    for name, text in programs.items():
        (tmp_path / f"{name}.py").write_text(textwrap.dedent(text))
        monkeypatch.delitem(sys.modules, name, raising=False)
    (tmp_path / "bench").mkdir()
    monkeypatch.setattr(benchmarks, "FOLDER", tmp_path)
    monkeypatch.setattr(benchmarks, "DEV", tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    parts = run_parts(names=("breaking", "sound"))
    world, *_others = [sys.modules.pop(name) for name in programs]
    assert [(part.status, len(part.ratios)) for part in parts] == [(1, 0), (0, 1)]
    # What it left behind is not what the next one measures.
    assert world.forgotten == [True]


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


def test_a_cluster_that_starts_again_has_the_port_that_others_know():
    lower = socket.create_server(("127.0.0.1", free_port(5600)))
    with throw_away_cluster("port") as cluster:
        port = cluster.port
        lower.close()
        cluster.stop()
        cluster.start()
        assert cluster.port == port


HEAD = '"POT-Creation-Date: {0}\\n"\n"PO-Revision-Date: {0}\\n"\n\n'
OWN = '#: model:ir.model.fields,help:web.field_web_x__port\nmsgid "Release"\nmsgstr ""\n'
INHERITED = '\n#: model:ir.model.fields,help:web.field_web_x__message_ids\nmsgid "SMS"\nmsgstr ""\n'


def write_pot(root, text):
    pot_path("web", root).parent.mkdir(parents=True)
    pot_path("web", root).write_text(text)


def test_a_pot_file_with_other_dates_is_current_and_one_without_a_text_is_not(tmp_path):
    write_pot(tmp_path, HEAD.format("2026-01-01") + OWN)
    current = HEAD.format("2026-02-02") + OWN
    assert find_difference("web", Texts(current), tmp_path) == ""
    changed = Texts(current.replace("Release", "Take"))
    assert '+msgid "Take"' in find_difference("web", changed, tmp_path)
    assert '+msgid "Release"' in find_difference("other", Texts(current), tmp_path), "has no file"


def test_fields_that_other_addons_give_to_a_model_are_no_texts_of_ours(tmp_path):
    write_pot(tmp_path, HEAD + OWN)
    text = HEAD + OWN + INHERITED
    assert find_difference("web", Texts(text, frozenset({"message_ids"})), tmp_path) == ""
    assert '+msgid "SMS"' in find_difference("web", Texts(text), tmp_path)


def test_every_stage_has_its_turn():
    with pytest.raises(Failure) as raised:
        run_tests(["nothing"])
    known = str(raised.value).removeprefix("test knows ").partition(", not ")[0]
    assert sorted(known.split(", ")) == sorted(ORDER)


def test_a_process_that_left_the_network_has_the_loopback_interface_alone():
    script = """
        import socket
        from devkit.loopback import leave_network
        left = leave_network()
        with socket.create_server(("127.0.0.1", 0)) as server:
            socket.create_connection(server.getsockname(), 5).close()
        print(left, *(name for _number, name in socket.if_nameindex()))
    """
    command = [sys.executable, "-c", textwrap.dedent(script)]
    done = subprocess.run(
        command, cwd=ROOT / "scripts", capture_output=True, text=True, check=True, timeout=60
    )
    left, *interfaces = done.stdout.split()
    assert "lo" in interfaces
    assert left == "False" or interfaces == ["lo"]
