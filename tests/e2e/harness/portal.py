"""A portal: its database and the server processes that serve it."""

import contextlib
import json
import os
import secrets
import shutil
from dataclasses import dataclass, replace

import jwt
from passlib.context import CryptContext

from devkit import odoo
from devkit.ports import free_port

from .http import http_session
from .rpc import Rpc


@dataclass(frozen=True)
class ServerShape:
    """How a portal is run: number of HTTP workers (0 = threads), and what is there before it."""

    workers: int
    before: tuple = ()

    def __str__(self):
        return "-".join([f"workers={self.workers}", *self.before])


class Portal:
    """`admin` and the other sessions call it by XML-RPC; `server` can be killed and restarted."""

    name = "portal.localhost"

    def __init__(self, cluster, folder, shape):
        self.cluster, self.folder, self.shape = cluster, folder, shape
        # A place of its own to begin with: two test runs at once must not find the same port.
        self.port = free_port(20000 + os.getpid() * 10 % 10000)
        self.data = folder / "data"
        self.log = folder / "odoo.log"
        self.secret_key = odoo.fernet_key()
        self.conf = self._write_main_conf()
        self.server = odoo.OdooServer(self.conf, cluster, self.port, self.log, folder / "odoo.pid")
        self.admin_password = secrets.token_urlsafe(12)
        self._admin = None

    def _write_main_conf(self):
        return self._write_conf("odoo.conf", self.port, self.shape.workers, max_cron_threads=1)

    def _write_conf(self, name, port, workers, **options):
        return odoo.write_conf(
            self.folder / name,
            self.cluster,
            data_dir=self.data,
            http_port=port,
            gevent_port=free_port(port + 1),
            workers=workers,
            saas_secret_key=self.secret_key,
            **options,
        )

    # --- life -----------------------------------------------------------------

    def create(self):
        """Makes the portal database as `./dev run` does."""
        for addon in (*self.shape.before, "saas_portal"):
            log = self.folder / f"install-{addon}.log"
            odoo.install(self.conf, self.cluster, self.name, [addon], log)
        self.cluster.query(
            self.name,
            "UPDATE res_users SET password = %s WHERE login = 'admin'",
            [CryptContext(["pbkdf2_sha512"]).hash(self.admin_password)],
        )
        self.cluster.query(
            self.name,
            "UPDATE ir_config_parameter SET value = %s WHERE key = 'web.base.url'",
            [f"http://{self.name}:{self.port}"],
        )

    def serve_with(self, workers):
        """Starts the server anew, with so many workers from now on."""
        self.shape = replace(self.shape, workers=workers)
        self._write_main_conf()
        self.server.restart()

    def destroy(self):
        """Stops the server and drops all databases of the cluster, so that another can follow."""
        self.server.stop()
        for database in self.cluster.databases():
            self.drop(database)
        shutil.rmtree(self.data, ignore_errors=True)

    def drop(self, database):
        """Behind the portal's back."""
        if self.has_database(database):
            query = self.cluster.query
            query("postgres", f'ALTER DATABASE "{database}" IS_TEMPLATE false', superuser=True)
            query("postgres", f'DROP DATABASE "{database}" WITH (FORCE)', superuser=True)

    @contextlib.contextmanager
    def second_server(self, **options):
        """Another Odoo process on the same databases and files; yields its port."""
        port = free_port(self.port + 10)
        conf = self._write_conf("second.conf", port, 0, max_cron_threads=0, **options)
        log, pid_file = self.folder / "second.log", self.folder / "second.pid"
        server = odoo.OdooServer(conf, self.cluster, port, log, pid_file)
        server.start()
        try:
            yield port
        finally:
            server.stop()

    def start_with_due_crons(self):
        """Starts a killed server as if its next minute had come."""
        self.psql(
            self.name,
            "UPDATE ir_cron SET nextcall = now() AT TIME ZONE 'UTC'"
            " WHERE cron_name LIKE 'SaaS: run operations%'",
        )
        self.server.start()

    def wake_crons(self):
        """Has the cron workers look now; they look about once a minute by themselves."""
        self.psql("postgres", "SELECT pg_notify('cron_trigger', %s)", self.name)

    # --- the outside ----------------------------------------------------------

    @property
    def admin(self):
        """The portal's administrator."""
        if self._admin is None:
            self._admin = self.rpc(self.name, "admin", self.admin_password)
        return self._admin

    def rpc(self, database, login=None, password=None, *, uid=None, via="header", port=None):
        """XML-RPC to any database of this server; see `Rpc`."""
        return Rpc(port or self.port, database, login, password, uid=uid, via=via)

    def http(self, host=None, port=None, scheme="http"):
        """A browser-like session at a host name: `portal.http("demo.localhost").get("/web")`."""
        return http_session(port or self.port, host or self.name, scheme)

    # --- looking inside -------------------------------------------------------

    def psql(self, database, sql, *params):
        """Rows of a statement. For looking; `psql("postgres", …)` sees the list of databases."""
        return self.cluster.query(database, sql, params or None)

    def has_database(self, database):
        return database in self.cluster.databases()

    def filestore(self, database):
        return self.data / "filestore" / database

    def filestore_of_template(self, database):
        """The folder of this build; the comment on the database names it."""
        ((comment,),) = self.psql(
            "postgres",
            "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = %s",
            database,
        )
        return self.filestore(json.loads(comment)["files"])

    def policy(self, client):
        """What the client obeys, as the portal has signed it."""
        token = (self.data / "saas_trust" / f"{client.client_id}.policy").read_text()
        return jwt.decode(token, options={"verify_signature": False})["policy"]

    def log_text(self):
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def unfinished_databases(self):
        """What creations leave behind when nobody completes or undoes them."""
        return {name for name in self.cluster.databases() if name.startswith("saas-new-")}

    def footprint(self):
        """How much there is of everything that a refused call must not leave behind."""
        ((clients, operations, users),) = self.psql(
            self.name,
            "SELECT (SELECT count(*) FROM saas_portal_client),"
            " (SELECT count(*) FROM saas_portal_operation), (SELECT count(*) FROM res_users)",
        )
        return {
            "clients": clients,
            "operations": operations,
            "users": users,
            "databases": sorted(self.cluster.databases()),
            "filestores": sorted(path.name for path in (self.data / "filestore").glob("*")),
        }

    # --- things that tests need again and again -------------------------------

    def sign_up(self, login, password, name="Customer"):
        """A portal user made by the public call; returns the user's id."""
        self.admin.call("res.users", "signup", {"login": login, "name": name, "password": password})
        return self.rpc(self.name, login, password).uid

    def make_plan(self, name, template, **values):
        """A plan on this machine with the template `template` (a name, not yet built)."""
        server = self.admin.ref("saas_portal.server_local")
        found = self.admin.call("saas_portal.database", "search", [("name", "=", template)])
        template_id = (
            found[0]
            if found
            else self.admin.call(
                "saas_portal.database", "create", {"name": template, "server_id": server}
            )
        )
        return self.admin.call(
            "saas_portal.plan",
            "create",
            {"name": name, "server_id": server, "template_id": template_id, **values},
        )
