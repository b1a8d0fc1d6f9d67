from . import saas_rest_gate, saas_rest_token
from . import saas_rest_policy, saas_rest_domain, saas_rest_keyset, saas_rest_serializer, saas_rest_reader
from . import (
    saas_rest_webhook,
    saas_rest_delivery,
    saas_rest_webhook_calls,
    saas_rest_webhook_secret,
)
from . import saas_rest_files, saas_rest_reports
