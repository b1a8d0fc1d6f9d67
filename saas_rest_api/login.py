"""Logins that may come before a database was chosen."""

import threading
from functools import partial

import psycopg2
from passlib.context import CryptContext

from odoo import api, http
from odoo.http import request
from odoo.modules.registry import Registry
from odoo.service.db import list_dbs
from odoo.service.model import retrying

from .lib.saas_rest import token_values
from .lib.saas_rest.limiter import WINDOW, Grant
from .lib.saas_rest.problems import Problem
from .lib.saas_rest.shared_throttle import SharedThrottle
from .lib.saas_rest.text import _lt
from .models.saas_rest_limiter import LIMITER, SaasRestLimiter, throttled

# Made when the server starts, before its processes part.
_THROTTLE = SharedThrottle()
_ROUNDS = 600_000
_CONTEXT = CryptContext(["pbkdf2_sha512"], pbkdf2_sha512__rounds=_ROUNDS)


def mint_by_password(call, db, login, password, values, describe):
    """Makes a token in the database that the client names, else in the request's.

    :param describe: function of the new token and its value; returns the answer
    :raises Problem: as :meth:`SaasRestLogin._mint_by_password`; for a database that is not there
        the very same as for a wrong password
    """

    def mint(env):
        _charge_address(call, env)
        token, value = env["saas_rest.login"]._mint_by_password(
            login, password, call.httprequest.remote_addr, values
        )
        call.uid, call.prefix = token.user_id.id, token_values.prefix_of(value)
        return describe(token, value)

    return in_database(call, db, mint, partial(_refuse, call, db, login, password))


def in_database(call, db, function, otherwise):
    """Calls ``function`` with an environment of a database that this server offers for REST.

    :param db: its name; None for that of the request
    :param otherwise: is called instead when there is no such database
    :raises Problem: ``database-required`` when none is named
    """
    db = db or request.db
    if not db:
        raise Problem("database-required", _lt("Name the database as 'db'."))
    if db == request.db:
        if "saas_rest.login" not in request.registry:
            return otherwise()
        return function(request.env)
    registry = _get_registry(db)
    if registry is None:
        return otherwise()
    threading.current_thread().dbname = db
    call.registry = registry
    with registry.cursor() as cr:
        env = api.Environment(cr, None, {})
        return retrying(partial(function, env), env)


def _get_registry(db):
    """The registry of a database that this server offers; None: there is no such database."""
    # Not http.db_list, which lists nothing when PostgreSQL is away.
    if db not in http.db_filter(list_dbs(force=True)):
        return None
    try:
        registry = Registry(db).check_signaling()
    except (AttributeError, psycopg2.ProgrammingError):
        return None
    return registry if "saas_rest.login" in registry else None


def _refuse(call, db, login, password):
    """A wrong password, for a database that is not there."""
    _charge_address(call)
    key = f"{db}\0{login.lower()}\0{call.httprequest.remote_addr}"
    wait = _THROTTLE.wait(key)
    if wait:
        raise throttled(wait)
    _CONTEXT.hash(password)
    _THROTTLE.fail(key)
    raise Problem("credentials-invalid")


def _charge_address(call, env=None):
    """Counts the request where it has arrived.

    When that is no database, the count of the one that was named is used, but not told: another
    limit would tell that it is there. Without either, this process counts.
    """
    if request.db and "saas_rest.limiter" in request.registry:
        request.env["saas_rest.limiter"]._charge_address(call)
    elif env is not None:
        env["saas_rest.limiter"]._charge_address(call)
        call.rate = None
    else:
        limit, address = call.limits.rate_per_ip, call.httprequest.remote_addr
        rate = LIMITER.take((None, address), limit, lambda _size: Grant(limit, limit, WINDOW))
        SaasRestLimiter._check_rate(rate)
