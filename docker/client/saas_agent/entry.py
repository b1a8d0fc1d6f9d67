"""The image's entry point: changes modules once, then hands over to Odoo's own entry point."""

import os
import sys
import time

from saas_driver import DriverError, DriverUnavailable

from .client_databases import ClientDatabases
from .jobs import Jobs
from .odoo_programs import StillAwake
from .settings import Settings

_NEXT = "/entrypoint.sh"
#: Seconds for PostgreSQL to answer; without it, Odoo's entry point complains and the container
#: starts again.
_PATIENCE = 60
_PAUSE = 0.5


def main(arguments: list[str]) -> None:
    if not arguments or arguments[0] in ("odoo", "--") or arguments[0].startswith("-"):
        settings = Settings.read()
        settings.keep_arguments(arguments)
        # Without lists too: the database forgets what failed, so that the same may be tried again.
        with Jobs(settings.folder).turn():
            change_modules(ClientDatabases(settings))
    os.execv(_NEXT, [_NEXT, *arguments])


def change_modules(databases: ClientDatabases, patience: float = _PATIENCE) -> None:
    """Update and install what the settings name; what fails is told and keeps nobody out.

    :raises SystemExit: a stage would send; the container starts again, and this with it
    """
    deadline = time.monotonic() + patience
    while True:
        try:
            databases.apply_modules()
        except StillAwake as error:
            raise SystemExit(f"saas-agent: {error}") from error
        except DriverUnavailable as error:
            if time.monotonic() < deadline:
                # PostgreSQL tells nobody when it has started; ask again until then.
                time.sleep(_PAUSE)
                continue
            sys.stderr.write(f"saas-agent: {error}\n")
        except DriverError as error:
            sys.stderr.write(f"saas-agent: {error}\n")
        return


if __name__ == "__main__":
    main(sys.argv[1:])
