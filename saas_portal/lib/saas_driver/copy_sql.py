"""What a copy for somebody else must not go on with: it would be taken for its original."""

from psycopg2 import sql

#: table → what is done where a database has it, in the words of the addons' own neutralize.sql
_TIES = {
    "saas_rest_webhook": (
        "UPDATE saas_rest_webhook"
        " SET active = FALSE, sealed_secret = NULL, sealed_old_secret = NULL"
    ),
    "saas_rest_delivery": "DELETE FROM saas_rest_delivery",
    "saas_rest_token": "DELETE FROM saas_rest_token",
    "ir_act_server": (
        "UPDATE ir_act_server SET webhook_url = 'copy - disable webhook' WHERE state = 'webhook'"
    ),
    "payment_provider": (
        "UPDATE payment_provider SET state = 'disabled' WHERE state NOT IN ('test', 'disabled')"
    ),
    "iap_account": (
        "UPDATE iap_account SET account_token = left(account_token, 33) || '+disabled'"
        " WHERE account_token NOT LIKE '%+disabled'"
    ),
    "mail_mail": "UPDATE mail_mail SET state = 'cancel' WHERE state = 'outgoing'",
    "sms_sms": "UPDATE sms_sms SET state = 'canceled' WHERE state = 'outgoing'",
    "mail_push": "DELETE FROM mail_push",
    "mail_push_device": "DELETE FROM mail_push_device",
}


def cut_ties(cursor) -> None:
    """Let a copy reach nobody whom its original reaches: mails, payments, webhooks, services."""
    cursor.execute(
        "SELECT name FROM unnest(%s) AS name WHERE to_regclass(quote_ident(name)) IS NOT NULL",
        [list(_TIES)],
    )
    for (table,) in cursor.fetchall():
        cursor.execute(sql.SQL(_TIES[table]))
