"""`./dev test`: all stages in four lanes, or one; then a summary whose last line adds them up."""

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

from . import benchmarks, odoo, translations
from .cluster import throw_away_cluster
from .console import Failure, Step, say
from .docker_engine import Engine
from .lanes import REPORT_VARIABLE, Lanes
from .loopback import leave_network
from .paths import DEV, LOGS, ROOT, addons_path, our_addons
from .ports import free_port

RESULT = re.compile(r"(\d+) failed, (\d+) error\(s\) of (\d+) tests")
SKIPPED = re.compile(r": skipped (\S+.*? : .*)")
#: How far a ratio may miss its goal on a machine that does who knows what besides.
BENCH_MARGIN = 0.5
E2E_TESTS = ROOT / "tests" / "e2e"
DOCKER_TESTS = ROOT / "tests" / "docker"
CLIENT_STACKS = (
    "test_client_image.py",
    "test_docker_*.py",
    "test_proxy.py",
)
#: What makes them; and all that is done to clients on the swarm, one after the other, since each
#: looks at whatever the swarm has.
DRIVER = ("test_portainer_driver.py", "test_swarm_driver.py", "test_docker_portainers.py")
#: Stages with browsers in them, which talk to this very machine only.
LOCAL_STAGES = ("odoo", "e2e", "rest")
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
        "rest": run_rest,
        "docker": run_docker,
        "driver": run_driver,
        "portainer": run_portainer,
        "bench": run_bench,
    }
    if not arguments:
        stages = Lanes(read_report).run()
        return summarise([stages[name] for name in runners])
    name = arguments[0]
    if name not in runners:
        raise Failure(f"test knows {', '.join(runners)}, not {name}")
    say(f"Tests: {name}")
    if name in LOCAL_STAGES:
        leave_network()
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
    """Portals and their clients."""
    portals = set(E2E_TESTS.glob("test_*.py")) - rest_tests()
    return run_pytest("e2e", ["-v", "--durations=25", *arguments], sorted(portals))


def run_rest(arguments):
    """The rest of tests/e2e: REST in databases that know of no portal."""
    return run_pytest("rest", ["-v", "--durations=25", *arguments], sorted(rest_tests()))


def rest_tests():
    return set(E2E_TESTS.glob("test_rest_*.py"))


def run_docker(arguments):
    """Clients that are stacks, and the portals that make them."""
    stacks = docker_tests(CLIENT_STACKS) - docker_tests(DRIVER)
    return run_with_engine("docker", stacks, arguments)


def run_driver(arguments):
    """The driver that makes them, without a portal; and clients on a swarm."""
    return run_with_engine("driver", docker_tests(DRIVER), arguments)


def run_portainer(arguments):
    """The rest of tests/docker: the double, what speaks to it, SSH, swarms."""
    rest = docker_tests(("test_*.py",)) - docker_tests((*CLIENT_STACKS, *DRIVER))
    return run_with_engine("portainer", rest, arguments)


def docker_tests(patterns):
    return {path for pattern in patterns for path in DOCKER_TESTS.glob(pattern)}


def run_with_engine(name, files, arguments):
    """The engine is started here too, so that its failure is one failure and not a hundred."""
    with Engine().use():
        return run_pytest(name, ["-v", "--durations=25", *arguments], sorted(files))


def run_bench(arguments):
    """The short form of every benchmark; each ratio that has a goal counts as one test."""
    stage = Stage("bench", note=f"goals may be missed by {BENCH_MARGIN:.0%}")
    options = ["--short", f"--margin={BENCH_MARGIN}", *arguments]
    parts = benchmarks.run_parts(options)
    benchmarks.print_ratios(parts)
    stage.passed, stage.failed = benchmarks.judge_parts(parts, BENCH_MARGIN)
    return stage


def run_pytest(name, arguments, files=None):
    # Paths may be given from the repository's root; without one it is the whole stage.
    paths = [argument for argument in arguments if argument.startswith("tests/")]
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder, "report.xml")
        status = run_to_end(
            [sys.executable, "-m", "pytest", f"--junitxml={report}", "--color=auto"]
            + ([] if paths else files or [f"tests/{name}"])
            + list(arguments),
        )
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


def run_to_end(command):
    """The exit status; when this run is killed, the program is told to end, and waited for."""
    process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.DEVNULL)
    try:
        return process.wait()
    finally:
        process.terminate()
        process.wait()


# --- Odoo -----------------------------------------------------------------------


def run_odoo(arguments):
    """Every addon is tested in a database of its own, with nothing but what it depends on."""
    addons = list(arguments) or our_addons()
    unknown = set(addons) - set(our_addons())
    if unknown:
        raise Failure(f"no such addon: {', '.join(sorted(unknown))}")
    stage = Stage("odoo")
    with addon_databases(addons) as (conf, cluster, make):
        for addon in addons:
            test_addon(stage, conf, cluster, addon, make(addon))
    return stage


@contextlib.contextmanager
def addon_databases(addons):
    """What makes a database for one of these addons: with all that they have in common, if any."""
    with throw_away_cluster("odoo") as cluster:
        data = DEV / "test" / f"data-{os.getpid()}"

        def make(addon):
            database = f"test-{addon.replace('_', '-')}"
            if base:
                cluster.query("postgres", f'CREATE DATABASE "{database}" TEMPLATE "{base}"')
                filestore = data / "filestore"
                shutil.copytree(filestore / base, filestore / database)
            return database

        try:
            conf = write_test_conf(cluster, data)
            base = make_base(conf, cluster, data, addons) if len(addons) > 1 else None
            yield conf, cluster, make
        finally:
            shutil.rmtree(data, ignore_errors=True)


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


def test_addon(stage, conf, cluster, addon, database):
    log = LOGS / f"test-{addon}.log"
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
    check_texts(stage, conf, cluster, addon, database)


def check_texts(stage, conf, cluster, addon, database):
    """One test: whether translators see all texts of the addon, and no former ones."""
    try:
        texts = translations.export(conf, cluster, database, addon)
        difference = translations.find_difference(addon, texts)
    except Failure as error:
        difference = str(error)
    if not difference:
        stage.passed += 1
        return
    stage.failed += 1
    print(f"    {addon}.pot is not current; `./dev i18n {addon}` writes it anew:")
    print(difference, flush=True)


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
