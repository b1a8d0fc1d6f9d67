"""What lets somebody in without a password is another thing in each client of a template."""

import contextlib

import pytest
from psycopg2 import sql

COLUMNS = """
SELECT table_name, column_name FROM information_schema.columns
  JOIN information_schema.tables USING (table_schema, table_name)
 WHERE table_schema = 'public' AND table_type = 'BASE TABLE'
   AND data_type IN ('character varying', 'text')
"""
LOOKS_RANDOM = "^([0-9a-f]{32}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})$"
#: Names, not secrets: of the template at odoo.com, and of the person who owns both clients.
PUBLIC = {("auth_oauth_provider", "client_id"), ("res_users", "oauth_uid")}


def find_tokens(portal, name):
    """(table, column, value) of every text that looks as if it was drawn by chance."""
    found = set()
    with contextlib.closing(portal.cluster.connect(name)) as connection:
        cursor = connection.cursor()
        cursor.execute(COLUMNS)
        for table, column in cursor.fetchall():
            query = sql.SQL("SELECT {column} FROM {table} WHERE {column} ~ %s")
            names = {"column": sql.Identifier(column), "table": sql.Identifier(table)}
            cursor.execute(query.format(**names), [LOOKS_RANDOM])
            found |= {(table, column, value) for (value,) in cursor.fetchall()}
    return {token for token in found if token[:2] not in PUBLIC}


@pytest.mark.one_shape
def test_clients_of_one_template_share_no_token_of_a_public_page(portal, new_client):
    """With the kiosk of Attendances, which anybody enters who knows the company's key"""
    plan = portal.make_plan("Kiosks", "template-kiosk.localhost", app_names="hr_attendance")
    portal.admin.call("saas_portal.plan", "create_template", [plan])
    names = [new_client(plan_id=plan).name for _number in range(2)]
    one, two = (find_tokens(portal, name) for name in names)
    assert ("res_company", "attendance_kiosk_key") in {token[:2] for token in one}
    portal_uuid = portal.psql(
        portal.name, "SELECT value FROM ir_config_parameter WHERE key = 'database.uuid'"
    )
    assert one & two == {("ir_config_parameter", "value", portal_uuid[0][0])}
    channels = [dict(portal.psql(name, "SELECT id, uuid FROM discuss_channel")) for name in names]
    assert channels[0]
    assert all(channels[0][key] != channels[1][key] for key in channels[0])
    page = f"/hr_attendance/{next(value for table, _c, value in one if table == 'res_company')}"
    assert portal.http(names[0]).get(page).status_code == 200
    assert portal.http(names[1]).get(page).status_code == 404
