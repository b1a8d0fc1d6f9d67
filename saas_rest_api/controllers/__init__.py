from . import audit, seed, service, tokens
from . import files, reports, webhooks
from . import data, calls, batch
