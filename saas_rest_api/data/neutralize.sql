DELETE FROM saas_rest_token;
