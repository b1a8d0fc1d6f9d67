"""SQL that makes a copied template somebody's: its owner, its limits, the way in by the portal.

A template holds an owner ready (``saas_client``: ``_saas_prepare_owner``) with all that Odoo
computes of a person. What is left to write are plain columns, and whether those are all is tried
out when the template is built: `prepare`. Where they are not, the client makes its owner itself.
"""

import html
import logging

from . import token_sql
from .token_sql import RandomColumn
from .types import Identity, Owner, Setup

_logger = logging.getLogger(__name__)

#: Parameter of a template: id of the user who becomes the owner of a copy.
PREPARED = "saas_client.prepared_owner"

_FIND = """
SELECT (SELECT res_id FROM ir_model_data WHERE module = 'base' AND name = 'user_admin'),
       (SELECT res_id FROM ir_model_data WHERE module = 'saas_client' AND name = 'provider_portal'),
       (SELECT count(*) FROM res_lang WHERE active AND code = %s),
       (SELECT partner_id FROM res_users WHERE id = %s)
"""
_OWNER = """
UPDATE res_users
   SET login = %s, password = %s, signature = %s, oauth_provider_id = %s, oauth_uid = %s,
       active = TRUE, create_date = now() AT TIME ZONE 'UTC', write_date = now() AT TIME ZONE 'UTC'
 WHERE id = %s
"""
_PARTNER = """
UPDATE res_partner
   SET name = %s, complete_name = %s, email = %s, email_normalized = %s, lang = %s, tz = %s,
       active = TRUE, create_date = now() AT TIME ZONE 'UTC', write_date = now() AT TIME ZONE 'UTC'
 WHERE id = %s
"""
_WAY_IN = """
UPDATE auth_oauth_provider
   SET auth_endpoint = %s, validation_endpoint = %s, data_endpoint = NULL, client_id = %s,
       enabled = TRUE
 WHERE id = %s
"""
_PARAMETERS = """
INSERT INTO ir_config_parameter
            (key, value, saas_hidden, create_uid, write_uid, create_date, write_date)
SELECT key, value, hidden, 1, 1, now() AT TIME ZONE 'UTC', now() AT TIME ZONE 'UTC'
  FROM unnest(%s, %s, %s) AS given (key, value, hidden)
ON CONFLICT (key) DO UPDATE SET value = EXCLUDED.value, saas_hidden = EXCLUDED.saas_hidden
"""


def take_notes(cursor) -> tuple[int | None, list[RandomColumn] | None]:
    """What a template says of itself, and a copy does not: the user who waits to become the owner,
    and the columns whose values are to be renewed; None for what it does not say.
    """
    cursor.execute(
        "DELETE FROM ir_config_parameter WHERE key IN (%s, %s) RETURNING key, value",
        [PREPARED, token_sql.NOTED],
    )
    notes = dict(cursor.fetchall())
    owner, columns = notes.get(PREPARED), notes.get(token_sql.NOTED)
    return owner and int(owner), columns and token_sql.read(columns)


def set_up(cursor, user_id: int | None, setup: Setup, identity: Identity) -> bool:
    """Write all of the set-up, or nothing: False, when the client has to be asked for it."""
    owner = setup.owner
    if not user_id:
        return False
    cursor.execute(_FIND, [owner.lang, user_id])
    admin_id, provider_id, has_language, partner_id = cursor.fetchone()
    if not (admin_id and provider_id and has_language and partner_id):
        return False
    if not _free_login(cursor, owner.login, admin_id):
        return False
    password, signature = owner.password_hash or None, f"<div>{_escape(owner.name)}</div>"
    cursor.execute(_OWNER, [owner.login, password, signature, provider_id, owner.subject, user_id])
    email = owner.email or None, owner.email_normalized or None
    cursor.execute(
        _PARTNER, [owner.name, owner.name.strip(), *email, owner.lang, owner.tz, partner_id]
    )
    oauth = f"{setup.portal_url}/oauth2"
    cursor.execute(
        _WAY_IN, [f"{oauth}/auth", f"{oauth}/tokeninfo", identity.database_uuid, provider_id]
    )
    keys, values = list(setup.parameters), list(setup.parameters.values())
    if keys:
        cursor.execute(_PARAMETERS, [keys, values, [key in setup.hidden for key in keys]])
    return True


