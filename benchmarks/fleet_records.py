"""Runs inside Odoo: the records of a fleet, written by SQL as the portal would have left them."""

#: Of a hundred clients: open, suspended, expired, broken and deleted ones, the latter to be purged.
_CLIENTS = """
INSERT INTO saas_portal_client (
    name, active, client_id, state, rung, plan_id, server_id, partner_id, owner_id, user_id,
    trial, max_users, total_storage_limit, users_len, file_storage, db_storage, total_storage,
    expiration_datetime, notice_due_at, suspension_due_at, expired, notification_sent,
    expiry_suspended, suspended_for, synced_at, policy_serial, login_portal_url, key_id,
    deleted_at, purge_at, trash_name, name_released, unreachable_since,
    create_uid, create_date, write_uid, write_date)
SELECT 'fleet-' || n || '.localhost', kind <> 'deleted', 'fleet-key-' || n,
       CASE kind WHEN 'expired' THEN 'pending' ELSE kind END,
       CASE WHEN kind IN ('pending', 'expired') THEN 'closed' ELSE 'open' END,
       plans[1 + n %% cardinality(plans)], servers[1 + n %% cardinality(servers)],
       partners[1 + n %% cardinality(partners)], owners[1 + n %% cardinality(owners)], 2,
       n %% 4 = 0, 10, 1000, n %% 9, 40, 30 + n %% 50, 70 + n %% 50,
       now() + (CASE kind WHEN 'expired' THEN -20 ELSE 20 + n %% 300 END) * interval '1 day',
       now() + (CASE kind WHEN 'expired' THEN -22 ELSE 18 + n %% 300 END) * interval '1 day',
       CASE WHEN n %% 4 = 0 OR kind = 'expired' THEN
           now() + (CASE kind WHEN 'expired' THEN -20 ELSE 20 + n %% 300 END) * interval '1 day'
       END,
       kind = 'expired', kind = 'expired', kind = 'expired',
       CASE kind WHEN 'expired' THEN 'expiration' WHEN 'pending' THEN 'operator' END,
       now() - interval '1 hour', '1', %(url)s, %(key)s,
       CASE WHEN kind = 'deleted' THEN now() END,
       CASE WHEN kind = 'deleted' THEN now() + interval '5 day' END,
       CASE WHEN kind = 'deleted' THEN 'trash-fleet-' || n END, kind = 'deleted',
       CASE WHEN n %% 97 = 0 AND kind = 'open' THEN now() END,
       1, now() - n * interval '1 minute', 1, now()
  FROM (SELECT n, CASE WHEN n * 37 %% 100 < 78 THEN 'open' WHEN n * 37 %% 100 < 84 THEN 'pending'
                       WHEN n * 37 %% 100 < 92 THEN 'expired' WHEN n * 37 %% 100 < 94 THEN 'broken'
                       ELSE 'deleted' END AS kind
          FROM generate_series(%(first)s, %(last)s) AS n) AS numbers,
       (SELECT array_agg(id ORDER BY id) AS plans FROM saas_portal_plan
         WHERE name ->> 'en_US' LIKE 'Fleet %%') AS p,
       (SELECT array_agg(id ORDER BY id) AS servers FROM saas_portal_server
         WHERE name LIKE 'Fleet %%') AS s,
       (SELECT array_agg(id ORDER BY id) AS partners FROM res_partner
         WHERE name LIKE 'Fleet %%') AS c,
       (SELECT array_agg(id ORDER BY id) AS owners FROM res_users
         WHERE login LIKE 'fleet-%%') AS o
"""
_PARTNERS = """
INSERT INTO res_partner (name, complete_name, email, active, type)
SELECT 'Fleet ' || n, 'Fleet ' || n, 'fleet' || n || '@example.com', TRUE, 'contact'
  FROM generate_series(%(first)s, %(last)s) AS n
"""
_OPERATIONS = """
INSERT INTO saas_portal_operation (
    kind, client_id, state, user_id, arguments, attempts, background, started_at, finished_at,
    create_uid, create_date, write_uid, write_date)
SELECT CASE number WHEN 1 THEN 'create' ELSE 'configure' END, client.id,
       CASE WHEN number = 5 AND client.id %% 25 = 0 THEN 'failed'
            WHEN number = 5 AND client.id %% 25 = 1 THEN 'pending' ELSE 'done' END,
       2, '{"payload": {"params": []}}', 1, TRUE, now(), now(),
       1, client.create_date + number * interval '1 hour', 1, now()
  FROM saas_portal_client AS client, generate_series(1, 5) AS number
 WHERE NOT EXISTS (SELECT FROM saas_portal_operation WHERE client_id = client.id)
"""
_STEPS = """
INSERT INTO saas_portal_operation_step (
    operation_id, sequence, name, method, state, create_uid, create_date, write_uid, write_date)
SELECT operation.id, number, 'Step ' || number, '_step', CASE WHEN number = 4
       THEN operation.state ELSE 'done' END, 1, now(), 1, now()
  FROM saas_portal_operation AS operation, generate_series(1, 4) AS number
 WHERE NOT EXISTS (SELECT FROM saas_portal_operation_step WHERE operation_id = operation.id)
"""
_USAGE = """
INSERT INTO saas_portal_client_usage (
    client_id, date, plan_id, server_id, users, database_mb, files_mb, total_mb)
SELECT client.id, current_date - day, client.plan_id, client.server_id, 3, 40, 30, 70
  FROM saas_portal_client AS client, generate_series(1, %(days)s) AS day
 WHERE client.state IN ('open', 'pending')
ON CONFLICT DO NOTHING
"""
PLANS, SERVERS, OWNERS, DAYS = 6, 4, 20, 30


def fill(env, count):
    """Let there be so many clients, and what belongs to them; those that are there stay."""
    _make_surroundings(env)
    cr = env.cr
    cr.execute("SELECT count(*) FROM saas_portal_client WHERE name LIKE 'fleet-%'")
    values = {
        "first": cr.fetchone()[0] + 1,
        "last": count,
        "days": DAYS,
        "url": env["saas_portal.client"]._get_portal_url(),
        "key": env["saas_portal.keyring"]._get_signing_key().key_id,
    }
    for statement in (_PARTNERS, _CLIENTS, _OPERATIONS, _STEPS, _USAGE):
        cr.execute(statement, values)
    env.invalidate_all()
    cr.commit()
    cr.execute("ANALYZE")
    cr.commit()


def _make_surroundings(env):
    """Plans, servers and owners, once."""
    if env["saas_portal.server"].search_count([("name", "like", "Fleet ")], limit=1):
        return
    servers = env["saas_portal.server"].create(
        [{"name": f"Fleet {number}"} for number in range(SERVERS)]
    )
    for number in range(PLANS):
        server = servers[number % SERVERS]
        template = env["saas_portal.database"].create(
            {"name": f"template-fleet-{number}.localhost", "server_id": server.id}
        )
        template.write({"state": "template", "built_at": "2025-01-01 00:00:00"})
        env["saas_portal.plan"].create(
            {
                "name": f"Fleet {number}",
                "template_id": template.id,
                "dbname_template": f"fleet{number}-%i.localhost",
            }
        )
    portal = env.ref("base.group_portal")
    env["res.users"].with_context(no_reset_password=True).create(
        [
            {
                "name": f"Owner {number}",
                "login": f"fleet-{number}",
                "group_ids": [(6, 0, portal.ids)],
            }
            for number in range(OWNERS)
        ]
    )
