"""A server for the local driver: a real PostgreSQL, and databases like Odoo's from afar."""

import contextlib

import pytest
from psycopg2 import sql
from saas_driver import LocalDriver, databases, local, local_backup

ODOO = """
CREATE TABLE ir_config_parameter (
    id serial PRIMARY KEY, key varchar UNIQUE, value text,
    create_uid int, write_uid int, create_date timestamp, write_date timestamp);
INSERT INTO ir_config_parameter (key, value) VALUES
    ('database.uuid', 'template'), ('database.secret', 'template'),
    ('database.create_date', '2020-01-01 00:00:00'), ('web.base.url', 'http://template'),
    ('auth_signup.invitation_scope', 'b2c');
CREATE TABLE res_users (id serial PRIMARY KEY, login varchar, password varchar,
                        active boolean DEFAULT TRUE, share boolean DEFAULT FALSE);
INSERT INTO res_users (login, password, active, share) VALUES
    ('__system__', NULL, FALSE, FALSE), ('admin', 'template', TRUE, FALSE),
    ('builder', 'template', TRUE, FALSE), ('visitor', 'template', TRUE, TRUE);
CREATE TABLE ir_model_data (module varchar, name varchar, model varchar, res_id int);
INSERT INTO ir_model_data VALUES
    ('base', 'user_root', 'res.users', 1), ('base', 'user_admin', 'res.users', 2),
    ('mail', 'ir_cron_module_update_notification', 'ir.cron', 2);
CREATE TABLE ir_cron (id serial PRIMARY KEY, active boolean DEFAULT TRUE, nextcall timestamp,
                      interval_number int, interval_type varchar);
INSERT INTO ir_cron (nextcall, interval_number, interval_type) VALUES
    ('2020-01-01', 10, 'minutes'), ('2020-01-01', 1, 'days'), ('2020-01-01', 1, 'months');
CREATE TABLE res_users_apikeys (id serial PRIMARY KEY, key varchar);
INSERT INTO res_users_apikeys (key) VALUES ('template');
CREATE TABLE ir_mail_server (id serial PRIMARY KEY, smtp_pass varchar);
INSERT INTO ir_mail_server (smtp_pass) VALUES ('template');
CREATE TABLE mail_mail (id serial PRIMARY KEY, state varchar);
CREATE TABLE ir_module_module (name varchar, latest_version varchar, state varchar);
INSERT INTO ir_module_module VALUES
    ('base', '19.0.1.3', 'installed'), ('sale', '19.0.1.2', 'uninstalled');
CREATE TABLE orm_signaling_registry (id serial PRIMARY KEY, date timestamp DEFAULT now());
INSERT INTO orm_signaling_registry DEFAULT VALUES;
CREATE TABLE orm_signaling_default (id serial PRIMARY KEY, date timestamp DEFAULT now());
INSERT INTO orm_signaling_default DEFAULT VALUES;
"""


NEUTRALIZE = """
INSERT INTO ir_config_parameter (key, value) VALUES ('database.is_neutralized', 'true')
    ON CONFLICT (key) DO UPDATE SET value = EXCLUDED.value;
UPDATE ir_cron SET active = FALSE;
"""


class Interrupted(BaseException):
    """Stands for a killed process: no ``except`` of the driver sees it."""


class StubBuilder:
    """Makes in milliseconds what an Odoo process makes in a minute."""

    empty_database = "template0"

    def __init__(self, world):
        self.world = world
        self.failure = None

    def build(self, database, spec):
        if self.failure:
            raise self.failure
        self.world.cluster.query(database, ODOO)
        folder = self.world.files / database / "ab"
        folder.mkdir(parents=True)
        (folder / "abcd").write_text(f"attachment {spec.addons}")


