from . import service, tokens
from . import webhooks
