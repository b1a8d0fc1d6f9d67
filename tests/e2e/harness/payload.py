"""Parts of payloads for `do_upgrade_database`."""


def param(key, value, hidden=True):
    """One parameter as scripts write it."""
    return {"key": key, "value": value, "hidden": hidden}
