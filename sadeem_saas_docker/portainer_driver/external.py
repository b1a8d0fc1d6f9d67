"""A client's role on a PostgreSQL server that clients share."""

import contextlib
from collections.abc import Iterator

import psycopg2
from psycopg2 import errorcodes, sql
from psycopg2.extensions import encrypt_password

from odoo.addons.saas_portal.lib.saas_driver import DriverRejected, DriverUnavailable

from .fleet import ExternalServer

_CONNECT_TIMEOUT = 10
#: Seconds that a statement may take; dropping a database waits for its sessions to end.
_STATEMENT_TIMEOUT = 60
#: It makes databases of its own, as the agent needs them, and may do nothing else. Only a superuser
#: may name the rest of a role that is there, even to take it away: it was refused before then.
_RIGHTS = {
    "CREATE": "LOGIN CREATEDB NOSUPERUSER NOCREATEROLE NOREPLICATION NOBYPASSRLS",
    "ALTER": "LOGIN CREATEDB",
}


class ExternalRoles:
    """Makes and removes the role of a client, with its databases.

    Each client has one role, and only that role may connect to the client's database.
    """

    def __init__(self, server: ExternalServer):
        self._server = server

    def ensure_role(self) -> None:
        """Let the client's role exist, with its password and no other rights than it needs.

        :raises DriverRejected: the role is an administrator's, or ours may not make roles
        """
        role = sql.Identifier(self._server.role)
        with self._administrating("make the role") as cursor:
            verb = "ALTER" if self._check_role(cursor) else "CREATE"
            # Encrypted here: statements end up in the server's log.
            password = encrypt_password(
                self._server.role_password, self._server.role, cursor.connection, "scram-sha-256"
            )
            cursor.execute(
                sql.SQL("{} ROLE {} WITH {} CONNECTION LIMIT {} PASSWORD {}").format(
                    sql.SQL(verb),
                    role,
                    sql.SQL(_RIGHTS[verb]),
                    sql.Literal(self._server.sessions),
                    sql.Literal(password),
                )
            )

    def drop(self) -> None:
        """Remove the role with all its databases; does nothing when it is gone."""
        role = sql.Identifier(self._server.role)
        with self._administrating("remove the role") as cursor:
            if not self._check_role(cursor):
                return
            cursor.execute(sql.SQL("ALTER ROLE {} NOLOGIN").format(role))
            # Without being a superuser one needs the role's own rights on its databases.
            cursor.execute(sql.SQL("GRANT {} TO CURRENT_USER").format(role))
            # Who is still logged in could make more while the rest is removed.
            cursor.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = %s",
                [self._server.role],
            )
            cursor.execute(
                "SELECT datname FROM pg_database"
                " WHERE datdba = (SELECT oid FROM pg_roles WHERE rolname = %s)",
                [self._server.role],
            )
            for (name,) in cursor.fetchall():
                database = sql.Identifier(name)
                cursor.execute(sql.SQL("ALTER DATABASE {} IS_TEMPLATE false").format(database))
                cursor.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(database))
            self._drop_elsewhere(cursor)
            cursor.execute(sql.SQL("DROP ROLE IF EXISTS {}").format(role))

    def _drop_elsewhere(self, cursor) -> None:
        """Remove what the role has made in databases of others, as `postgres`, open to everybody.

        A large object there is enough to keep the role from being dropped.
        """
        cursor.execute(
            "SELECT DISTINCT datname FROM pg_shdepend JOIN pg_database d ON d.oid = dbid"
            " WHERE refclassid = 'pg_authid'::regclass"
            " AND refobjid = (SELECT oid FROM pg_roles WHERE rolname = %s)",
            [self._server.role],
        )
        drop = sql.SQL("DROP OWNED BY {}").format(sql.Identifier(self._server.role))
        for (name,) in cursor.fetchall():
            with self._administrating("remove what is left of the role", name) as there:
                there.execute(drop)

    def _check_role(self, cursor) -> bool:
        """Whether the role is there; raises when it is none of a client's."""
        cursor.execute(
            "SELECT rolsuper OR rolcreaterole OR rolreplication OR rolbypassrls"
            " OR rolname = current_user"
            " FROM pg_roles WHERE rolname = %s",
            [self._server.role],
        )
        row = cursor.fetchone()
        if row and row[0]:
            raise DriverRejected(
                f"The role {self._server.role} on {self._describe()} is an administrator's. Choose"
                " another name for the client's role."
            )
        return bool(row)

    @contextlib.contextmanager
    def _administrating(self, action: str, database: str = "postgres") -> Iterator:
        server = self._server
        try:
            connection = psycopg2.connect(
                host=server.host,
                port=server.port,
                user=server.user,
                password=server.password,
                dbname=database,
                sslmode=server.sslmode,
                connect_timeout=_CONNECT_TIMEOUT,
                options=f"-c statement_timeout={_STATEMENT_TIMEOUT}s",
            )
        except psycopg2.OperationalError as error:
            raise DriverUnavailable(self._complain(action, error)) from error
        try:
            connection.autocommit = True
            with connection.cursor() as cursor:
                yield cursor
        except psycopg2.Error as error:
            denied = error.pgcode == errorcodes.INSUFFICIENT_PRIVILEGE
            kind = DriverRejected if denied else DriverUnavailable
            raise kind(self._complain(action, error)) from error
        finally:
            connection.close()

    def _describe(self) -> str:
        server = self._server
        return f"the PostgreSQL server {server.name} ({server.host}:{server.port})"

    def _complain(self, action: str, error: psycopg2.Error) -> str:
        lines = str(error).strip().splitlines() or [type(error).__name__]
        return (
            f"{self._describe()} could not {action} {self._server.role}: {lines[0].strip()}."
            " Check the server and its administrator's account, then try again."
        )
