"""Which system parameters belong to the operator."""

OWNER_KEY = "res.users.owner"
PORTAL_KEY = "saas_client.portal_key"
PORTAL_UUID = "saas_client.portal_uuid"

_OWN_PREFIX = "saas_client."
# The portal's identity, and what the addon keeps for itself: no request may set them.
_RESERVED_KEYS = frozenset(
    {PORTAL_KEY, PORTAL_UUID, "saas_client.policy", "saas_client.session_epoch"}
)
_LOCKED_KEYS = frozenset({OWNER_KEY, "database.uuid"})


def is_settable(key: str) -> bool:
    """Whether a request may set this parameter: only those of this addon, not Odoo's own."""
    return key.startswith(_OWN_PREFIX) and key not in _RESERVED_KEYS


def is_protected(key: object) -> bool:
    """Whether nobody inside the database may write this parameter."""
    return isinstance(key, str) and (key.startswith(_OWN_PREFIX) or key in _LOCKED_KEYS)
