"""The portal as an OAuth 2 provider (RFC 6749, implicit grant), as Odoo's auth_oauth speaks it."""

from .requests import AuthRequest, RequestRefused, make_answer_url

__all__ = ["AuthRequest", "RequestRefused", "make_answer_url"]