def _free_login(cursor, login: str, admin_id: int) -> bool:
    """Move the operator's account out of the way; False when somebody else has the login."""
    cursor.execute("SELECT login, id FROM res_users")
    taken = dict(cursor.fetchall())
    if taken.get(login, admin_id) != admin_id:
        return False
    if login in taken:
        new_login, number = "saas-admin", 1
        while new_login in {login, *taken}:
            number += 1
            new_login = f"saas-admin-{number}"
        cursor.execute("UPDATE res_users SET login = %s WHERE id = %s", [new_login, admin_id])
    return True


def _escape(name: str) -> str:
    """As Odoo's HTML fields hold a text."""
    return html.escape(name, quote=False)


# -- trying it out, in Odoo's shell ----------------------------------------------------------------

_PROBE = Owner(
    login="Probe@Example.com",
    name=" Zoë O'Probe & <Sons> ",
    email="Probe@Example.com",
    email_normalized="probe@example.com",
    password_hash="$pbkdf2-sha512$1$c2FsdA$aGFzaA",  # of nothing: no password has it
    lang="en_US",
    tz="Pacific/Auckland",
    subject="probe",
)
_COMPARED = ("res_users", "res_partner", "res_users_settings", "auth_oauth_provider")
#: What a cache or a clock writes, and what differs by the way it is done.
_NOT_COUNTED = ("orm_signaling_%", "ir_config_parameter")
_TABLES = """
SELECT tablename FROM pg_tables
 WHERE schemaname = 'public' AND NOT tablename LIKE ANY(%s) ORDER BY tablename
"""


def prepare(env) -> bool:
    """Have a template hold an owner ready.

    :param env: Odoo's, of the template
    :return: whether copies may be set up by SQL: it writes what this Odoo, with these apps, would
    """
    owner = env["res.users"]._saas_prepare_owner()
    env.flush_all()
    by_odoo = _try_out(env, owner.id, _write_by_odoo)
    by_sql = _try_out(env, owner.id, _write_by_sql)
    for table in by_odoo:
        if by_odoo[table] != by_sql[table]:
            _logger.info("Owners are made by the clients: %s differs", table)
    if by_odoo != by_sql:
        return False
    env["ir.config_parameter"].sudo().set_param(PREPARED, str(owner.id))
    return True


def _try_out(env, owner_id: int, write) -> dict:
    """What the tables hold after a way to make the owner; nothing of it stays."""
    env.cr.execute("SAVEPOINT saas_probe")
    env.cr.execute("UPDATE res_users SET active = FALSE WHERE id = %s", [owner_id])
    env.invalidate_all()
    write(env, owner_id)
    env.flush_all()
    found = _read_tables(env.cr)
    env.invalidate_all(flush=False)
    env.cr.execute("ROLLBACK TO SAVEPOINT saas_probe")
    env.registry.clear_all_caches()
    return found


def _write_by_odoo(env, _owner_id):
    users = env["res.users"]
    env["auth.oauth.provider"]._saas_set_up("http://portal")
    names = ("login", "name", "email", "password_hash", "lang", "tz")
    owner = users._saas_ensure_owner(**{name: getattr(_PROBE, name) for name in names})
    owner._saas_link_to_portal(_PROBE.subject)


def _write_by_sql(env, owner_id):
    uuid = env["ir.config_parameter"].sudo().get_param("database.uuid")
    setup = Setup(_PROBE, portal_url="http://portal", parameters={})
    set_up(env.cr, owner_id, setup, Identity(uuid, "", "", ""))


def _read_tables(cursor) -> dict:
    """Rows of what is written, without their dates; of all else, how many there are."""
    found = {}
    cursor.execute(_TABLES, [list(_NOT_COUNTED)])
    for (table,) in cursor.fetchall():
        what = "count(*)"
        if table in _COMPARED:
            dates = "- 'create_date' - 'write_date' - 'write_uid'"
            what = f"jsonb_agg(to_jsonb(t) {dates} ORDER BY t.id)"
        cursor.execute(f'SELECT {what} FROM "{table}" t')
        found[table] = cursor.fetchone()[0]
    return found
