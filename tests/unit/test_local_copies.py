"""What a copy of a client does not go on with, on a real PostgreSQL."""

from dataclasses import replace

import pytest
from driver_contract import make_spec
from saas_driver import ClientRef

#: As Odoo's addons and ours make them, as far as it matters here.
TABLES = """
CREATE TABLE saas_rest_webhook (url varchar, active boolean, sealed_secret varchar,
                                sealed_old_secret varchar);
CREATE TABLE saas_rest_delivery (webhook_id int);
CREATE TABLE saas_rest_token (hash varchar);
CREATE TABLE payment_provider (code varchar, state varchar);
CREATE TABLE ir_act_server (state varchar, webhook_url varchar);
CREATE TABLE iap_account (account_token varchar);
CREATE TABLE sms_sms (state varchar);
INSERT INTO saas_rest_webhook VALUES ('https://erp.example.com', TRUE, 'sealed', 'old');
INSERT INTO saas_rest_delivery VALUES (1);
INSERT INTO saas_rest_token VALUES ('hash');
INSERT INTO payment_provider VALUES ('stripe', 'enabled'), ('demo', 'test');
INSERT INTO ir_act_server VALUES ('webhook', 'https://hook.example.com'), ('code', NULL);
INSERT INTO iap_account VALUES ('0123456789abcdef0123456789abcdef');
INSERT INTO sms_sms VALUES ('outgoing'), ('sent');
"""
TWIN = ClientRef("twin.localhost", "key-twin")


@pytest.fixture
def look(world):
    """Copies a client that has all of it; a query on the copy and on the original."""
    spec = make_spec(template=world.template)
    world.driver.create(spec)
    world.query(spec.ref.name, TABLES)
    world.driver.copy(spec.ref, TWIN, replace(spec.identity, database_uuid=TWIN.key))
    return lambda query: (world.query(TWIN.name, query), world.query(spec.ref.name, query))


@pytest.mark.parametrize(
    ("query", "copied"),
    [
        ("SELECT active, sealed_secret, sealed_old_secret FROM saas_rest_webhook",
         [(False, None, None)]),
        ("SELECT * FROM saas_rest_delivery", []),
        ("SELECT * FROM saas_rest_token", []),
        ("SELECT code, state FROM payment_provider ORDER BY code",
         [("demo", "test"), ("stripe", "disabled")]),
        ("SELECT webhook_url FROM ir_act_server WHERE webhook_url LIKE 'http%'", []),
        ("SELECT account_token FROM iap_account",
         [("0123456789abcdef0123456789abcdef+disabled",)]),
        ("SELECT state FROM sms_sms ORDER BY state", [("canceled",), ("sent",)]),
    ],
)  # fmt: skip
def test_a_copy_reaches_nobody_in_its_originals_name(look, query, copied):
    found, original = look(query)
    assert found == copied
    assert original != copied, "the original goes on as before"


def test_what_a_copy_keeps_of_webhooks_is_where_they_went(look):
    found, original = look("SELECT url FROM saas_rest_webhook")
    assert found == original == [("https://erp.example.com",)]
