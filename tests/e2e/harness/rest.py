"""Databases with the REST addon, and calls to them."""

import contextlib
import subprocess
import sys

from passlib.context import CryptContext

from devkit import odoo
from devkit.paths import DEV, ROOT
from devkit.ports import free_port

from .http import http_session
from .portal import Portal

ADDON = "saas_rest_api"


class RestServer(Portal):
    """A server whose database has the REST addon and nothing of the portal."""

    name = "rest.localhost"

    def create(self):
        """Makes the database, with limits that no test meets by chance."""
        for addon in (*self.shape.before, ADDON):
            log = self.folder / f"install-{addon}.log"
            odoo.install(self.conf, self.cluster, self.name, [addon], log)
        # As dear as Odoo's own hashes.
        context = CryptContext(["pbkdf2_sha512"], pbkdf2_sha512__rounds=600_000)
        self.psql(
            self.name,
            "UPDATE res_users SET password = %s WHERE login = 'admin'",
            context.hash(self.admin_password),
        )
        for limit in ("rate_per_ip", "rate_per_token"):
            self.set_parameter(limit, "1000000")

    def set_parameter(self, name, value, database=None):
        """Sets `saas_rest_api.<name>` behind Odoo's back; servers learn of it by a signal."""
        database = database or self.name
        self.psql(
            database,
            "INSERT INTO ir_config_parameter (key, value) VALUES (%s, %s)"
            " ON CONFLICT (key) DO UPDATE SET value = excluded.value",
            f"{ADDON}.{name}",
            value,
        )
        self.psql(database, "INSERT INTO orm_signaling_default DEFAULT VALUES")

    @contextlib.contextmanager
    def parameter(self, name, value):
        """Sets a parameter for a while."""
        before = self.psql(
            self.name,
            "SELECT value FROM ir_config_parameter WHERE key = %s",
            f"{ADDON}.{name}",
        )
        self.set_parameter(name, value)
        try:
            yield
        finally:
            self.set_parameter(name, before[0][0] if before else "")

    @contextlib.contextmanager
    def duplicate(self, name):
        """A copy of the database as Odoo makes it, for a while."""
        conf = self._write_conf("copy.conf", self.port, 0, list_db=True, dbfilter="")
        subprocess.run(
            [
                *(sys.executable, str(ROOT / "scripts" / "bin" / "odoo"), "db", "-c", str(conf)),
                *("duplicate", self.name, name),
            ],
            check=True,
            cwd=DEV,
            env=odoo.environment(self.cluster),
            capture_output=True,
        )
        try:
            yield name
        finally:
            self.drop(name)

    @contextlib.contextmanager
    def other_server(self, **options):
        """Another server on the same databases, with other options; yields its port."""
        port = free_port(self.port + 20)
        conf = self._write_conf("rest.conf", port, 0, max_cron_threads=0, **options)
        log, pid_file = self.folder / "rest.log", self.folder / "rest.pid"
        server = odoo.OdooServer(conf, self.cluster, port, log, pid_file)
        server.start()
        try:
            yield port
        finally:
            server.stop()

    # --- calls --------------------------------------------------------------------

    def call(self, method, path, *, token=None, host=None, port=None, headers=None, **options):
        """One request without cookies, to the database by its host name."""
        session = http_session(port or self.port, host or self.name)
        headers = dict(headers or {})
        if token:
            headers["Authorization"] = f"Bearer {token}"
        return session.request(method, path, headers=headers, **options)

    def token(self, login=None, password=None, database=None, **values):
        """A token by password: `rest.token(scopes=["res.partner:read"])`."""
        login, password = login or "admin", password or self.admin_password
        body = {"login": login, "password": password, **values}
        answer = self.call("POST", "/api/v1/tokens", json=body, host=database)
        assert answer.status_code == 201, answer.text
        return answer.json()["data"]["access_token"]

    def user(self, login, *groups):
        """A user whose password is his login; returns his id."""
        group_ids = [self.admin.ref(group) for group in groups or ("base.group_user",)]
        values = {"name": login, "login": login, "password": login}
        return self.admin.call("res.users", "create", {**values, "group_ids": [(6, 0, group_ids)]})
