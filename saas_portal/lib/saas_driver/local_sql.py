"""The SQL of the local driver: what turns a copied database into one of its own."""

import json
import secrets
import uuid
from collections.abc import Mapping

from passlib.hash import pbkdf2_sha512
from psycopg2 import sql

from . import copy_sql, setup_sql, token_sql
from .types import Identity, Setup

#: Marks a database as ours: the comment on the database holds {"saas_client": "<uuid>"}.
MARK = "saas_client"

#: Tables whose rows would let the template's people or machines act in the copy.
_EMPTIED = (
    "res_users_apikeys",
    "res_users_identitycheck",
    "auth_totp_device",
    "auth_passkey_key",
    "res_device_log",
    "ir_mail_server",
    "fetchmail_server",
    "bus_bus",
    "saas_client_connection",
    "saas_client_used_token",
    "ir_cron_trigger",
)

_OTHER_PEOPLE = """
UPDATE res_users SET password = NULL, active = active AND share
 WHERE id NOT IN (SELECT res_id FROM ir_model_data WHERE module = 'base' AND model = 'res.users'
                     AND name IN ('user_root', 'user_admin'))
"""
_ADMIN_PASSWORD = """
UPDATE res_users SET password = %s
 WHERE id IN (SELECT res_id FROM ir_model_data
               WHERE module = 'base' AND model = 'res.users' AND name = 'user_admin')
"""
_SET_PARAMETERS = """
INSERT INTO ir_config_parameter (key, value, create_uid, write_uid, create_date, write_date)
SELECT key, value, 1, 1, now() AT TIME ZONE 'UTC', now() AT TIME ZONE 'UTC'
  FROM unnest(%s, %s) AS given (key, value)
ON CONFLICT (key) DO UPDATE SET value = EXCLUDED.value, write_date = EXCLUDED.write_date
"""
# A clone of an old template would run every scheduled action at once, a thousand clones together.
_SPREAD_CRONS = """
UPDATE ir_cron SET nextcall = (now() AT TIME ZONE 'UTC')
    + random() * LEAST((interval_number || ' ' || interval_type)::interval, interval '1 day')
"""
# It tells Odoo's publisher of each database; the operator's contract is not the customer's.
_NO_PUBLISHER_CRON = """
UPDATE ir_cron SET active = FALSE
 WHERE id IN (SELECT res_id FROM ir_model_data WHERE module = 'mail' AND model = 'ir.cron'
                 AND name = 'ir_cron_module_update_notification')
"""
#: Seconds for the figures of one client; a change of its modules may hold them up.
_PATIENCE_SECONDS = 10
# Who may not connect to a database may not ask for its size either.
_SIZES = """
SELECT datname, shobj_description(oid, 'pg_database'),
       CASE WHEN has_database_privilege(oid, 'CONNECT') THEN pg_database_size(oid) END
  FROM pg_database WHERE datname = ANY(%s)
"""
_USAGE = f"""
SET LOCAL statement_timeout = '{_PATIENCE_SECONDS}s';
SELECT (SELECT count(*) FROM res_users
         WHERE active AND NOT share
           AND id NOT IN (SELECT res_id FROM ir_model_data
                           WHERE module = 'base' AND model = 'res.users'
                             AND name IN ('user_root', 'user_admin'))),
       COALESCE((SELECT value = '1' FROM ir_config_parameter
                  WHERE key = 'saas_client.suspended'), FALSE)
"""


def set_parameter(cursor, key: str, value: str) -> None:
    set_parameters(cursor, {key: value})


def set_parameters(cursor, values: Mapping[str, str]) -> None:
    cursor.execute(_SET_PARAMETERS, [list(values), list(values.values())])


def give_identity(cursor, identity: Identity, setup: Setup | None = None) -> bool:
    """Make the copied template a stranger to its origin; safe to repeat.

    :return: whether it is set up too; a template that holds no owner ready cannot be
    """
    prepared, columns = setup_sql.take_notes(cursor)
    token_sql.renew(cursor, token_sql.find_known(cursor) if columns is None else columns)
    move_in(cursor, identity)
    set_parameter(cursor, "auth_signup.invitation_scope", "b2b")
    cursor.execute(
        "UPDATE ir_config_parameter SET value = to_char(now() AT TIME ZONE 'UTC',"
        " 'YYYY-MM-DD HH24:MI:SS') WHERE key = 'database.create_date'"
    )
    _empty(cursor, *_EMPTIED)
    cursor.execute(_OTHER_PEOPLE)
    # 256 random bits need no stretching; a person's password would.
    unknown = pbkdf2_sha512.using(rounds=1).hash(secrets.token_urlsafe(32))
    cursor.execute(_ADMIN_PASSWORD, [unknown])
    cursor.execute(_SPREAD_CRONS)
    cursor.execute(_NO_PUBLISHER_CRON)
    return bool(setup) and setup_sql.set_up(cursor, prepared, setup, identity)


