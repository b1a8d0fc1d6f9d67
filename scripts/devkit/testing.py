"""`./dev test`: all stages in two lanes, or one; then a summary whose last line adds them up."""

import ast
import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ElementTree
from dataclasses import asdict, dataclass
from pathlib import Path

from . import odoo
from .cluster import throw_away_cluster
from .console import Failure, Step, say
from .docker_engine import Engine
from .lanes import REPORT_VARIABLE, Lanes
from .paths import DEV, LOGS, ROOT, addons_path, our_addons
from .ports import free_port

RESULT = re.compile(r"(\d+) failed, (\d+) error\(s\) of (\d+) tests")
SKIPPED = re.compile(r": skipped (\S+.*? : .*)")
BROWSER = re.compile(r"websocket-client|chrome", re.IGNORECASE)


@dataclass
class Stage:
    name: str
    passed: int = 0
    failed: int = 0
    seconds: float = 0
    note: str = ""


def run_tests(arguments):
    """Runs all stages, or the one named first; returns the exit status."""
    # A killed run shall leave nothing behind: let `finally` work on SIGTERM too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    runners = {
        "lint": run_lint,
        "unit": run_unit,
        "odoo": run_odoo,
        "e2e": run_e2e,
        "docker": run_docker,
    }
    if not arguments:
        stages = Lanes(read_report).run()
        return summarise([stages[name] for name in runners])
    name = arguments[0]
    if name not in runners:
        raise Failure(f"test knows {', '.join(runners)}, not {name}")
    say(f"Tests: {name}")
    start = time.monotonic()
    try:
        stage = runners[name](arguments[1:])
    except (Failure, TimeoutError) as error:
        print(error, file=sys.stderr)
        stage = Stage(name, failed=1, note=str(error).splitlines()[0])
    stage.seconds = time.monotonic() - start
    if report := os.environ.get(REPORT_VARIABLE):
        Path(report).write_text(json.dumps(asdict(stage)))
    return summarise([stage])


def read_report(name, report, status):
    """What a stage that ran by itself has found; one that left no figures has failed."""
    try:
        return Stage(**json.loads(report.read_text()))
    except (OSError, ValueError):
        return Stage(name, failed=1, note=f"ended with status {status} and without a result")


def summarise(stages):
    print()
    for stage in stages:
        print(
            f"{stage.name:6} {stage.passed:5} passed {stage.failed:5} failed "
            f"{stage.seconds:6.0f} s  {stage.note}".rstrip()
        )
    passed, failed = sum(s.passed for s in stages), sum(s.failed for s in stages)
    print(f"{passed} passed, {failed} failed", flush=True)
    return 1 if failed or not passed else 0


# --- lint -----------------------------------------------------------------------


def run_lint(arguments):
    """Each checker counts as one test."""
    tools = Path(sys.executable).parent
    addons = our_addons()
    checks = {
        "ruff": [tools / "ruff", "check", "--quiet", "."],
        "ruff format": [tools / "ruff", "format", "--check", "--quiet", "."],
    }
    if addons:
        checks["pylint-odoo"] = [tools / "pylint", "--rcfile=.pylintrc", "-j2", *addons]
    shellcheck = shutil.which("shellcheck")
    if shellcheck:
        scripts = [ROOT / "dev", ROOT / ".ci" / "run"]
        scripts += [path for name in ("scripts", "docker") for path in (ROOT / name).rglob("*.sh")]
        # SC1091: the files that a file sources are checked by themselves.
        checks["shellcheck"] = [shellcheck, "-x", "-e", "SC1091", *scripts]
    stage = Stage("lint", note="" if shellcheck else "shellcheck is not installed")
    for name, command in checks.items():
        result = subprocess.run(
            [str(part) for part in command],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        print(f"    {name}: {'failed' if result.returncode else 'ok'}", flush=True)
        if result.returncode:
            stage.failed += 1
            print(result.stdout)
        else:
            stage.passed += 1
    return stage


# --- pytest ---------------------------------------------------------------------


def run_unit(arguments):
    return run_pytest("unit", arguments)


def run_e2e(arguments):
    return run_pytest("e2e", ["-v", "--durations=25", *arguments])


def run_docker(arguments):
    """The engine is started here too, so that its failure is one failure and not a hundred."""
    with Engine().use():
        return run_pytest("docker", ["-v", "--durations=25", *arguments])


def run_pytest(name, arguments):
    # Paths may be given from the repository's root; without one it is the whole stage.
    paths = [argument for argument in arguments if argument.startswith("tests/")]
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder, "report.xml")
        status = subprocess.run(
            [sys.executable, "-m", "pytest", f"--junitxml={report}", "--color=auto"]
            + ([] if paths else [f"tests/{name}"])
            + list(arguments),
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            check=False,
        ).returncode
        stage = Stage(name)
        with contextlib.suppress(OSError, ElementTree.ParseError):
            for suite in ElementTree.parse(report).iter("testsuite"):
                count = {
                    key: int(suite.get(key, 0))
                    for key in ("tests", "failures", "errors", "skipped")
                }
                bad = count["failures"] + count["errors"]
                stage.failed += bad
                stage.passed += max(count["tests"] - bad - count["skipped"], 0)
                if count["skipped"]:
                    stage.note = f"{count['skipped']} skipped"
    if status and not stage.failed:
        stage.failed = 1
        stage.note = f"pytest ended with status {status}"
    return stage


