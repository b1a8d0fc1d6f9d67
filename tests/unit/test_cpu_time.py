"""What a worker of Odoo starts may use more CPU time than a request."""

import subprocess
import sys

import pytest
from saas_driver import DriverRejected, TemplateSpec
from saas_driver.template_builder import TemplateBuilder

from devkit.paths import ROOT

#: A worker in which Odoo has just limited the CPU time, as far as the limit says.
WORKER = """
import resource, sys
sys.path.insert(0, {lib!r})
from saas_driver import cpu_time
_soft, hard = resource.getrlimit(resource.RLIMIT_CPU)
resource.setrlimit(resource.RLIMIT_CPU, (100, hard))


def soft():
    return resource.getrlimit(resource.RLIMIT_CPU)[0]

"""
CHILD = """
program = "import sys, resource; sys.stdin.read(); print(resource.getrlimit(resource.RLIMIT_CPU))"
child = cpu_time.start([sys.executable, "-c", program], stdin=-1, stdout=-1, text=True)
assert child.communicate("")[0].strip() == str((hard, hard))
assert soft() == 100
"""
HERE = """
with cpu_time.unlimited():
    assert soft() == hard
    with cpu_time.unlimited():
        assert soft() == hard
    assert soft() == hard
assert 100 <= soft() <= 102
"""
#: Odoo's way to end when the limit is reached: with 0.
ODOO = """
import sys
print("2026-01-01 00:00:00,000 1 INFO db odoo.modules.loading: Loading module sale")
print("CPU time limit exceeded! Shutting down immediately", file=sys.stderr, flush=True)
"""


@pytest.mark.parametrize("script", [CHILD, HERE], ids=["a program", "the worker itself"])
def test_work_that_takes_long_is_free_of_a_workers_limit(script):
    lib = str(ROOT / "saas_portal" / "lib")
    subprocess.run([sys.executable, "-c", WORKER.format(lib=lib) + script], check=True, timeout=60)


@pytest.fixture
def builder(tmp_path, monkeypatch):
    """Runs what a test writes in Odoo's place: `builder.write(program)`."""
    package = tmp_path / "odoo"
    package.mkdir()
    monkeypatch.syspath_prepend(str(tmp_path))
    builder = TemplateBuilder({})
    builder.write = (package / "__main__.py").write_text
    return builder


def test_an_odoo_that_ran_out_of_time_has_not_built_the_template(builder):
    builder.write(ODOO)
    with pytest.raises(DriverRejected, match=r"failed when installing.*: CPU time limit exceeded"):
        builder.build("db", TemplateSpec("template", "key", addons=("sale",)))


def test_the_reason_of_a_failure_is_the_exception_and_no_later_line(builder):
    builder.write(
        "print('2026-01-01 00:00:00,000 1 ERROR db odoo: Failed to load')\n"
        "print('Traceback (most recent call last):')\n"
        "print('  File ...')\n"
        "print('ValueError: no such field')\n"
        "print('2026-01-01 00:00:01,000 1 INFO db odoo: Stopping')\n"
        "print('template prepared')\n"
    )
    with pytest.raises(DriverRejected, match=r"ValueError: no such field$"):
        builder.build("db", TemplateSpec("template", "key"))


def test_an_error_without_a_traceback_is_told_as_it_was_logged(builder):
    builder.write(
        "print('2026-01-01 00:00:00,000 1 ERROR db odoo: Some modules are not loaded')\n"
        "print('template prepared')\n"
    )
    with pytest.raises(DriverRejected, match=r"Some modules are not loaded$"):
        builder.build("db", TemplateSpec("template", "key"))