def move_in(cursor, identity: Identity) -> None:
    """Make the database this client, with its people as they are; their sessions end."""
    set_parameters(
        cursor,
        {
            "database.uuid": identity.database_uuid,
            "database.secret": str(uuid.uuid4()),
            "web.base.url": identity.base_url,
            "web.base.url.freeze": "True",
            "saas_client.portal_uuid": identity.portal_uuid,
            "saas_client.portal_key": identity.portal_key,
        },
    )
    distrust_caches(cursor)


def forget_machines(cursor) -> None:
    """Let a copy reach nobody in the name of its original: no mails, keys or devices."""
    _empty(cursor, *_EMPTIED)
    copy_sql.cut_ties(cursor)
    token_sql.renew(cursor, token_sql.find_known(cursor))
    cursor.execute(_SPREAD_CRONS)


def _empty(cursor, *tables: str) -> None:
    cursor.execute(
        "SELECT name FROM unnest(%s) AS name WHERE to_regclass(name) IS NOT NULL", [list(tables)]
    )
    present = [sql.Identifier(table) for (table,) in cursor.fetchall()]
    if present:
        cursor.execute(sql.SQL("; ").join(map(sql.SQL("DELETE FROM {}").format, present)))


def read_manifest(cursor) -> dict:
    """What Odoo writes beside a dump, as far as it can be read from the database."""
    cursor.execute("SELECT name, latest_version FROM ir_module_module WHERE state = 'installed'")
    modules = dict(cursor.fetchall())
    major = ".".join((modules.get("base") or "").split(".")[:2])
    number = cursor.connection.server_version
    return {
        "odoo_dump": "1",
        "version": major,
        "major_version": major,
        "pg_version": f"{number // 10000}.{number % 10000}",
        "modules": modules,
    }


def distrust_caches(cursor) -> None:
    """Have every Odoo process drop what it remembers under this database's name.

    A process that served a former database of the same name compares only sequence numbers; two
    copies of one template have the same. A random jump makes the numbers of two namesakes differ.
    """
    cursor.execute(
        "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
        " AND starts_with(tablename, 'orm_signaling_')"
    )
    statements = [
        sql.SQL(
            "DELETE FROM {table}; SELECT setval(pg_get_serial_sequence({name}, 'id'), {number});"
            "INSERT INTO {table} DEFAULT VALUES"
        ).format(
            table=sql.Identifier(table),
            name=sql.Literal(table),
            number=sql.Literal(1_000_000 + secrets.randbelow(2_000_000_000)),
        )
        for (table,) in cursor.fetchall()
    ]
    if statements:
        cursor.execute(sql.SQL("; ").join(statements))


def read_usage(cursor) -> tuple[int, bool]:
    """Internal users without administrator and bot, and whether the client is suspended.

    :raises psycopg2.Error: somebody changes the tables, and does not end in time
    """
    cursor.execute(_USAGE)
    return cursor.fetchone()


def read_sizes(cursor, names: list[str]) -> dict[str, tuple[str, int]]:
    """Of those databases that are there: the uuid in the comment, and bytes."""
    cursor.execute(_SIZES, [names])
    return {name: (read_mark(comment), size or 0) for name, comment, size in cursor.fetchall()}


def make_mark(key: str, **notes: str) -> str:
    return json.dumps({MARK: key, **{name: text for name, text in notes.items() if text}})


def read_mark(comment: str | None) -> str:
    """The uuid in a database's comment, or '' when the database is not ours."""
    return read_note(comment, MARK)


def read_note(comment: str | None, name: str) -> str:
    """What else a comment of ours says, or ''."""
    try:
        mark = json.loads(comment or "")
    except ValueError:
        return ""
    return str(mark.get(name, "")) if isinstance(mark, dict) else ""
