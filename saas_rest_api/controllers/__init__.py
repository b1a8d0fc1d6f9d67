from . import service, tokens
from . import files, reports, webhooks
