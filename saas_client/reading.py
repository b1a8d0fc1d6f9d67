"""Holding the calls of a database that is read-only to reading, also where core writes by SQL.

The ORM refuses writes in words (`base`); this is for methods that get around it, such as those for
sequences and keys. PostgreSQL refuses them, whatever they do.
"""

from .lib.client_rules import READ_ONLY
from .policy import get_rung, is_customer_request

#: With these a call changes nothing but the records that it names, which the ORM judges.
_ORM_METHODS = frozenset(
    {"create", "write", "unlink", "copy", "name_create", "web_save", "web_save_multi"}
)


def must_only_read(env) -> bool:
    return is_customer_request() and get_rung(env) == READ_ONLY


def is_judged_by_orm(env, model_name, method) -> bool:
    """Whether a call may write what a read-only database lets people write, such as wizards."""
    model = env.get(model_name) if isinstance(model_name, str) else None
    if model is None:
        return False
    return model._name in model._saas_written_by_reading() or (
        model._transient and method in _ORM_METHODS
    )


def hold_to_reading(env) -> None:
    """Have PostgreSQL refuse writes until the end of this transaction; nothing takes it back."""
    env.flush_all()
    env.cr.execute("SET TRANSACTION READ ONLY")


def is_held_to_reading(env) -> bool:
    env.cr.execute("SELECT current_setting('transaction_read_only') = 'on'")
    return env.cr.fetchone()[0]
