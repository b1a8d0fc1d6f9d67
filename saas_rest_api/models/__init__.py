from . import (
    res_groups,
    res_users,
    saas_rest_audit,
    saas_rest_gate,
    saas_rest_limiter,
    saas_rest_login,
    saas_rest_token,
)
from . import saas_rest_policy, saas_rest_domain, saas_rest_keyset, saas_rest_serializer
from . import saas_rest_reader, saas_rest_versions, saas_rest_aggregator, saas_rest_catalogue
from . import saas_rest_failure, saas_rest_input, saas_rest_external, saas_rest_writer
from . import saas_rest_caller, saas_rest_idempotency, saas_rest_operations, saas_rest_batch
from . import (
    saas_rest_webhook,
    saas_rest_webhook_secrets,
    saas_rest_delivery,
    saas_rest_webhook_calls,
)
from . import saas_rest_files, saas_rest_reports
from . import saas_rest_legacy, saas_rest_metrics, saas_rest_openapi