class LocalWorld:
    template = "template-1"

    def __init__(self, cluster, files):
        self.cluster, self.files = cluster, files
        self.forgotten = []
        self.builder = StubBuilder(self)
        self.driver = LocalDriver(
            self.connection_info,
            files,
            self.builder,
            forget=self.forgotten.append,
            neutralize=self.neutralize,
        )

    def connection_info(self, database):
        return {
            "host": "127.0.0.1",
            "port": self.cluster.port,
            "dbname": database,
            "user": "odoo",
            "password": self.cluster.password,
        }

    def query(self, database, statement, *params):
        return self.cluster.query(database, statement, params or None)

    def run_strangers_client(self, name):
        statement = sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name))
        self.cluster.query("postgres", statement)
        (self.files / name).mkdir()

    def parameters(self, name):
        return dict(self.query(name, "SELECT key, value FROM ir_config_parameter"))

    def look_inside(self, name):
        parameters = self.parameters(name)
        return {
            "database_uuid": parameters["database.uuid"],
            "base_url": parameters["web.base.url"],
            "portal_uuid": parameters["saas_client.portal_uuid"],
            "portal_key": parameters["saas_client.portal_key"],
            "secret": parameters["database.secret"],
        }

    def write_inside(self, name, text):
        """Data of a customer's: a person, a waiting mail, a key and a file."""
        self.query(name, "DELETE FROM res_users WHERE login = 'data'")
        self.query(name, "INSERT INTO res_users (login, password) VALUES ('data', %s)", text)
        self.query(name, "INSERT INTO mail_mail (state) VALUES ('outgoing')")
        self.query(name, "INSERT INTO res_users_apikeys (key) VALUES (%s)", text)
        folder = self.files / name / "cd"
        folder.mkdir(exist_ok=True)
        # Odoo never writes into a stored file: copies share it.
        (folder / "cdef").unlink(missing_ok=True)
        (folder / "cdef").write_text(text)

    def read_inside(self, name):
        ((text,),) = self.query(name, "SELECT password FROM res_users WHERE login = 'data'")
        assert (self.files / name / "cd" / "cdef").read_text() == text
        return text

    def neutralize(self, cursor):
        cursor.execute(NEUTRALIZE)

    def is_neutralized(self, name):
        return self.parameters(name).get("database.is_neutralized") == "true"

    def can_act(self, name):
        """Whether it has mails to send, mail servers or keys of its people."""
        ((mails, keys, servers),) = self.query(
            name,
            "SELECT (SELECT count(*) FROM mail_mail WHERE state = 'outgoing'),"
            " (SELECT count(*) FROM res_users_apikeys), (SELECT count(*) FROM ir_mail_server)",
        )
        return bool(mails or keys or servers)

    def cut_off(self, verb, *arguments):
        points = {
            "restore": (
                "_load",
                "_extract_files",
                "_drop",
                "_publish",
                "os.rename",
                "databases.rename",
            ),
            "copy": ("_dump", "_copy_files", "_remove_files", "_publish", "databases.rename"),
            "backup": ("_dump", "local_backup.os.replace"),
            "create": ("_copy_files", "_remove_files", "_publish", "os.rename", "databases.rename"),
            "rename": ("_withdraw", "os.rename", "_remove_files", "_publish", "second rename"),
            "delete": ("_remove_files", "databases.alter"),
        }[verb]
        for point in points:
            if verb == "rename":
                call = [*arguments, "http://half.localhost"]
            elif verb in ("restore", "copy", "backup"):
                call = arguments
            else:
                call = [arguments[0] if verb == "create" else arguments[0].ref]
            if verb == "delete":
                self.driver.create(arguments[0])
            with self.killed_at(point), contextlib.suppress(Interrupted):
                getattr(self.driver, verb)(*call)
                raise AssertionError(f"{verb} never came to {point}")
            yield point

    @contextlib.contextmanager
    def killed_at(self, point):
        """The process dies where the driver calls this."""
        calls_before = 1 if point == "second rename" else 0
        point = "os.rename" if point == "second rename" else point
        owner, _dot, name = point.rpartition(".")
        target = {
            "": self.driver,
            "os": local.os,
            "databases": databases,
            "local_backup.os": local_backup.os,
        }[owner]
        real, calls = getattr(target, name), []

        def die(*args, **kwargs):
            calls.append(args)
            if len(calls) <= calls_before:
                return real(*args, **kwargs)
            raise Interrupted(point)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(target, name, die)
            yield
