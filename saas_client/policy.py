"""Which policy is in force in a database.

Functions, not methods of a model: what a model offers, a server action can call.
"""

import logging
import threading
import time
from contextlib import contextmanager
from functools import lru_cache

from odoo.http import request

from . import trust
from .lib.client_rules import (
    PORTAL_KEY,
    PORTAL_UUID,
    UNKNOWN_DATABASE,
    Policy,
    TokenRefused,
    read_policy,
)

_logger = logging.getLogger(__name__)

POLICY_KEY = "saas_client.policy"
UUID_KEY = "database.uuid"
#: Accounts with which the operator acts. Numbers, because names of records can be changed by SQL.
OPERATOR_IDS = (1, 2)
#: Parameters that repeat what the policy says: key → its value as text.
MIRRORS = {
    "saas_client.suspended": lambda policy: "1" if policy.rung == "closed" else "0",
    "saas_client.max_users": lambda policy: str(policy.max_users),
    "saas_client.total_storage_limit": lambda policy: str(policy.storage_mb),
    "saas_client.expiration_datetime": lambda policy: (
        str(policy.expires_at) if policy.expires_at else None
    ),
    "saas_client.trial": lambda policy: "1" if policy.trial else "0",
}
#: These are kept out of the database when they are hidden, because SQL would read them there.
SECRET_MIRRORS = frozenset(MIRRORS) - {"saas_client.suspended"}

#: Pages of the web client, and the bundles that Odoo compiles when they are asked for.
_PAGE_PATHS = (
    "/odoo/",
    "/web/assets/",
    "/bus/websocket_worker_bundle",
    "/im_livechat/assets_embed.",
    "/im_livechat/emoji_bundle",
)

#: What a signature says stays so, and within one request it is asked for again and again.
_read_policy = lru_cache(maxsize=64)(read_policy)
_in_force: dict = {}
_local = threading.local()


def get_policy(env) -> Policy | None:
    """The policy in force, None in a database that no portal governs."""
    parameters = env["ir.config_parameter"]
    uuid = parameters._get_param(UUID_KEY) or ""
    anchor = trust.get_anchor()
    inside = parameters._get_param(POLICY_KEY) or ""
    identity = _get_identity(parameters, anchor)
    state = (uuid, anchor, identity, inside, trust.get_policy_stamp(uuid))
    known = _in_force.get(env.cr.dbname)
    if known and known[0] == state:
        return known[1]
    policy = _find_policy(env.cr.dbname, uuid, anchor, identity, inside)
    _in_force[env.cr.dbname] = (state, policy)
    return policy


def get_rung(env) -> str:
    policy = get_policy(env)
    return policy.get_rung(time.time()) if policy else "open"


def _get_identity(parameters, anchor):
    """The portal that a database without an anchor says is its own: (uuid, key)."""
    if anchor:
        return None
    return parameters._get_param(PORTAL_UUID) or "", parameters._get_param(PORTAL_KEY) or ""


def get_portal(env) -> tuple:
    """The portal that governs this database: (its uuid, its public keys as PEM)."""
    parameters = env["ir.config_parameter"]
    uuid, key = parameters._get_param(PORTAL_UUID) or "", parameters._get_param(PORTAL_KEY) or ""
    anchor = trust.get_anchor()
    if not anchor:
        return uuid, key
    # A server may have several portals: each governs its own clients.
    policy = get_policy(env)
    uuid = policy.portal if policy and policy.portal else uuid
    return uuid, anchor.keys.get(uuid) or anchor.keys.get("") or ""


def _find_policy(database, uuid, anchor, identity, inside):
    if database in anchor.portal_databases:
        return None
    keys = anchor.keys if anchor else dict([identity])
    outside = trust.read_policy_token(uuid)
    found = [
        policy
        for token in (outside, inside)
        if token and (policy := _verify(token, keys, uuid, database))
    ]
    if found:
        return max(found, key=lambda policy: policy.serial)
    if not anchor:
        return None
    _logger.warning("The database %s has no policy of its own: it stays closed", database)
    return UNKNOWN_DATABASE


def _verify(token, keys, uuid, database):
    """The policy, when one of the keys has signed it for this database."""
    for issuer, key in keys.items():
        try:
            return _read_policy(
                token, public_key=key, issuer=issuer, audience=uuid, database=database
            )
        except TokenRefused as reason:
            _logger.info("A policy for %s is refused: %s", database, reason)
    return None


# --- obeying a new one ------------------------------------------------------------


def read_newer_policy(env, token):
    """The policy in a token of the portal.

    :raise TokenRefused: forged, foreign, or older than the one in force
    """
    uuid = env["ir.config_parameter"]._get_param(UUID_KEY) or ""
    policy = _verify(token, dict([get_portal(env)]), uuid, env.cr.dbname)
    if not policy:
        raise TokenRefused("not a policy of our portal for this database")
    present = get_policy(env)
    if present and policy.serial < present.serial:
        raise TokenRefused("older than the policy in force")
    if present and policy.serial == present.serial and policy != present:
        raise TokenRefused("another policy with the number of the one in force")
    return policy


def keep_policy(env, token):
    """Store a policy outside of the database.

    It rules at once, also when this transaction fails: it is signed, and the portal sends another
    one when it takes an order back.
    """
    uuid = env["ir.config_parameter"]._get_param(UUID_KEY) or ""
    trust.write_policy_token(uuid, token)


# --- who is acting ----------------------------------------------------------------


@contextmanager
def operator_at_work():
    """What this thread does in the block, it does for the operator."""
    before = getattr(_local, "operator", False)
    _local.operator = True
    try:
        yield
    finally:
        _local.operator = before


def is_operator_at_work() -> bool:
    return getattr(_local, "operator", False)


def mark_operator_request() -> None:
    """Note that the present request is the operator's own; his session was verified."""
    request.saas_operator = True


def is_customer_request() -> bool:
    """Whether somebody other than the operator is asking over HTTP.

    Without that it is the server itself: the command line, or a scheduled action, which does not
    run while a database is shut. Odoo hides the request from what XML-RPC and JSON-RPC call; the
    address that it notes for its log stays on the thread.
    """
    if is_operator_at_work():
        return False
    if request:
        return not getattr(request, "saas_operator", False)
    return hasattr(threading.current_thread(), "url")


def is_page_request() -> bool:
    """Whether the web client itself is asked for, page or files, and nothing that people do in it.

    Odoo then writes what it needs: compiled files, the first message of its bot.
    """
    if not request or request.httprequest.method not in ("GET", "HEAD"):
        return False
    path = request.httprequest.path
    return path in ("/web", "/odoo") or path.startswith(_PAGE_PATHS)
