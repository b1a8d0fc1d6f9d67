-- A copy of the database must not command the servers of the original.
UPDATE sadeem_portainer SET access_token_cipher = NULL, tls_fingerprint = NULL, state = 'cancelled';
UPDATE sadeem_portainer_stack_variable SET value_cipher = NULL;
UPDATE sadeem_portainer_stack SET pending_action = NULL;
UPDATE sadeem_root_server
   SET password_cipher = NULL, private_key_cipher = NULL, passphrase_cipher = NULL, host_key = NULL, state = 'cancelled',
       portainer_password_cipher = NULL, portainer_password_state = NULL;
UPDATE sadeem_root_server_operation SET state = 'cancelled' WHERE state IN ('pending', 'running');
