"""Helpers of the end-to-end tests: they know the service from outside, and PostgreSQL to look."""

from .http import http_session
from .portal import Portal, ServerShape
from .rpc import Fault, Rpc

__all__ = ["Fault", "Portal", "Rpc", "ServerShape", "http_session"]
