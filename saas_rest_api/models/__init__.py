from . import saas_rest_gate, saas_rest_token
