"""Builds template databases with Odoo processes of their own, so that the portal stays quick."""

import configparser
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from . import cpu_time
from .errors import DriverRejected, DriverUnavailable
from .types import TemplateSpec

#: Run by ``odoo shell`` in the new database: compiles what the first page would compile otherwise,
#: holds an owner ready for each copy, and notes what each copy has to have of its own.
_PREPARE_SCRIPT = f"""
import sys
sys.path.insert(0, {str(Path(__file__).parent.parent)!r})
from saas_driver import setup_sql, token_sql
unfinished = env['ir.module.module'].search([('state', 'in', ('to install', 'to upgrade'))])
assert not unfinished, f"not installed: {{', '.join(unfinished.mapped('name'))}}"
print('owners by SQL:', setup_sql.prepare(env))
qweb = env['ir.qweb']
for bundle, css, js in (
    ('web.assets_web', True, True),
    ('web.assets_web_dark', True, False),
    ('web.assets_web_print', True, False),
    ('web.assets_frontend', True, False),
    ('web.assets_frontend_minimal', False, True),
    ('web.assets_frontend_lazy', False, True),
):
    assets = qweb._get_asset_bundle(bundle, css=css, js=js)
    css and assets.css()
    js and assets.js()
print('columns with values by chance:', token_sql.note(env))
env.cr.commit()
print('template prepared')
"""
_TIMEOUT = 3600
#: What an output holds of a program that did not do all of its work, whatever it returned.
_COMPLAINTS = (
    " ERROR ",
    " CRITICAL ",
    "invalid module names, ignored",
    "CPU time limit exceeded",
)


class TemplateBuilder:
    """Runs ``odoo -i …`` and ``odoo shell`` as separate processes.

    :param options: the server's options that the processes share (database connection, addons
        path, data folder); written to a private temporary file, never to a command line
    :param empty_database: what new databases are copied from (Odoo's ``db_template``)
    """

    def __init__(self, options: Mapping[str, object], empty_database: str = "template0"):
        self._options = options
        self.empty_database = empty_database

    def build(self, database: str, spec: TemplateSpec) -> None:
        """Install ``base``, ``saas_client`` and the addons into an empty database.

        :raises DriverRejected: Odoo could not install them; the text holds its last complaint
        """
        addons = ",".join(dict.fromkeys(["base", "saas_client", *spec.addons]))
        demo = "--with-demo" if spec.demo else "--without-demo"
        languages = ",".join(spec.languages)
        with tempfile.TemporaryDirectory(prefix="saas-template-") as folder:
            config = self._write_config(Path(folder))
            self._run_odoo(
                ["-c", config, "-d", database, "-i", addons, demo, "--load-language", languages]
                + ["--stop-after-init", "--no-http", "--max-cron-threads=0", "--workers=0"],
                f"installing {addons} into a template",
            )
            output = self._run_odoo(
                ["shell", "-c", config, "-d", database, "--no-http", "--shell-interface=python"],
                "compiling the web pages of a template",
                script=_PREPARE_SCRIPT,
            )
        if "template prepared" not in output:
            raise DriverRejected(f"The template could not be prepared: {_last_complaint(output)}")

    def _write_config(self, folder: Path) -> str:
        parser = configparser.RawConfigParser()
        parser["options"] = {name: str(value) for name, value in self._options.items()}
        path = folder / "odoo.conf"
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), "w") as file:
            parser.write(file)
        return str(path)

    def _run_odoo(self, arguments: list[str], what: str, script: str | None = None) -> str:
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        process = cpu_time.start(
            [sys.executable, "-m", "odoo", *arguments],
            env=environment,
            cwd=tempfile.gettempdir(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        with process:
            try:
                output, _errors = process.communicate(script or "", _TIMEOUT)
            except subprocess.TimeoutExpired:
                raise DriverUnavailable(f"Gave up {what} after {_TIMEOUT} seconds.") from None
            finally:
                process.kill()
        complaint = _last_complaint(output)
        # Odoo ends with 0 although addons were not found, not installable or not done with.
        if process.returncode or complaint:
            raise DriverRejected(f"Odoo failed when {what}: {complaint or output[-500:]}")
        return output


def _last_complaint(output: str) -> str:
    """The last thing that Odoo's log calls an error, or '' when it has none."""
    lines = output.splitlines()
    found = [index for index, line in enumerate(lines) if any(mark in line for mark in _COMPLAINTS)]
    if not found:
        return ""
    # Below the line may stand its traceback, with the exception at the end; then the log goes on.
    tail = lines[found[-1] : found[-1] + 60]
    end = next((number for number, line in enumerate(tail) if number and _is_logged(line)), None)
    block = [line for line in tail[:end] if line.strip()]
    traced = any(line.startswith("Traceback") for line in block)
    final = next((line for line in reversed(block) if not line.startswith(" ")), block[0])
    return (final if traced else block[0]).strip()[:500]


def _is_logged(line: str) -> bool:
    """Whether it begins with the year of a date."""
    return line[:4].isdigit() and line[4:5] == "-"
