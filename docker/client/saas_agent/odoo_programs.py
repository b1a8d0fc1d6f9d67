"""Odoo processes besides the server: for templates, neutralising and modules."""

import hashlib
import tempfile
from pathlib import Path

from saas_driver import DriverError, DriverUnavailable
from saas_driver.local_sql import set_parameter
from saas_driver.template_builder import TemplateBuilder

#: Which lists of modules a database has seen; it travels with the database.
_APPLIED = "saas_agent.modules"
_ALONE = ["--stop-after-init", "--no-http", "--max-cron-threads=0", "--workers=0"]


class StillAwake(DriverUnavailable):
    """A neutralised database that got modules, and could not be neutralised again."""


class OdooPrograms(TemplateBuilder):
    """Runs Odoo's command line on databases that nobody uses.

    :param update: modules to update once, separated by commas
    :param install: modules to install once
    :param image: the image with their code; with another one they are new
    """

    def __init__(self, options, update: str = "", install: str = "", image: str = ""):
        super().__init__(options)
        self._update, self._install, self._image = update, install, image

    def neutralize(self, cursor) -> None:
        """Odoo's own neutralising, in a transaction of its own."""
        self.run(["neutralize", "-d", _database(cursor)], "neutralising a copy")

    def apply_modules(self, cursor) -> bool:
        """Update and install what the settings name, unless this database has seen it.

        A failure is noted too: a restart would only fail again, and keep people out meanwhile.

        :raises DriverRejected: Odoo could not
        :raises StillAwake: no server may be started on it; this is to be tried again
        """
        wanted = self._fingerprint()
        if wanted == _read_applied(cursor).split(" ")[0]:
            return False
        try:
            if wanted:
                self._change_modules(cursor)
        except StillAwake:
            raise
        except DriverError as error:
            set_parameter(cursor, _APPLIED, f"{wanted} {error}")
            cursor.connection.commit()
            raise
        set_parameter(cursor, _APPLIED, wanted)
        return True

    def _change_modules(self, cursor) -> None:
        is_neutralized = _is_neutralized(cursor)
        # Odoo changes the tables, and must not wait for us.
        cursor.connection.commit()
        arguments = ["-d", _database(cursor), *_ALONE]
        arguments += ["-u", self._update] if self._update else []
        arguments += ["-i", self._install] if self._install else []
        try:
            self.run(arguments, f"updating [{self._update}] and installing [{self._install}]")
        finally:
            # Modules bring scheduled actions that run; of many, some came before one failed.
            if is_neutralized:
                self._neutralize_again(cursor)

    def _neutralize_again(self, cursor) -> None:
        try:
            self.neutralize(cursor)
        except DriverError as error:
            raise StillAwake(str(error)) from error

    def run(self, arguments: list[str], what: str) -> str:
        with tempfile.TemporaryDirectory(prefix="saas-odoo-") as folder:
            config = self._write_config(Path(folder))
            return self._run_odoo([*arguments, "-c", config], what)

    def _fingerprint(self) -> str:
        if not (self._update or self._install):
            return ""
        wanted = f"{self._update}\n{self._install}\n{self._image}"
        return hashlib.sha256(wanted.encode()).hexdigest()[:16]

    def complaint(self, cursor) -> str:
        """Why the present lists could not be applied, '' when they were or are still to be."""
        fingerprint, _space, complaint = _read_applied(cursor).partition(" ")
        return complaint if fingerprint == self._fingerprint() else ""


def _read_applied(cursor) -> str:
    """The fingerprint of the lists that were applied last, with the complaint if that failed."""
    cursor.execute("SELECT value FROM ir_config_parameter WHERE key = %s", [_APPLIED])
    row = cursor.fetchone()
    return row[0] if row else ""


def _is_neutralized(cursor) -> bool:
    cursor.execute("SELECT value FROM ir_config_parameter WHERE key = 'database.is_neutralized'")
    row = cursor.fetchone()
    return bool(row) and row[0].lower() == "true"


def _database(cursor) -> str:
    return cursor.connection.info.dbname
