"""Helpers of the end-to-end tests: they know the service from outside, and PostgreSQL to look."""

from .concurrency import at_once, failed, succeeded
from .http import http_session
from .payload import param
from .portal import Portal, ServerShape
from .refusals import ACCESS_DENIED, ACCESS_ERROR, USER_ERROR, leaving_nothing, refused
from .rest import RestServer
from .rpc import Fault, Rpc
from .templates import Gate, TemplateCopy, opened, unreachable

__all__ = [
    "ACCESS_DENIED",
    "ACCESS_ERROR",
    "USER_ERROR",
    "Fault",
    "Gate",
    "Portal",
    "RestServer",
    "Rpc",
    "ServerShape",
    "TemplateCopy",
    "at_once",
    "failed",
    "http_session",
    "leaving_nothing",
    "opened",
    "param",
    "refused",
    "succeeded",
    "unreachable",
]
