-- A copy of the portal must not command the portal's clients.
DELETE FROM ir_config_parameter WHERE key IN ('saas_portal.signing_key', 'saas_portal.signing_key_former');
UPDATE saas_portal_operation SET state = 'cancelled', secrets = NULL WHERE state IN ('pending', 'running', 'failed');
UPDATE saas_portal_server SET active = FALSE;
