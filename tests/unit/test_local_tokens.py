"""What a template holds by chance is another thing in each copy; on a real PostgreSQL."""

import re

import pytest
from driver_contract import make_spec
from saas_driver import ClientRef, TemplateSpec, token_sql
from saas_driver.token_sql import RandomColumn

TABLES = """
CREATE TABLE res_company (id serial PRIMARY KEY, attendance_kiosk_key varchar);
INSERT INTO res_company (attendance_kiosk_key) VALUES ('0123456789abcdef0123456789abcdef'), (NULL);
CREATE TABLE shop (id serial PRIMARY KEY, access_token varchar, code varchar, invitation varchar);
INSERT INTO shop (access_token, code, invitation) VALUES
    ('0b8e0f0c-7f3e-4f0e-9b3f-3f1f5a6f7c8d', '044a-1234-4bcd-8', 'aB3dE5gH9k'),
    ('1b8e0f0c-7f3e-4f0e-9b3f-3f1f5a6f7c8d', 'SUMMER SALE', '');
CREATE VIEW shop_report AS SELECT id, access_token FROM shop;
INSERT INTO ir_config_parameter (key, value) VALUES
    ('guid', '2b8e0f0c-7f3e-4f0e-9b3f-3f1f5a6f7c8d'), ('other', '1');
"""
UUID = r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
KNOWN = (
    RandomColumn("res_company", "attendance_kiosk_key"),
    RandomColumn("shop", "access_token"),
)
NAMES = ("one.localhost", "two.localhost")
TOKENS = """
SELECT attendance_kiosk_key FROM res_company WHERE id = 1
 UNION ALL SELECT access_token FROM shop
"""
OTHERS = """
SELECT code FROM shop WHERE id = 1 UNION ALL SELECT invitation FROM shop WHERE id = 1
 UNION ALL SELECT value FROM ir_config_parameter WHERE key = 'guid'
"""


@pytest.fixture
def copies(world):
    """Makes two clients of one template, which notes these columns or none."""

    def make(columns=None):
        world.builder.more = TABLES
        world.driver.build_template(TemplateSpec("template-2", "key-template-2"))
        if columns is not None:
            world.query("postgres", 'ALTER DATABASE "template-2" ALLOW_CONNECTIONS true')
            world.query(
                "template-2",
                "INSERT INTO ir_config_parameter (key, value) VALUES (%s, %s)",
                token_sql.NOTED,
                token_sql.write(columns),
            )
        for name in NAMES:
            world.driver.create(make_spec(name, f"key-{name}", "template-2"))

    return make


def values(world, name, query):
    return [value for (value,) in world.query(name, query)]


def test_copies_of_one_template_share_no_token(world, copies):
    columns = [*KNOWN, RandomColumn("shop", "code", "044"), RandomColumn("shop", "invitation")]
    copies([*columns, RandomColumn("ir_config_parameter", "value", "", (7, 6))])
    query = f"{TOKENS} UNION ALL {OTHERS}"
    one, two = (values(world, name, query) for name in NAMES)
    assert len(one) == 6
    assert not {*one} & {*two}
    assert not {value for value in {*one, *two} if value in TABLES}


def test_values_keep_their_form_and_what_is_no_token_stays(world, copies):
    copies([*KNOWN, RandomColumn("shop", "code", "044"), RandomColumn("shop", "invitation")])
    rows = world.query(NAMES[0], "SELECT access_token, code, invitation FROM shop ORDER BY id")
    assert re.fullmatch(UUID, rows[0][0])
    assert re.fullmatch("044[0-9a-f]-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]", rows[0][1])
    assert re.fullmatch("[a-zA-Z0-9]{10}", rows[0][2])
    assert rows[1][1:] == ("SUMMER SALE", "")
    keys = values(world, NAMES[0], "SELECT attendance_kiosk_key FROM res_company ORDER BY id")
    assert re.fullmatch("[0-9a-f]{32}", keys[0])
    assert keys[1] is None


def test_a_client_does_not_tell_what_was_renewed(world, copies):
    copies(KNOWN)
    assert token_sql.NOTED not in world.parameters(NAMES[0])


def test_of_a_template_that_notes_nothing_the_known_tokens_are_renewed(world, copies):
    copies()
    one, two = (values(world, name, TOKENS) for name in NAMES)
    assert len(one) == 3
    assert not {*one, *two} & set(re.findall("'([^']+)'", TABLES))
    assert not {*one} & {*two}


def test_a_duplicate_shares_no_known_token_with_its_original(world, copies):
    copies()
    original = ClientRef(NAMES[0], f"key-{NAMES[0]}")
    twin = ClientRef("twin.localhost", "key-twin")
    world.driver.copy(original, twin, make_spec(twin.name, twin.key).identity)
    one, two = (values(world, name, TOKENS) for name in (NAMES[0], twin.name))
    assert len(one) == len(two) == 3
    assert not {*one} & {*two}
