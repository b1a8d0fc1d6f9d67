"""Reading the values of limits and switches, which travel as text."""

LIMIT_KEYS = frozenset({"saas_client.max_users", "saas_client.total_storage_limit"})
SWITCH_KEYS = frozenset({"saas_client.suspended", "saas_client.trial"})

_ON = frozenset({"1", "true"})
_OFF = frozenset({"", "0", "false"})


def parse_limit(value: object) -> int:
    """The limit as a number, 0 meaning unlimited.

    :raise ValueError: unless the value is a whole number that is not negative
    """
    if value is None or value is False:
        return 0
    if isinstance(value, bool | float):
        raise ValueError("not a whole number")
    text = str(value).strip()
    if not text:
        return 0
    if not (text.isascii() and text.isdigit()):
        raise ValueError("not a whole number")
    return int(text)


def parse_switch(value: object) -> bool:
    """Whether the value means on; anything that is neither on nor off is a ValueError."""
    text = "" if value is None else str(value).strip().lower()
    if text in _ON:
        return True
    if text in _OFF:
        return False
    raise ValueError("neither on nor off")


def normalise_parameter(key: str, value: object) -> str | None:
    """The text to store under a key, or None when the parameter is to be removed.

    :raise ValueError: when the key is a limit or a switch and the value does not fit
    """
    if key in LIMIT_KEYS:
        return str(parse_limit(value))
    if key in SWITCH_KEYS:
        return "1" if parse_switch(value) else "0"
    if value is None or value is False or value == "":
        return None
    return str(value)
