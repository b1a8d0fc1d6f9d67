"""Which system parameters belong to the operator."""

OWNER_KEY = "res.users.owner"
PORTAL_KEY = "saas_client.portal_key"
PORTAL_UUID = "saas_client.portal_uuid"

_OWN_PREFIX = "saas_client."
# The identity of the database, of its portal and of its owner, and what the addon keeps for
# itself: no request may set them as a plain parameter.
_RESERVED_KEYS = frozenset(
    {
        OWNER_KEY,
        PORTAL_KEY,
        PORTAL_UUID,
        "database.create_date",
        "database.secret",
        "database.uuid",
        "saas_client.session_epoch",
    }
)
_LOCKED_KEYS = frozenset({OWNER_KEY, "database.uuid"})


def is_reserved(key: str) -> bool:
    """Whether a request may not set this parameter."""
    return key in _RESERVED_KEYS


def is_protected(key: object) -> bool:
    """Whether nobody inside the database may write this parameter."""
    return isinstance(key, str) and (key.startswith(_OWN_PREFIX) or key in _LOCKED_KEYS)
