"""A server for the local driver: a real PostgreSQL, and databases like Odoo's from afar."""

import contextlib
import json

import pytest
from client_world import ClientWorld, Interrupted
from psycopg2 import sql
from saas_driver import LocalDriver, databases, local_backup, local_files

ODOO = """
CREATE TABLE ir_config_parameter (
    id serial PRIMARY KEY, key varchar UNIQUE, value text, saas_hidden boolean,
    create_uid int, write_uid int, create_date timestamp, write_date timestamp);
INSERT INTO ir_config_parameter (key, value) VALUES
    ('database.uuid', 'template'), ('database.secret', 'template'),
    ('database.create_date', '2020-01-01 00:00:00'), ('web.base.url', 'http://template'),
    ('auth_signup.invitation_scope', 'b2c');
CREATE TABLE res_partner (
    id serial PRIMARY KEY, name varchar, complete_name varchar, email varchar,
    email_normalized varchar, lang varchar, tz varchar, active boolean DEFAULT TRUE,
    create_date timestamp, write_date timestamp);
CREATE TABLE res_users (
    id serial PRIMARY KEY, login varchar UNIQUE, password varchar, partner_id int,
    active boolean DEFAULT TRUE, share boolean DEFAULT FALSE, signature text,
    oauth_provider_id int, oauth_uid varchar, create_date timestamp, write_date timestamp);
CREATE TABLE res_lang (code varchar, active boolean);
INSERT INTO res_lang VALUES ('en_US', TRUE), ('de_DE', FALSE);
CREATE TABLE auth_oauth_provider (
    id serial PRIMARY KEY, auth_endpoint varchar, validation_endpoint varchar,
    data_endpoint varchar, client_id varchar, enabled boolean);
INSERT INTO auth_oauth_provider (auth_endpoint) VALUES ('/publisher'), ('/oauth2/auth');
INSERT INTO res_users (login, password, active, share) VALUES
    ('__system__', NULL, FALSE, FALSE), ('admin', 'template', TRUE, FALSE),
    ('builder', 'template', TRUE, FALSE), ('visitor', 'template', TRUE, TRUE);
CREATE TABLE ir_model_data (module varchar, name varchar, model varchar, res_id int);
INSERT INTO ir_model_data VALUES
    ('base', 'user_root', 'res.users', 1), ('base', 'user_admin', 'res.users', 2),
    ('saas_client', 'provider_portal', 'auth.oauth.provider', 2),
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
#: What `saas_client` prepares in a template, and a build that has tried it out.
PREPARED_OWNER = """
INSERT INTO res_partner (id, name, complete_name) VALUES (7, 'Owner', 'Owner');
INSERT INTO res_users (id, login, partner_id) VALUES (7, 'saas-prepared-owner', 7);
INSERT INTO ir_config_parameter (key, value) VALUES
    ('res.users.owner', '7'), ('saas_client.prepared_owner', '7');
"""
NEUTRALIZE = """
INSERT INTO ir_config_parameter (key, value) VALUES ('database.is_neutralized', 'true')
    ON CONFLICT (key) DO UPDATE SET value = EXCLUDED.value;
UPDATE ir_cron SET active = FALSE;
"""


class StubBuilder:
    """Makes in milliseconds what an Odoo process makes in a minute."""

    empty_database = "template0"

    def __init__(self, world):
        self.world = world
        self.failure = None
        self.more = ""

    def build(self, database, spec):
        if self.failure:
            raise self.failure
        self.world.cluster.query(database, ODOO + self.more)
        folder = self.world.files / database / "ab"
        folder.mkdir(parents=True)
        (folder / "abcd").write_text(f"attachment {spec.addons}")


class LocalWorld(ClientWorld):
    POINTS = {
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
        "rename": (
            "_withdraw",
            "os.rename",
            "_remove_files",
            "_publish",
            "second os.rename",
            "second databases.rename",
        ),
        "delete": ("_remove_files", "databases.alter"),
    }

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
            portal="portal",
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

    def folder_of(self, template):
        """Where the files of this build of a template are."""
        ((comment,),) = self.query(
            "postgres",
            "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = %s",
            template,
        )
        return self.files / json.loads(comment)["files"]

    def write_file(self, name, text):
        folder = self.files / name / "cd"
        folder.mkdir(exist_ok=True)
        # Odoo never writes into a stored file: copies share it.
        (folder / "cdef").unlink(missing_ok=True)
        (folder / "cdef").write_text(text)

    def read_file(self, name):
        return (self.files / name / "cd" / "cdef").read_text()

    def neutralize(self, cursor):
        cursor.execute(NEUTRALIZE)

    @contextlib.contextmanager
    def killed_at(self, point):
        """The process dies where the driver calls this."""
        calls_before = 1 if point.startswith("second ") else 0
        point = point.removeprefix("second ")
        owner, _dot, name = point.rpartition(".")
        target = {
            "": self.driver,
            "os": local_files.os,
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
