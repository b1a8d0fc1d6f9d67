"""Who may use the database when there are more users than the plan allows.

The ORM refuses every user above the limit; this holds against users that were made by SQL.
"""

import time

from odoo.exceptions import AccessDenied

from . import trust
from .policy import OPERATOR_IDS, UUID_KEY, get_policy

#: For how long a person keeps a seat that somebody else has taken, in seconds.
_REMEMBER_SECONDS = 30
_seats: dict = {}


def check_seat(env, user_id) -> None:
    """Raise when the plan has no seat for this internal user.

    :raise AccessDenied: in words for the person
    """
    policy = get_policy(env)
    if not policy or not policy.max_users or user_id in OPERATOR_IDS:
        return
    known = _seats.get(env.cr.dbname)
    if not known or known[0] != policy.serial or known[1] < time.monotonic():
        known = _seats[env.cr.dbname] = (policy.serial, time.monotonic() + _REMEMBER_SECONDS, set())
    if user_id in known[2]:
        return
    if user_id in _find_surplus(env, policy):
        raise AccessDenied(
            env._(
                "Your plan allows %(limit)s users, and there are more. Ask an administrator to"
                " archive some, or your provider for a larger plan.",
                limit=policy.max_users,
            )
        )
    known[2].add(user_id)


def _find_surplus(env, policy) -> frozenset:
    """Internal users without a seat: the owner sits first, then who was there first."""
    users = env["res.users"].sudo()
    ids = users.search(users._saas_get_counted_domain(), order="id").ids
    owner = users._saas_get_owner().id
    ids.sort(key=lambda user_id: (user_id != owner, user_id))
    return frozenset(ids[_get_seats(env, policy) :])


def _get_seats(env, policy) -> int:
    """The limit, or more when it was lowered below the users who were there already."""
    uuid = env["ir.config_parameter"]._get_param(UUID_KEY)
    kept = trust.read_state(uuid).get("seats")
    return max(policy.max_users, kept if isinstance(kept, int) else 0)


def count_seats(env, policy) -> None:
    """Note, as a new policy comes, how many of the present users it finds in their right."""
    if not policy.max_users:
        seats = 0
    else:
        seats, former = env["res.users"]._saas_count_users(), get_policy(env)
        if former and former.max_users:
            seats = min(seats, _get_seats(env, former))
    uuid = env["ir.config_parameter"]._get_param(UUID_KEY)
    trust.update_state(uuid, lambda state: state.update(seats=seats))
