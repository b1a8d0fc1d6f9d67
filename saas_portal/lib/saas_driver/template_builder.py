"""Builds template databases with Odoo processes of their own, so that the portal stays quick."""

import configparser
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from .errors import DriverRejected, DriverUnavailable
from .types import TemplateSpec

#: Run by ``odoo shell`` in the new database: compiles what the first page would compile otherwise.
_PREPARE_SCRIPT = """
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
env.cr.commit()
print('template prepared')
"""
_TIMEOUT = 3600


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
        try:
            done = subprocess.run(
                [sys.executable, "-m", "odoo", *arguments],
                input=script or "",
                env=environment,
                cwd=tempfile.gettempdir(),
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                timeout=_TIMEOUT,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise DriverUnavailable(f"Gave up {what} after {_TIMEOUT} seconds.") from None
        complaint = _last_complaint(done.stdout)
        # Odoo ends with 0 although addons were not found or not installable.
        if done.returncode or complaint:
            raise DriverRejected(f"Odoo failed when {what}: {complaint or done.stdout[-500:]}")
        return done.stdout


def _last_complaint(output: str) -> str:
    """The last thing that Odoo's log calls an error, or '' when it has none."""
    lines = output.splitlines()
    marks = (" ERROR ", " CRITICAL ", "invalid module names, ignored")
    found = [index for index, line in enumerate(lines) if any(mark in line for mark in marks)]
    if not found:
        return ""
    # The exception itself stands at the end of the traceback that follows the log line.
    tail = [line for line in lines[found[-1] : found[-1] + 60] if line.strip()]
    final = next((line for line in reversed(tail) if not line.startswith((" ", "20"))), tail[0])
    return final.strip()[:500]
