"""What the portal can ask for. Arguments are JSON objects with the fields of the driver's types."""

import contextlib
import http.client
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from urllib.parse import urlsplit

from saas_driver import ClientRef, DriverRejected, Identity, TemplateSpec

from .client_databases import ClientDatabases, digest_of
from .jobs import Jobs
from .settings import Settings
from .trust import publish_keys

_PAUSE = 0.2


class Verbs:
    """Each public method is a verb: (arguments, folder of the job) → what JSON can hold."""

    def __init__(self, settings: Settings):
        self._settings = settings
        self._databases = ClientDatabases(settings)

    def do(self, verb: str, arguments: dict, job: Path | None = None) -> object:
        """:raises DriverError: it could not be done; the text is for the operator"""
        known: Callable | None = None if verb.startswith("_") else getattr(self, verb, None)
        if verb == "do" or known is None:
            raise DriverRejected(
                f"the agent does not know {verb!r}: the image is older than the portal"
            )
        return known(arguments, job)

    # -- whole databases ---------------------------------------------------------------------------

    def create(self, arguments, job):
        identity = self._trust(arguments)
        self._databases.fill(_ref(arguments), identity, job / "in.zip")

    def restore(self, arguments, job):
        identity = self._trust(arguments)
        self._databases.restore(
            _ref(arguments), identity, job / "in.zip", bool(arguments.get("neutralize"))
        )

    def copy_in(self, arguments, job):
        identity = self._trust(arguments)
        self._databases.copy_in(
            _ref(arguments), identity, job / "in.zip", bool(arguments.get("neutralize"))
        )

    def backup(self, arguments, job):
        self._databases.backup(_ref(arguments), job / "out.zip")
        return digest_of(job / "out.zip")

    def build_template(self, arguments, job):
        spec = TemplateSpec(
            arguments["name"],
            arguments["key"],
            tuple(arguments["addons"]),
            tuple(arguments["languages"]),
            bool(arguments["demo"]),
        )
        self._databases.build_archive(spec, job / "out.zip")
        return digest_of(job / "out.zip")

    def rename(self, arguments, job):
        self._databases.rename(_ref(arguments), arguments["new_name"], arguments["base_url"])

    def delete_database(self, arguments, job):
        self._databases.delete(_ref(arguments))

    # -- what takes a moment -----------------------------------------------------------------------

    def look(self, arguments, job):
        """The client's database, whether it is worked on, what went wrong with its modules."""
        name = self._databases.find_own(arguments["key"])
        return {
            "name": name,
            "busy": Jobs(self._settings.folder).is_busy(),
            "modules": self._databases.complaint() if name else "",
        }

    def usage(self, arguments, job):
        return asdict(self._databases.usage(_ref(arguments)))

    def publish_keys(self, arguments, job):
        self._trust(arguments)

    def ready(self, arguments, job):
        """Whether Odoo answers in this container, waiting for it up to ``seconds``."""
        deadline = time.monotonic() + float(arguments["seconds"])
        while not self._answers(arguments["name"]):
            if time.monotonic() > deadline:
                return False
            # Odoo tells nobody when it has started; ask again until then.
            time.sleep(_PAUSE)
        return True

    def _answers(self, host: str) -> bool:
        address = urlsplit(self._settings.address)
        connection = http.client.HTTPConnection(address.hostname, address.port, timeout=10)
        with (
            contextlib.closing(connection),
            contextlib.suppress(OSError, http.client.HTTPException),
        ):
            connection.request("GET", "/web/health", headers={"Host": host})
            return connection.getresponse().status < 500
        return False

    def _trust(self, arguments) -> Identity:
        """The identity, whose portal the server believes before the database is there."""
        identity = Identity(**arguments["identity"])
        publish_keys(self._settings.data, identity)
        return identity


def _ref(arguments: dict) -> ClientRef:
    return ClientRef(arguments["name"], arguments["key"])
