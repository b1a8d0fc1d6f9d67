"""By which ways an Odoo reaches others of its own accord, and what opens them all in a client."""

#: Apps with channels of their own.
APPS = ["payment", "sms", "saas_rest_api"]

#: channel → (what opens it, of which rows it goes on)
_CHANNELS = {
    "mail server": (
        "INSERT INTO ir_mail_server (name, smtp_host, smtp_port, smtp_authentication,"
        " smtp_encryption, active) VALUES ('real', 'mail.example.com', 25, 'login', 'none', true)",
        "ir_mail_server WHERE active AND smtp_host <> 'invalid'",
    ),
    "fetched mail": (
        "INSERT INTO fetchmail_server (name, server_type, server, active, state)"
        " VALUES ('real', 'imap', 'mail.example.com', true, 'done')",
        "fetchmail_server WHERE active",
    ),
    "waiting mail": (
        "INSERT INTO mail_mail (mail_message_id, state)"
        " SELECT min(id), 'outgoing' FROM mail_message",
        "mail_mail WHERE state = 'outgoing'",
    ),
    "scheduled action": (
        "SELECT 1",
        "ir_cron WHERE active AND id NOT IN (SELECT res_id FROM ir_model_data WHERE"
        " model = 'ir.cron' AND module = 'base' AND name = 'autovacuum_job')",
    ),
    "server action": (
        "UPDATE ir_act_server SET state = 'webhook', webhook_url = 'https://hook.example.com'"
        " WHERE id = (SELECT min(id) FROM ir_act_server WHERE usage = 'ir_actions_server')",
        "ir_act_server WHERE state = 'webhook' AND webhook_url LIKE 'http%'",
    ),
}
_CHANNELS_OF_APPS = {
    "payment": (
        "UPDATE payment_provider SET state = 'enabled'",
        "payment_provider WHERE state = 'enabled'",
    ),
    "paid service": (
        "INSERT INTO iap_account (name, service_id, account_token)"
        " SELECT 'sms', min(id), repeat('a', 32) FROM iap_service",
        "iap_account WHERE account_token NOT LIKE '%+disabled'",
    ),
    "sms": (
        "INSERT INTO sms_sms (number, body, state, uuid)"
        " VALUES ('+491', 'hello', 'outgoing', 'stage-test')",
        "sms_sms WHERE state = 'outgoing'",
    ),
    "webhook": (
        "INSERT INTO saas_rest_webhook (name, url, active, user_id, state, sealed_secret)"
        " VALUES ('real', 'https://hook.example.com', true, 2, 'active', 'sealed')",
        "saas_rest_webhook WHERE active OR sealed_secret IS NOT NULL",
    ),
}


def open_all(client, apps):
    """Open all channels of a client; their names."""
    channels = _pick(apps)
    for statement, _rows in channels.values():
        client.sql(statement)
    return sorted(channels)


def find_open(client, apps):
    """Names of the channels by which a client would reach others."""
    found = [f"SELECT '{name}' FROM {rows}" for name, (_, rows) in _pick(apps).items()]
    return sorted(client.sql(" UNION ".join(found)).splitlines())


def _pick(apps):
    return {**_CHANNELS, **(_CHANNELS_OF_APPS if apps else {})}
