DELETE FROM saas_rest_token;
-- A copy tells nobody what happens in it.
UPDATE saas_rest_webhook
   SET active = FALSE, sealed_secret = NULL, sealed_old_secret = NULL;
DELETE FROM saas_rest_delivery;
