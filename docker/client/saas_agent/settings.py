"""Where things are in the container, as its environment says."""

import configparser
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

_DATA = "/var/lib/odoo"
_CONFIG = "/etc/odoo/odoo.conf"


@dataclass(frozen=True)
class Settings:
    """``data``: Odoo's data folder; ``config``: Odoo's configuration; ``address``: of its server.

    ``connection``: what ``psycopg2.connect`` takes, without a database. ``update``, ``install``:
    modules, separated by commas, that shall be updated and installed once with ``image``.
    ``hidden``: the name of a database that Odoo does not list, '' when there is none.
    """

    data: Path
    config: Path
    connection: dict = field(repr=False)
    update: str = ""
    install: str = ""
    image: str = ""
    hidden: str = ""
    address: str = "http://127.0.0.1:8069"

    @classmethod
    def read(cls, environ: Mapping[str, str] | None = None) -> "Settings":
        """From the variables that the official image reads too."""
        environ = os.environ if environ is None else environ
        password_file = environ.get("PASSWORD_FILE")
        password = Path(password_file).read_text() if password_file else environ.get("PASSWORD")
        connection = {
            "host": environ.get("HOST") or "db",
            "port": int(environ.get("PORT") or 5432),
            "user": environ.get("USER") or "odoo",
            "password": password or "odoo",
        }
        if environ.get("PGSSLMODE"):
            connection["sslmode"] = environ["PGSSLMODE"]
        return cls(
            Path(environ.get("SAAS_DATA") or _DATA),
            Path(environ.get("ODOO_RC") or _CONFIG),
            connection,
            _names(environ.get("SAAS_UPDATE_MODULES")),
            _names(environ.get("SAAS_INSTALL_MODULES")),
            environ.get("SAAS_IMAGE") or "",
            environ.get("PGDATABASE_TEMPLATE") or "",
        )

    @property
    def folder(self) -> Path:
        """What the agent keeps, in the container's volume."""
        return self.data / "saas-agent"

    @property
    def filestore(self) -> Path:
        return self.data / "filestore"

    def connection_info(self, database: str) -> dict:
        return {**self.connection, "dbname": database}

    def odoo_options(self) -> dict[str, str]:
        """Options of an Odoo process besides the server: the same database and addons."""
        parser = configparser.RawConfigParser()
        parser.read(self.config)
        options = dict(parser["options"]) if parser.has_section("options") else {}
        options |= {f"db_{name}": str(value) for name, value in self.connection.items()}
        options["data_dir"] = str(self.data)
        for argument in self.read_arguments():
            if argument.startswith("--addons-path="):
                options["addons_path"] = argument.partition("=")[2]
        return options

    # -- the server's command line, which says where other addons are ------------------------------

    def keep_arguments(self, arguments: list[str]) -> None:
        write_text(self.folder / "arguments.json", json.dumps(arguments))

    def read_arguments(self) -> list[str]:
        try:
            return json.loads((self.folder / "arguments.json").read_text())
        except (OSError, ValueError):
            return []


def _names(text: str | None) -> str:
    return ",".join(filter(None, (name.strip() for name in (text or "").split(","))))


def make_private(folder: Path) -> None:
    """Make a folder, and those above it that are missing, for its owner alone."""
    if not folder.is_dir():
        make_private(folder.parent)
        folder.mkdir(mode=0o700, exist_ok=True)


def write_text(path: Path, text: str) -> None:
    """Replace a file at once, readable for its owner alone."""
    make_private(path.parent)
    staged = path.with_name(f".{path.name}.{os.getpid()}")
    with os.fdopen(os.open(staged, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)
    os.replace(staged, path)
