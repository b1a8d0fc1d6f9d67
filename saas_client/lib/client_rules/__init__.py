"""The rules of a client database that need no Odoo: tokens, limits, names."""

from .entry import (
    CONNECT_TYPE,
    LOGIN_TYPE,
    ConnectToken,
    LoginToken,
    read_connect_token,
    read_login_token,
)
from .groups import FEATURE_GROUPS, resolve_group
from .limits import LIMIT_KEYS, SWITCH_KEYS, normalise_parameter, parse_limit, parse_switch
from .parameters import OWNER_KEY, PORTAL_KEY, PORTAL_UUID, is_protected, is_settable
from .policy import (
    CLOSED,
    PAYMENT_REASONS,
    POLICY_TYPE,
    READ_ONLY,
    UNKNOWN,
    UNKNOWN_DATABASE,
    Policy,
    RecordLimit,
    read_policy,
)
from .tokens import (
    MAX_LIFETIME,
    RequestToken,
    TokenRefused,
    load_public_keys,
    looks_like_token,
    make_key_id,
    read_signed,
    read_token,
)
from .urls import is_http_url

__all__ = [
    "CLOSED",
    "CONNECT_TYPE",
    "FEATURE_GROUPS",
    "LIMIT_KEYS",
    "LOGIN_TYPE",
    "MAX_LIFETIME",
    "OWNER_KEY",
    "PAYMENT_REASONS",
    "POLICY_TYPE",
    "PORTAL_KEY",
    "PORTAL_UUID",
    "READ_ONLY",
    "SWITCH_KEYS",
    "UNKNOWN",
    "UNKNOWN_DATABASE",
    "ConnectToken",
    "LoginToken",
    "Policy",
    "RecordLimit",
    "RequestToken",
    "TokenRefused",
    "is_http_url",
    "is_protected",
    "is_settable",
    "load_public_keys",
    "looks_like_token",
    "make_key_id",
    "normalise_parameter",
    "parse_limit",
    "parse_switch",
    "read_connect_token",
    "read_login_token",
    "read_policy",
    "read_signed",
    "read_token",
    "resolve_group",
]
