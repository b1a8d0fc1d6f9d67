from . import service, tokens
