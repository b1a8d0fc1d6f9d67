"""The rules of a client database that need no Odoo: tokens, limits, names."""

from .groups import FEATURE_GROUPS, resolve_group
from .limits import LIMIT_KEYS, SWITCH_KEYS, normalise_parameter, parse_limit, parse_switch
from .parameters import OWNER_KEY, PORTAL_KEY, PORTAL_UUID, is_protected, is_settable
from .tokens import MAX_LIFETIME, RequestToken, TokenRefused, looks_like_token, read_token

__all__ = [
    "FEATURE_GROUPS",
    "LIMIT_KEYS",
    "MAX_LIFETIME",
    "OWNER_KEY",
    "PORTAL_KEY",
    "PORTAL_UUID",
    "SWITCH_KEYS",
    "RequestToken",
    "TokenRefused",
    "is_protected",
    "is_settable",
    "looks_like_token",
    "normalise_parameter",
    "parse_limit",
    "parse_switch",
    "read_token",
    "resolve_group",
]
