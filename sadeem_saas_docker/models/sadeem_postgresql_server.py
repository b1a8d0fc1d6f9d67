import contextlib

import psycopg2

from odoo import api, fields, models
from odoo.exceptions import UserError

from ..portainer_driver.fleet import ExternalServer

#: Seconds that a server may take to answer.
_TIMEOUT = 10
#: Whoever changes one of these has to show that he knows the password.
_ADDRESS = ("host", "port", "login")
#: From the one that anybody on the way can read to the one that only this server can.
_ENCRYPTION = ("disable", "prefer", "require", "verify-ca", "verify-full")


class SadeemPostgresqlServer(models.Model):
    """A PostgreSQL server where clients with an external database get a role and a database.

    The portal logs in as a role that may make others; a client knows only its own.
    """

    _name = "sadeem.postgresql.server"
    _description = "PostgreSQL Server"
    _inherit = ["mail.thread", "sadeem.secret.mixin"]
    _order = "name, id"

    _secrets = ("password",)

    name = fields.Char(required=True, tracking=True)
    active = fields.Boolean(default=True, tracking=True)
    company_id = fields.Many2one(
        "res.company", index=True, help="Whose plans may put databases there; empty: all."
    )
    host = fields.Char(
        required=True, tracking=True, help="As the clients' containers and the portal reach it."
    )
    port = fields.Integer(default=5432, required=True, tracking=True)
    login = fields.Char(
        string="Administrator",
        required=True,
        tracking=True,
        help="A role with CREATEROLE and CREATEDB; a superuser is not needed.",
    )
    password = fields.Char(
        compute="_compute_secrets",
        inverse="_inverse_secrets",
        exportable=False,
        help="Kept encrypted and never shown again; empty keeps the present one.",
    )
    password_cipher = fields.Char(groups=fields.NO_ACCESS, copy=False)
    has_password = fields.Boolean(string="Password Set", compute="_compute_has_password")
    sslmode = fields.Selection(
        [
            ("disable", "Never"),
            ("prefer", "When the Server Can"),
            ("require", "Always, Any Certificate"),
            ("verify-ca", "Always, a Trusted Certificate"),
            ("verify-full", "Always, a Trusted Certificate with This Host Name"),
        ],
        string="Encryption",
        required=True,
        default="require",
        tracking=True,
    )
    version = fields.Char(readonly=True, copy=False)
    checked_at = fields.Datetime(string="Last Test", readonly=True, copy=False)
    last_error = fields.Text(readonly=True, copy=False)
    foreign_databases = fields.Text(
        readonly=True,
        copy=False,
        help="What roles of clients have there besides their own databases, at the last test.",
    )

    _port_range = models.Constraint(
        "CHECK (port BETWEEN 1 AND 65535)", "A port is a number from 1 to 65535."
    )
    # === COMPUTE METHODS === #

    @api.depends("password_cipher")
    def _compute_has_password(self):
        for server in self:
            server.has_password = server._has_secret("password")

    # === CRUD METHODS === #

    def write(self, vals):
        """A password goes to the address it was entered for, and never on a less safe way."""
        moved = self.filtered(
            lambda server: (
                any(name in vals and vals[name] != server[name] for name in _ADDRESS)
                or server._is_less_safe(vals.get("sslmode", server.sslmode))
            )
        )
        result = super().write(vals)
        if moved and not vals.get("password"):
            moved.sudo().write({"password_cipher": False})
        return result

    # === ACTION METHODS === #

    def action_test_connection(self):
        """Log in and see whether roles and databases can be made; what came of it is noted."""
        self.ensure_one()
        self.check_access("write")
        version, error, foreign = "", "", self.foreign_databases
        try:
            version = self._read_version()
            foreign = self._read_foreign_databases()
        except UserError as refusal:
            error = str(refusal)
        self.write(
            {
                "checked_at": fields.Datetime.now(),
                "last_error": error or False,
                "foreign_databases": foreign or False,
                **({"version": version} if version else {}),
            }
        )
        return self.env["sadeem.portainer"]._get_notification(
            self.env._("%(server)s answers; roles and databases can be made.", server=self.name),
            {self.name: error} if error else {},
        )

    # === BUSINESS METHODS === #

    def _is_less_safe(self, sslmode) -> bool:
        """Whether this encryption lets more people see the password than the present one."""
        self.ensure_one()
        order = _ENCRYPTION.index
        return sslmode in _ENCRYPTION and order(sslmode) < order(self.sslmode)

    def _get_external_server(self, role: str = "", role_password: str = "") -> ExternalServer:
        """How the portal logs in here, for the sake of a client's role.

        :raises UserError: it is archived, or there is nothing to log in with
        """
        self.ensure_one()
        if not self.active:
            raise UserError(
                self.env._(
                    "The PostgreSQL server %(server)s is archived. Bring it back first.",
                    server=self.name,
                )
            )
        if not (password := self._get_secret("password")):
            raise UserError(
                self.env._(
                    "The PostgreSQL server %(server)s has no password. Enter the one of %(login)s.",
                    server=self.name,
                    login=self.login,
                )
            )
        return ExternalServer(
            host=self.host,
            port=self.port,
            user=self.login,
            password=password,
            role=role,
            role_password=role_password,
            sslmode=self.sslmode,
            name=self.name,
        )

    def _read_version(self) -> str:
        """The server's version, when it lets the portal do its work.

        :raises UserError: names the server and what is to be done
        """
        with self._asking() as cursor:
            cursor.execute(
                "SELECT rolsuper, rolcreaterole, rolcreatedb,"
                " current_setting('server_version') FROM pg_roles"
                " WHERE rolname = current_user"
            )
            is_superuser, may_make_roles, may_make_databases, version = cursor.fetchone()
        if not is_superuser and not (may_make_roles and may_make_databases):
            raise UserError(
                self.env._(
                    "%(login)s may not make roles and databases on %(server)s. Run there:"
                    " ALTER ROLE %(quoted)s CREATEROLE CREATEDB",
                    login=self.login,
                    server=self.name,
                    quoted='"%s"' % self.login.replace('"', '""'),
                )
            )
        return version

    def _read_foreign_databases(self) -> str:
        """Databases of clients' roles whose names are not their client's: one line for each.

        A client may make databases, so it can take a name that another one would need.
        """
        clients = self.env["saas_portal.client"].sudo().with_context(active_test=False)
        found = clients.search([("docker_postgresql_server_id", "=", self.id)])
        by_role = {client._get_database_role(): client for client in found}
        with self._asking() as cursor:
            cursor.execute(
                "SELECT datname, rolname FROM pg_database JOIN pg_roles r ON r.oid = datdba"
                " WHERE rolname = ANY(%s) ORDER BY datname",
                [list(by_role)],
            )
            rows = cursor.fetchall()
        return "\n".join(
            self.env._("%(database)s, made by %(client)s", database=name, client=by_role[role].name)
            for name, role in rows
            if name not in by_role[role]._get_database_names()
        )

    @contextlib.contextmanager
    def _asking(self):
        """A cursor of the administrator's there.

        :raises UserError: names the server and what is to be done
        """
        server = self._get_external_server()
        try:
            with (
                contextlib.closing(
                    psycopg2.connect(
                        dbname="postgres",
                        host=server.host,
                        port=server.port,
                        user=server.user,
                        password=server.password,
                        sslmode=server.sslmode,
                        connect_timeout=_TIMEOUT,
                    )
                ) as connection,
                connection.cursor() as cursor,
            ):
                cursor.execute("SET statement_timeout = %s", [_TIMEOUT * 1000])
                yield cursor
        except psycopg2.Error as error:
            raise UserError(
                self.env._(
                    "The PostgreSQL server %(server)s cannot be used: %(reason)s",
                    server=self.name,
                    reason=str(error).strip(),
                )
            ) from error
