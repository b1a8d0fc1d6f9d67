from . import audit, seed, service, tokens
from . import files, legacy, metrics, openapi, reports, webhooks
from . import data, calls, batch
