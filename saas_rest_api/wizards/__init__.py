from . import saas_rest_token_create, saas_rest_token_show, saas_rest_webhook_secret
