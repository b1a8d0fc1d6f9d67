-- A copy of the portal must not make databases on the servers of the original.
UPDATE sadeem_postgresql_server SET password_cipher = NULL, active = FALSE;