# --- Odoo -----------------------------------------------------------------------


def run_odoo(arguments):
    """Every addon is tested in a database of its own, with nothing but what it depends on."""
    addons = list(arguments) or our_addons()
    unknown = set(addons) - set(our_addons())
    if unknown:
        raise Failure(f"no such addon: {', '.join(sorted(unknown))}")
    stage = Stage("odoo")
    with throw_away_cluster("odoo") as cluster:
        data = DEV / "test" / f"data-{os.getpid()}"
        try:
            conf = write_test_conf(cluster, data)
            base = make_base(conf, cluster, data, addons) if len(addons) > 1 else None
            for addon in addons:
                test_addon(stage, conf, cluster, data, addon, base)
        finally:
            shutil.rmtree(data, ignore_errors=True)
    return stage


def write_test_conf(cluster, data):
    port = free_port(8200)
    return odoo.write_conf(
        data / "odoo.conf",
        cluster,
        data_dir=data,
        # The tests call 127.0.0.1, which is no database's name.
        dbfilter="",
        http_port=port,
        gevent_port=free_port(port + 1),
        max_cron_threads=0,
        saas_secret_key=odoo.fernet_key(),
    )


def make_base(conf, cluster, data, addons):
    """A database with what all these addons depend on, to be copied for each of them."""
    common = set.intersection(*(dependencies(addon) for addon in addons))
    if common <= {"base"}:
        return None
    with Step("Making a database of what the addons have in common") as step:
        odoo.install(conf, cluster, "base", sorted(common), LOGS / "test-base.log", step.progress)
    return "base"


def dependencies(addon):
    """Names of all addons that are not ours and that this one needs, however indirectly."""
    found, todo = set(), [addon]
    while todo:
        name = todo.pop()
        if name not in found:
            found.add(name)
            todo += read_manifest(name).get("depends", ["base"] if name != "base" else [])
    return found - set(our_addons())


def read_manifest(addon):
    for folder in addons_path():
        path = Path(folder, addon, "__manifest__.py")
        if path.exists():
            return ast.literal_eval(path.read_text())
    raise Failure(f"no addon is called {addon}")


def test_addon(stage, conf, cluster, data, addon, base):
    database = f"test-{addon.replace('_', '-')}"
    log = LOGS / f"test-{addon}.log"
    if base:
        cluster.query("postgres", f'CREATE DATABASE "{database}" TEMPLATE "{base}"')
        shutil.copytree(data / "filestore" / base, data / "filestore" / database)
    with Step(f"Testing {addon} in Odoo") as step:
        status = odoo.run_once(
            conf, cluster, log, "-d", database, "-i", addon,
            "--test-tags", f"/{addon}", "--stop-after-init", progress=step.progress,
        )  # fmt: skip
    passed, failed, problems = judge(status, log.read_text(errors="replace"))
    stage.passed += passed
    stage.failed += failed
    print(f"    {addon}: {passed} passed, {failed} failed", flush=True)
    for problem in problems:
        print(problem)
    if problems:
        print(f"    the whole log: {log}", flush=True)


def judge(status, text):
    """How many tests passed and failed, by Odoo's exit status and log, and what is to be said.

    Odoo ends with status 0 when no test ran and when browser tests were skipped: both are failures.
    """
    counts = RESULT.findall(text)
    failures, errors, tests = (int(number) for number in counts[-1]) if counts else (0, 0, 0)
    bad = failures + errors
    skipped = [line for line in SKIPPED.findall(text) if BROWSER.search(line)]
    problems = [f"skipped for want of a browser: {line}" for line in skipped]
    if not tests:
        problems.append("no test ran")
    elif status and not bad:
        problems.append(f"Odoo ended with status {status}")
    failed = bad + len(problems)
    if bad or status:
        problems.append(odoo.excerpt(text, lines=400))
    return max(tests - bad - len(skipped), 0), failed, problems
